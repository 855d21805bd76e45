"""Bulk helpers: everything that is taken from a source is accounted for, whatever Klaviyo does."""

import asyncio
import datetime as dt
import gc
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from aioklaviyo import (
    MAX_BATCH_BYTES,
    CredentialsRejected,
    Klaviyo,
    NewEvent,
    NoPacing,
    OutcomeUnknown,
    PayloadTooLarge,
    ProfileAttributes,
    ProfileRef,
    RateLimited,
)
from aioklaviyo.bulk import BulkResult, BulkStopped, told_by_job
from aioklaviyo.errors import ErrorDetail
from aioklaviyo.models.consent import Subscriber, Unsubscriber
from aioklaviyo.models.job import JobError
from aioklaviyo.models.new_profile import ProfileImport
from client.client_server import PaperClock, Received, Reply, Reset, ScriptedServer, Silence, Step, Wire, problem
from client.emulated import account

BATCHES = "/api/event-bulk-create-jobs"
NIGHT = dt.datetime(2026, 11, 1, 19, 10, tzinfo=dt.UTC)


def event(key: str | None, who: str = "x", **more: Any) -> NewEvent:
    return NewEvent(metric="M", profile=ProfileRef(external_id=who), unique_id=key, **more)


def keys_in(received: Received) -> list[tuple[str, str | None]]:
    """Whose events, and which, a request holds."""
    attributes = received.json["data"]["attributes"]
    if received.path != BATCHES:
        return [(attributes["profile"]["data"]["attributes"]["external_id"], attributes.get("unique_id"))]
    return [
        (group["attributes"]["profile"]["data"]["attributes"]["external_id"], entry["attributes"].get("unique_id"))
        for group in attributes["events-bulk-create"]["data"]
        for entry in group["attributes"]["events"]["data"]
    ]


def batches(server: ScriptedServer) -> list[list[tuple[str, str | None]]]:
    return [keys_in(received) for received in server.received if received.path == BATCHES]


def singles(server: ScriptedServer) -> list[tuple[str, str | None]]:
    return [keys_in(received)[0] for received in server.received if received.path != BATCHES]


@pytest.fixture
async def bulk(wire: Wire) -> Any:
    """A client of a server with a script, without limits."""

    async def open_client(script: Any, **settings: Any) -> tuple[ScriptedServer, Klaviyo]:
        server = await (
            wire.serve(script) if isinstance(script, Reply | Reset | Silence) else wire.serve(script=script)
        )
        return server, await wire.client(server.url, pacing=NoPacing(), **settings)

    return open_client


