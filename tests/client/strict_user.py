# pyright: strict
"""What users write, for the type checker alone: nothing here is run."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import assert_type

from aioklaviyo import (
    Api,
    BulkResult,
    Event,
    Klaviyo,
    Listing,
    NewEvent,
    Page,
    Priority,
    Profile,
    ProfileAttributes,
    ProfileRef,
    RedisPacing,
    Upserted,
    filters,
    webhooks,
)
from aioklaviyo.models.campaign import Campaign
from aioklaviyo.models.campaign_content import EmailContent, NewAudience, NewMessage
from aioklaviyo.models.catalog_item import CatalogItem, NewCatalogItem
from aioklaviyo.models.flow import Flow
from aioklaviyo.models.full_profile import FullProfile
from aioklaviyo.models.profile_list import Member, ProfileList
from aioklaviyo.models.segment import (
    ConditionGroup,
    MarketingConsent,
    ProfileProperty,
    ReceivesEmail,
    SegmentDefinition,
    StringFilter,
    custom_property,
)
from aioklaviyo.models.tag import Tag
from aioklaviyo.models.template import Template


async def people(klaviyo: Klaviyo) -> None:
    assert_type(await klaviyo.profiles.get("01M1", include=("lists",)), FullProfile)
    assert_type(await klaviyo.profiles.find(external_id="a-1"), Profile | None)
    assert_type(await klaviyo.profiles.find_many(emails=["ann@example.org"]), dict[str, Profile])
    assert_type(await klaviyo.profiles.upsert(ProfileAttributes(email="ann@example.org", title=None)), Upserted)
    listing = klaviyo.lists.members("Y6nRLr", sort="-joined_group_at")
    assert_type(listing, Listing[Member])
    async for member in listing:
        assert_type(member.joined_group_at, dt.datetime | None)
    async for page in klaviyo.lists.list(include=("tags",)).pages():
        assert_type(page, Page[ProfileList])
        assert_type(page.items[0].tags, tuple[Tag, ...] | None)


async def happenings(klaviyo: Klaviyo, many: AsyncIterator[NewEvent]) -> None:
    event = NewEvent(metric="Story Generated", profile=ProfileRef(external_id="a-1"), properties={"minutes": 8})
    await klaviyo.events.create(event)
    assert_type(await klaviyo.events.send_all(many), BulkResult[NewEvent])
    where = filters.all_of(
        filters.equals("metric_id", "SkDfHe"), filters.greater_than("datetime", dt.datetime.now(dt.UTC))
    )
    async for found in klaviyo.events.list(filter=where, sort="-datetime", include=("profile",)):
        assert_type(found, Event)
        assert_type(found.profile, Profile | None)


async def marketing(klaviyo: Klaviyo) -> None:
    families = ProfileProperty(property=custom_property("plan"), filter=StringFilter(value="family"))
    definition = SegmentDefinition.all_of(MarketingConsent(consent=ReceivesEmail()), ConditionGroup.any_of(families))
    segment = await klaviyo.segments.create("Families", definition)
    audience = NewAudience(
        included=[segment.id],
        messages=[NewMessage(variations=[EmailContent(subject="A story", from_email="kim@example.org")])],
    )
    assert_type(await klaviyo.campaigns.create("Spring", audiences=[audience]), Campaign)
    assert_type(await klaviyo.templates.get("XyZ123"), Template)
    assert_type(await klaviyo.flows.get("XyZ123"), Flow)
    item = NewCatalogItem(external_id="S1", title="S", description="A fox comes home.", url="https://example.org/1")
    assert_type(await klaviyo.catalog_items.create(item), CatalogItem)
    assert_type(await klaviyo.catalog_items.create_all([item]), BulkResult[NewCatalogItem])


async def settings() -> None:
    async with Klaviyo("pk_x", pacing=RedisPacing("redis://localhost", account="shop")) as klaviyo:
        assert_type(klaviyo, Klaviyo)
        assert_type(klaviyo.with_options(priority=Priority.BACKGROUND, timeout_seconds=300), Api)
        answer = await klaviyo.request("GET", "/api/images")
        assert_type(answer.status, int)


def deliveries(headers: dict[str, str], body: bytes, now: dt.datetime) -> list[Event]:
    delivery = webhooks.verify(headers, body, ["new secret", "old secret"], now=now)
    return [notice.event for notice in delivery.notices if notice.topic == webhooks.SystemTopic.OPENED_EMAIL]
