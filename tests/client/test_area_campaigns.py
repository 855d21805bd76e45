"""Campaigns, their audiences, messages and variations over a real socket."""

import datetime as dt
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from aioklaviyo import (
    Conflict,
    DeadlineExceeded,
    Klaviyo,
    NoPacing,
    NotFound,
    OutcomeUnknown,
    RequestRejected,
    filters,
)
from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.campaign import (
    Campaign,
    CampaignMessage,
    CampaignVariation,
    campaign_from,
    message_from,
    variation_from,
)
from aioklaviyo.models.campaign_content import (
    EmailContent,
    NewAudience,
    NewMessage,
    NewVariation,
    PushButton,
    PushContent,
    SmsContent,
    WhatsappContent,
)
from aioklaviyo.models.campaign_details import EmailDetails, PushDetails, SmsDetails, WhatsappDetails
from aioklaviyo.models.campaign_options import (
    AbTestAttributes,
    SendOptionsAttributes,
    SendSettingsAttributes,
    TrackingOptionsAttributes,
)
from aioklaviyo.models.campaign_schedule import (
    LocalTimezoneSchedule,
    Schedule,
    SmartSendSchedule,
    StaticSchedule,
    ThrottledSchedule,
)
from aioklaviyo.models.job import Job
from aioklaviyo.pagination import Listing
from client.client_server import Connect, PaperClock, Reply, Reset, Serve
from client.emulated import Account, account, body_of, resources

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
DOT = "data:image/png;base64,iVBORw0KGgo="
EMAIL = EmailContent(subject="Hi {{ first_name|default:'there' }}", from_label="Kim", from_email="kim@example.org")


async def every(listing: Listing[Any]) -> list[Any]:
    return [found async for found in listing]


async def made(here: Account, kind: str, path: str, attributes: dict[str, Any], **more: Any) -> str:
    answer = await here.klaviyo.request(
        "POST", path, json={"data": {"type": kind, "attributes": attributes, **more}}, is_repeatable=False
    )
    return answer.document["data"]["id"]


async def new_template(here: Account) -> str:
    attributes = {"name": "Story", "editor_type": "CODE", "html": "<p>Dear {{ first_name }}</p>"}
    return await made(here, "template", "/api/templates", attributes)


async def new_list(here: Account, *emails: str) -> str:
    group = await here.klaviyo.lists.create("Readers")
    for email in emails:
        person = await made(here, "profile", "/api/profiles", {"email": email})
        await here.klaviyo.lists.add_members(group.id, [person])
    return group.id


async def new_campaign(here: Account, *variations: EmailContent) -> Campaign:
    """A campaign with one message to one reader."""
    readers = NewAudience(
        name="Readers",
        included=[await new_list(here, "ann@example.org")],
        messages=[NewMessage(name="Hello", variations=variations or (EMAIL,))],
    )
    return await here.klaviyo.campaigns.create("Launch", audiences=[readers])


async def new_image(here: Account) -> str:
    return await made(here, "image", "/api/images", {"import_from_url": DOT, "name": "Dot"})


async def make_and_read_its_parts(here: Account, group: str) -> Campaign:
    campaigns = here.klaviyo.campaigns
    tag = await made(here, "tag", "/api/tags", {"name": "spring"})
    template = await new_template(here)
    letter = EMAIL.model_copy(update={"template_id": template})
    campaign = await campaigns.create(
        "Launch",
        audiences=[
            NewAudience(
                name="Readers",
                included=[group],
                messages=[
                    NewMessage(
                        name="Hello",
                        variations=[letter, NewVariation(name="B", details=letter)],
                        is_add_utm=True,
                        throttling_type="FOR_CAMPAIGNS",
                    )
                ],
            ),
            NewAudience(included=[], excluded=[group]),
        ],
        tag_ids=[tag],
        builder="canvas",
        archived=False,
        color="ff5733",
        description="Of spring",
        send_settings=SendSettingsAttributes(send_timezone="Europe/Vienna", exit_condition_enabled=False),
    )
    assert (campaign.name, campaign.builder, campaign.color) == ("Launch", "canvas", "ff5733")
    assert (campaign.archived, campaign.description, campaign.created_at) == (False, "Of spring", NOW)
    assert campaign.send_settings is not None
    assert campaign.send_settings.send_timezone == "Europe/Vienna"
    assert len(campaign.audience_ids) == 2
    (message_id,) = campaign.message_ids
    assert [each.id for each in await every(campaigns.audiences(campaign.id))] == list(campaign.audience_ids)
    assert await every(campaigns.audience_ids(campaign.id)) == list(campaign.audience_ids)
    (message,) = await every(campaigns.messages(campaign.id))
    assert (message.id, message.name, message.status) == (message_id, "Hello", "draft")
    (readers,) = [each for each in await every(campaigns.audiences(campaign.id)) if each.name]
    assert (message.audience_id, readers.included) == (readers.id, (group,))
    assert len(message.variation_ids) == 2
    assert message.send_options is not None
    assert message.send_options.throttling_type == "throttle-for-campaigns"
    assert message.tracking_options is not None
    assert message.tracking_options.is_add_utm is True
    assert await every(campaigns.message_ids(campaign.id)) == [message_id]
    assert [each.name for each in await every(campaigns.tags(campaign.id, fields=("name",)))] == ["spring"]
    assert await every(campaigns.tag_ids(campaign.id)) == [tag]

    return campaign


