"""Campaigns through the official SDK: every operation of revision 2026-10-15, accepted and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import Ready, audience_of, campaign_body, email_details, new_template, relation, variation
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException
from people_bodies import document, identifiers, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator_wire import Served

LATER = "2026-11-21T09:00:00+00:00"
NOPE = "01NOPE"


def refused(status: int, pointer: str = "") -> Any:
    """The block is refused with a status, and names the pointer."""
    kind = {400: BadRequestException, 404: NotFoundException}.get(status, ApiException)
    return pytest.raises(kind, match=rf"(?s)\({status}\).*{pointer}")


def kinds_of(document: Any) -> list[str]:
    """The types of what an answer includes."""
    return [item["type"] if isinstance(item, dict) else item.to_dict()["type"] for item in document.included]


def variation_of(campaigns: Any, message: str, details: Any = None) -> Any:
    body = document("campaign-variation", variation(details, "B"), relation("campaign-message", message))
    return campaigns.create_campaign_variation(body).data


def schedule_body(campaign: str, *schedules: dict[str, Any]) -> dict[str, Any]:
    return document("campaign-schedule", {"message_schedules": list(schedules)}, relation("campaign", campaign))


def message_schedule(message: str, **attributes: Any) -> dict[str, Any]:
    given = {"strategy": "static", "send_time": LATER, **attributes}
    shown = {name: value for name, value in given.items() if value is not None}
    return document("campaign-message-schedule", shown, relation("campaign-message", message))


def message_body(campaign: str, audience: str, *variations: Any, **definition: Any) -> dict[str, Any]:
    attributes = {"definition": {"name": "Second", **definition}, "variations": list(variations)}
    return document(
        "campaign-message", attributes, {**relation("campaign", campaign), **relation("campaign-audience", audience)}
    )


def audience_body(campaign: str, **definition: Any) -> dict[str, Any]:
    return document("campaign-audience", {"definition": definition}, relation("campaign", campaign))


def test_a_campaign_is_made_read_changed_copied_and_deleted(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    list_id = audience_of(free, "kim@example.org")
    tag = free.sdk().Tags.create_tag(document("tag", {"name": "spring"})).data.id
    body = campaign_body([list_id], variation(), variation(name="B"), tags=[tag], throttling_type="FOR_CAMPAIGNS")
    body["data"]["attributes"]["definition"] |= {
        "builder": "canvas",
        "color": "ff5733",
        "description": "Of spring",
        "send_settings": {"send_timezone": "Europe/Berlin"},
    }
    created = campaigns.create_campaign(body).data
    assert len(created.id) == 26
    definition = created.attributes.definition
    assert (definition.name, definition.builder, definition.archived) == ("Launch", "canvas", False)
    assert (definition.color, definition.description) == ("ff5733", "Of spring")
    assert definition.send_settings.send_timezone == "Europe/Berlin"
    assert campaigns.get_tags_for_campaign(created.id).data[0].attributes.name == "spring"
    assert campaigns.get_tag_ids_for_campaign(created.id).data[0].id == tag
    included = ["campaign-audiences", "campaign-messages", "tags"]
    assert kinds_of(campaigns.get_campaign(created.id, include=included)) == [
        "campaign-audience",
        "campaign-message",
        "tag",
    ]
    sparse = campaigns.get_campaign(created.id, include=included, fields_campaign_message=["definition.status"])
    assert sparse["included"][1]["attributes"] == {"definition": {"status": "draft"}}
    (message,) = campaigns.get_messages_for_campaign(created.id, include=["campaign"]).data
    assert message.attributes.definition.send_options.throttling_type == "throttle-for-campaigns"
    assert campaigns.get_message_ids_for_campaign(created.id).data[0].id == message.id
    (audience,) = campaigns.get_campaign_audiences_for_campaign(created.id).data
    assert audience.attributes.definition.included == [list_id]
    assert campaigns.get_audience_ids_for_campaign(created.id).data[0].id == audience.id
    changed = campaigns.update_campaign(
        created.id,
        document("campaign", {"definition": {"name": "Later", "archived": True, "color": None}}, id=created.id),
    ).data
    assert changed.attributes.definition.name == "Later"
    assert changed.attributes.definition.archived is True
    assert changed.attributes.definition.color is None
    assert changed.attributes.definition.description == "Of spring"
    copied = campaigns.clone_campaign(document("campaign", {"name": "Again"}, id=created.id)).data
    assert copied.attributes.definition.name == "Again"
    assert copied.attributes.definition.archived is False
    assert len(copied.relationships.campaign_messages.data) == 1
    assert (
        campaigns.clone_campaign(document("campaign", {}, id=created.id)).data.attributes.definition.name
        == "Clone of Later"
    )
    campaigns.delete_campaign(created.id)
    with refused(404):
        campaigns.get_campaign(created.id)
    with refused(404):
        campaigns.get_campaign_message(message.id)
    assert free.sdk().Tags.get_campaign_ids_for_tag(tag).data == []
    assert campaigns.get_campaign_message(copied.relationships.campaign_messages.data[0].id).data


def test_campaigns_are_found_and_sorted(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ids = {}
    for name in ("B", "C", "A"):
        definition = {"name": name, "archived": name == "A", "builder": "canvas" if name == "C" else "wizard"}
        ids[name] = campaigns.create_campaign(document("campaign", {"definition": definition})).data.id
        free.clock.advance(1)

    def names(**query: Any) -> list[str]:
        return [one.attributes.definition.name for one in campaigns.get_campaigns(**query).data]

    assert names(sort="name") == ["A", "B", "C"]
    assert names(sort="-created_at") == ["A", "C", "B"]
    assert names(filter="equals(archived,true)") == ["A"]
    assert names(filter='equals(builder,"canvas")') == ["C"]
    assert names(filter=f'any(id,["{ids["B"]}"])') == ["B"]
    assert names(filter='contains(name,"C")') == ["C"]
    assert names(filter="greater-than(created_at,2026-11-20T12:00:01.5Z)") == ["A"]
    with refused(400):
        campaigns.get_campaigns(filter='equals(messages.channel,"email")')


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda a: a["audiences"][0].update(included=["NOPE01"]), "/data/attributes/audiences/0/included/0"),
        (lambda a: a["audiences"][0].update(excluded=["NOPE01"]), "/data/attributes/audiences/0/excluded/0"),
        (lambda a: a["audiences"].append(dict(a["audiences"][0])), "/data/attributes/audiences/1/temporary_id"),
        (lambda a: a["messages"][0].update(audience_temporary_id="b"), "/data/attributes/messages/0/audience_temp"),
        (lambda a: a["definition"].update(builder="other"), "/data/attributes/definition/builder"),
        (lambda a: a["definition"].update(color="red"), "/data/attributes/definition/color"),
        (lambda a: a["definition"].update(name=" "), "/data/attributes/definition/name"),
        (
            lambda a: a["messages"][0].update(variations=[variation({"channel": "fax"})]),
            "/data/attributes/messages/0/variations/0/definition/details/channel",
        ),
        (
            lambda a: a["messages"][0].update(variations=[variation(), variation({"channel": "sms", "body": "x"})]),
            "/data/attributes/messages/0/variations/1/definition/details/channel",
        ),
        (
            lambda a: a["messages"][0].update(variations=[variation(email_details(template_id="NOPE01"))]),
            "/data/attributes/messages/0/variations/0/definition/details/template_id",
        ),
        (
            lambda a: a["messages"][0].update(variations=[variation(email_details("{% if %}"))]),
            "/data/attributes/messages/0/variations/0/definition/details/subject",
        ),
    ],
)
def test_a_campaign_is_refused_whole(free: Served, change: Callable[[Any], Any], pointer: str) -> None:
    campaigns = free.sdk().Campaigns
    body = campaign_body([audience_of(free, "kim@example.org")])
    change(body["data"]["attributes"])
    with refused(400, pointer):
        campaigns.create_campaign(body)
    assert campaigns.get_campaigns().data == []


def test_an_audience_is_made_read_changed_copied_and_deleted(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    other = audience_of(free, "lee@example.org")
    made = campaigns.create_campaign_audience(
        audience_body(ready.id, name="Others", included=[other], excluded=[ready.list_id], priority=2)
    ).data
    definition = made.attributes.definition
    assert (definition.included, definition.excluded, definition.priority) == ([other], [ready.list_id], 2)
    read = campaigns.get_campaign_audience(made.id, include=["campaign", "campaign-messages"])
    assert kinds_of(read) == ["campaign"]
    assert campaigns.get_campaign_for_campaign_audience(made.id).data.id == ready.id
    assert campaigns.get_campaign_id_for_campaign_audience(made.id).data.id == ready.id
    assert campaigns.get_campaign_messages_for_campaign_audience(ready.audience).data[0].id == ready.message
    assert campaigns.get_message_ids_for_campaign_audience(ready.audience).data[0].id == ready.message
    changed = campaigns.update_campaign_audience(
        made.id, document("campaign-audience", {"definition": {"excluded": [], "priority": 3}}, id=made.id)
    ).data
    assert changed.attributes.definition.excluded == []
    assert changed.attributes.definition.priority == 3
    clone = document("campaign-audience-clone", {"id": made.id, "name": "Copy"}, id=made.id)
    copied = campaigns.clone_campaign_audience(clone).data
    assert (copied.attributes.definition.name, copied.attributes.definition.included) == ("Copy", [other])
    campaigns.delete_campaign_audience(made.id)
    with refused(404):
        campaigns.get_campaign_audience(made.id)


def test_an_audience_is_refused(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    with refused(404, "Campaign with id"):
        campaigns.create_campaign_audience(audience_body(NOPE, included=[]))
    with refused(400, "/data/attributes/definition/included/0"):
        campaigns.create_campaign_audience(audience_body(ready.id, included=["NOPE01"]))
    with refused(400, "/data/attributes/definition/excluded"):
        campaigns.create_campaign_audience(audience_body(ready.id, included=[ready.list_id], excluded=[ready.list_id]))
    with refused(400, "/data/attributes/id"):
        campaigns.clone_campaign_audience(document("campaign-audience-clone", {"id": NOPE}, id=ready.audience))
    ready.send(free)
    with refused(409):
        campaigns.update_campaign_audience(
            ready.audience, document("campaign-audience", {"definition": {"included": []}}, id=ready.audience)
        )
    with refused(409):
        campaigns.delete_campaign_audience(ready.audience)


def test_a_message_is_made_read_changed_copied_and_deleted(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    options = {"send_time": LATER, "send_strategy": "local_timezone"}
    made = campaigns.create_campaign_message(
        message_body(ready.id, ready.audience, variation(), send_options=options, tracking_options={"is_add_utm": True})
    ).data
    definition = made.attributes.definition
    assert (definition.name, definition.status) == ("Second", "draft")
    assert definition.send_options.send_time.isoformat() == LATER
    assert definition.send_options.send_strategy == "local_timezone"
    assert definition.tracking_options.is_add_utm is True
    assert definition.tracking_options.is_tracking_opens is True
    read = campaigns.get_campaign_message(made.id, include=["campaign", "campaign-variations"])
    assert kinds_of(read) == ["campaign", "campaign-variation"]
    assert campaigns.get_campaign_for_campaign_message(made.id).data.id == ready.id
    assert campaigns.get_campaign_id_for_campaign_message(made.id).data.id == ready.id
    assert campaigns.get_audience_for_campaign_message(made.id).data.id == ready.audience
    assert campaigns.get_audience_id_for_campaign_message(made.id).data.id == ready.audience
    assert campaigns.get_variations_for_campaign_message(made.id).data[0].attributes.definition.name == "A"
    assert len(campaigns.get_variation_ids_for_campaign_message(made.id).data) == 1
    changed = campaigns.update_campaign_message(
        made.id,
        document("campaign-message", {"definition": {"name": "New", "ab_test": {"winner_wait_hours": 4}}}, id=made.id),
    ).data
    assert changed.attributes.definition.name == "New"
    assert changed.attributes.definition.ab_test.winner_wait_hours == 4
    assert changed.attributes.definition.send_options.send_strategy == "local_timezone"
    clone = document(
        "campaign-message", {"id": made.id, "name": "Copy"}, relation("campaign-audience", ready.audience), id=made.id
    )
    copied = campaigns.clone_campaign_message(clone).data
    assert copied.attributes.definition.name == "Copy"
    assert len(copied.relationships.campaign_variations.data) == 1
    campaigns.delete_campaign_message(made.id)
    with refused(404):
        campaigns.get_campaign_message(made.id)


def test_messages_are_found_and_sorted(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready, other = Ready(free), Ready(free, "lee@example.org")
    free.clock.advance(1)
    second = campaigns.create_campaign_message(message_body(ready.id, ready.audience)).data.id

    def ids(**query: Any) -> list[str]:
        return [one.id for one in campaigns.get_campaign_messages(**query).data]

    assert ids(filter=f'equals(campaign_id,"{other.id}")') == [other.message]
    assert ids(filter='contains(name,"Second")') == [second]
    assert ids(filter=f'equals(id,"{ready.message}")') == [ready.message]
    assert ids(filter="greater-than(created,2026-11-20T12:00:01Z)") == [second]
    assert ids(sort="-created")[0] == second
    other.send(free)
    assert ids(filter='equals(status,"sending")') == [other.message]
    first = campaigns.get_campaign_messages(page_size=1, sort="id", include=["campaign"])
    assert len(first.data) == 1
    assert first.data[0].id not in ids(sort="id", page_cursor=first.links.next)
    with refused(400):
        campaigns.get_campaign_messages(filter='equals(name,"x")')


def test_a_message_is_refused(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready, other = Ready(free), Ready(free, "lee@example.org")
    with refused(404):
        campaigns.create_campaign_message(message_body(NOPE, ready.audience))
    with refused(400, "/data/relationships/campaign-audience/data/id"):
        campaigns.create_campaign_message(message_body(ready.id, other.audience))
    with refused(400, "/data/attributes/definition/status"):
        campaigns.create_campaign_message(message_body(ready.id, ready.audience, status="sent"))
    with refused(400, "/data/attributes/definition/send_options/recipient_percentage"):
        options = {"recipient_percentage": 101}
        campaigns.create_campaign_message(message_body(ready.id, ready.audience, send_options=options))
    with refused(400, "/data/attributes/variations/0/definition/details/body"):
        details = {"channel": "sms", "body": "{% if %}"}
        campaigns.create_campaign_message(message_body(ready.id, ready.audience, variation(details)))
    ready.send(free)
    with refused(409):
        body = document("campaign-message", {"definition": {"send_options": {}}}, id=ready.message)
        campaigns.update_campaign_message(ready.message, body)
    renamed = document("campaign-message", {"definition": {"name": "Still"}}, id=ready.message)
    assert campaigns.update_campaign_message(ready.message, renamed).data.attributes.definition.name == "Still"
    with refused(409):
        campaigns.delete_campaign_message(ready.message)


def test_a_variation_is_made_read_changed_and_deleted(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    made = variation_of(campaigns, ready.message)
    assert made.attributes.definition.details["subject"] == email_details()["subject"]
    read = campaigns.get_campaign_variation(made.id, include=["campaign-message", "image", "translation"])
    assert kinds_of(read) == ["campaign-message"]
    assert read.data.relationships.image.data is None
    assert campaigns.get_message_for_campaign_variation(made.id).data.id == ready.message
    assert campaigns.get_message_id_for_campaign_variation(made.id).data.id == ready.message
    assert campaigns.get_image_id_for_campaign_variation(made.id).data is None
    assert campaigns.get_translation_id_for_campaign_variation(made.id).data is None
    with refused(404):
        campaigns.get_image_for_campaign_variation(made.id)
    with refused(404):
        campaigns.get_translation_for_campaign_variation(made.id)
    details = {"channel": "email", "preview_text": "Soon"}
    changed = campaigns.update_campaign_variation(
        made.id, document("campaign-variation", {"definition": {"name": "C", "details": details}}, id=made.id)
    ).data
    assert changed.attributes.definition.name == "C"
    assert changed.attributes.definition.details == {**email_details(), "preview_text": "Soon"}
    campaigns.delete_campaign_variation(made.id)
    with refused(404):
        campaigns.get_campaign_variation(made.id)


@pytest.mark.parametrize(
    ("details", "pointer"),
    [
        ({"subject": "x"}, "channel"),
        ({"channel": "email", "body": "x"}, "body"),
        ({"channel": "email", "subject": 3}, "subject"),
        ({"channel": "email", "from_email": "nobody"}, "from_email"),
        ({"channel": "sms", "body": "x"}, "channel"),
        ({"channel": "push", "push_type": "loud"}, "push_type"),
        ({"channel": "push", "static_asset_id": 1.5}, "static_asset_id"),
        ({"channel": "push", "action_buttons": {}}, "action_buttons"),
        ({"channel": "sms", "shorten_links": "yes"}, "shorten_links"),
    ],
)
def test_a_variation_is_refused(free: Served, details: Any, pointer: str) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    with refused(400, f"/data/attributes/definition/details/{pointer}"):
        variation_of(campaigns, ready.message, details)


def test_the_variations_of_a_message_on_its_way_stay(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    ready.send(free)
    body = document("campaign-variation", {"definition": {"name": "C"}}, id=ready.variation)
    for call in (
        lambda: variation_of(campaigns, ready.message),
        lambda: campaigns.update_campaign_variation(ready.variation, body),
        lambda: campaigns.delete_campaign_variation(ready.variation),
    ):
        with refused(409):
            call()


def test_a_template_is_assigned_as_a_copy(free: Served) -> None:
    campaigns, templates = free.sdk().Campaigns, free.sdk().Templates
    ready = Ready(free)
    body = document("campaign-message", relationships=relation("template", ready.template), id=ready.message)
    assigned = campaigns.assign_template_to_campaign_message(body).data
    assert (assigned.attributes.label, assigned.attributes.channel) == ("Hello", "email")
    assert assigned.attributes.content["subject"] == email_details()["subject"]
    assert assigned.relationships.campaign.data.id == ready.id
    copied = assigned.relationships.template.data.id
    assert copied != ready.template
    assert campaigns.get_template_for_campaign_message(ready.message).data.id == copied
    assert campaigns.get_template_id_for_campaign_message(ready.message).data.id == copied
    assert [one.id for one in templates.get_templates().data] == [ready.template]
    with refused(409):
        templates.delete_template(copied)
    campaigns.assign_template_to_campaign_message(body)
    with refused(404):
        templates.get_template(copied)
    with refused(404, "Template with id NOPE01"):
        nothing = document("campaign-message", relationships=relation("template", "NOPE01"), id=ready.message)
        campaigns.assign_template_to_campaign_message(nothing)
    empty = campaigns.create_campaign_message(message_body(ready.id, ready.audience)).data.id
    assert campaigns.get_template_id_for_campaign_message(empty).data is None
    assert campaigns.get_template_for_campaign_message(empty).data is None
    campaigns.assign_template_to_campaign_message(
        document("campaign-message", relationships=relation("template", ready.template), id=empty)
    )
    assert campaigns.get_template_for_campaign_message(empty).data.attributes.html == "<p>Dear {{ first_name }}</p>"
    sms = campaigns.create_campaign_message(
        message_body(ready.id, ready.audience, variation({"channel": "sms", "body": "Hi"}))
    ).data.id
    with refused(400, "/data/id"):
        campaigns.assign_template_to_campaign_message(
            document("campaign-message", relationships=relation("template", ready.template), id=sms)
        )


def test_images_are_not_there(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    assert campaigns.get_image_id_for_campaign_message(ready.message).data is None
    with refused(404, "Image of the campaign message"):
        campaigns.get_image_for_campaign_message(ready.message)
    with refused(400):
        campaigns.update_image_for_campaign_message(ready.message, {"data": {"type": "image", "id": "7"}})
    sms = campaigns.create_campaign_message(
        message_body(ready.id, ready.audience, variation({"channel": "sms", "body": "Hi"}))
    ).data.id
    with refused(404, "Image with id 7 not found"):
        campaigns.update_image_for_campaign_message(sms, {"data": {"type": "image", "id": "7"}})


def test_tags_of_a_message_are_those_of_its_campaign(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    assert campaigns.get_tags_for_campaign_message(ready.message).data == []
    tag = free.sdk().Tags.create_tag(document("tag", {"name": "spring"})).data.id
    free.sdk().Tags.tag_campaigns(tag, identifiers("campaign", ready.id))
    assert campaigns.get_tags_for_campaign_message(ready.message).data[0].attributes.name == "spring"
    assert campaigns.get_tag_ids_for_campaign_message(ready.message).data[0].id == tag


def test_a_campaign_is_sent(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    with refused(404, "Campaign send job"):
        campaigns.get_campaign_send_job(ready.id)
    job = ready.send(free).data
    assert (job.id, job.attributes.status) == (ready.id, "queued")
    with refused(409):
        ready.send(free)
    with refused(409):
        campaigns.delete_campaign(ready.id)
    free.clock.advance(0.2)
    assert campaigns.get_campaign_send_job(ready.id).data.attributes.status == "processing"
    free.clock.advance(0.2)
    assert campaigns.get_campaign_send_job(ready.id).data.attributes.status == "complete"
    assert campaigns.get_campaign_message(ready.message).data.attributes.definition.status == "sent"
    with refused(409):
        job = document("campaign-send-job", {"action": "cancel"}, id=ready.id)
        campaigns.cancel_campaign_send(ready.id, job)
    with refused(404):
        campaigns.send_campaign(document("campaign-send-job", id=NOPE))
    with refused(404):
        campaigns.cancel_campaign_send(NOPE, document("campaign-send-job", {"action": "cancel"}, id=NOPE))
    campaigns.delete_campaign(ready.id)


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"channel": "email", "subject": "x"}, "has no template"),
        ({"channel": "email"}, "has no subject"),
        ({"channel": "sms"}, "has no body"),
    ],
)
def test_what_is_not_finished_is_not_sent(free: Served, details: Any, words: str) -> None:
    campaigns = free.sdk().Campaigns
    created = campaigns.create_campaign(campaign_body([audience_of(free, "kim@example.org")], variation(details))).data
    with refused(400, words):
        campaigns.send_campaign(document("campaign-send-job", id=created.id))


def test_a_campaign_without_content_or_audience_is_not_sent(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    empty = campaigns.create_campaign(document("campaign", {"definition": {"name": "Empty"}})).data.id
    with refused(400, "/data/id"):
        campaigns.send_campaign(document("campaign-send-job", id=empty))
    template = new_template(free)
    nobody = campaigns.create_campaign(campaign_body([], variation(email_details(template_id=template)))).data.id
    with refused(400, "includes nobody"):
        campaigns.send_campaign(document("campaign-send-job", id=nobody))


def test_a_campaign_is_scheduled_cancelled_and_taken_back(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    schedule = {"message_id": ready.message, "strategy": "static", "send_time": LATER}
    scheduled = campaigns.schedule_campaign(schedule_body(ready.id, schedule)).data
    assert scheduled.id == ready.id
    (result,) = scheduled.attributes.messages
    assert (result.id, result.strategy, result.send_time.isoformat()) == (ready.message, "static", LATER)
    assert campaigns.get_campaign_message(ready.message).data.attributes.definition.status == "scheduled"
    assert campaigns.get_campaign_send_job(ready.id).data.attributes.status == "queued"
    with refused(409):
        campaigns.schedule_campaign(schedule_body(ready.id, schedule))
    campaigns.cancel_campaign_send(ready.id, document("campaign-send-job", {"action": "revert"}, id=ready.id))
    assert campaigns.get_campaign_message(ready.message).data.attributes.definition.status == "draft"
    assert campaigns.get_campaign_send_job(ready.id).data.attributes.status == "cancelled"
    with refused(409):
        job = document("campaign-send-job", {"action": "cancel"}, id=ready.id)
        campaigns.cancel_campaign_send(ready.id, job)
    campaigns.schedule_campaign(schedule_body(ready.id, schedule))
    campaigns.cancel_campaign_send(ready.id, document("campaign-send-job", {"action": "cancel"}, id=ready.id))
    assert campaigns.get_campaign_message(ready.message).data.attributes.definition.status == "cancelled"
    settle(free, 100_000)
    assert campaigns.get_campaign_message(ready.message).data.attributes.definition.status == "cancelled"


def test_a_message_is_scheduled_and_stopped(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    body = message_schedule(
        ready.message,
        strategy="throttled",
        throttled_options={"throttling_percentage": 25, "throttle_unit": "minute"},
    )
    scheduled = campaigns.schedule_campaign_message(body).data
    assert scheduled.id == ready.message
    assert (scheduled.attributes.strategy, scheduled.attributes.throttling_percentage) == ("throttled", 25)
    assert scheduled.attributes.throttle_unit == "minute"
    options = campaigns.get_campaign_message(ready.message).data.attributes.definition.send_options
    assert (options.send_strategy, options.recipient_percentage, options.throttle_unit) == ("throttled", 25, "minute")
    revert = document("campaign-message-schedule", {"action": "revert"}, id=ready.message)
    campaigns.update_campaign_message_schedule(ready.message, revert)
    with refused(404, "Campaign message schedule"):
        campaigns.update_campaign_message_schedule(ready.message, revert)
    smart = message_schedule(ready.message, strategy="smart_send_time", send_time=None, send_date="2026-11-22")
    result = campaigns.schedule_campaign_message(smart).data.attributes
    assert (str(result.send_date), result.send_time) == ("2026-11-22", None)
    cancel = document("campaign-message-schedule", {"action": "cancel"}, id=ready.message)
    campaigns.update_campaign_message_schedule(ready.message, cancel)
    with refused(409):
        campaigns.update_campaign_message_schedule(ready.message, cancel)


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"send_time": None}, "send_time"),
        ({"strategy": "smart_send_time"}, "send_date"),
        ({"strategy": "smart_send_time", "send_date": "2026-12-01"}, "send_time"),
        ({"strategy": "throttled"}, "throttled_options"),
        ({"throttled_options": {"throttling_percentage": 5}}, "throttled_options"),
        ({"timezone_options": {"send_past_timezones_tomorrow": True}}, "timezone_options"),
        (
            {"strategy": "throttled", "throttled_options": {"throttling_percentage": 0}},
            "throttled_options/throttling_percentage",
        ),
        ({"send_time": "2026-11-19T00:00:00Z"}, "send_time"),
    ],
)
def test_a_schedule_is_refused(free: Served, attributes: dict[str, Any], pointer: str) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free)
    with refused(400, f"/data/attributes/{pointer}"):
        campaigns.schedule_campaign_message(message_schedule(ready.message, **attributes))
    assert campaigns.get_campaign_message(ready.message).data.attributes.definition.status == "draft"


def test_a_schedule_names_messages_of_the_campaign(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready, other = Ready(free), Ready(free, "lee@example.org")
    schedule = {"strategy": "static", "send_time": LATER}
    with refused(400, "/data/attributes/message_schedules/1/message_id"):
        campaigns.schedule_campaign(
            schedule_body(
                ready.id, {"message_id": ready.message, **schedule}, {"message_id": other.message, **schedule}
            )
        )
    assert campaigns.get_campaign_message(ready.message).data.attributes.definition.status == "draft"
    with refused(400, "/data/attributes/message_schedules"):
        campaigns.schedule_campaign(schedule_body(ready.id))
    with refused(404):
        campaigns.schedule_campaign(schedule_body(NOPE, {"message_id": ready.message, **schedule}))
    with refused(404):
        campaigns.schedule_campaign_message(message_schedule(NOPE))


def test_recipients_are_estimated(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    ready = Ready(free, "kim@example.org", "lee@example.org")
    with refused(404):
        campaigns.get_campaign_recipient_estimation_job(ready.id)
    job = campaigns.refresh_campaign_recipient_estimation(
        document("campaign-recipient-estimation-job", id=ready.id)
    ).data
    assert (job.id, job.attributes.status) == (ready.id, "queued")
    with refused(404):
        campaigns.get_campaign_recipient_estimation(ready.id)
    free.clock.advance(0.2)
    assert campaigns.get_campaign_recipient_estimation_job(ready.id).data.attributes.status == "processing"
    free.clock.advance(0.2)
    assert campaigns.get_campaign_recipient_estimation_job(ready.id).data.attributes.status == "complete"
    estimation = campaigns.get_campaign_recipient_estimation(ready.id).data
    assert estimation.attributes.estimated_recipient_count == 2
    with refused(404):
        campaigns.refresh_campaign_recipient_estimation(document("campaign-recipient-estimation-job", id=NOPE))


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get_campaign(NOPE),
        lambda c: c.update_campaign(NOPE, document("campaign", {"definition": {"name": "x"}}, id=NOPE)),
        lambda c: c.delete_campaign(NOPE),
        lambda c: c.clone_campaign(document("campaign", {}, id=NOPE)),
        lambda c: c.get_tags_for_campaign(NOPE),
        lambda c: c.get_tag_ids_for_campaign(NOPE),
        lambda c: c.get_messages_for_campaign(NOPE),
        lambda c: c.get_message_ids_for_campaign(NOPE),
        lambda c: c.get_campaign_audiences_for_campaign(NOPE),
        lambda c: c.get_audience_ids_for_campaign(NOPE),
        lambda c: c.get_campaign_audience(NOPE),
        lambda c: c.update_campaign_audience(NOPE, document("campaign-audience", {"definition": {}}, id=NOPE)),
        lambda c: c.delete_campaign_audience(NOPE),
        lambda c: c.clone_campaign_audience(document("campaign-audience-clone", {"id": NOPE}, id=NOPE)),
        lambda c: c.get_campaign_for_campaign_audience(NOPE),
        lambda c: c.get_campaign_id_for_campaign_audience(NOPE),
        lambda c: c.get_campaign_messages_for_campaign_audience(NOPE),
        lambda c: c.get_message_ids_for_campaign_audience(NOPE),
        lambda c: c.get_campaign_message(NOPE),
        lambda c: c.update_campaign_message(NOPE, document("campaign-message", {"definition": {}}, id=NOPE)),
        lambda c: c.delete_campaign_message(NOPE),
        lambda c: c.clone_campaign_message(
            document("campaign-message", {"id": NOPE}, relation("campaign-audience", NOPE), id=NOPE)
        ),
        lambda c: c.assign_template_to_campaign_message(
            document("campaign-message", relationships=relation("template", NOPE), id=NOPE)
        ),
        lambda c: c.get_campaign_for_campaign_message(NOPE),
        lambda c: c.get_campaign_id_for_campaign_message(NOPE),
        lambda c: c.get_audience_for_campaign_message(NOPE),
        lambda c: c.get_audience_id_for_campaign_message(NOPE),
        lambda c: c.get_variations_for_campaign_message(NOPE),
        lambda c: c.get_variation_ids_for_campaign_message(NOPE),
        lambda c: c.get_tags_for_campaign_message(NOPE),
        lambda c: c.get_tag_ids_for_campaign_message(NOPE),
        lambda c: c.get_template_for_campaign_message(NOPE),
        lambda c: c.get_template_id_for_campaign_message(NOPE),
        lambda c: c.get_image_for_campaign_message(NOPE),
        lambda c: c.get_image_id_for_campaign_message(NOPE),
        lambda c: c.update_image_for_campaign_message(NOPE, {"data": {"type": "image", "id": "7"}}),
        lambda c: variation_of(c, NOPE),
        lambda c: c.get_campaign_variation(NOPE),
        lambda c: c.update_campaign_variation(NOPE, document("campaign-variation", {"definition": {}}, id=NOPE)),
        lambda c: c.delete_campaign_variation(NOPE),
        lambda c: c.get_message_for_campaign_variation(NOPE),
        lambda c: c.get_message_id_for_campaign_variation(NOPE),
        lambda c: c.get_image_for_campaign_variation(NOPE),
        lambda c: c.get_image_id_for_campaign_variation(NOPE),
        lambda c: c.get_translation_for_campaign_variation(NOPE),
        lambda c: c.get_translation_id_for_campaign_variation(NOPE),
        lambda c: c.get_campaign_recipient_estimation(NOPE),
        lambda c: c.update_campaign_message_schedule(
            NOPE, document("campaign-message-schedule", {"action": "cancel"}, id=NOPE)
        ),
    ],
)
def test_what_is_unknown_is_not_found(free: Served, call: Callable[[Any], Any]) -> None:
    with refused(404):
        call(free.sdk().Campaigns)
