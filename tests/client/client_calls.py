"""Every kind of call, by whether repeating it is safe, with the answer that satisfies it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aioklaviyo import Klaviyo, NewEvent, ProfileAttributes, ProfilePatch, ProfileRef
from client.client_server import Reply, profile

ANN = ProfileAttributes(email="ann@example.org")
KEYED = NewEvent(metric="M", profile=ProfileRef(external_id="x"), unique_id="u1")
UNKEYED = NewEvent(metric="M", profile=ProfileRef(external_id="x"))
ONE = Reply(document={"data": profile()})
CREATED = Reply(201, {"data": profile()})
ACCEPTED = Reply(202)


@dataclass(frozen=True)
class Kind:
    name: str
    run: Callable[..., Awaitable[Any]]
    good: Reply
    reads_body: bool = True


def _append(client: Klaviyo, **more: Any) -> Awaitable[Any]:
    return client.profiles.update("01M1", patch=ProfilePatch(append={"a": 1}), **more)


SAFE = [
    Kind("get", lambda c, **m: c.profiles.get("01M1", **m), ONE),
    Kind("accounts", lambda c, **m: c.accounts.get(**m), Reply(document={"data": [{"type": "account", "id": "A"}]})),
    Kind("list", lambda c, **m: anext(c.events.list(**m), None), Reply(document={"data": []})),
    Kind("update", lambda c, **m: c.profiles.update("01M1", ANN, **m), ONE),
    Kind("upsert", lambda c, **m: c.profiles.upsert(ANN, **m), CREATED),
    Kind("event with unique_id", lambda c, **m: c.events.create(KEYED, **m), ACCEPTED, reads_body=False),
    Kind("raw DELETE", lambda c, **m: c.request("DELETE", "/api/webhooks/1", **m), Reply(204)),
    Kind("raw POST said to be safe", lambda c, **m: c.request("POST", "/api/x", is_repeatable=True, **m), Reply(204)),
]
UNSAFE = [
    Kind("create", lambda c, **m: c.profiles.create(ANN, **m), CREATED),
    Kind("event without unique_id", lambda c, **m: c.events.create(UNKEYED, **m), ACCEPTED, reads_body=False),
    Kind("bulk", lambda c, **m: c.events.bulk_create([KEYED], **m), ACCEPTED, reads_body=False),
    Kind("appending update", _append, ONE),
    Kind("raw POST", lambda c, **m: c.request("POST", "/api/lists", json={"data": {}}, **m), Reply(204)),
]


def names(kinds: list[Kind]) -> dict[str, Any]:
    return {"argvalues": kinds, "ids": [kind.name for kind in kinds]}