async def find(here: Account, campaign: Campaign, group: str) -> None:
    campaigns = here.klaviyo.campaigns
    (message_id,) = campaign.message_ids
    read = await campaigns.get(campaign.id, include=("campaign-audiences", "campaign-messages"))
    assert read.audiences is not None
    assert {each.included for each in read.audiences} == {(group,), ()}
    assert read.messages is not None
    assert (read.messages[0].campaign_id, read.messages[0].campaign) == (campaign.id, None)
    plain = await campaigns.get(campaign.id, fields=("definition.name",))
    assert (plain.name, plain.color, plain.messages, plain.tags) == ("Launch", None, None, None)
    wanted = filters.all_of(
        filters.any_of("id", [campaign.id]),
        filters.contains("name", "Lau"),
        filters.equals("archived", value=False),
        filters.equals("builder", "canvas"),
        filters.greater_or_equal("created_at", NOW),
    )
    listed = await every(
        campaigns.list(filter=wanted, sort="-created_at", include=("campaign-messages",), page_size=100)
    )
    assert [each.messages is not None and each.messages[0].id for each in listed] == [message_id]


async def change_and_copy(here: Account, campaign: Campaign) -> Campaign:
    campaigns = here.klaviyo.campaigns
    changed = await campaigns.update(campaign.id, name="Later", archived=True, color=None)
    assert (changed.name, changed.archived, changed.color, changed.description) == (
        "Later",
        True,
        None,
        "Of spring",
    )
    settings = SendSettingsAttributes(exit_condition_enabled=True)
    changed = await campaigns.update(campaign.id, send_settings=settings)
    assert changed.send_settings is not None
    assert changed.send_settings.exit_condition_enabled is True
    copy = await campaigns.clone(campaign.id, name="Again")
    assert (copy.name, len(copy.message_ids)) == ("Again", 1)
    assert "Later" in ((await campaigns.clone(campaign.id)).name or "")

    return copy


async def count(here: Account, campaign: Campaign) -> None:
    campaigns = here.klaviyo.campaigns
    counting = await campaigns.refresh_recipient_estimation(campaign.id)
    assert (counting.id, counting.is_finished) == (campaign.id, False)
    here.emulator.settle()
    assert (await campaigns.recipient_estimation_job(campaign.id)).is_finished
    assert (await campaigns.recipient_estimation(campaign.id)).estimated_recipient_count == 2


async def schedule_and_send(here: Account, campaign: Campaign, copy: Campaign) -> None:
    campaigns = here.klaviyo.campaigns
    (message_id,) = campaign.message_ids
    planned = await campaigns.schedule(campaign.id, {message_id: StaticSchedule(send_time=LATER)})
    assert planned.id == campaign.id
    assert [(each.id, each.strategy, each.send_time) for each in planned.messages] == [(message_id, "static", LATER)]
    with pytest.raises(Conflict):
        await campaigns.delete(campaign.id)
    await campaigns.revert(campaign.id)
    assert (await here.klaviyo.campaign_messages.get(message_id)).status == "draft"
    await campaigns.schedule(campaign.id, {message_id: SmartSendSchedule(send_date=LATER.date())})
    await campaigns.cancel(campaign.id)
    assert (await campaigns.send_job(campaign.id)).status == "cancelled"
    with pytest.raises(Conflict):
        await campaigns.cancel(campaign.id)
    sent = await campaigns.send(copy.id)
    assert (sent.id, sent.status) == (copy.id, "queued")
    here.emulator.advance(seconds=1)
    assert (await campaigns.wait_until_sent(copy.id)).status == "complete"
    (delivered,) = await every(campaigns.messages(copy.id, fields=("definition.status",)))
    assert delivered.status == "sent"


