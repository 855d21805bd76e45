"""An emulator without a socket, an account with some of everything in it, and requests for every operation."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote, urlencode

from emulator_wire import JSON_API, SetClock, bulk_body, event_attributes, event_body, profile_body
from flow_bodies import delay, email, flow_body, webhook
from people_bodies import a_profile, consent, entry, identifiers, import_job, subscription_job, suppression_job
from typing_extensions import override

from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.app import ROUTES
from klaviyo_emulator.operations import REVISIONS, Operation, operations
from klaviyo_emulator.routes.freshness import refresh_stale
from klaviyo_emulator.state import images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

EARLIER, LATER = REVISIONS
PREFIX = "$custom:::$default:::"
BUILT = [operation for name, operation in sorted(operations().items()) if name in ROUTES]
UNBUILT = [operation for name, operation in sorted(operations().items()) if name not in ROUTES]
_PARAMETER = re.compile(r"\{[^}]*\}")
# What a path calls by another name than its resources call themselves.
_TYPES = {
    "template-universal-content": "template-universal-content",
    "catalog-categories": "catalog-category",
    "metric-properties": "metric-property",
    "campaign-recipient-estimations": "campaign",
    "campaign-recipient-estimation-jobs": "campaign",
    "campaign-send-jobs": "campaign",
}


@dataclass
class Answered:
    """What came back of a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    def document(self) -> Any:
        return json.loads(self.body)


class Complaints(logging.Handler):
    """What the emulator logs as a defect of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(logging.Formatter("%(message)s").format(record))


class InProcess:
    """An emulator that is called as an ASGI application, which is some ten times as fast as through a socket."""

    def __init__(self, **settings: Any) -> None:
        self.clock: SetClock = settings.setdefault("clock", SetClock())
        self.emulator = Emulator(EmulatorConfig(limits=False, **settings))
        self.complaints = Complaints()
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        logging.getLogger("klaviyo_emulator").addHandler(self.complaints)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("klaviyo_emulator").removeHandler(self.complaints)
        self.emulator.close()
        self._runner.close()

    def request(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, bytes] | None = None
    ) -> Answered:
        """Send a request. `target` is a path with its query, both as they go over the wire."""
        path, _, query = target.partition("?")
        given = {
            "authorization": b"Klaviyo-API-Key pk_test",
            "revision": EARLIER.encode(),
            "content-type": JSON_API.encode(),
            **(headers or {}),
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": _unquoted(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value) for name, value in given.items() if value],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        return self._runner.run(self._call(scope, body))

    async def _call(self, scope: Any, body: bytes) -> Answered:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.emulator.app(scope, receive, send)
        start, *rest = sent
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Answered(start["status"], headers, b"".join(part["body"] for part in rest))

    def get(self, path: str, revision: str = EARLIER, **parameters: Any) -> Answered:
        target = f"{path}?{urlencode(parameters, quote_via=quote)}" if parameters else path
        return self.request("GET", target, headers={"revision": revision.encode()})

    def post(self, path: str, body: Any, method: str = "POST", revision: str = EARLIER) -> Any:
        """The document of a request that has to succeed."""
        answer = self.request(method, path, json.dumps(body).encode(), {"revision": revision.encode()})
        assert answer.status < 400, (method, path, body, answer.body)
        return json.loads(answer.body) if answer.body else None

    def settle(self, seconds: float = 0) -> None:
        """Let everything that is due happen, after some time."""
        self.clock.advance(seconds)
        self._runner.run(self.emulator.pump.run())

    def restore(self, picture: bytes) -> None:
        """Put a picture in the place of the state."""
        context = self.emulator.pump.context
        context.database.write(lambda connection: images.load(connection, picture)).result()
        context.changes.count += 1
        context.mint.agenda.earliest_us = 0
        self.settle()

    def refresh(self) -> None:
        """Bring segments up to date, as whoever looks at them does first."""
        self._runner.run(refresh_stale(self.emulator.pump.context))

    def picture(self) -> bytes:
        """The whole state, byte for byte."""
        return self.emulator._database.read(lambda connection: connection.serialize()).result()


def _unquoted(path: str) -> str:
    """The path as a server hands it on: decoded, with something else in the place of what is no UTF-8."""
    return unquote(path, errors="replace")


@dataclass
class Account:
    """What is in a filled account, by type, and the bodies it was made with, by operation."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    bodies: dict[str, list[Any]] = field(default_factory=dict)
    metric: str = ""
    cursors: list[str] = field(default_factory=list)

    def note(self, document: Any) -> None:
        """Remember every resource in a document."""
        for found in resources_in(document):
            known = self.ids.setdefault(found["type"], [])
            if found["id"] not in known:
                known.append(found["id"])

    def ids_for(self, operation: Operation) -> list[str]:
        """Ids of what the first path parameter of an operation stands for."""
        segment = operation.path.split("/")[2]
        return self.ids.get(_TYPES.get(segment, segment.removesuffix("s")), [])


