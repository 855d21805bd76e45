"""Many events are stored with few statements, and it is as if they had been stored one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import REPEATABLE, SetClock, bulk_body, event_attributes, event_body, profile_body
from hypothesis import given
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

ROWS = "SELECT profile, metric, time, unique_id, value FROM event ORDER BY seq"
NOW = 1_795_176_000

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
ENTRY = st.builds(
    NewEvents,
    st.sampled_from(["1", "2", "3"]).map(lambda name: ProfileChange(identifiers={"external_id": name})),
    st.lists(EVENT, max_size=12),
)


def split(entries: Sequence[NewEvents]) -> list[NewEvents]:
    """The same events, each in an entry of its own."""
    return [NewEvents(entry.profile, [event]) for entry in entries for event in entry.events]


def outcome(entries: list[list[NewEvents]], duplicates: BulkDuplicates | None = None) -> tuple[Any, ...]:
    """What is stored after these requests, and what `store_events` said of each event."""
    database = Database(":memory:")

    def work(connection: sqlite3.Connection) -> tuple[Any, ...]:
        mint = open_mint(connection, 0, SetClock())
        said: list[Stored] = []
        for request in entries:
            said += store_events(connection, mint, request, duplicates)
        kept = {row[0] for row in connection.execute("SELECT seq FROM event")}
        assert kept == {one.seq for one in said if one.seq is not None}
        return (
            connection.execute(ROWS).fetchall(),
            connection.execute("SELECT name, has_value FROM metric ORDER BY seq").fetchall(),
            connection.execute("SELECT external_id, last_event FROM profile ORDER BY seq").fetchall(),
            [(one.seq is None, one.time, one.profile.id, one.metric.id, one.event) for one in said],
        )

    try:
        return database.write(work).result()
    finally:
        database.close()


@REPEATABLE
@given(st.lists(ENTRY, max_size=8))
def test_together_is_as_one_by_one(entries: list[NewEvents]) -> None:
    filled = [entry for entry in entries if entry.events]
    assert outcome([filled]) == outcome([[single] for single in split(filled)])


@REPEATABLE
@given(st.lists(ENTRY, max_size=6))
def test_a_repetition_is_refused_at_its_place(entries: list[NewEvents]) -> None:
    seen: set[tuple[Any, ...]] = set()
    first: tuple[int, int] | None = None
    for entry_index, entry in enumerate(entries):
        for event_index, event in enumerate(entry.events):
            time = NOW if event.time is None else event.time
            key = (entry.profile.identifiers["external_id"], event.metric, event.unique_id or str(time))
            if key in seen and event.unique_id is not None and first is None:
                first = (entry_index, event_index)
            seen.add(key)
    if first is None:
        assert outcome([entries], "history") == outcome([entries])
        return
    with pytest.raises(RepeatedUniqueIdError) as refused:
        outcome([entries], "history")
    assert (refused.value.entry, refused.value.event) == first


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 700])
def test_repetitions_are_found_wherever_they_stand(count: int) -> None:
    def request(numbers: range) -> list[NewEvents]:
        events = [NewEvent("A", None, NOW, f"u{number}", None, None, "{}") for number in numbers]
        return [NewEvents(ProfileChange(identifiers={"external_id": "1"}), events)]

    rows, _, _, said = outcome([request(range(0, count, 3)), request(range(count))])
    assert len(rows) == count
    of_the_second = said[-count:]
    assert [is_dropped for is_dropped, *_ in of_the_second] == [number % 3 == 0 for number in range(count)]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, -(2**63), 2**63, 2**63 - 1, 1.5, "x", "ü", "x" * MAXIMUM_STRING_BYTES, "ü" * 60_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=12,
)


@REPEATABLE
@given(st.dictionaries(st.sampled_from(["a", "b", "ü"]), VALUES, max_size=3))
def test_what_is_accepted_as_properties_is_kept_as_it_was(properties: dict[str, Any]) -> None:
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
    services = [None, "shop", "shop", None, "api", ""]
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