async def test_every_operation_of_campaigns_does_what_it_says() -> None:
    async with account() as here:
        here.emulator.set(NOW)
        campaigns = here.klaviyo.campaigns
        group = await new_list(here, "ann@example.org", "bob@example.org")
        campaign = await make_and_read_its_parts(here, group)
        await find(here, campaign, group)
        copy = await change_and_copy(here, campaign)
        await count(here, campaign)
        await schedule_and_send(here, campaign, copy)
        await campaigns.delete(campaign.id)
        with pytest.raises(NotFound):
            await campaigns.get(campaign.id)
        assert here.succeeded() >= resources("campaigns")
        here.check()


async def test_every_operation_of_audiences_does_what_it_says() -> None:
    async with account() as here:
        audiences = here.klaviyo.campaign_audiences
        campaign, other = await new_campaign(here), await here.klaviyo.campaigns.create("Other")
        group, rest = await new_list(here), await new_list(here)
        audience = await audiences.create(campaign.id, included=[group], excluded=[rest], name="Few", priority=2)
        assert (audience.included, audience.excluded) == ((group,), (rest,))
        assert (audience.name, audience.priority, audience.campaign_id) == ("Few", 2, campaign.id)
        bare = await audiences.create(campaign.id, included=[group])
        assert (bare.name, bare.priority, bare.excluded) == (None, None, ())
        read = await audiences.get(campaign.audience_ids[0], include=("campaign", "campaign-messages"))
        assert read.campaign is not None
        assert (read.campaign.name, read.campaign.message_ids) == ("Launch", campaign.message_ids)
        assert read.messages is not None
        assert [each.name for each in read.messages] == ["Hello"]
        assert (await audiences.get(audience.id, fields=("definition.name",))).included is None
        changed = await audiences.update(audience.id, excluded=[], priority=None)
        assert (changed.included, changed.excluded, changed.priority, changed.name) == ((group,), (), None, "Few")
        assert (await audiences.update(audience.id, included=[rest], name="Many")).included == (rest,)
        copy = await audiences.clone(audience.id, campaign_id=other.id, name="Copy")
        assert (copy.name, copy.campaign_id, copy.included) == ("Copy", other.id, (rest,))
        assert (await audiences.clone(audience.id)).campaign_id == campaign.id
        found = await audiences.campaign(audience.id, fields=("definition.name",))
        assert found is not None
        assert (found.id, found.name) == (campaign.id, "Launch")
        assert await audiences.campaign_id(audience.id) == campaign.id
        first = campaign.audience_ids[0]
        messages = await every(audiences.messages(first, fields=("definition.name",)))
        assert [(each.id, each.name) for each in messages] == [(campaign.message_ids[0], "Hello")]
        assert await every(audiences.message_ids(first)) == list(campaign.message_ids)
        await audiences.delete(audience.id)
        with pytest.raises(NotFound):
            await audiences.get(audience.id)
        assert here.succeeded() >= resources("campaign_audiences")
        here.check()


async def make_and_change_a_message(here: Account, campaign: Campaign) -> CampaignMessage:
    messages = here.klaviyo.campaign_messages
    (audience,) = campaign.audience_ids
    message = await messages.create(
        campaign.id,
        audience,
        name="Second",
        variations=[EMAIL, NewVariation(name="B", details=EMAIL)],
        tracking_options=TrackingOptionsAttributes(is_tracking_opens=False),
        send_options=SendOptionsAttributes(
            send_time=LATER, send_strategy="throttled", recipient_percentage=20, throttle_unit="minute"
        ),
    )
    assert (message.name, message.status, message.campaign_id) == ("Second", "draft", campaign.id)
    assert (message.audience_id, len(message.variation_ids)) == (audience, 2)
    assert message.send_options is not None
    assert (message.send_options.send_time, message.send_options.recipient_percentage) == (LATER, 20)
    assert message.tracking_options is not None
    assert message.tracking_options.is_tracking_opens is False
    assert (await messages.create(campaign.id, audience)).name is None
    read = await messages.get(message.id, include=("campaign", "campaign-variations"))
    assert read.campaign is not None
    assert read.campaign.name == "Launch"
    assert read.variations is not None
    assert [each.name for each in read.variations] == [None, "B"]
    assert read.variations[0].message_id == message.id
    changed = await messages.update(
        message.id,
        name="New",
        status="draft",
        tracking_options=TrackingOptionsAttributes(is_add_utm=True),
        send_options=SendOptionsAttributes(throttling_type="throttle-for-flows"),
    )
    assert changed.name == "New"
    assert changed.tracking_options is not None
    assert (changed.tracking_options.is_add_utm, changed.tracking_options.is_tracking_opens) == (True, False)
    assert changed.send_options is not None
    assert changed.send_options.throttling_type == "throttle-for-flows"
    assert changed.send_options.send_strategy == "throttled"
    wanted = filters.all_of(
        filters.equals("campaign_id", campaign.id),
        filters.contains("name", "New"),
        filters.equals("status", "draft"),
    )
    listed = await every(messages.list(filter=wanted, sort="-updated", include=("campaign",), page_size=1))
    assert [each.campaign is not None and each.campaign.id for each in listed] == [campaign.id]
    copy = await messages.clone(message.id, audience, name="Copy")
    assert (copy.name, len(copy.variation_ids)) == ("Copy", 2)

    return message


