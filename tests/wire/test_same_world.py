"""The official SDK and our client see the same world through the emulator, over a socket."""

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client.api_arg_options import USE_DICTIONARY_FOR_RESPONSE_DATA
from openapi_client.exceptions import ApiException, NotFoundException

from aioklaviyo import (
    Conflict,
    Klaviyo,
    NewEvent,
    NotFound,
    ProfileAttributes,
    ProfileRef,
    RateLimited,
    filters,
)
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import RunningEmulator, running_emulator

NOON = datetime(2026, 11, 8, 12, tzinfo=UTC)


def sdk_for(running: RunningEmulator) -> Any:
    """The official SDK, pointed at an emulator and nothing else changed."""
    return KlaviyoAPI(
        "pk_sdk",
        max_delay=1,
        max_retries=1,
        test_host=running.url,
        options={USE_DICTIONARY_FOR_RESPONSE_DATA: True},
    )


@pytest.fixture
def sdk(klaviyo: RunningEmulator) -> Any:
    return sdk_for(klaviyo)


@pytest.fixture
def throttled() -> Generator[RunningEmulator]:
    """An emulator whose clock stands still: a window that is full stays full."""
    with running_emulator(EmulatorConfig(clock=lambda: NOON)) as running:
        yield running


def sdk_event(unique_id: str, **profile: str) -> dict[str, Any]:
    return {
        "data": {
            "type": "event",
            "attributes": {
                "properties": {"from": "sdk"},
                "time": NOON.isoformat(),
                "unique_id": unique_id,
                "metric": {"data": {"type": "metric", "attributes": {"name": "Story Generated"}}},
                "profile": {"data": {"type": "profile", "attributes": profile}},
            },
        }
    }


async def test_profiles_written_by_either_are_read_by_both(sdk: Any, klaviyo: RunningEmulator) -> None:
    body = {"data": {"type": "profile", "attributes": {"email": "sdk+1@families.example", "properties": {"n": 1}}}}
    by_sdk = sdk.Profiles.create_or_update_profile(body)["data"]["id"]
    async with Klaviyo("pk_ours", base_url=klaviyo.url) as ours:
        by_us = (await ours.profiles.upsert(ProfileAttributes(email="ours@families.example"))).profile.id
        seen = {p.id: p.email async for p in ours.profiles.list(page_size=1)}
        found = [p.id async for p in ours.profiles.list(filter=filters.equals("email", "sdk+1@families.example"))]
    assert seen == {by_sdk: "sdk+1@families.example", by_us: "ours@families.example"}
    assert found == [by_sdk]

    first = sdk.Profiles.get_profiles(page_size=1, sort="created")
    second = sdk.Profiles.get_profiles(page_size=1, sort="created", page_cursor=first["links"]["next"])
    assert {first["data"][0]["id"], second["data"][0]["id"]} == {by_sdk, by_us}
    assert second["links"]["next"] is None
    filtered = sdk.Profiles.get_profiles(filter='any(email,["ours@families.example"])')
    assert [profile["id"] for profile in filtered["data"]] == [by_us]


async def test_events_written_by_either_are_read_by_both_and_counted_once(sdk: Any, klaviyo: RunningEmulator) -> None:
    sdk.Events.create_event(sdk_event("one", external_id="family-1"))
    sdk.Events.create_event(sdk_event("one", external_id="family-1"))
    profile = ProfileRef(external_id="family-1")
    ours_too = [
        NewEvent(metric="Story Completed", profile=profile, time=NOON, unique_id=f"bulk-{n}", properties={"n": n})
        for n in range(5)
    ]
    async with Klaviyo("pk_ours", base_url=klaviyo.url) as ours:
        await ours.events.create(NewEvent(metric="Story Generated", profile=profile, time=NOON, unique_id="one"))
        await ours.events.create(NewEvent(metric="Story Generated", profile=profile, time=NOON, unique_id="two"))
        await ours.events.bulk_create(ours_too)
        seen = {
            e.unique_id: e.metric.name async for e in ours.events.list(include=("metric",), page_size=2) if e.metric
        }
        metrics = {m.name: m.id async for m in ours.metrics.list()}
    assert seen == {"one": "Story Generated", "two": "Story Generated"} | {
        f"bulk-{n}": "Story Completed" for n in range(5)
    }

    listed = sdk.Metrics.get_metrics()
    assert {metric["attributes"]["name"]: metric["id"] for metric in listed["data"]} == metrics
    page = sdk.Events.get_events(filter=f'equals(metric_id,"{metrics["Story Completed"]}")', page_size=1000)
    assert len(page["data"]) == 5
    assert {event["attributes"]["event_properties"]["$event_id"] for event in page["data"]} == {
        f"bulk-{n}" for n in range(5)
    }


async def test_a_batch_by_the_sdk_is_whole_or_nothing(sdk: Any, klaviyo: RunningEmulator) -> None:
    def batch(*unique_ids: str) -> dict[str, Any]:
        events = [sdk_event(unique_id, external_id="family-1")["data"] for unique_id in unique_ids]
        for event in events:
            del event["attributes"]["profile"]
        bulk = {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": {"type": "profile", "attributes": {"external_id": "family-1"}}},
                "events": {"data": events},
            },
        }
        return {
            "data": {
                "type": "event-bulk-create-job",
                "attributes": {"events-bulk-create": {"data": [bulk]}},
            }
        }

    sdk.Events.bulk_create_events(batch("a", "b"))
    with pytest.raises(ApiException) as refused:
        sdk.Events.bulk_create_events(batch("c", "c"))
    assert refused.value.status == 400
    async with Klaviyo("pk_ours", base_url=klaviyo.url) as ours:
        assert sorted([str(event.unique_id) async for event in ours.events.list()]) == ["a", "b"]


async def test_both_are_told_of_a_duplicate_and_of_what_is_missing(sdk: Any, klaviyo: RunningEmulator) -> None:
    body = {"data": {"type": "profile", "attributes": {"email": "twice@families.example"}}}
    existing = sdk.Profiles.create_profile(body)["data"]["id"]
    with pytest.raises(ApiException) as conflict:
        sdk.Profiles.create_profile(body)
    assert conflict.value.status == 409
    assert existing in conflict.value.body
    with pytest.raises(NotFoundException):
        sdk.Profiles.get_profile("01HZZZZZZZZZZZZZZZZZZZZZZZ")

    async with Klaviyo("pk_ours", base_url=klaviyo.url) as ours:
        with pytest.raises(Conflict) as ours_too:
            await ours.profiles.create(ProfileAttributes(email="twice@families.example"))
        assert ours_too.value.duplicate_profile_id == existing
        with pytest.raises(NotFound):
            await ours.profiles.get("01HZZZZZZZZZZZZZZZZZZZZZZZ")


async def test_both_are_throttled_by_the_same_window(throttled: RunningEmulator) -> None:
    async with Klaviyo("pk_ours", base_url=throttled.url, timeout_seconds=0.9) as ours:
        await ours.accounts.get()
        with pytest.raises(RateLimited) as ours_too:
            await ours.accounts.get()
    assert ours_too.value.retry_after_seconds is not None
    with pytest.raises(ApiException) as refused:
        sdk_for(throttled).Accounts.get_accounts()
    assert refused.value.status == 429
