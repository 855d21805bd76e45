"""Events: batches that Klaviyo would refuse, and includes resolved to objects."""

import datetime as dt
import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aioklaviyo import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, InvalidRequest, NewEvent, PayloadTooLarge, ProfileRef
from aioklaviyo.resources.event_batch import batch_call
from client.client_server import Connect, Reply, Serve, profile

NIGHT = dt.datetime(2026, 11, 1, 19, 10, tzinfo=dt.UTC)


def event(key: str | None = None, *, metric: str = "M", at: dt.datetime | None = None, **who: str) -> NewEvent:
    return NewEvent(
        metric=metric, profile=ProfileRef.model_validate(who or {"external_id": "x"}), unique_id=key, time=at
    )


async def test_a_batch_is_grouped_by_profile_in_order(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(202))
    client = await connect(server.url)
    await client.events.bulk_create(
        [event("1", external_id="a"), event("2", email="b@c.d"), event("3", external_id="a", metric="N"), event("4")]
    )
    received = server.received[0]
    assert (received.method, received.path) == ("POST", "/api/event-bulk-create-jobs")
    data = received.json["data"]
    assert data["type"] == "event-bulk-create-job"
    groups = data["attributes"]["events-bulk-create"]["data"]
    assert [group["attributes"]["profile"]["data"]["attributes"] for group in groups] == [
        {"external_id": "a"},
        {"email": "b@c.d"},
        {"external_id": "x"},
    ]
    keys = [[e["attributes"]["unique_id"] for e in group["attributes"]["events"]["data"]] for group in groups]
    assert keys == [["1", "3"], ["2"], ["4"]]


async def test_an_empty_batch_sends_nothing(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(202))
    client = await connect(server.url)
    await client.events.bulk_create([])
    assert server.received == []


@pytest.mark.parametrize(
    "batch",
    [
        [event("u"), event("v"), event("u")],
        [event("u", external_id="x"), event("u", email="a@b.c")],
        [event("u", external_id="x", email="a@b.c"), event("u", email="A@B.C", phone_number="+431")],
        [event(at=NIGHT), event(at=NIGHT.replace(microsecond=5).astimezone(dt.timezone(dt.timedelta(hours=3))))],
        [event(), event()],
    ],
)
async def test_an_event_that_is_twice_in_a_batch_is_refused(
    serve: Serve, connect: Connect, batch: list[NewEvent]
) -> None:
    server = await serve(Reply(202))
    client = await connect(server.url)
    with pytest.raises(InvalidRequest, match="the same") as caught:
        await client.events.bulk_create(batch)
    assert caught.value.errors[0].pointer == f"/events/{len(batch) - 1}/unique_id"
    assert server.received == []


@pytest.mark.parametrize(
    "batch",
    [
        [event("u", external_id="x"), event("u", external_id="y")],
        [event("u", external_id="x", email="a@b.c"), event("u", external_id="y")],
        [event("u"), event("u", metric="N")],
        [event(at=NIGHT), event(at=NIGHT + dt.timedelta(seconds=1)), event()],
    ],
)
def test_events_that_differ_are_not_refused(batch: list[NewEvent]) -> None:
    assert batch_call(batch)


def test_a_batch_is_refused_above_its_limits_and_not_at_them() -> None:
    many = [event(str(n)) for n in range(MAX_BATCH_EVENTS + 1)]
    assert batch_call(many[:-1])
    with pytest.raises(PayloadTooLarge, match="1001 events"):
        batch_call(many)

    def heavy(characters: int) -> list[NewEvent]:
        return [NewEvent(metric="M", profile=ProfileRef(id="1"), properties={"t": "x" * characters}, unique_id="u")]

    overhead = len(batch_call(heavy(0)).body or b"")
    assert len(batch_call(heavy(MAX_BATCH_BYTES - overhead)).body or b"") == MAX_BATCH_BYTES
    with pytest.raises(PayloadTooLarge, match="5000001 bytes") as caught:
        batch_call(heavy(MAX_BATCH_BYTES - overhead + 1))
    assert (caught.value.attempts, caught.value.status) == (0, None)