async def assign(here: Account, campaign: Campaign) -> None:
    messages = here.klaviyo.campaign_messages
    (first,) = campaign.message_ids
    template = await new_template(here)
    assert await messages.template(first) is None
    assert await messages.template_id(first) is None
    assigned = await messages.assign_template(first, template)
    assert (assigned.id, assigned.label, assigned.channel) == (first, "Hello", "email")
    assert assigned.campaign_id == campaign.id
    assert assigned.content is not None
    assert assigned.content["subject"] == EMAIL.subject
    assert assigned.template_id not in {None, template}
    assert await messages.template_id(first) == assigned.template_id
    found = await messages.template(first, fields=("html",))
    assert found is not None
    assert found.html == "<p>Dear {{ first_name }}</p>"


async def read_what_is_related(here: Account, campaign: Campaign, message: CampaignMessage) -> None:
    messages = here.klaviyo.campaign_messages
    (audience,) = campaign.audience_ids
    assert await every(messages.variation_ids(message.id)) == list(message.variation_ids)
    variations = await every(messages.variations(message.id, fields=("definition.name",)))
    assert [each.name for each in variations] == [None, "B"]
    there = await messages.campaign(message.id, fields=("definition.name",))
    assert there is not None
    assert there.name == "Launch"
    assert await messages.campaign_id(message.id) == campaign.id
    readers = await messages.audience(message.id)
    assert readers is not None
    assert readers.name == "Readers"
    assert await messages.audience_id(message.id) == audience
    tag = await made(here, "tag", "/api/tags", {"name": "spring"})
    tagged = {"data": [{"type": "campaign", "id": campaign.id}]}
    await here.klaviyo.request("POST", f"/api/tags/{tag}/relationships/campaigns", json=tagged)
    assert [each.name for each in await every(messages.tags(message.id, fields=("name",)))] == ["spring"]
    assert await every(messages.tag_ids(message.id)) == [tag]


async def show_an_image(here: Account, campaign: Campaign, message: CampaignMessage) -> None:
    messages = here.klaviyo.campaign_messages
    (audience,) = campaign.audience_ids
    assert await messages.image_id(message.id) is None
    with pytest.raises(NotFound):
        await messages.image(message.id)
    text = await messages.create(campaign.id, audience, variations=[SmsContent(body="Hi")])
    picture = await new_image(here)
    await messages.set_image(text.id, picture)
    assert await messages.image_id(text.id) == picture
    shown = await messages.image(text.id, fields=("name", "format"))
    assert shown is not None
    assert (shown.name, shown.format, shown.size) == ("Dot", "png", None)


async def schedule_and_stop(here: Account, campaign: Campaign) -> None:
    messages = here.klaviyo.campaign_messages
    (first,) = campaign.message_ids
    schedule = await messages.schedule(first, ThrottledSchedule(send_time=LATER, throttling_percentage=25))
    assert (schedule.id, schedule.send_time, schedule.throttling_percentage) == (first, LATER, 25)
    assert (schedule.strategy, schedule.throttle_unit) == ("throttled", "hour")
    await messages.revert(first)
    assert (await messages.get(first, fields=("definition.status",))).status == "draft"
    await messages.schedule(first, LocalTimezoneSchedule(send_time=LATER, send_past_timezones_tomorrow=True))
    await messages.cancel(first)
    assert (await messages.get(first)).status == "cancelled"


async def test_every_operation_of_messages_does_what_it_says() -> None:
    async with account() as here:
        here.emulator.set(NOW)
        messages = here.klaviyo.campaign_messages
        campaign = await new_campaign(here)
        message = await make_and_change_a_message(here, campaign)
        await assign(here, campaign)
        await read_what_is_related(here, campaign, message)
        await show_an_image(here, campaign, message)
        await schedule_and_stop(here, campaign)
        await messages.delete(message.id)
        with pytest.raises(NotFound):
            await messages.get(message.id)
        assert here.succeeded() >= resources("campaign_messages")
        here.check()