def resources_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every resource and identifier in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str) and isinstance(value.get("id"), str):
            yield value
        for item in value.values():
            yield from resources_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from resources_in(item)


def path_of(operation: Operation, identifier: str) -> str:
    """The path of an operation with an id in the place of each parameter."""
    return _PARAMETER.sub(lambda _: quote(identifier, safe=""), operation.path)


def resource(kind: str, attributes: Any = None, relationships: Any = None, **more: Any) -> dict[str, Any]:
    data = {"type": kind, **more}
    if attributes is not None:
        data["attributes"] = attributes
    if relationships is not None:
        data["relationships"] = relationships
    return data


def to_many(name: str, kind: str, *ids: str) -> dict[str, Any]:
    return {name: {"data": [{"type": kind, "id": one} for one in ids]}}


def to_one(name: str, kind: str, identifier: str) -> dict[str, Any]:
    return {name: {"data": {"type": kind, "id": identifier}}}


def fill(asked: InProcess) -> Account:
    """Put a little of everything in an account."""
    account = Account()
    by_path = {(operation.method, operation.path): name for name, operation in operations().items()}

    def make(path: str, data: Any, method: str = "POST", revision: str = EARLIER, *, of: str = "") -> str:
        body = data if isinstance(data, dict) and "data" in data else {"data": data}
        name = by_path[method, path]
        account.bodies.setdefault(name, []).append(body)
        if name not in ROUTES:
            return ""
        document = asked.post(path.replace("{id}", quote(of, safe="")), body, method, revision)
        account.note(document)
        data = (document or {}).get("data") or {}
        return data.get("id", "") if isinstance(data, dict) else ""

    _people(make, account)
    _catalog(make)
    account.metric = asked.get("/api/metrics").document()["data"][0]["id"]
    _mail(make, account)
    asked.settle(5)
    for operation in BUILT:
        if operation.method == "GET" and "{" not in operation.path:
            revision = max(operation.since, EARLIER)
            answer = asked.get(operation.path, revision, **required(operation, revision))
            assert answer.status == 200, (operation.id, answer.body)
            account.note(answer.document())
    for operation in BUILT:
        if operation.method == "GET" and "{" in operation.path:
            for identifier in account.ids_for(operation)[:2]:
                answer = asked.get(path_of(operation, identifier), max(operation.since, EARLIER))
                if answer.status == 200:
                    account.note(answer.document())
    return account


def required(operation: Operation, revision: str) -> dict[str, str]:
    """Query parameters that an operation cannot do without."""
    channel = "equals(coupon.id,'TEN')" if operation.id == "get_coupon_codes" else "equals(messages.channel,'email')"
    known = {"filter": channel, "company_id": "AbCdEf"}
    return {name: known[name] for name in operation.reading(revision).required}


