"""Many events are stored with few statements, and it is as if they had been stored one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from emulator_wire import REPEATABLE, SetClock, bulk_body, event_attributes, event_body, profile_body
from hypothesis import example, given, settings
from hypothesis import strategies as st

from klaviyo_emulator.body import parse_json
from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.payload import MAXIMUM_STRING_BYTES
from klaviyo_emulator.routes.event_input import Receipt, read_bulk, read_event
from klaviyo_emulator.state.database import Database
from klaviyo_emulator.state.events import NewEvent, NewEvents, RepeatedUniqueIdError, Stored, store_events
from klaviyo_emulator.state.minting import open_mint
from klaviyo_emulator.state.profiles import ProfileChange

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.config import BulkDuplicates

ROWS = (
    "SELECT external_id, metric.name, time, unique_id, value FROM event "
    "JOIN profile ON profile.seq = event.profile JOIN metric ON metric.seq = event.metric ORDER BY event.seq"
)
PROFILES = "SELECT external_id, last_event, details FROM profile"
NOW = 1_795_176_000
FEW = settings(REPEATABLE, max_examples=40)

EVENT = st.builds(
    NewEvent,
    metric=st.sampled_from(["A", "B"]),
    service=st.none(),
    time=st.sampled_from([None, NOW - 1, NOW + 5]),
    unique_id=st.sampled_from([None, "u", "v", str(NOW - 1)]),
    value=st.sampled_from([None, None, 0, 3.5]),
    currency=st.none(),
    properties=st.just("{}"),
    backfill=st.booleans(),
)
CHANGE = st.builds(
    ProfileChange,
    identifiers=st.sampled_from(["1", "2", "3"]).map(lambda name: {"external_id": name}),
    details=st.sampled_from([{}, {}, {}, {"title": "a"}, {"title": "b"}]),
)
ENTRY = st.builds(NewEvents, CHANGE, st.lists(EVENT, max_size=12))


class Outcome(NamedTuple):
    """What is stored after some requests, and of which events `store_events` said that they were dropped."""

    rows: list[tuple[Any, ...]]
    valued: set[str]
    last_events: dict[str, int | None]
    titles: dict[str, str | None]
    dropped: list[bool]


def outcome(requests: Sequence[Sequence[NewEvents]], duplicates: BulkDuplicates | None = None) -> Outcome:
    database = Database(":memory:")

    def work(connection: sqlite3.Connection) -> Outcome:
        mint = open_mint(connection, 0, SetClock())
        said: list[Stored] = []
        for request in requests:
            said += store_events(connection, mint, request, duplicates)
        for one, event in zip(said, events_of(requests), strict=True):
            assert one.event is event
            assert (one.metric.name, one.time) == (event.metric, NOW if event.time is None else event.time)
        kept = [one for one in said if one.seq is not None]
        assert [one.seq for one in kept] == [row[0] for row in connection.execute("SELECT seq FROM event ORDER BY seq")]
        valued = connection.execute("SELECT name FROM metric WHERE has_value")
        return Outcome(
            connection.execute(ROWS).fetchall(),
            {row[0] for row in valued},
            {name: last for name, last, _ in connection.execute(PROFILES)},
            {name: json.loads(details).get("title") for name, _, details in connection.execute(PROFILES)},
            [one.seq is None for one in said],
        )

    try:
        return database.write(work).result()
    finally:
        database.close()


def events_of(requests: Sequence[Sequence[NewEvents]]) -> list[NewEvent]:
    return [event for request in requests for entry in request for event in entry.events]


def expected(requests: Sequence[Sequence[NewEvents]]) -> Outcome:
    """The same, by a dictionary."""
    rows: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    result = Outcome([], set(), {}, {}, [])
    for entry in (entry for request in requests for entry in request):
        who = str(entry.profile.identifiers["external_id"])
        result.last_events.setdefault(who, None)
        result.titles[who] = entry.profile.details.get("title", result.titles.get(who))
        for event in entry.events:
            time = NOW if event.time is None else event.time
            key = (who, event.metric, event.unique_id or str(time))
            result.dropped.append(key in rows)
            if key in rows:
                continue
            value = 0 if event.value is None and event.metric in result.valued else event.value
            rows[key] = (who, event.metric, time, key[2], value)
            result.last_events[who] = max(time, result.last_events[who] or 0)
            if event.value is not None:
                result.valued.add(event.metric)
    return result._replace(rows=list(rows.values()))


@FEW
@given(st.lists(st.lists(ENTRY, max_size=6), max_size=3))
def test_many_at_once_are_stored_as_one_after_the_other(requests: list[list[NewEvents]]) -> None:
    assert outcome(requests) == expected(requests)


@FEW
@given(st.lists(ENTRY, max_size=6))
def test_a_repetition_is_refused_at_its_place(entries: list[NewEvents]) -> None:
    places = [(entry, event) for entry, found in enumerate(entries) for event in range(len(found.events))]
    events = events_of([entries])
    wanted = expected([entries])
    refused_at = [
        place
        for place, event, is_dropped in zip(places, events, wanted.dropped, strict=True)
        if is_dropped and event.unique_id is not None
    ]
    if not refused_at:
        assert outcome([entries], "history") == wanted
        return
    with pytest.raises(RepeatedUniqueIdError) as refused:
        outcome([entries], "history")
    assert (refused.value.entry, refused.value.event) == refused_at[0]


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 700, 1025])
def test_repetitions_are_found_wherever_they_stand(count: int) -> None:
    def request(numbers: range) -> list[NewEvents]:
        events = [NewEvent("A", None, NOW, f"u{number}", None, None, "{}") for number in numbers]
        return [NewEvents(ProfileChange(identifiers={"external_id": "1"}), events)]

    found = outcome([request(range(0, count, 3)), request(range(count))])
    assert len(found.rows) == count
    assert found.dropped[-count:] == [number % 3 == 0 for number in range(count)]


def test_what_is_stored_is_numbered_without_a_gap() -> None:
    def work(connection: sqlite3.Connection) -> list[int | None]:
        mint = open_mint(connection, 0, SetClock())
        numbers: list[int | None] = []
        for count in (3, 1, 5, 600):
            events = [NewEvent("A", None, NOW, f"{count}/{number}", None, None, "{}") for number in range(count)]
            entry = NewEvents(ProfileChange(identifiers={"external_id": "1"}), events)
            numbers += [one.seq for one in store_events(connection, mint, [entry])]
        return numbers

    database = Database(":memory:")
    try:
        assert database.write(work).result() == list(range(1, 610))
    finally:
        database.close()


def test_what_is_dropped_moves_no_time() -> None:
    events = [NewEvent("A", None, time, "u", None, None, "{}") for time in (NOW - 1, NOW + 5)]
    found = outcome([[NewEvents(ProfileChange(identifiers={"external_id": "1"}), events)]])
    assert found.dropped == [False, True]
    assert found.last_events == {"1": NOW - 1}


# Long texts go by short names, because a failing example is printed.
LONG = {
    "<long>": "x" * MAXIMUM_STRING_BYTES,
    "<too long>": "x" * (MAXIMUM_STRING_BYTES + 1),
    "<wide>": "ü" * 40_000,
    "<too wide>": "ü" * 60_000,
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, -(2**63), 2**63, 2**63 - 1, 1.5, "x", "ü", *LONG]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=12,
)


def written_out(value: Any) -> Any:
    """The value with its long texts."""
    if isinstance(value, dict):
        return {LONG.get(name, name): written_out(item) for name, item in value.items()}
    if isinstance(value, list):
        return [written_out(item) for item in value]
    return LONG.get(value, value) if isinstance(value, str) else value


@REPEATABLE
@given(st.dictionaries(st.sampled_from(["a", "b", "ü", "<too long>"]), VALUES, max_size=3))
@example({"a": "<long>"})
@example({"a": "<too long>"})
@example({"a": ["<too wide>"]})
@example({"a": "<wide>", "b": "<wide>"})
@example({"<too long>": 1})
def test_what_is_accepted_as_properties_is_kept_as_it_was(short: dict[str, Any]) -> None:
    properties = written_out(short)
    document = event_body(properties=properties)
    integers: list[int] = []
    strings: list[str] = []

    def visit(value: Any) -> None:
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                visit(item)
        elif isinstance(value, str):
            strings.append(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            integers.append(value)

    visit(properties)
    strings += properties
    fits = all(-(2**63) <= number < 2**63 for number in integers)
    fits = fits and all(len(text.encode()) <= MAXIMUM_STRING_BYTES for text in strings)
    if not fits:
        with pytest.raises(Refusal) as refused:
            read_event(document, Receipt(NOW, 10))
        assert refused.value.problem.status == 400
        return
    (event,) = read_event(document, Receipt(NOW, 10)).events
    assert json.loads(event.properties) == properties


def test_metrics_of_one_request_are_told_apart() -> None:
    services = [None, "shop", "shop", None, "api", None]
    events = []
    for number, service in enumerate(services):
        attributes = event_attributes("M" if number < 4 else "N", unique_id=str(number))
        attributes["metric"]["data"]["attributes"] |= {} if service is None else {"service": service}
        events.append(attributes)
    (entry,) = read_bulk(bulk_body((profile_body(email="kim@example.org"), events)), Receipt(NOW, 10))
    assert [event.service for event in entry.events] == services
    assert [event.metric for event in entry.events] == ["M"] * 4 + ["N"] * 2


@pytest.mark.parametrize(
    ("whole", "own", "expected"),
    [(None, None, False), (True, None, True), (True, False, True), (False, True, True), (None, True, True)],
)
def test_history_is_marked_for_a_profile_or_for_an_event(whole: Any, own: Any, *, expected: bool) -> None:
    # The official SDK fills in `false` for every event, so that alone takes nothing back.
    attributes = event_attributes() | ({"backfill": own} if own is not None else {})
    body = bulk_body((profile_body(email="kim@example.org"), [attributes]))
    if whole is not None:
        body["data"]["attributes"]["events-bulk-create"]["data"][0]["attributes"]["backfill"] = whole
    (entry,) = read_bulk(body, Receipt(NOW, 10))
    assert [event.backfill for event in entry.events] == [expected]


@pytest.mark.parametrize("text", [rb"\ud83d\ude00", rb"\u00fc", rb"\\ud83d", rb"\uFFFD"])
def test_escaped_characters_are_read(text: bytes) -> None:
    assert parse_json(b'{"a": "' + text + b'"}') == {"a": json.loads(b'"' + text + b'"')}


@pytest.mark.parametrize("text", [rb"\ud83d", rb"\uDE00", rb"\ude00\ud83d", rb"\Ud83d"])
def test_half_a_character_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal):
        parse_json(b'{"a": "' + text + b'"}')