async def test_every_operation_of_variations_does_what_it_says() -> None:
    async with account() as here:
        variations = here.klaviyo.campaign_variations
        campaign = await new_campaign(here)
        (message,) = campaign.message_ids
        variation = await variations.create(message, EMAIL, name="B")
        assert (variation.name, variation.message_id) == ("B", message)
        assert isinstance(variation.details, EmailDetails)
        assert (variation.details.subject, variation.details.from_email) == (EMAIL.subject, EMAIL.from_email)
        changed = await variations.update(variation.id, details=EmailContent(preview_text="Soon"), name="C")
        assert isinstance(changed.details, EmailDetails)
        assert (changed.name, changed.details.preview_text) == ("C", "Soon")
        assert changed.details.subject == EMAIL.subject
        there = await variations.message(variation.id, fields=("definition.name",))
        assert there is not None
        assert (there.id, there.name) == (message, "Hello")
        assert await variations.message_id(variation.id) == message

        assert await variations.image_id(variation.id) is None
        assert await variations.translation_id(variation.id) is None
        with pytest.raises(NotFound):
            await variations.image(variation.id)
        with pytest.raises(NotFound):
            await variations.translation(variation.id)
        texts = await here.klaviyo.campaign_messages.create(
            campaign.id, campaign.audience_ids[0], variations=[SmsContent(body="Hi")]
        )
        (text,) = texts.variation_ids
        picture = await new_image(here)
        await here.klaviyo.campaign_messages.set_image(texts.id, picture)
        languages = {"source_locale": "en", "target_locales": ["de"], "fallback_locale": "en", "channel": "sms"}
        translated = await made(
            here,
            "translation",
            "/api/translations",
            languages,
            relationships={"campaign-variation": {"data": {"type": "campaign-variation", "id": text}}},
        )
        assert await variations.image_id(text) == picture
        image = await variations.image(text, fields=("name",))
        assert image is not None
        assert (image.id, image.name) == (picture, "Dot")
        assert await variations.translation_id(text) == translated
        translation = await variations.translation(text)
        assert translation is not None
        assert (translation.id, translation.target_locales, translation.channel) == (translated, ("de",), "sms")
        read = await variations.get(text, include=("campaign-message", "image", "translation"))
        assert (read.message_id, read.image_id, read.translation_id) == (texts.id, picture, translated)
        assert read.message is not None
        assert read.message.campaign_id == campaign.id
        assert read.image is not None
        assert read.image.format == "png"
        assert read.translation is not None
        assert read.translation.source_locale == "en"
        await variations.delete(variation.id)
        with pytest.raises(NotFound):
            await variations.get(variation.id)
        assert here.succeeded() >= resources("campaign_variations")
        here.check()


async def test_from_an_idea_to_a_letter_in_the_box(connect: Connect) -> None:
    async with account() as here:
        klaviyo = await connect(here.emulator.url, pacing=NoPacing())
        template = await new_template(here)
        readers = NewAudience(
            included=[await new_list(here, "ann@example.org")], messages=[NewMessage(variations=[EMAIL])]
        )
        campaign = await klaviyo.campaigns.create("Launch", audiences=[readers])
        await klaviyo.campaign_messages.assign_template(campaign.message_ids[0], template)
        states: list[str | None] = []
        counted = await klaviyo.campaigns.estimate_recipients(
            campaign.id, progress=lambda job: states.append(job.status) or here.emulator.settle()
        )
        assert counted.estimated_recipient_count == 1
        assert (states[0], states[-1]) == ("queued", "complete")
        await klaviyo.campaigns.send(campaign.id)
        here.emulator.advance(seconds=1)
        assert (await klaviyo.campaigns.wait_until_sent(campaign.id)).status == "complete"
        async with aiohttp.request("GET", f"{here.emulator.url}/__emulator__/outbox") as answer:
            (mail,) = (await answer.json())["mail"]
        assert mail["to"] == "ann@example.org"


async def test_waiting_asks_less_and_less_often_and_tells_of_every_state(connect: Connect, clock: PaperClock) -> None:
    async with account(job_ms=60_000) as here:
        campaign = await new_campaign(here, EMAIL.model_copy(update={"template_id": await new_template(here)}))
        klaviyo = await connect(here.emulator.url, pacing=NoPacing())
        seen: list[str | None] = []

        def watch(job: Job) -> None:
            seen.append(job.status)
            if len(seen) > 5:
                here.emulator.advance(minutes=1)

        await klaviyo.campaigns.send(campaign.id)
        job = await klaviyo.campaigns.wait_until_sent(campaign.id, progress=watch)
        assert job.status == "complete"
        assert seen[:6] == ["queued"] * 6
        assert seen[-1] == "complete"
        assert clock.sleeps[:3] == [0.5, 0.75, 1.125]
        with pytest.raises(DeadlineExceeded, match="goes on"):
            await klaviyo.campaigns.estimate_recipients(campaign.id, timeout_seconds=20)
        with pytest.raises(NotFound):
            await klaviyo.campaigns.wait_until_sent("01NOPE")