async def test_events_are_cut_by_a_thousand_and_told_of(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    told: list[BulkResult[NewEvent]] = []

    async def source() -> AsyncIterator[NewEvent]:
        for number in range(2_500):
            yield event(str(number), who=str(number % 7))

    result = await client.events.send_all(source(), progress=told.append, max_in_flight=1)
    assert (result.sent, result.total, result.is_clean) == (2_500, 2_500, True)
    assert [len(batch) for batch in batches(server)] == [1_000, 1_000, 500]
    assert [so_far.sent for so_far in told] == [1_000, 2_000, 2_500]
    assert {int(key or "") for batch in batches(server) for _, key in batch} == set(range(2_500))
    assert repr(result) == "BulkResult(sent=2500, duplicates=0, refused=0, unsent=0, unknown=0, jobs=0)"


async def test_nothing_is_sent_for_nothing(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    assert await client.events.send_all([]) == BulkResult()
    assert await client.profile_imports.import_all([]) == BulkResult()
    assert server.received == []


async def test_events_are_cut_by_the_bytes_they_become(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    heavy = [event(str(number), who=str(number % 3), properties={"t": "ü" * 200_000}) for number in range(30)]
    assert (await client.events.send_all(heavy)).sent == 30
    sizes = [len(received.body) for received in server.received]
    assert max(sizes) <= MAX_BATCH_BYTES
    assert len(sizes) == 3
    assert sum(map(len, batches(server))) == 30


async def test_an_event_that_is_too_large_alone_is_refused_and_loses_no_other(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    fat = event("fat", properties={"t": "x" * MAX_BATCH_BYTES})
    unwritable = event("nan", properties={"t": float("nan")})
    result = await client.events.send_all([event("1"), fat, unwritable, *(event(str(n)) for n in range(2, 8))])
    assert (result.sent, result.total, result.is_clean) == (7, 9, False)
    assert [failed.item for failed in result.refused] == [fat, unwritable]
    assert isinstance(result.refused[0].error, PayloadTooLarge)
    assert "fat" not in repr(result.refused)
    assert [key for _, key in batches(server)[0]] == [str(n) for n in range(1, 8)]


async def test_an_event_that_klaviyo_would_drop_is_a_duplicate(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    twice = [event("u"), event("u", properties={"a": 1}), event(None, time=NIGHT), event(None, time=NIGHT)]
    result = await client.events.send_all([*twice, *(event(str(n)) for n in range(5))])
    assert (result.sent, result.duplicates, result.is_clean) == (7, (twice[1], twice[3]), True)
    assert len(batches(server)) == 1


async def test_what_may_be_a_duplicate_waits_and_is_not_overtaken(bulk: Any) -> None:
    server, client = await bulk(Reply(202))

    def mail(key: str, **who: str) -> NewEvent:
        return NewEvent(metric="M", profile=ProfileRef.model_validate(who), unique_id=key)

    events = [
        mail("u", external_id="x"),
        mail("u", external_id="x", email="a@b.c"),  # perhaps somebody else, if the address is
        mail("v", external_id="y"),
        mail("w", external_id="x"),  # of one that waits
        *(mail(str(n), external_id="z") for n in range(9)),
        *(mail(str(n), external_id="x") for n in range(9)),
    ]
    result = await client.events.send_all(events, max_in_flight=1)
    assert (result.sent, result.duplicates) == (len(events), ())
    first, second = batches(server)
    assert [key for who, key in first if who != "z"] == ["u", "v"]
    assert [key for _, key in second] == ["u", "w", *(str(n) for n in range(9))]


async def test_a_few_events_go_one_by_one(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    # Without a key and a time, each may be the same to Klaviyo as the one before it.
    result = await client.events.send_all([event(None) for _ in range(5)], max_in_flight=1)
    assert result.sent == 5
    assert (len(batches(server)), len(singles(server))) == (0, 5)


async def test_a_batch_without_an_answer_is_sent_again_one_by_one(bulk: Any) -> None:
    server, client = await bulk(lambda received: Reset() if received.path == BATCHES else Reply(202))
    keyed, unkeyed = [event(str(n)) for n in range(40)], [event(None, who=str(n), time=NIGHT) for n in range(3)]
    result = await client.events.send_all([*keyed, *unkeyed])
    assert (result.sent, result.total) == (40, 43)
    assert [failed.item for failed in result.unknown] == unkeyed
    assert all(isinstance(failed.error, OutcomeUnknown) for failed in result.unknown)
    assert (len(batches(server)), len(singles(server))) == (1, 40)


async def test_when_klaviyo_is_away_not_every_event_is_tried(bulk: Any) -> None:
    server, client = await bulk(Reply(503), max_attempts=1)
    result = await client.events.send_all([event(str(n)) for n in range(100)])
    assert (result.sent, len(result.unknown)) == (0, 100)
    assert all(failed.error.may_repeat for failed in result.unknown)
    assert (len(batches(server)), len(singles(server))) == (1, 16)


async def test_what_a_lost_batch_may_have_brought_is_never_called_unsent(bulk: Any) -> None:
    throttled = Reply(429, problem(429), {"Retry-After": "59"})
    _, client = await bulk(lambda received: Reset() if received.path == BATCHES else throttled)
    result = await client.events.send_all(event(str(n)) for n in range(30))
    assert (len(result.unknown), result.unsent) == (30, ())
    server, client = await bulk(Reply(503), max_attempts=1)
    imported = await client.profile_imports.import_all([ProfileAttributes(external_id="x")])
    assert (len(imported.unknown), imported.unknown[0].error.may_repeat) == (1, True)
    await server.stop()
    result = await client.events.send_all(event(str(n)) for n in range(30))
    assert (len(result.unsent), result.unknown) == (30, ())


async def test_what_waits_and_has_no_room_waits_on(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    heavy = {"t": "x" * 3_000_000}
    both = ProfileRef(external_id="x", email="a@b.c")
    events = [
        event("u"),
        NewEvent(metric="M", profile=both, unique_id="u", properties=heavy),
        event("v", properties=heavy),
        *(event(str(n), who="y") for n in range(5)),
    ]
    result = await client.events.send_all(events, max_in_flight=1)
    assert (result.sent, result.total) == (8, 8)
    assert [key for received in server.received for _, key in keys_in(received) if key in {"u", "v"}] == ["u", "u", "v"]


def refusing(*bad: str, by_pointer: bool) -> Any:
    """Klaviyo's way with a batch that has something wrong: nothing of it is taken."""

    def script(received: Received) -> Step:
        names = [key or "" for _, key in keys_in(received)]
        wrong = [place for place, key in enumerate(names) if key in bad]
        if not wrong:
            return Reply(202)
        if received.path != BATCHES or not by_pointer:
            return Reply(400, problem(400))
        groups = received.json["data"]["attributes"]["events-bulk-create"]["data"]
        places = [
            f"/data/attributes/events-bulk-create/data/{g}/attributes/events/data/{e}/attributes/time"
            for g, group in enumerate(groups)
            for e, _ in enumerate(group["attributes"]["events"]["data"])
        ]
        return Reply(400, problem(400, source={"pointer": places[wrong[0]]}))

    return script


@pytest.mark.parametrize(("by_pointer", "at_most"), [(True, 4), (False, 20)])
async def test_a_refused_batch_loses_the_bad_ones_only(bulk: Any, by_pointer: bool, at_most: int) -> None:  # noqa: FBT001
    server, client = await bulk(refusing("3", "700", by_pointer=by_pointer))
    result = await client.events.send_all([event(str(n), who=str(n % 5)) for n in range(800)])
    assert (result.sent, sorted(failed.item.unique_id or "" for failed in result.refused)) == (798, ["3", "700"])
    assert len(batches(server)) <= at_most
    assert len(singles(server)) <= 60


async def test_very_many_bad_ones_do_not_cost_a_batch_each(bulk: Any) -> None:
    server, client = await bulk(refusing(*map(str, range(500)), by_pointer=True))
    result = await client.events.send_all(event(str(n)) for n in range(500))
    assert len(result.refused) == 500
    assert len(batches(server)) < 100


async def test_a_pointer_to_a_profile_means_all_of_its_events(bulk: Any) -> None:
    def script(received: Received) -> Step:
        whose = [who for who, _ in keys_in(received)]
        if "bad" not in whose:
            return Reply(202)
        place = list(dict.fromkeys(whose)).index("bad")
        where = f"/data/attributes/events-bulk-create/data/{place}/attributes/profile/data/attributes/email"
        return Reply(400, problem(400, source={"pointer": where if received.path == BATCHES else "/data"}))

    server, client = await bulk(script)
    result = await client.events.send_all([event(str(n), who="bad" if n % 10 == 9 else str(n % 2)) for n in range(100)])
    assert (result.sent, len(result.refused)) == (90, 10)
    assert [len(batch) for batch in batches(server)] == [100, 90]


async def test_refusals_without_end_are_not_looked_into_without_end(bulk: Any) -> None:
    server, client = await bulk(Reply(400, problem(400)))
    result = await client.subscriptions.subscribe_all(
        Subscriber(channels=("email.marketing",), email=f"{n}@b.c") for n in range(1_000)
    )
    assert (result.sent, len(result.refused)) == (0, 1_000)
    assert len(server.received) < 800


async def test_the_rate_limit_is_waited_for(bulk: Any, clock: PaperClock) -> None:
    throttled = [Reply(429, problem(429), {"Retry-After": "59"})] * 3
    server, client = await bulk(lambda _: throttled.pop() if throttled else Reply(202))
    assert (await client.events.send_all(event(str(n)) for n in range(50))).sent == 50
    assert sum(clock.sleeps) >= 3 * 59
    assert len(server.received) == 4


async def test_when_there_is_never_room_the_events_are_unsent(bulk: Any, clock: PaperClock) -> None:
    _, client = await bulk(Reply(429, problem(429), {"Retry-After": "59"}))
    result = await client.events.send_all(event(str(n)) for n in range(50))
    assert (result.sent, len(result.unsent)) == (0, 50)
    assert isinstance(result.unsent[0].error, RateLimited)
    assert 700 < sum(clock.sleeps) < 1_000


async def test_refused_credentials_stop_everything_and_tell_how_far_it_came(bulk: Any) -> None:
    taken: list[int] = []

    def source() -> Iterator[NewEvent]:
        for number in range(100_000):
            taken.append(number)
            yield event(str(number))

    calls: list[Received] = []

    def script(received: Received) -> Step:
        calls.append(received)
        return Reply(202) if len(calls) < 3 else Reply(401, problem(401))

    _, client = await bulk(script)
    with pytest.raises(BulkStopped) as caught:
        await client.events.send_all(source(), max_in_flight=2)
    assert isinstance(caught.value, CredentialsRejected)
    assert (caught.value.status, caught.value.result.sent) == (401, 2_000)
    assert caught.value.result.total == len(caught.value.result.unsent) + 2_000
    assert len(taken) < 7_000


async def test_what_was_taken_is_settled_when_the_source_breaks(bulk: Any) -> None:
    def source() -> Iterator[NewEvent]:
        for number in range(1_500):
            yield event(str(number))
        raise LookupError("the source is broken")

    server, client = await bulk(Reply(202))
    told: list[BulkResult[NewEvent]] = []
    with pytest.raises(LookupError):
        await client.events.send_all(source(), progress=told.append)
    assert told[-1].sent == 1_500
    assert sorted(len(batch) for batch in batches(server)) == [500, 1_000]
    with pytest.raises(LookupError):
        await client.subscriptions.suppress_all(broken_addresses(), progress=told.append)
    assert told[-1].total == 3


async def test_events_are_sent_while_a_cancelled_task_cleans_up(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    results: list[BulkResult[NewEvent]] = []

    async def work() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            results.append(await client.events.send_all(event(str(n)) for n in range(2_500)))

    working = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (results[0].sent, results[0].total) == (2_500, 2_500)
    assert len(server.received) == 3


def shuffled(count: int) -> Iterator[NewEvent]:
    """Events some of which wait for others, and some of which have no room beside others."""
    for number in range(count):
        who = {"external_id": "x"} if number % 3 else {"external_id": "x", "email": "a@b.c"}
        heavy = {"t": "x" * 900_000} if number % 7 == 0 else {}
        yield NewEvent(metric="M", profile=ProfileRef.model_validate(who), unique_id=str(number // 2), properties=heavy)


async def test_what_was_taken_ahead_when_the_credentials_were_refused_is_told_of(bulk: Any) -> None:
    _, client = await bulk(Reply(401, problem(401)))
    taken: list[NewEvent] = []

    def source() -> Iterator[NewEvent]:
        for one in shuffled(4_000):
            taken.append(one)
            yield one

    with pytest.raises(BulkStopped) as caught:
        await client.events.send_all(source(), max_in_flight=1)
    result = caught.value.result
    assert Counter(map(id, taken)) == Counter(id(failed.item) for failed in result.unsent) + Counter(
        map(id, result.duplicates)
    )
    assert len(taken) < 2_500
    fat = [ProfileAttributes(external_id=str(n), properties={"t": "x" * 90_000}) for n in range(200)]
    with pytest.raises(BulkStopped) as caught:
        await client.profile_imports.import_all(iter(fat), max_in_flight=1)
    assert [failed.item for failed in caught.value.result.unsent] == fat[: caught.value.result.total]
    assert caught.value.result.total == 56, "55 have room, and one more is taken to know that"
    lost: list[Step] = [Reset()]
    _, client = await bulk(lambda _: lost.pop() if lost else Reply(401, problem(401)))
    with pytest.raises(BulkStopped) as caught:
        await client.profile_imports.import_all(iter(fat), max_in_flight=1)
    result = caught.value.result
    assert (len(result.unknown), len(result.unsent)) == (55, 1), "what one call leaves open is not so of the others"


async def test_a_throttled_end_does_not_deny_that_an_attempt_before_may_have_worked(bulk: Any) -> None:
    """Whether the 429 ends the call that had that attempt, or a later one."""
    throttled = Reply(429, problem(429), {"Retry-After": "1"})
    for most in (2, 3):
        steps: list[Step] = [Reset(), throttled]
        _, client = await bulk(lambda _, steps=steps: steps.pop(0) if len(steps) > 1 else steps[0], max_attempts=most)
        result = await client.profile_imports.import_all([ProfileAttributes(external_id="x")])
        assert (len(result.unknown), result.unsent) == (1, ())
        assert result.unknown[0].error.record.may_be_done
        assert result.unknown[0].error.may_repeat
    _, client = await bulk(throttled)
    result = await client.profile_imports.import_all([ProfileAttributes(external_id="x")])
    assert (len(result.unsent), result.unsent[0].error.record.may_be_done) == (1, False)


async def test_nobody_overtakes_by_another_spelling_of_the_address(bulk: Any) -> None:
    server, client = await bulk(Reply(202))

    def mail(key: str, **who: str) -> NewEvent:
        return NewEvent(metric="M", profile=ProfileRef.model_validate(who), unique_id=key)

    events = [
        mail("u", external_id="x"),
        mail("u", external_id="x", email="Ann@b.c"),
        mail("w", email="ann@B.C"),
        *(mail(str(n), external_id="z") for n in range(9)),
    ]
    assert (await client.events.send_all(events, max_in_flight=1)).sent == len(events)
    [first] = [
        [
            e["attributes"]["unique_id"]
            for g in r.json["data"]["attributes"]["events-bulk-create"]["data"]
            for e in g["attributes"]["events"]["data"]
        ]
        for r in server.received
        if r.path == BATCHES
    ]
    assert "w" not in first


async def broken_addresses() -> AsyncIterator[str]:
    for number in range(3):
        yield f"a{number}@b.c"
    raise LookupError("the source is broken")


async def test_others_have_their_turns_while_very_many_things_are_cut_up(bulk: Any) -> None:
    _, client = await bulk(Reply(202))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def source() -> Iterator[NewEvent]:
        for number in range(900):
            yield event(str(number))
        seen.append(turns)

    seen: list[int] = []
    counting = asyncio.ensure_future(count())
    await client.events.send_all(source())
    counting.cancel()
    assert seen[0] >= 9


async def test_a_bulk_helper_can_be_cancelled(bulk: Any) -> None:
    server, client = await bulk(Silence())
    sending = asyncio.ensure_future(client.events.send_all(event(str(n)) for n in range(5_000)))
    await server.arrival.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert not [task for task in asyncio.all_tasks() if "/aioklaviyo/" in repr(task)]


async def test_a_client_that_is_closed_ends_its_bulk_helpers(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    server = await wire.serve(Silence())
    async with Klaviyo("pk_1", base_url=server.url, pacing=NoPacing(), max_connections=1) as client:
        people = [ProfileAttributes(external_id=str(n)) for n in range(30_000)]
        importing = asyncio.ensure_future(client.profile_imports.import_all(people, max_in_flight=3))
        await server.arrival.wait()
        while sum("/aioklaviyo/" in repr(task) for task in asyncio.all_tasks()) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match=r"closed|not open"):
        await importing
    del importing
    gc.collect()
    assert not [task for task in asyncio.all_tasks() if "/aioklaviyo/" in repr(task)]
    assert not [record for record in caplog.records if "never retrieved" in record.getMessage()]


async def test_a_mistake_in_the_progress_is_raised(bulk: Any) -> None:
    _, client = await bulk(Reply(202))

    def progress(_: BulkResult[NewEvent]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await client.events.send_all((event(str(n)) for n in range(5_000)), progress=progress)
    with pytest.raises(ValueError, match="max_in_flight"):
        await client.events.send_all([], max_in_flight=0)


# A model of Klaviyo that loses answers


class Bulky:
    """Takes all of a batch or nothing; drops repeats; may lose its answer before or after."""

    def __init__(self, faults: list[str], *, by_pointer: bool) -> None:
        self._faults = iter(faults)
        self._refusal = by_pointer
        self.stored: Counter[str] = Counter()

    def __call__(self, received: Received) -> Step:
        fault = next(self._faults, "none")
        if fault == "throttled":
            return Reply(429, problem(429), {"Retry-After": "1"})
        if fault == "credentials":
            return Reply(401, problem(401))
        if fault == "before":
            return Reset()
        entries = self._entries(received)
        refused = self._refused(entries, is_batch=received.path == BATCHES)
        if refused is None:
            for _, attributes in entries:
                name = attributes["properties"]["name"]
                if attributes.get("unique_id") is None or not self.stored[name]:
                    self.stored[name] += 1
        return Reset() if fault == "after" else refused or Reply(202)

    def _entries(self, received: Received) -> list[tuple[str, Any]]:
        attributes = received.json["data"]["attributes"]
        if received.path != BATCHES:
            return [("/data", attributes)]
        return [
            (f"/data/attributes/events-bulk-create/data/{g}/attributes/events/data/{e}", entry["attributes"])
            for g, group in enumerate(attributes["events-bulk-create"]["data"])
            for e, entry in enumerate(group["attributes"]["events"]["data"])
        ]

    def _refused(self, entries: list[tuple[str, Any]], *, is_batch: bool) -> Reply | None:
        names = [attributes["properties"]["name"] for _, attributes in entries]
        for pointer, attributes in entries:
            name = attributes["properties"]["name"]
            repeated = is_batch and names.count(name) > 1 and attributes.get("unique_id") is not None
            if attributes["properties"].get("bad") or repeated:
                return Reply(400, problem(400, source={"pointer": pointer}) if self._refusal else problem(400))
        return None


made = st.tuples(st.sampled_from("pqr"), st.none() | st.integers(0, 40), st.integers(0, 4).map(lambda n: n == 4))


@settings(max_examples=40)
@given(
    what=st.lists(made, max_size=60),
    faults=st.lists(
        st.sampled_from([*["none"] * 9, *["before", "after", "throttled"] * 3, "credentials"]), max_size=40
    ),
    by_pointer=st.booleans(),
    in_flight=st.integers(1, 4),
)
def test_every_event_is_in_one_place_and_none_twice(
    what: list[tuple[str, int | None, bool]],
    faults: list[str],
    by_pointer: bool,  # noqa: FBT001
    in_flight: int,
) -> None:
    events = [
        NewEvent(
            metric="M",
            profile=ProfileRef(external_id=who),
            unique_id=None if key is None else f"k{key}",
            time=NIGHT + dt.timedelta(seconds=place),
            properties={"name": f"{who}-{place}" if key is None else f"{who}-k{key}", **({"bad": 1} if bad else {})},
        )
        for place, (who, key, bad) in enumerate(what)
    ]
    asyncio.run(_account_for(events, Bulky(faults, by_pointer=by_pointer), in_flight))


def _noted(events: list[NewEvent], taken: list[NewEvent]) -> Iterator[NewEvent]:
    for one in events:
        taken.append(one)
        yield one


async def _account_for(events: list[NewEvent], klaviyo: Bulky, in_flight: int) -> None:
    async with AsyncExitStack() as stack:
        wire = Wire(stack)
        server = await wire.serve(script=klaviyo)
        client = await wire.client(server.url, pacing=NoPacing(), rng=random.Random(3))
        taken: list[NewEvent] = []
        try:
            result = await client.events.send_all(_noted(events, taken), max_in_flight=in_flight)
            assert taken == events
        except BulkStopped as stopped:
            result = stopped.result
            events = taken

    def names(items: Any) -> Counter[str]:
        return Counter(str(item.properties["name"]) for item in items)

    elsewhere = [failed.item for part in (result.refused, result.unsent, result.unknown) for failed in part]
    sent = names(events) - names(elsewhere) - names(result.duplicates)
    assert result.total == len(events)
    assert result.sent == sent.total()
    assert all(klaviyo.stored[name] for name in sent), "what was sent is there"
    assert all(klaviyo.stored[name] <= 1 for name in klaviyo.stored), "nothing is there twice"
    assert all(failed.item.properties.get("bad") for failed in result.refused), "only what is bad is refused"
    twins = names(events) - names(result.duplicates)
    assert all(twins[name] for name in names(result.duplicates)), "a duplicate is one of something"
    unkeyed = names(failed.item for failed in result.unsent if failed.item.unique_id is None)
    assert all(not klaviyo.stored[name] for name in unkeyed), "what is unsent is not there"


# Profiles, with jobs


async def test_profiles_are_imported_and_failures_told_by_profile() -> None:
    async with account(job_ms=0) as here:
        letters = await here.klaviyo.lists.create("Letters")
        people = [ProfileAttributes(email=f"p{n}@example.org") for n in range(40)]
        bad = [ProfileAttributes(email="nobody"), ProfileImport(id="01M1PAAR5HBCRHA3NN9NG5WRTA")]
        nameless = ProfileAttributes(first_name="Ann")
        told: list[BulkResult[ProfileAttributes | ProfileImport]] = []
        result = await here.klaviyo.profile_imports.import_all(
            [*people[:20], *bad, nameless, *people[20:]], list_ids=[letters.id], progress=told.append
        )
        assert (result.sent, result.total, len(result.job_ids)) == (40, 43, 1)
        assert [failed.item for failed in result.refused] == [nameless, *bad]
        assert [failed.error.errors[0].code for failed in result.refused] == ["invalid", "invalid", "not_found"]
        assert told[-1] == result
        assert len([member async for member in here.klaviyo.lists.member_ids(letters.id, page_size=100)]) == 40
        missing = await here.klaviyo.profile_imports.import_all(people, list_ids=["NOPE01"])
        assert (missing.sent, len(missing.refused)) == (0, 40)
        assert sum("profile-bulk-import-jobs" in sent.path and sent.method == "POST" for sent in here.sent) == 2
        here.check()


def job(status: str, **more: object) -> dict[str, Any]:
    return {"data": {"type": "profile-bulk-import-job", "id": "J", "attributes": {"status": status, **more}}}


async def test_a_job_is_waited_for_through_trouble(bulk: Any) -> None:
    trouble = [Reply(503, problem(503)), Reset(), Reply(429, problem(429), {"Retry-After": "40"})] * 2

    def script(received: Received) -> Step:
        if received.method == "POST":
            return Reply(202, job("queued"))
        return trouble.pop() if trouble else Reply(document=job("complete", failed_count=0))

    _, client = await bulk(script, max_attempts=1)
    assert (await client.profile_imports.import_all([ProfileAttributes(external_id="x")])).sent == 1


async def test_credentials_that_may_not_read_a_job_stop_everything(bulk: Any) -> None:
    def script(received: Received) -> Step:
        if received.method != "POST":
            return Reply(403, problem(403))
        document = job("queued")
        document["data"]["type"] = received.json["data"]["type"]
        return Reply(202, document)

    server, client = await bulk(script)
    people = (ProfileAttributes(external_id=str(n)) for n in range(25_000))
    for running, most in (
        (client.profile_imports.import_all(people, max_in_flight=1), 10_000),
        (client.subscriptions.suppress_all((f"{n}@b.c" for n in range(1_000)), max_in_flight=1), 100),
    ):
        server.received.clear()
        with pytest.raises(BulkStopped) as caught:
            await running
        result = caught.value.result
        assert (len(result.unknown), len(result.unsent), len(server.received)) == (most, 0, 2)


def test_what_a_job_tells_of_a_failure_is_kept() -> None:
    source = {"pointer": "/data/attributes/items/data/0"}
    told = JobError(id="e", code="c", title="t", detail="d", source=source, meta={"id": "x"})
    assert told_by_job([told, JobError()]) == (
        ErrorDetail(id="e", code="c", title="t", detail="d", pointer=source["pointer"], meta={"id": "x"}),
        ErrorDetail(),
    )


@pytest.mark.parametrize(
    ("read", "errors", "sent", "unknown"),
    [
        (job("complete", failed_count=0), [], 12, 0),
        (job("complete"), [], 12, 0),
        (job("complete", failed_count=1), [{"pointer": "/data/attributes/profiles/data/3/attributes"}], 11, 0),
        (job("complete", failed_count=2), [{"pointer": "/data/attributes/profiles/data/3/attributes"}], 0, 12),
        (job("complete", failed_count=1), [{"pointer": "/data/attributes/profiles/data/99"}], 0, 12),
        (job("complete", failed_count=1), [{}], 0, 12),
        (job("cancelled", failed_count=0), [], 0, 12),
        (job("processing"), [], 0, 12),
    ],
)
async def test_what_a_job_does_not_tell_is_not_made_up(
    bulk: Any, read: Any, errors: list[dict[str, str]], sent: int, unknown: int
) -> None:
    def script(received: Received) -> Step:
        if received.method == "POST":
            return Reply(202, job("queued"))
        if received.path.endswith("import-errors"):
            data = [{"type": "import-error", "id": "e", "attributes": {"source": source}} for source in errors]
            return Reply(document={"data": data})
        return Reply(document=read)

    _, client = await bulk(script)
    people = [ProfileAttributes(external_id=str(n)) for n in range(12)]
    result = await client.profile_imports.import_all(people, job_timeout_seconds=100)
    assert (result.sent, len(result.unknown), result.total) == (sent, unknown, 12)
    assert [failed.item for failed in result.refused] == ([people[3]] if sent == 11 else [])


async def test_imports_are_cut_by_bytes_and_count(bulk: Any) -> None:
    server, client = await bulk(lambda _: Reply(202, job("complete", failed_count=0)))
    heavy = [ProfileAttributes(external_id=str(n), properties={"t": "x" * 99_000}) for n in range(60)]
    assert (await client.profile_imports.import_all(heavy)).sent == 60
    assert max(len(received.body) for received in server.received) <= MAX_BATCH_BYTES
    assert len(server.received) == 2
    server.received.clear()
    light = [ProfileAttributes(external_id=str(n)) for n in range(10_001)]
    assert (await client.profile_imports.import_all(light, max_in_flight=1)).sent == 10_001
    counts = [len(received.json["data"]["attributes"]["profiles"]["data"]) for received in server.received]
    assert counts == [10_000, 1]


async def test_subscribing_and_suppressing_go_in_batches_of_their_own_sizes() -> None:
    async with account(job_ms=0) as here:
        letters = await here.klaviyo.lists.create("Letters")
        subscriptions = here.klaviyo.subscriptions
        emails = [f"p{n}@example.org" for n in range(220)]
        joined = await subscriptions.subscribe_all(
            [*(Subscriber(channels=("email.marketing",), email=email) for email in emails)], list_id=letters.id
        )
        bad = Subscriber(channels=("email.marketing",), email="nobody")
        worse = await subscriptions.subscribe_all(
            [Subscriber(channels=("email.marketing",), email="z@example.org"), bad], list_id=letters.id
        )
        assert (joined.sent, worse.sent, [failed.item for failed in worse.refused]) == (220, 1, [bad])
        here.emulator.settle()
        assert len([member async for member in here.klaviyo.lists.member_ids(letters.id, page_size=100)]) == 221
        suppressed = await subscriptions.suppress_all(email for email in emails)
        assert (suppressed.sent, len(suppressed.job_ids)) == (220, 3)
        restored = await subscriptions.unsuppress_all([*emails, "nobody"])
        assert (restored.sent, len(restored.refused)) == (220, 1)
        left = await subscriptions.unsubscribe_all(
            Unsubscriber(channels=("email.marketing",), email=email) for email in emails
        )
        assert left.sent == 220
        here.emulator.settle()
        found = await here.klaviyo.profiles.find_many(emails=emails, additional_fields=("subscriptions",))
        consents = [
            profile.subscriptions.email.marketing.consent
            for profile in found.values()
            if profile.subscriptions and profile.subscriptions.email and profile.subscriptions.email.marketing
        ]
        assert consents == ["UNSUBSCRIBED"] * 220
        here.check()


async def test_nobody_is_unsubscribed_from_one_list_twice(bulk: Any) -> None:
    server, client = await bulk(Reply(202))
    first = Unsubscriber(channels=("email.marketing",), email="Ann@example.org")
    again = Unsubscriber(channels=("email.marketing",), email="ann@example.org")
    other = Unsubscriber(channels=("sms.marketing",), email="ann@example.org")
    known = Unsubscriber(channels=("email.marketing",), email="ann@example.org", phone_number="+15005550006")
    rest = [Unsubscriber(channels=("email.marketing",), email=f"p{n}@example.org") for n in range(150)]
    result = await client.subscriptions.unsubscribe_all([first, *rest, again, other, known], list_id="L")
    assert (result.sent, result.duplicates) == (151, (again,))
    assert [failed.item for failed in result.refused] == [other, known]
    named = re.findall(r'"email":"(ann@[^"]*)"', b"".join(r.body for r in server.received).decode().lower())
    assert len(named) == 1
    everywhere = await client.subscriptions.unsubscribe_all([first, again])
    assert everywhere.sent == 2


async def test_bulk_calls_let_others_go_first(wire: Wire) -> None:
    priorities: list[int] = []

    class Watching(NoPacing):
        @override
        async def slot(self, charges: Any, *, priority: Any, within_seconds: float) -> Any:
            priorities.append(priority)
            return await super().slot(charges, priority=priority, within_seconds=within_seconds)

    server = await wire.serve(Reply(202, job("complete", failed_count=0)))
    client = await wire.client(server.url, pacing=Watching())
    await client.events.send_all([event("1")])
    await client.profile_imports.import_all([ProfileAttributes(external_id="x")])
    await client.events.create(event("1"))
    assert priorities == [1, 1, 0]