def _people(make: Callable[..., str], account: Account) -> None:
    people = [
        make(
            "/api/profiles",
            a_profile(
                email=f"person{number}@example.org",
                external_id=f"x{number}",
                first_name=name,
                location={"city": "Graz", "country": "Austria", "timezone": "Europe/Vienna"},
                properties={"plan": "gold", "n": number},
            ),
        )
        for number, name in enumerate(("Kim", "Lee", "Max", "Noa", "Ola"))
    ]
    make("/api/profile-import", profile_body(email="kim@example.org", meta={"patch_properties": {"append": {"a": 1}}}))
    make("/api/profile-import", profile_body(email="gone@example.org"))
    make("/api/profiles/{id}", profile_body(people[0], last_name="Q"), "PATCH", of=people[0])
    for number, metric in enumerate(["Story Generated", "Viewed Product", "Placed Order"] * 3):
        make(
            "/api/events",
            event_body(
                email=f"person{number % 4}@example.org",
                metric=metric,
                unique_id=f"u{number}",
                time=f"2026-11-0{number + 1}T00:00:00Z",
                value=number,
                properties={"story": number, "tags": ["a", "b"]},
            ),
        )
    make(
        "/api/event-bulk-create-jobs",
        bulk_body((profile_body(email="kim@example.org"), [event_attributes(unique_id="u")])),
    )
    lists = [make("/api/lists", resource("list", {"name": name})) for name in ("Parents", "Children")]
    members = identifiers("profile", *people[:3])
    make("/api/lists/{id}/relationships/profiles", members, of=lists[0])
    make("/api/lists/{id}/relationships/profiles", identifiers("profile", people[0]), "DELETE", of=lists[0])
    make("/api/lists/{id}", resource("list", {"name": "P"}, id=lists[0]), "PATCH", of=lists[0])
    subscribed = entry({"email": consent()}, email="kim@example.org")
    make("/api/profile-subscription-bulk-create-jobs", subscription_job(subscribed, list_id=lists[0]))
    left = entry({"email": consent("UNSUBSCRIBED")}, email="person1@example.org")
    make("/api/profile-subscription-bulk-delete-jobs", subscription_job(left, list_id=lists[0], action="delete"))
    make("/api/profile-suppression-bulk-create-jobs", suppression_job("person2@example.org", "person3@example.org"))
    make("/api/profile-suppression-bulk-delete-jobs", suppression_job("person3@example.org", action="delete"))
    good, bad = a_profile(email="new@example.org"), a_profile(email="not an address", external_id="bad")
    make("/api/profile-bulk-import-jobs", import_job(good, bad, lists=(lists[1],)))
    make(
        "/api/profile-merge",
        resource("profile-merge", relationships=to_many("profiles", "profile", people[4]), id=people[0]),
    )
    token = {
        "token": "abcd",
        "platform": "ios",
        "vendor": "apns",
        "profile": {"data": a_profile(email="kim@example.org")},
        "enablement_status": "AUTHORIZED",
    }
    make("/api/push-tokens", resource("push-token", token))
    make(
        "/api/data-privacy-deletion-jobs",
        resource(
            "data-privacy-deletion-job",
            {"profile": {"data": {"type": "profile", "attributes": {"email": "gone@example.org"}}}},
        ),
    )
    account.ids["profile"] = people[:4]
    account.ids["list"] = lists


