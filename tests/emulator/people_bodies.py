"""Bodies of requests about profiles, lists and consent, for several test files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator_wire import Served


def document(kind: str, attributes: Any = None, relationships: Any = None, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"type": kind, **more}
    if attributes is not None:
        data["attributes"] = attributes
    if relationships is not None:
        data["relationships"] = relationships
    return {"data": data}


def identifiers(kind: str, *ids: str) -> dict[str, Any]:
    return {"data": [{"type": kind, "id": one} for one in ids]}


def to_one(name: str, kind: str, identifier: str | None) -> Any:
    return None if identifier is None else {name: {"data": {"type": kind, "id": identifier}}}


def entry(subscriptions: Any, identifier: str | None = None, **attributes: Any) -> dict[str, Any]:
    """One profile of a subscription job."""
    named = {} if identifier is None else {"id": identifier}
    return {"type": "profile", **named, "attributes": {"subscriptions": subscriptions, **attributes}}


def consent(status: str = "SUBSCRIBED", **more: Any) -> dict[str, Any]:
    return {"marketing": {"consent": status, **more}}


def subscription_job(
    *entries: dict[str, Any], list_id: str | None = None, action: str = "create", **attributes: Any
) -> dict[str, Any]:
    return document(
        f"profile-subscription-bulk-{action}-job",
        {"profiles": {"data": list(entries)}, **attributes},
        to_one("list", "list", list_id),
    )


def suppression_job(*emails: str, action: str = "create", **groups: str) -> dict[str, Any]:
    attributes = {}
    if emails:
        attributes["profiles"] = {"data": [{"type": "profile", "attributes": {"email": email}} for email in emails]}
    relationships = {name: {"data": {"type": name, "id": value}} for name, value in groups.items()}
    return document(f"profile-suppression-bulk-{action}-job", attributes, relationships or None)


def import_job(*profiles: dict[str, Any], lists: tuple[str, ...] = ()) -> dict[str, Any]:
    relationships = {"lists": identifiers("list", *lists)} if lists else None
    return document("profile-bulk-import-job", {"profiles": {"data": list(profiles)}}, relationships)


def a_profile(**attributes: Any) -> dict[str, Any]:
    return {"type": "profile", "attributes": attributes}


def new_profile(running: Served, email: str = "kim@example.org", **attributes: Any) -> str:
    created = running.wire.post("/api/profiles", document("profile", {"email": email, **attributes}))
    assert created.status_code == 201, created.text
    return created.json()["data"]["id"]


def new_list(running: Served, name: str = "Parents", **attributes: Any) -> str:
    created = running.wire.post("/api/lists", document("list", {"name": name, **attributes}))
    assert created.status_code == 201, created.text
    return created.json()["data"]["id"]


def settle(running: Served, seconds: float = 1) -> None:
    """Let everything asynchronous be done: a request runs what is due."""
    running.clock.advance(seconds)
    assert running.wire.get("/api/profiles").status_code == 200


def subscriptions_of(running: Served, email: str = "kim@example.org") -> Any:
    """`subscriptions` of the profile with an address; None when there is no such profile."""
    parameters = {"filter": f'equals(email,"{email}")', "additional-fields[profile]": "subscriptions"}
    answer = running.wire.get("/api/profiles", **parameters)
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    return found[0]["attributes"]["subscriptions"] if found else None


def events_of(running: Served) -> list[tuple[str, dict[str, Any]]]:
    """Metric and properties of every event, oldest first."""
    answer = running.wire.get("/api/events", sort="datetime", include="metric").json()
    names = {item["id"]: item["attributes"]["name"] for item in answer["included"]}
    return [
        (names[event["relationships"]["metric"]["data"]["id"]], event["attributes"]["event_properties"])
        for event in answer["data"]
    ]
