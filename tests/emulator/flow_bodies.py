"""Flows as the tests define them, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from people_bodies import document

if TYPE_CHECKING:
    from emulator_wire import Served

Json = Any
METRIC = "Re-engagement Triggered"


def linked(kind: str, name: str, following: str | None = None, data: Json = None, **more: Json) -> Json:
    """A plain action that leads on."""
    action: dict[str, Json] = {"temporary_id": name, "type": kind, "links": {"next": following}}
    if data is not None:
        action["data"] = data
    return {**action, **more}


def email(name: str, template: str | None, following: str | None = None, **message: Json) -> Json:
    content = {
        "from_email": "night@example.org",
        "from_label": "Dream Flow",
        "subject_line": "A story for {{ first_name|default:'you' }}",
        "template_id": template,
        "smart_sending_enabled": False,
        "name": "Come back",
        **message,
    }
    return linked("send-email", name, following, {"message": content, "status": "draft"})


def webhook(name: str, url: str, following: str | None = None, **message: Json) -> Json:
    content = {"url": url, "name": "Tell", **message}
    return linked("send-webhook", name, following, {"message": content, "status": "draft"})


def delay(name: str, following: str | None = None, **data: Json) -> Json:
    return linked("time-delay", name, following, {"unit": "days", "value": 1, **data})


def split(name: str, yes: str | None, no: str | None, kind: str = "conditional-split", **data: Json) -> Json:
    links = {"next_if_true": yes, "next_if_false": no}
    return {"temporary_id": name, "type": kind, "links": links, "data": data}


def flow_definition(*actions: Json, trigger: Json = None, **more: Json) -> Json:
    return {
        "triggers": [] if trigger is None else [trigger],
        "actions": list(actions),
        "entry_action_id": actions[0]["temporary_id"] if actions else None,
        **more,
    }


def flow_body(*actions: Json, trigger: Json = None, name: str = "A flow", **more: Json) -> Json:
    return document("flow", {"name": name, "definition": flow_definition(*actions, trigger=trigger, **more)})


def property_filter(name: str, value: str) -> Json:
    condition = {
        "type": "profile-property",
        "property": f"properties['{name}']",
        "filter": {"type": "string", "operator": "equals", "value": value},
    }
    return {"condition_groups": [{"conditions": [condition]}]}


def event_filter(metric_id: str, field: str, value: str) -> Json:
    condition = {
        "type": "metric-property",
        "metric_id": metric_id,
        "field": field,
        "filter": {"type": "string", "operator": "equals", "value": value},
    }
    return {"condition_groups": [{"conditions": [condition]}]}


def new_template(running: Served, html: str = "<p>Good night, {{ first_name }}</p>", **attributes: Json) -> str:
    body = document("template", {"name": "Night", "editor_type": "CODE", "html": html, **attributes})
    created = running.wire.post("/api/templates", body)
    assert created.status_code == 201, created.text
    return created.json()["data"]["id"]


def new_flow(running: Served, *actions: Json, trigger: Json = None, live: bool = True, **more: Json) -> Json:
    """Make a flow, live unless told otherwise; its resource."""
    created = running.wire.post("/api/flows", flow_body(*actions, trigger=trigger, **more))
    assert created.status_code == 201, created.text
    flow = created.json()["data"]
    if live:
        set_status(running, flow["id"], "live")
    return flow


def set_status(running: Served, flow_id: str, status: str) -> None:
    body = document("flow", {"status": status}, id=flow_id)
    changed = running.wire.send("PATCH", f"/api/flows/{flow_id}", body)
    assert changed.status_code == 200, changed.text


def new_metric(running: Served, name: str = METRIC) -> str:
    """The id of a metric, which an event of somebody makes."""
    track(running, "first@example.org", name)
    answer = running.wire.get("/api/metrics").json()["data"]
    return next(metric["id"] for metric in answer if metric["attributes"]["name"] == name)


def track(running: Served, address: str = "kim@example.org", name: str = METRIC, **attributes: Json) -> None:
    profile = {"data": {"type": "profile", "attributes": {"email": address}}}
    metric = {"data": {"type": "metric", "attributes": {"name": name}}}
    body = document("event", {"properties": {}, "metric": metric, "profile": profile, **attributes})
    answer = running.wire.post("/api/events", body)
    assert answer.status_code == 202, answer.text


def outbox(running: Served) -> list[Json]:
    """All mail, oldest first, with its text."""
    listed = running.wire.get("/__emulator__/outbox").json()["mail"]
    return [running.wire.get(f"/__emulator__/outbox/{one['id']}").json() for one in listed]
