"""Templates, campaigns, flows, tags, webhooks, and the reports of what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamflow.bench.emulator.tour.steps import Document, Step, Wait, document, ids, to_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamflow.bench.emulator.tour.steps import Pad

_LATER = "2100-01-01T09:00:00+00:00"
_HTML = "<p>Good night, {{ first_name|default:'you' }}</p>"
_FROM = {"from_label": "Stories", "from_email": "stories@example.org"}
_PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
_SMS = {"name": "A", "details": {"channel": "sms", "body": "Good night"}}
_BLOCK: Document = {"content_type": "block", "type": "html", "data": {"content": _HTML, "display_options": {}}}

_TOLD = document(
    "event",
    {
        "properties": {},
        "metric": document("metric", {"name": "Story Told"}),
        "profile": document("profile", {"email": "kim@example.org"}),
    },
)


def _email(pad: Pad) -> Document:
    details = {"channel": "email", "subject": "A story", "template_id": pad["templates"], **_FROM}
    return {"name": "A", "details": details}


def _campaign(pad: Pad, name: str, variation: Document) -> Document:
    audience = {"temporary_id": "all", "name": "Everybody", "included": [pad["lists"]], "excluded": []}
    message = {"audience_temporary_id": "all", "name": name, "variations": [{"definition": variation}]}
    return document("campaign", {"definition": {"name": name}, "audiences": [audience], "messages": [message]})


def _to_campaign(pad: Pad, name: str = "campaigns") -> Document:
    return to_one("campaign", pad[name])


def _to_audience(pad: Pad) -> Document:
    return to_one("campaign-audience", pad["campaign-audiences"])


def _message_of(pad: Pad) -> Document:
    attributes = {"definition": {"name": "Second"}, "variations": [{"definition": _SMS}]}
    return document("campaign-message", attributes, {**_to_campaign(pad), **_to_audience(pad)})


def _copied_message(pad: Pad) -> Document:
    message = pad["second message"]
    return document("campaign-message", {"id": message, "name": "Third"}, _to_audience(pad), id=message)


def _copied_audience(pad: Pad) -> Document:
    audience = pad["campaign-audiences"]
    return document("campaign-audience-clone", {"id": audience, "name": "Third"}, _to_campaign(pad), id=audience)


def _schedule(pad: Pad) -> Document:
    schedule = {"message_id": pad["later message"], "strategy": "static", "send_time": _LATER}
    return document("campaign-schedule", {"message_schedules": [schedule]}, _to_campaign(pad, "later campaign"))


def _message_schedule(pad: Pad) -> Document:
    attributes = {"strategy": "static", "send_time": _LATER}
    return document("campaign-message-schedule", attributes, to_one("campaign-message", pad["later message"]))


def _flow(pad: Pad) -> Document:
    message = {"subject_line": "A story", "name": "Come back", "template_id": pad["templates"], **_FROM}
    mail = {
        "temporary_id": "mail",
        "type": "send-email",
        "links": {"next": None},
        "data": {"message": {**message, "smart_sending_enabled": False}, "status": "draft"},
    }
    trigger = {"type": "metric", "id": pad["metrics"]}
    definition = {"triggers": [trigger], "actions": [mail], "entry_action_id": "mail"}
    return document("flow", {"name": "Told", "definition": definition})


def _delay_after_mail(pad: Pad) -> Document:
    mail = pad["flow-actions"]
    anchor = {"definition": {"type": "send-email", "links": {"next": "delay"}}}
    delay = {"temporary_id": "delay", "type": "time-delay", "data": {"unit": "days", "value": 1}}
    return document("flow-action", {"definition": delay, "anchor-action": document("flow-action", anchor, id=mail)})


def _longer_delay(pad: Pad) -> Document:
    action = pad["delay"]
    definition = {"id": action, "type": "time-delay", "data": {"unit": "hours", "value": 3}}
    return document("flow-action", {"definition": definition}, id=action)


def _report(kind: str, statistic: str, **more: str) -> Document:
    asked = {"statistics": [statistic], "timeframe": {"key": "last_7_days"}, **more}
    return document(f"{kind}-report", asked)


def _converted(pad: Pad, kind: str, **more: str) -> Document:
    return _report(kind, "conversions", conversion_metric_id=pad["metrics"], **more)


def _image(pad: Pad) -> Document:
    return {"data": {"type": "image", "id": pad["images"]}}


def _translation(pad: Pad) -> Document:
    languages = {"source_locale": "en", "target_locales": ["de"], "fallback_locale": "en", "channel": "email"}
    return document("translation", languages, to_one("campaign-variation", pad["campaign-variations"]))


_TEMPLATES: Sequence[Step | Wait] = [
    Step("create_template", document("template", {"name": "Night", "editor_type": "CODE", "html": _HTML})),
    Step("update_template", lambda pad: document("template", {"name": "Story"}, id=pad["templates"])),
    Step("clone_template", lambda pad: document("template", {"name": "Other"}, id=pad["templates"])),
    Step(
        "render_template",
        lambda pad: document("template", {"context": {"first_name": "Kim"}}, id=pad["templates"]),
    ),
    Step(
        "create_template_preview_send_job",
        lambda pad: document(
            "template-preview-send-job",
            {"recipients": ["staff@example.org"], "context": {}},
            to_one("template", pad["templates"]),
        ),
    ),
    Step("create_universal_content", document("template-universal-content", {"name": "Foot", "definition": _BLOCK})),
    Step(
        "update_universal_content",
        lambda pad: document("template-universal-content", {"name": "Footer"}, id=pad["template-universal-content"]),
    ),
    Step(
        "clone_universal_content",
        lambda pad: document(
            "template-universal-content",
            {"id": pad["template-universal-content"], "name": "Other"},
            id=pad["template-universal-content"],
        ),
    ),
]

_CAMPAIGNS: Sequence[Step | Wait] = [
    Step("create_campaign", lambda pad: _campaign(pad, "Launch", _email(pad))),
    Step("update_campaign", lambda pad: document("campaign", {"definition": {"name": "Spring"}}, id=pad["campaigns"])),
    Step(
        "create_campaign_clone",
        lambda pad: document("campaign", {"name": "Later"}, id=pad["campaigns"]),
        keeps="later campaign",
    ),
    Step("get_messages_for_campaign", of="later campaign", keeps="later message"),
    Step("get_campaign_audiences_for_campaign"),
    Step("get_messages_for_campaign"),
    Step("get_variations_for_campaign_message"),
    Step(
        "update_campaign_audience",
        lambda pad: document("campaign-audience", {"definition": {"name": "All"}}, id=pad["campaign-audiences"]),
    ),
    Step(
        "create_campaign_audience",
        lambda pad: document(
            "campaign-audience", {"definition": {"name": "Some", "included": [pad["lists"]]}}, _to_campaign(pad)
        ),
        keeps="second audience",
    ),
    Step("clone_campaign_audience", _copied_audience, keeps="third audience"),
    Step(
        "update_campaign_message",
        lambda pad: document("campaign-message", {"definition": {"name": "First"}}, id=pad["campaign-messages"]),
    ),
    Step("create_campaign_message", _message_of, keeps="second message"),
    Step("clone_campaign_message", _copied_message, keeps="third message"),
    Step(
        "assign_template_to_campaign_message",
        lambda pad: document(
            "campaign-message", None, to_one("template", pad["templates"]), id=pad["campaign-messages"]
        ),
    ),
    Step(
        "create_campaign_variation",
        lambda pad: document(
            "campaign-variation", {"definition": _email(pad)}, to_one("campaign-message", pad["campaign-messages"])
        ),
        keeps="second variation",
    ),
    Step(
        "update_campaign_variation",
        lambda pad: document("campaign-variation", {"definition": {"name": "B"}}, id=pad["campaign-variations"]),
    ),
    Step("delete_campaign_variation", of="second variation"),
    # Images and translations belong to other areas, but campaigns can show them.
    Step("upload_image_from_url", document("image", {"name": "Lamp", "import_from_url": _PIXEL})),
    Step("update_image_for_campaign_message", _image, of="second message"),
    Step("get_variations_for_campaign_message", of="second message", keeps="variation with image"),
    Step("get_image_for_campaign_message", of="second message"),
    Step("get_image_for_campaign_variation", of="variation with image"),
    Step("create_translation", _translation),
    Step("delete_campaign_message", of="third message"),
    Step("delete_campaign_message", of="second message"),
    Step("delete_campaign_audience", of="third audience"),
    Step("delete_campaign_audience", of="second audience"),
    Step(
        "refresh_campaign_recipient_estimation",
        lambda pad: document("campaign-recipient-estimation-job", id=pad["campaigns"]),
    ),
    Step("schedule_campaign", _schedule),
    Step(
        "cancel_campaign_send",
        lambda pad: document("campaign-send-job", {"action": "revert"}, id=pad["later campaign"]),
        of="later campaign",
    ),
    Step("schedule_campaign_message", _message_schedule),
    Step(
        "update_campaign_message_schedule",
        lambda pad: document("campaign-message-schedule", {"action": "revert"}, id=pad["later message"]),
        of="later message",
    ),
    Step("send_campaign", lambda pad: document("campaign-send-job", id=pad["campaigns"])),
    Wait(1),
    Step("get_campaign_recipient_estimation", of="campaigns"),
]

_FLOWS: Sequence[Step | Wait] = [
    Step("create_flow", _flow),
    Step("get_actions_for_flow"),
    Step("get_flow_action_messages"),
    Step("create_flow_action", _delay_after_mail, keeps="delay"),
    Step("update_flow_action", _longer_delay, of="delay"),
    Step("delete_flow_action", of="delay"),
    Step("update_flow", lambda pad: document("flow", {"status": "live"}, id=pad["flows"])),
    Step("create_event", _TOLD),
    Wait(1),
]

_TAGS: Sequence[Step | Wait] = [
    Step("create_tag_group", document("tag-group", {"name": "Season"})),
    Step("update_tag_group", lambda pad: document("tag-group", {"name": "Seasons"}, id=pad["tag-groups"])),
    Step("create_tag", lambda pad: document("tag", {"name": "May"}, to_one("tag-group", pad["tag-groups"]))),
    Step("update_tag", lambda pad: document("tag", {"name": "June"}, id=pad["tags"])),
    *(
        Step(f"tag_{plural}", lambda pad, plural=plural: ids(plural[:-1], pad[plural]))
        for plural in ("campaigns", "flows", "lists", "segments")
    ),
]

_WEBHOOKS: Sequence[Step | Wait] = [
    Step("get_webhook_topics"),
    Step(
        "create_webhook",
        lambda pad: document(
            "webhook",
            {"name": "Told", "endpoint_url": "https://receiver.example/", "secret_key": "sixteen letters, or more"},
            {"webhook-topics": ids("webhook-topic", pad["webhook-topics"])},
        ),
    ),
    Step("update_webhook", lambda pad: document("webhook", {"enabled": False}, id=pad["webhooks"])),
]

_REPORTS: Sequence[Step | Wait] = [
    Step("query_campaign_values", lambda pad: _converted(pad, "campaign-values")),
    Step("query_flow_values", lambda pad: _converted(pad, "flow-values")),
    Step("query_flow_series", lambda pad: _converted(pad, "flow-series", interval="daily")),
    Step("query_form_values", _report("form-values", "submits")),
    Step("query_form_series", _report("form-series", "submits", interval="daily")),
    Step("query_segment_values", _report("segment-values", "total_members")),
    Step("query_segment_series", _report("segment-series", "total_members", interval="daily")),
]

STEPS: Sequence[Step | Wait] = [*_TEMPLATES, *_CAMPAIGNS, *_FLOWS, *_TAGS, *_WEBHOOKS, *_REPORTS]

LAST: Sequence[Step | Wait] = [
    *(
        Step(f"remove_tag_from_{plural}", lambda pad, plural=plural: ids(plural[:-1], pad[plural]))
        for plural in ("campaigns", "flows", "lists", "segments")
    ),
    Step("delete_tag"),
    Step("delete_tag_group"),
    Step("delete_webhook"),
    Step("delete_flow"),
    Step("delete_campaign"),
    Step("delete_universal_content"),
    Step("delete_template"),
]