async def test_what_a_call_includes_is_resolved_and_what_names_it_back_is_not() -> None:
    async with account() as here:
        campaign = await new_campaign(here)
        tag = await made(here, "tag", "/api/tags", {"name": "spring"})
        tagged = {"data": [{"type": "campaign", "id": campaign.id}]}
        await here.klaviyo.request("POST", f"/api/tags/{tag}/relationships/campaigns", json=tagged)
        read = await here.klaviyo.campaigns.get(campaign.id, include=("tags", "campaign-audiences"))
        assert read.tags is not None
        assert [each.name for each in read.tags] == ["spring"]
        assert read.audiences is not None
        assert (read.audiences[0].message_ids, read.audiences[0].messages) == (campaign.message_ids, None)
        assert read.messages is None
        (message,) = await every(here.klaviyo.campaigns.messages(campaign.id, include=("campaign",)))
        assert message.campaign is not None
        assert (message.campaign.id, message.campaign.messages) == (campaign.id, None)
        assert message.variations is None


async def test_a_test_of_variations_is_told_of() -> None:
    async with account() as here:
        campaign = await new_campaign(here)
        test = AbTestAttributes(winner_metric="clicks_unique", winner_percentage=60, winner_wait_hours=4)
        message = await here.klaviyo.campaign_messages.create(campaign.id, campaign.audience_ids[0], ab_test=test)
        assert message.ab_test is not None
        assert (message.ab_test.winner_metric, message.ab_test.winner_wait_hours) == ("clicks_unique", 4)
        changed = await here.klaviyo.campaign_messages.update(message.id, ab_test=AbTestAttributes(winner_wait_hours=8))
        assert changed.ab_test is not None
        assert changed.ab_test.winner_wait_hours == 8


CONTENTS = {
    "sms": (
        SmsContent(
            body="Hi", text_message_type="MMS", shorten_links=True, add_org_prefix=None, mms_static_image_asset_id=7
        ),
        SmsDetails(body="Hi", text_message_type="MMS", shorten_links=True, mms_static_image_asset_id=7),
    ),
    "push": (
        PushContent(
            title="Hi",
            body="There",
            badge=True,
            badge_config="set-count",
            kv_pairs={"night": "1"},
            action_buttons=[PushButton(label="Open", action_type="open_url", url="https://example.org")],
        ),
        PushDetails.model_validate(
            {
                "title": "Hi",
                "body": "There",
                "badge": True,
                "badge_config": "set-count",
                "kv_pairs": {"night": "1"},
                "action_buttons": [{"label": "Open", "action_type": "open_url", "url": "https://example.org"}],
            }
        ),
    ),
    "push without buttons": (PushContent(push_type="silent"), PushDetails(push_type="silent")),
    "whatsapp": (WhatsappContent(template_id="AbC123"), WhatsappDetails(template_id="AbC123")),
}


@pytest.mark.parametrize("channel", CONTENTS)
async def test_each_channel_comes_back_as_it_was_written(channel: str) -> None:
    content, expected = CONTENTS[channel]
    async with account() as here:
        campaign = await new_campaign(here)
        message = await here.klaviyo.campaign_messages.create(
            campaign.id, campaign.audience_ids[0], variations=[content]
        )
        (variation,) = await every(here.klaviyo.campaign_messages.variations(message.id))
        assert type(variation.details) is type(expected)
        assert variation.details is not None
        read = variation.details.model_dump(exclude_unset=True, exclude_none=True)
        assert read == {"channel": content.channel, **expected.model_dump(exclude_unset=True)}
        here.check()


async def test_a_variation_may_say_nothing_yet() -> None:
    async with account() as here:
        campaign = await new_campaign(here)
        bare = await here.klaviyo.campaign_variations.create(campaign.message_ids[0])
        assert (bare.name, bare.details) == (None, None)
        assert (await here.klaviyo.campaign_variations.update(bare.id, name="Bare")).name == "Bare"
        here.check()


