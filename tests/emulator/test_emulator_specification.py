"""Against Klaviyo's own specification, where it stands beside the checkout."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator_wire import SPECIFICATION, bulk_body, event_attributes, event_body, profile_body, served
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from klaviyo_emulator.app import ROUTES
from klaviyo_emulator.operations import Operation, operations

pytestmark = pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="Klaviyo's OpenAPI file does not stand beside the checkout"
)
METHODS = {"get", "post", "patch", "put", "delete"}
LATER = "2026-10-15"


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    return json.loads(SPECIFICATION.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def described(specification: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in specification["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def built() -> list[Operation]:
    return [operations()[name] for name in sorted(ROUTES)]


def test_the_table_names_every_operation(described: dict[str, Any]) -> None:
    known = {name for name, operation in operations().items() if operation.since != LATER}
    assert known == described.keys()
    assert len(operations()) == 434


def test_method_path_rate_and_scopes(described: dict[str, Any]) -> None:
    for name, (method, path, operation) in described.items():
        known = operations()[name]
        limits = operation.get("x-klaviyo-ratelimit", {})
        expected = tuple(int(limits[key].split("/")[0]) for key in ("burst", "steady", "daily") if key in limits)
        assert (known.method, known.path) == (method, path)
        assert known.rate is None or tuple(limit for limit, _ in known.rate.windows()) == expected
        assert (known.rate is None) == (not limits)
        assert known.scopes == frozenset(operation.get("x-klaviyo-scopes", ()))


def parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in operation.get("parameters", ()) if item["in"] == "query"}


@pytest.mark.parametrize("known", built(), ids=lambda operation: operation.id)
def test_the_query_parameters_of_what_is_built(described: dict[str, Any], known: Operation) -> None:
    _, _, operation = described[known.id]
    reading = known.reading
    given = parameters(operation)
    names = {f"fields[{kind}]" for kind in reading.fields} | {
        f"additional-fields[{kind}]" for kind in reading.additional
    }
    names |= {"filter"} if reading.filters else set()
    names |= {"sort"} if reading.sorts else set()
    names |= {"include"} if reading.includes else set()
    names |= {"page[cursor]"} if reading.cursor else set()
    names |= {"page[size]"} if reading.maximum_size else set()
    assert names == given.keys()
    for kind, fields in reading.fields.items():
        assert fields == set(given[f"fields[{kind}]"]["schema"]["items"]["enum"])
    for kind, fields in reading.additional.items():
        assert fields == set(given[f"additional-fields[{kind}]"]["schema"]["items"]["enum"])
    if reading.includes:
        assert set(reading.includes) == set(given["include"]["schema"]["items"]["enum"])
    if reading.sorts:
        enum = set(given["sort"]["schema"]["enum"])
        assert {sign + name for name in reading.sorts for sign in ("", "-")} == enum
    if reading.maximum_size:
        schema = given["page[size]"]["schema"]
        assert (reading.default_size, reading.maximum_size) == (schema["default"], schema["maximum"])


@pytest.mark.parametrize("known", built(), ids=lambda operation: operation.id)
def test_the_filters_of_what_is_built(described: dict[str, Any], known: Operation) -> None:
    _, _, operation = described[known.id]
    expected = operation.get("x-klaviyo-filters", {})
    assert known.reading.filters.keys() == expected.keys()
    for name, rule in known.reading.filters.items():
        operators = expected[name]["operators"]
        assert rule.single == set(operators.get("single", ()))
        assert rule.many == set(operators.get("list", ()))
        assert rule.bare == set(operators.get("none", ()))
        value = expected[name].get("value", {"type": "string"})
        assert rule.kind == ("datetime" if value.get("format") == "date-time" else value["type"])


def strict(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable`, and the two places where the live API knowingly answers null."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items() if key != "nullable"}
    for name in ("next", "prev", "whatsapp"):
        inner = result.get("properties", {}).get(name)
        if inner is not None:
            result["properties"][name] = {"anyOf": [inner, {"type": "null"}]}
    if schema.get("nullable"):
        return {"anyOf": [result, {"type": "null"}]}
    return result


class Checker:
    def __init__(self, specification: dict[str, Any], described: dict[str, Any]) -> None:
        document = {"components": strict(specification["components"])}
        resource = Resource(contents=document, specification=DRAFT202012)
        self.registry = Registry().with_resource("urn:klaviyo", resource)
        self.described = described
        self.seen: set[str] = set()

    def validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        text = json.dumps(strict(schema)).replace('"#/components', '"urn:klaviyo#/components')
        return Draft202012Validator(json.loads(text), registry=self.registry)

    def check(self, name: str, response: Any, body: Any = None) -> Any:
        _, _, operation = self.described[name]
        assert str(response.status_code) in operation["responses"], response.text
        content = operation["responses"][str(response.status_code)].get("content")
        if content is None:
            assert response.content == b""
        else:
            schema = content["application/vnd.api+json"]["schema"]
            self.validator(schema).validate(response.json())
        if body is not None:
            sent = operation["requestBody"]["content"]["application/vnd.api+json"]["schema"]
            self.validator(sent).validate(body)
        self.seen.add(name)
        return response.json() if response.content else None


def test_every_answer_of_what_is_built_is_valid(specification: dict[str, Any], described: dict[str, Any]) -> None:
    checker = Checker(specification, described)
    with served(limits=False) as running:
        wire = running.wire
        full = {"additional-fields[profile]": "subscriptions,predictive_analytics"}
        body = profile_body(email="kim@example.org", location={"latitude": 1.5}, properties={"a": [1]})
        profile = checker.check("create_profile", wire.post("/api/profiles", body, params=full), body)["data"]
        change = profile_body(profile["id"], first_name="Kim")
        at = f"/api/profiles/{profile['id']}"
        checker.check("update_profile", wire.send("PATCH", at, change, params=full), change)
        for attributes in ({"email": "kim@example.org"}, {"external_id": "new"}):
            body = profile_body(**attributes, meta={"patch_properties": {"append": {"a": 1}}})
            answer = wire.post("/api/profile-import", body, params=full)
            checker.check("create_or_update_profile", answer, body)
        body = event_body(unique_id="u", value=2, value_currency="EUR", properties={"a": None})
        checker.check("create_event", wire.post("/api/events", body), body)
        body = bulk_body((profile_body(external_id="new"), [event_attributes("Other"), event_attributes()]))
        checker.check("bulk_create_events", wire.post("/api/event-bulk-create-jobs", body), body)
        everything = {"include": "attributions,metric,profile", "page[size]": "2"}
        first = checker.check("get_events", wire.get("/api/events", **everything))
        following = first["links"]["next"].removeprefix("https://a.klaviyo.com")
        checker.check("get_events", wire.client.get(following))
        event = f"/api/events/{first['data'][0]['id']}"
        checker.check("get_event", wire.get(event, include="attributions,metric,profile"))
        checker.check("get_metric_for_event", wire.get(f"{event}/metric"))
        checker.check("get_profile_for_event", wire.get(f"{event}/profile", **full))
        checker.check("get_metric_id_for_event", wire.get(f"{event}/relationships/metric"))
        checker.check("get_profile_id_for_event", wire.get(f"{event}/relationships/profile"))
        metrics = checker.check("get_metrics", wire.get("/api/metrics", include="flow-triggers"))
        checker.check("get_metric", wire.get(f"/api/metrics/{metrics['data'][0]['id']}"))
        checker.check("get_profiles", wire.get("/api/profiles", include="conversations,push-tokens", **full))
        checker.check("get_profile", wire.get(at, include="lists,segments,push-tokens,conversations", **full))
        checker.check("get_accounts", wire.get("/api/accounts"))
        checker.check("get_account", wire.get(f"/api/accounts/{running.emulator.account_id}"))
    assert checker.seen == ROUTES.keys()