def test_a_full_batch_of_one_moment_is_checked_quickly() -> None:
    batch = [event(at=NIGHT, external_id=str(n)) for n in range(MAX_BATCH_EVENTS)]
    began = time.process_time()
    batch_call(batch)
    # Comparing all pairs would take many times as long.
    assert time.process_time() - began < 0.5


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("MN"), st.integers(0, 30)), max_size=20, unique=True))
def test_every_event_is_in_the_body_once(made_of: list[tuple[str, str, int]]) -> None:
    body = json.loads(batch_call([event(str(n), metric=m, external_id=who) for who, m, n in made_of]).body or b"")
    found = [
        (
            group["attributes"]["profile"]["data"]["attributes"]["external_id"],
            entry["attributes"]["metric"]["data"]["attributes"]["name"],
            int(entry["attributes"]["unique_id"]),
        )
        for group in body["data"]["attributes"]["events-bulk-create"]["data"]
        for entry in group["attributes"]["events"]["data"]
    ]
    assert sorted(found) == sorted(made_of)


def resource(event_id: str, profile_id: str | None = "P", **attributes: object) -> dict[str, object]:
    person = None if profile_id is None else {"type": "profile", "id": profile_id}
    return {
        "type": "event",
        "id": event_id,
        "attributes": {"timestamp": 1, "datetime": "2026-11-01T19:10:00+00:00", "uuid": "u", **attributes},
        "relationships": {
            "metric": {"data": {"type": "metric", "id": "M"}},
            "profile": {"data": person},
            "attributions": {"data": [{"type": "attribution", "id": "at"}, 7], "links": {}},
        },
    }


async def test_includes_are_resolved_to_objects(serve: Serve, connect: Connect) -> None:
    included = [
        {
            "type": "metric",
            "id": "M",
            "attributes": {"name": "Story", "integration": {"key": "api", "category": "API"}},
        },
        profile("P", email="ann@example.org"),
        {"type": "attribution", "id": "at", "attributes": None},
    ]
    server = await serve(
        Reply(
            document={
                "data": [
                    resource("1", event_properties={"$event_id": "night-1", "minutes": 8}),
                    resource("2", "other", event_properties=None),
                    resource("3", None),
                ],
                "included": included,
            }
        )
    )
    client = await connect(server.url)
    one, two, three = [e async for e in client.events.list(sort="-datetime", include=("metric", "profile"))]
    assert server.received[0].query == {"include": "metric,profile", "sort": "-datetime"}
    assert one.metric is not None
    assert one.profile is not None
    assert one.metric.integration is not None
    assert (one.metric.name, one.metric.integration.category, one.profile.email) == ("Story", "API", "ann@example.org")
    assert (one.unique_id, one.metric_id, one.profile_id, one.attribution_ids) == ("night-1", "M", "P", ("at",))
    assert one.datetime == dt.datetime(2026, 11, 1, 19, 10, tzinfo=dt.UTC)
    assert (two.profile, two.profile_id, two.event_properties, two.unique_id) == (None, "other", {}, None)
    assert (three.profile, three.profile_id) == (None, None)


async def test_one_event_by_its_id(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": resource("7qWk", surprise=[1])}))
    client = await connect(server.url)
    found = await client.events.get("7qWk", include=("attributions",), fields=("datetime",))
    assert server.received[0].target == "/api/events/7qWk?fields%5Bevent%5D=datetime&include=attributions"
    assert (found.id, found.metric, found.metric_id) == ("7qWk", None, "M")
    assert found.model_extra == {"surprise": [1]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": ""},
        {"metric": "m" * 128},
        {"profile": {}},
        {"profile": {"email": ""}},
        {"profile": {"mail": "ann@example.org"}},
        {"time": dt.datetime(2026, 1, 1)},  # noqa: DTZ001 - naive on purpose
        {"value": math.inf},
        {"value_currency": "euro"},
        {"unique_id": ""},
        {"unique_id": "u" * 256},
        {"properties": {"at": NIGHT}},
        {"properties": {1: 2}},
        {"propertys": {}},
    ],
)
def test_an_event_with_a_mistake_that_shows_cannot_be_made(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"metric": "M", "profile": {"email": "ann@example.org"}}
    NewEvent.model_validate(good)
    with pytest.raises(ValidationError) as caught:
        NewEvent.model_validate(good | wrong)
    assert "ann@example.org" not in str(caught.value)


def test_what_only_klaviyo_can_judge_and_the_longest_names_are_let_through() -> None:
    made = NewEvent(metric="m" * 127, profile=ProfileRef(email="no address"), unique_id="u" * 255)
    assert made.profile.email == "no address"