async def test_a_mapping_says_what_the_client_does_not_know() -> None:
    async with account() as here:
        campaign = await new_campaign(here)
        (message,) = campaign.message_ids
        raw = {"channel": "email", "subject": "Raw"}
        variation = await here.klaviyo.campaign_variations.create(message, raw)
        assert isinstance(variation.details, EmailDetails)
        assert variation.details.subject == "Raw"
        changed = await here.klaviyo.campaign_variations.update(variation.id, details={**raw, "subject": "Rawer"})
        assert isinstance(changed.details, EmailDetails)
        assert changed.details.subject == "Rawer"
        with pytest.raises(RequestRejected, match="400"):
            await here.klaviyo.campaign_variations.create(message, {"channel": "fax"})


def test_a_variation_can_be_built_for_a_test_of_ones_own() -> None:
    details = SmsDetails(body="Hi")
    assert CampaignVariation(id="1", details=details).details == details


def test_what_is_not_known_here_does_not_break_a_read() -> None:
    fax = variation_from(Resource("campaign-variation", "1", {"definition": {"details": {"channel": "fax"}}}, {}))
    assert fax.details == {"channel": "fax"}
    changed: list[Any] = [{"channel": ["email"]}, {"channel": "push", "badge_config": {"type": "increment"}}]
    for strange in changed:
        odd = variation_from(Resource("campaign-variation", "1", {"definition": {"details": strange}}, {}))
        assert odd.details == strange
    partly = variation_from(Resource("campaign-variation", "1", {"definition": {"details": {"subject": "x"}}}, {}))
    assert partly.details == {"subject": "x"}
    email = {"channel": "email", "subject": None, "tone": "warm"}
    known = variation_from(Resource("campaign-variation", "1", {"definition": {"details": email}}, {}))
    assert isinstance(known.details, EmailDetails)
    assert (known.details.subject, known.details.model_extra) == (None, {"tone": "warm"})
    definition = {"status": "resting", "send_options": {"send_strategy": "by_mood", "send_time": None}, "ab_test": None}
    message = message_from(Resource("campaign-message", "1", {"definition": definition}, {}))
    assert message.status == "resting"
    assert message.send_options is not None
    assert message.send_options.send_strategy == "by_mood"
    for kind in (campaign_from, message_from, variation_from):
        assert kind(Resource("x", "1", {}, {})).id == "1"
        assert kind(Resource("x", "1", {"definition": None}, {})).id == "1"


@pytest.mark.parametrize(
    "write",
    [
        lambda: StaticSchedule(send_time=dt.datetime(2026, 11, 21, 9)),  # noqa: DTZ001 - that is what is refused
        lambda: ThrottledSchedule.model_validate({"send_time": LATER, "throttling_percentage": 12}),
        lambda: ThrottledSchedule.model_validate({"send_time": LATER}),
        lambda: SmartSendSchedule.model_validate({"send_time": LATER}),
        lambda: StaticSchedule.model_validate({"send_time": LATER, "send_date": "2026-11-21"}),
        lambda: SendOptionsAttributes(recipient_percentage=101),
        lambda: SendOptionsAttributes.model_validate({"send_strategy": "by_mood"}),
        lambda: EmailContent.model_validate({"subjct": "Hi"}),
        lambda: EmailContent.model_validate({"channel": "sms"}),
        lambda: SmsContent.model_validate({"cost": 1.0}),
        lambda: PushContent.model_validate({"action_buttons": [{"label": "x", "action_type": "jump"}]}),
        lambda: NewAudience.model_validate({"included": "AbC123"}),
        lambda: NewMessage.model_validate({"throttling_type": "none"}),
    ],
)
def test_what_klaviyo_would_refuse_cannot_be_written(write: Callable[[], object]) -> None:
    with pytest.raises(ValidationError):
        write()


@pytest.mark.parametrize(
    ("schedule", "sent"),
    [
        (StaticSchedule(send_time=LATER), {"strategy": "static", "send_time": "2026-11-21T09:00:00+00:00"}),
        (
            LocalTimezoneSchedule(send_time=LATER),
            {"strategy": "local_timezone", "send_time": "2026-11-21T09:00:00+00:00"},
        ),
        (
            LocalTimezoneSchedule(send_time=LATER, send_past_timezones_tomorrow=False),
            {
                "strategy": "local_timezone",
                "send_time": "2026-11-21T09:00:00+00:00",
                "timezone_options": {"send_past_timezones_tomorrow": False},
            },
        ),
        (
            ThrottledSchedule(send_time=LATER, throttling_percentage=10, throttle_unit="minute"),
            {
                "strategy": "throttled",
                "send_time": "2026-11-21T09:00:00+00:00",
                "throttled_options": {"throttling_percentage": 10, "throttle_unit": "minute"},
            },
        ),
        (SmartSendSchedule(send_date=LATER.date()), {"strategy": "smart_send_time", "send_date": "2026-11-21"}),
    ],
)
def test_a_schedule_says_what_its_strategy_needs(schedule: Schedule, sent: dict[str, Any]) -> None:
    assert schedule.wire() == sent
    assert json.dumps(schedule.wire())