def _catalog(make: Callable[..., str]) -> None:
    def described(name: str, **more: Any) -> dict[str, Any]:
        return {"external_id": name, "title": name, "description": "d", "url": "https://x.example", **more}

    make("/api/catalog-categories", resource("catalog-category", {"external_id": "wear", "name": "wear"}))
    in_wear = to_many("categories", "catalog-category", f"{PREFIX}wear")
    for name in ("shirt", "mug", "hat"):
        make("/api/catalog-items", resource("catalog-item", described(name, price=9.5), in_wear))
    of_shirt = to_one("item", "catalog-item", f"{PREFIX}shirt")
    for name in ("shirt-s", "shirt-m"):
        stocked = described(name, sku=name, inventory_quantity=3, price=9.5)
        make("/api/catalog-variants", resource("catalog-variant", stocked, of_shirt))
    for path, kind, attributes in (
        ("catalog-items", "catalog-item", {"title": "t"}),
        ("catalog-variants", "catalog-variant", {"title": "t"}),
        ("catalog-categories", "catalog-category", {"name": "t"}),
    ):
        one = PREFIX + {"catalog-items": "mug", "catalog-variants": "shirt-s"}.get(path, "wear")
        make(f"/api/{path}/{{id}}", resource(kind, attributes, id=one), "PATCH", of=one)
    new: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
        "item": (described("cap"), in_wear, {"title": "u"}),
        "variant": (described("cap-s", sku="c", inventory_quantity=1, price=1), of_shirt, {"title": "u"}),
        "category": ({"external_id": "blue", "name": "blue"}, None, {"name": "u"}),
    }
    for kind, (attributes, relationships, changes) in new.items():
        plural = {"category": "categories"}.get(kind, f"{kind}s")
        name, one = f"catalog-{kind}", PREFIX + attributes["external_id"]
        for action, found in (
            ("create", resource(name, attributes, relationships)),
            ("update", resource(name, changes, id=one)),
            ("delete", {"type": name, "id": one}),
        ):
            job = resource(f"{name}-bulk-{action}-job", {plural: {"data": [found]}})
            make(f"/api/{name}-bulk-{action}-jobs", job)
    make("/api/coupons", resource("coupon", {"external_id": "TEN", "description": "Ten"}))
    of_ten = to_one("coupon", "coupon", "TEN")
    for code in ("A1", "A2", "A3"):
        make("/api/coupon-codes", resource("coupon-code", {"unique_code": code}, of_ten))
    codes = {"coupon-codes": {"data": [resource("coupon-code", {"unique_code": "B1"}, of_ten)]}}
    make("/api/coupon-code-bulk-create-jobs", resource("coupon-code-bulk-create-job", codes))
    expiry = {"expires_at": "2027-01-01T00:00:00Z"}
    make("/api/coupon-codes/{id}", resource("coupon-code", expiry, id="TEN-A1"), "PATCH", of="TEN-A1")


def _mail(make: Callable[..., str], account: Account) -> None:
    quiet = {
        "type": "profile-metric",
        "metric_id": account.metric,
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "equals", "value": 0},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 14},
    }
    gold = {
        "type": "profile-property",
        "property": "properties['plan']",
        "filter": {"type": "string", "operator": "equals", "value": "gold"},
    }
    definition = {"condition_groups": [{"conditions": [gold]}]}
    segments = [make("/api/segments", resource("segment", {"name": "Gold", "definition": definition}))]
    member = {"type": "profile-group-membership", "is_member": True, "group_ids": account.ids["list"][:1]}
    other = {"condition_groups": [{"conditions": [gold]}, {"conditions": [member]}]}
    segments.append(make("/api/segments", resource("segment", {"name": "Both", "definition": other})))
    account.bodies["create_segment"].append(
        {"data": resource("segment", {"name": "Q", "definition": {"condition_groups": [{"conditions": [quiet]}]}})}
    )
    one = segments[0]
    make("/api/segments/{id}", resource("segment", {"name": "Golden"}, id=one), "PATCH", of=one)
    group = make("/api/tag-groups", resource("tag-group", {"name": "G"}))
    tag = make("/api/tags", resource("tag", {"name": "T"}, to_one("tag-group", "tag-group", group)))
    for kind, owner in (("list", account.ids["list"][0]), ("segment", one)):
        make(f"/api/tags/{{id}}/relationships/{kind}s", identifiers(kind, owner), of=tag)
    account.ids["tag"] = [tag]
    html = "<p>Hello {{ person.first_name|default:'you' }}</p>"
    written = {"name": "M", "editor_type": "CODE", "html": html, "text": "Hello"}
    template = make("/api/templates", resource("template", written))
    make("/api/templates/{id}", resource("template", {"name": "N"}, id=template), "PATCH", of=template)
    context = {"context": {"person": {"first_name": "Kim"}}}
    make("/api/template-render", resource("template", context, id=template))
    make("/api/template-clone", resource("template", {"name": "C"}, id=template))
    topic = "event:klaviyo.opened_email"
    hook = {"name": "Hook", "endpoint_url": "https://receiver.example/", "secret_key": "s" * 32}
    make("/api/webhooks", resource("webhook", hook, to_many("webhook-topics", "webhook-topic", topic)))
    block = {"content_type": "block", "type": "text", "data": {"content": "Hello", "display_options": {}, "styles": {}}}
    shared = resource("template-universal-content", {"name": "U", "definition": block})
    content = make("/api/template-universal-content", shared)
    renamed = resource("template-universal-content", {"name": "V"}, id=content)
    make("/api/template-universal-content/{id}", renamed, "PATCH", of=content)
    _measures(make, account)
    _flows_and_campaigns(make, account, template, segments)


