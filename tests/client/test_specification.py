"""Requests against Klaviyo's own specification, where it stands beside the checkout."""

import datetime as dt
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest

from aioklaviyo import Klaviyo, LocationAttributes, NewEvent, ProfileAttributes, ProfilePatch, ProfileRef, filters
from client.client_server import Connect, Received, Reply, Serve, profile

SPECIFICATION = Path(__file__).parents[2].parent / "shared" / "klaviyo-openapi" / "stable-2026-07-15.json"
NIGHT = dt.datetime(2026, 11, 1, 19, 10, tzinfo=dt.UTC)
EVERYTHING = ProfileAttributes(
    email="ann@example.org",
    phone_number="+43123456789",
    external_id="x1",
    first_name="Ann",
    last_name=None,
    organization="Dream",
    locale="de-AT",
    title="Dr",
    image="https://example.org/a.png",
    location=LocationAttributes(address1="1", address2=None, city="Wien", latitude=48.2, longitude="16.4", ip="::1"),
    properties={"plan": "plus", "list": [1, None]},
)
FULL_EVENT = NewEvent(
    metric="Story Generated",
    profile=ProfileRef(id="01M1", email="a@b.c", phone_number="+431", external_id="x", anonymous_id="n", kx="k"),
    properties={"minutes": 8},
    time=NIGHT,
    value=9.5,
    value_currency="EUR",
    unique_id="night-1",
    backfill=True,
)


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    if not SPECIFICATION.exists():
        pytest.skip("Klaviyo's specification does not stand beside the checkout")
    return json.loads(SPECIFICATION.read_text())


def strict(schema: Any, root: dict[str, Any]) -> Any:
    """The JSON schema an OpenAPI 3.0 one means, with references resolved and no unknown names."""
    if isinstance(schema, list):
        return [strict(entry, root) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return strict(target, root)
    made = {
        key: {name: strict(inner, root) for name, inner in value.items()}
        if key == "properties"
        else strict(value, root)
        for key, value in schema.items()
        if key not in {"example", "description", "nullable", "default"}
    }
    if made.get("properties"):
        made.setdefault("additionalProperties", False)
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


def check(received: Received, specification: dict[str, Any]) -> None:
    path = urlsplit(received.target).path
    template = next(
        known
        for known in (path, path.rsplit("/", 1)[0] + "/{id}")
        if received.method.lower() in specification["paths"].get(known, {})
    )
    operation = specification["paths"][template][received.method.lower()]
    allowed = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p["in"] == "query"}
    for name, text in parse_qsl(urlsplit(received.target).query):
        schema = allowed[name]
        value: Any = (
            text.split(",") if schema["type"] == "array" else int(text) if schema["type"] == "integer" else text
        )
        jsonschema.validate(value, strict(schema, specification))
    if received.body:
        schema = operation["requestBody"]["content"]["application/vnd.api+json"]["schema"]
        jsonschema.validate(received.json, strict(schema, specification))
    else:
        assert "requestBody" not in operation


async def every_request(client: Klaviyo) -> None:
    extras = ("subscriptions", "predictive_analytics")
    patch = ProfilePatch(append={"skus": "1"}, unappend={"skus": ["2"]}, unset=("old",))
    await client.request("GET", "/api/accounts", params={"fields[account]": ["timezone"]})
    await client.profiles.get("01M1", additional_fields=extras, fields=("email", "location.city"))
    await client.profiles.create(EVERYTHING, additional_fields=extras)
    await client.profiles.create(ProfileAttributes(email="ann@example.org", title=None, properties=None))
    await client.profiles.update("01M1", EVERYTHING, patch=patch)
    await client.profiles.upsert(EVERYTHING, profile_id="01M1", patch=patch, additional_fields=extras)
    await client.events.create(FULL_EVENT)
    await client.events.create(NewEvent(metric="M", profile=ProfileRef(external_id="x", properties={"a": 1})))
    await client.events.bulk_create([FULL_EVENT, NewEvent(metric="M", profile=ProfileRef(email="a@b.c"))])
    await client.events.get("7qWk", include=("attributions", "metric", "profile"), fields=("datetime", "uuid"))
    await client.metrics.get("SkDfHe", fields=("name", "integration"))


async def every_listing(client: Klaviyo) -> None:
    await anext(
        client.profiles.list(
            filter=filters.any_of("external_id", ["a", "b"]),
            sort="-updated",
            page_size=100,
            additional_fields=("subscriptions",),
            fields=("email",),
            cursor="bmV4",
        ),
        None,
    )
    await anext(
        client.events.list(
            filter=filters.all_of(filters.equals("metric_id", "SkDfHe"), filters.greater_than("datetime", NIGHT)),
            sort="-datetime",
            include=("metric", "profile"),
            page_size=1000,
            cursor="bmV4",
        ),
        None,
    )
    await anext(client.metrics.list(filter=filters.equals("integration.name", "API"), fields=("name",)), None)


async def test_every_request_is_one_the_specification_describes(
    serve: Serve, connect: Connect, specification: dict[str, Any]
) -> None:
    server = await serve(Reply(document={"data": profile()}))
    await every_request(await connect(server.url))
    listings = await serve(Reply(document={"data": []}))
    await every_listing(await connect(listings.url))
    for received in [*server.received, *listings.received]:
        check(received, specification)
    assert len(server.received) + len(listings.received) == 14
