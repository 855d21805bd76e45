"""Events over a real socket."""

import datetime as dt

import pytest

from aioklaviyo import (
    LocationAttributes,
    NewEvent,
    NotFound,
    OutcomeUnknown,
    ProfileAttributes,
    ProfilePatch,
    ProfileRef,
    filters,
)
from client.client_server import Connect, Reply, Reset, Serve
from client.emulated import account, body_of, resources

NIGHT = dt.datetime(2026, 11, 1, 19, 10, tzinfo=dt.UTC)
ANN = ProfileRef(email="ann@example.org")


async def test_every_operation_on_events_does_what_it_says() -> None:
    async with account() as here:
        events = here.klaviyo.events
        await events.create(
            NewEvent(metric="Read", profile=ANN, properties={"pages": 3}, time=NIGHT, value=2.5, unique_id="n-1")
        )
        await events.bulk_create(
            [
                NewEvent(metric="Read", profile=ANN, time=NIGHT + dt.timedelta(hours=1), backfill=True),
                NewEvent(metric="Slept", profile=ProfileRef(external_id="b"), time=NIGHT, service="bed"),
            ]
        )
        found = [
            event
            async for event in events.list(
                filter=filters.all_of(filters.greater_or_equal("datetime", NIGHT), filters.has("profile")),
                sort="datetime",
                include=("metric", "profile", "attributions"),
                page_size=2,
            )
        ]
        assert [event.metric.name for event in found if event.metric is not None] == ["Read", "Slept", "Read"]
        first = next(event for event in found if event.unique_id == "n-1")
        assert first.profile is not None
        assert (first.datetime, first.profile.email, first.attribution_ids) == (NIGHT, "ann@example.org", ())
        assert first.event_properties["pages"] == 3
        slept = next(event for event in found if event.metric is not None and event.metric.name == "Slept")
        assert slept.metric is not None
        assert slept.metric.integration is not None
        assert slept.metric.integration.name == "bed"
        assert (await events.get(first.id, include=("metric",))).metric == first.metric
        assert (await events.get(first.id)).profile is None
        metric = await events.metric(first.id, fields=("name",))
        assert metric is not None
        assert (metric.id, metric.name) == (first.metric_id, "Read")
        assert await events.metric_id(first.id) == first.metric_id
        profile = await events.profile(first.id, additional_fields=("subscriptions",))
        assert profile is not None
        assert (profile.id, profile.subscriptions is None) == (first.profile_id, False)
        assert await events.profile_id(first.id) == first.profile_id
        with pytest.raises(NotFound):
            await events.metric("7qWkC6JPz7g")
        assert here.succeeded() >= resources("events", "event_batch")
        here.check()


async def test_an_event_writes_what_it_tells_of_its_profile() -> None:
    async with account() as here:
        await here.klaviyo.profiles.create(ProfileAttributes(email="ann@example.org", title="Dr", locale="en-GB"))
        told = ProfileRef(
            email="ann@example.org",
            first_name="Ann",
            title=None,
            location=LocationAttributes(city="Graz"),
            properties={"tier": "plus"},
            patch=ProfilePatch(append={"read": "Emma"}, add_emails=("a@example.org",)),
        )
        await here.klaviyo.events.create(NewEvent(metric="Read", profile=told, unique_id="1"))
        await here.klaviyo.events.bulk_create([NewEvent(metric="Read", profile=told, unique_id="2")])
        assert body_of(here.sent[1])["data"]["attributes"]["profile"]["data"] == {  # pyright: ignore[reportIndexIssue]
            "type": "profile",
            "attributes": {
                "email": "ann@example.org",
                "first_name": "Ann",
                "title": None,
                "location": {"city": "Graz"},
                "properties": {"tier": "plus"},
            },
            "meta": {
                "patch_properties": {"append": {"read": "Emma"}},
                "patch_identifiers": {"append": {"email": ["a@example.org"]}},
            },
        }
        found = (await here.klaviyo.profiles.upsert(ProfileAttributes(email="a@example.org"))).profile
        assert (found.email, found.first_name, found.title, found.locale) == ("ann@example.org", "Ann", None, "en-GB")
        assert found.location is not None
        assert found.location.city == "Graz"
        assert found.properties == {"tier": "plus", "read": ["Emma", "Emma"]}
        here.check()


async def test_an_event_is_not_repeated_where_its_profile_would_be_appended_to_twice(
    serve: Serve, connect: Connect
) -> None:
    appending = ProfileRef(id="01M1", patch=ProfilePatch(append={"read": "Emma"}))
    server = await serve(Reset(), Reply(202))
    client = await connect(server.url)
    with pytest.raises(OutcomeUnknown):
        await client.events.create(NewEvent(metric="Read", profile=appending, unique_id="1"))
    assert len(server.received) == 1
    await client.events.create(NewEvent(metric="Read", profile=ANN, unique_id="1"))


async def test_any_number_of_events_is_sent_and_the_bad_ones_are_told() -> None:
    async with account() as here:
        events = [
            NewEvent(metric="Read", profile=ProfileRef(external_id=str(n % 9)), time=NIGHT, unique_id=str(n))
            for n in range(1_150)
        ]
        bad = NewEvent(metric="Read", profile=ProfileRef(email="nobody"), unique_id="bad")
        late = NewEvent(metric="Read", profile=ANN, time=NIGHT.replace(year=2099), unique_id="late")
        result = await here.klaviyo.events.send_all([*events[:700], bad, *events[700:], late, events[1_149]])
        assert (result.sent, result.duplicates) == (1_150, (events[1_149],))
        # Of two batches, and either may be answered first.
        assert sorted(str(failed.item.unique_id) for failed in result.refused) == ["bad", "late"]
        keys = {event.unique_id async for event in here.klaviyo.events.list(page_size=1_000)}
        assert keys == {event.unique_id for event in events}
        here.check()


async def test_events_that_klaviyo_has_already_are_sent_again_without_a_refusal() -> None:
    """As Klaviyo may do it: a batch that repeats a ``unique_id`` it has is refused, a single event is dropped."""
    async with account(bulk_duplicates="history") as here:
        events = [NewEvent(metric="Read", profile=ProfileRef(external_id="x"), unique_id=str(n)) for n in range(60)]
        assert (await here.klaviyo.events.send_all(events[:40])).sent == 40
        again = await here.klaviyo.events.send_all(events)
        assert (again.sent, again.is_clean) == (60, True)
        assert len([event async for event in here.klaviyo.events.list(page_size=1_000)]) == 60