def _measures(make: Callable[..., str], account: Account) -> None:
    metric = account.metric
    groups = [{"metric_id": metric, "metric_filters": [], "value_property": "$value"}]
    described = {"aggregation_method": "value", "metric_groups": groups}
    custom = make("/api/custom-metrics", resource("custom-metric", {"name": "Worth", "definition": described}))
    mapped = resource("mapped-metric", None, to_one("metric", "metric", metric), id="revenue")
    make("/api/mapped-metrics/{id}", mapped, "PATCH", of="revenue")
    mapped = resource("mapped-metric", None, to_one("custom-metric", "custom-metric", custom), id="viewed_product")
    make("/api/mapped-metrics/{id}", mapped, "PATCH", of="viewed_product")
    days = ["greater-or-equal(datetime,2026-11-01T00:00:00)", "less-than(datetime,2026-11-21T00:00:00)"]
    asked = {"metric_id": metric, "measurements": ["count", "sum_value"], "filter": days, "interval": "day"}
    make("/api/metric-aggregates", resource("metric-aggregate", asked))


def _flows_and_campaigns(make: Callable[..., str], account: Account, template: str, segments: list[str]) -> None:
    of_metric = {"type": "metric", "id": account.metric}
    second = webhook("b", "https://receiver.example/flow", "c")
    actions = (email("a", template, "b"), second, delay("c", "d"), email("d", template))
    flow = make("/api/flows", flow_body(*actions, trigger=of_metric))
    make("/api/flows/{id}", resource("flow", {"status": "live"}, id=flow), "PATCH", of=flow)
    make("/api/flows", flow_body(email("a", template), trigger={"type": "list", "id": account.ids["list"][0]}))
    tag = account.ids["tag"][0]
    make("/api/tags/{id}/relationships/flows", identifiers("flow", flow), of=tag)
    details = {"channel": "email", "template_id": template, "subject": "Hi", "from_email": "night@example.org"}
    variation = {"definition": {"name": "V", "details": details}}
    message = {"audience_temporary_id": "one", "name": "M", "variations": [variation]}
    audience = {"temporary_id": "one", "included": account.ids["list"][:1], "excluded": segments[1:2]}
    attributes = {"definition": {"name": "Winter"}, "messages": [message], "audiences": [audience]}
    campaign = make("/api/campaigns", resource("campaign", attributes), revision=LATER)
    if campaign:
        make("/api/tags/{id}/relationships/campaigns", identifiers("campaign", campaign), of=tag)
        make("/api/campaigns", resource("campaign", {**attributes, "definition": {"name": "Draft"}}), revision=LATER)
        estimation = resource("campaign-recipient-estimation-job", id=campaign)
        make("/api/campaign-recipient-estimation-jobs", estimation)
        make("/api/campaign-send-jobs", resource("campaign-send-job", id=campaign))
        pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
        image = make("/api/images", resource("image", {"name": "Lamp", "import_from_url": pixel}))
        make("/api/images/{id}", resource("image", {"hidden": True}, id=image), "PATCH", of=image)
        texts = [{"definition": {"name": "S", "details": {"channel": "sms", "body": "Hi"}}}]
        by_sms = {"definition": {"name": "Texts"}, "messages": [{**message, "variations": texts}]}
        make("/api/campaigns", resource("campaign", {**attributes, **by_sms}), revision=LATER)
        to_image = "/api/campaign-messages/{id}/relationships/image"
        make(to_image, {"type": "image", "id": image}, "PATCH", of=account.ids["campaign-message"][-1])
    languages = {"source_locale": "en", "target_locales": ["de"], "fallback_locale": "en", "channel": "email"}
    of_template = {"template": {"data": {"type": "template", "id": template}}}
    make("/api/translations", resource("translation", languages, of_template), revision=LATER)