async def test_what_is_unset_is_absent_and_what_is_none_is_null(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": {"type": "x", "id": "1"}}))
    klaviyo = await connect(server.url, pacing=NoPacing())
    await klaviyo.campaigns.update("1", color=None, send_settings=None)
    await klaviyo.campaigns.update("1", send_settings=SendSettingsAttributes(send_timezone=None))
    await klaviyo.campaign_audiences.update("1", priority=None)
    await klaviyo.campaign_messages.update(
        "1", name=None, ab_test=None, send_options=SendOptionsAttributes(send_time=None)
    )
    await klaviyo.campaign_variations.update("1", details=EmailContent(template_id=None))
    await klaviyo.campaigns.create("Bare")
    definitions = [received.json["data"]["attributes"]["definition"] for received in server.received]
    assert definitions == [
        {"color": None, "send_settings": None},
        {"send_settings": {"send_timezone": None}},
        {"priority": None},
        {"name": None, "ab_test": None, "send_options": {"send_time": None}},
        {"details": {"channel": "email", "template_id": None}},
        {"name": "Bare"},
    ]
    assert server.received[-1].json["data"] == {"type": "campaign", "attributes": {"definition": {"name": "Bare"}}}


async def test_messages_name_the_audience_they_were_given_with() -> None:
    async with account() as here:
        groups = [await new_list(here), await new_list(here)]
        await here.klaviyo.campaigns.create(
            "Two",
            audiences=[
                NewAudience(included=[group], messages=[NewMessage(name=str(index)), NewMessage()])
                for index, group in enumerate(groups)
            ],
        )
        attributes: Any = body_of(here.sent[-1])
        attributes = attributes["data"]["attributes"]
        first, second = (each["temporary_id"] for each in attributes["audiences"])
        assert first != second
        assert [each["audience_temporary_id"] for each in attributes["messages"]] == [first, first, second, second]
        assert attributes["messages"][1] == {"audience_temporary_id": first}
        here.check()


@dataclass(frozen=True)
class Write:
    name: str
    run: Callable[[Klaviyo], Awaitable[object]]


UNSAFE = [
    Write("create", lambda k: k.campaigns.create("x")),
    Write("clone", lambda k: k.campaigns.clone("1")),
    Write("send", lambda k: k.campaigns.send("1")),
    Write("schedule", lambda k: k.campaigns.schedule("1", {"2": StaticSchedule(send_time=LATER)})),
    Write("create an audience", lambda k: k.campaign_audiences.create("1", included=["2"])),
    Write("clone an audience", lambda k: k.campaign_audiences.clone("1")),
    Write("create a message", lambda k: k.campaign_messages.create("1", "2")),
    Write("clone a message", lambda k: k.campaign_messages.clone("1", "2")),
    Write("schedule a message", lambda k: k.campaign_messages.schedule("1", StaticSchedule(send_time=LATER))),
    Write("create a variation", lambda k: k.campaign_variations.create("1")),
]
SAFE = [
    Write("update", lambda k: k.campaigns.update("1", name="x")),
    Write("delete", lambda k: k.campaigns.delete("1")),
    Write("cancel", lambda k: k.campaigns.cancel("1")),
    Write("revert a message", lambda k: k.campaign_messages.revert("1")),
    Write("count", lambda k: k.campaigns.refresh_recipient_estimation("1")),
    Write("assign", lambda k: k.campaign_messages.assign_template("1", "2")),
    Write("set an image", lambda k: k.campaign_messages.set_image("1", "2")),
]


@pytest.mark.parametrize("write", UNSAFE, ids=lambda write: write.name)
async def test_what_would_be_done_twice_is_not_repeated(serve: Serve, connect: Connect, write: Write) -> None:
    server = await serve(Reset())
    klaviyo = await connect(server.url, pacing=NoPacing())
    with pytest.raises(OutcomeUnknown):
        await write.run(klaviyo)
    assert len(server.received) == 1


@pytest.mark.parametrize("write", SAFE, ids=lambda write: write.name)
async def test_what_comes_to_the_same_is_repeated(serve: Serve, connect: Connect, write: Write) -> None:
    server = await serve(Reset(), Reply(document={"data": {"type": "x", "id": "1"}}))
    klaviyo = await connect(server.url, pacing=NoPacing())
    await write.run(klaviyo)
    assert len(server.received) == 2
    assert server.received[0].body == server.received[1].body
