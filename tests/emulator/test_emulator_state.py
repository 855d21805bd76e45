"""The state: files, restarts, transactions, plans of queries, ids."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import threading
import uuid
from concurrent.futures import CancelledError
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import REPEATABLE, Served, SetClock, error_of, event_body, profile_body, served
from hypothesis import given
from hypothesis import strategies as st
from people_bodies import a_profile, import_job

from klaviyo_emulator import Counts, Emulator, EmulatorConfig, StateError
from klaviyo_emulator.background.pump import Pump
from klaviyo_emulator.clock import system_clock
from klaviyo_emulator.cursors import Position
from klaviyo_emulator.filters import Condition
from klaviyo_emulator.ids import event_id, event_sequence, event_uuid, short_id, ulid
from klaviyo_emulator.state.database import Database, StateUnavailableError
from klaviyo_emulator.state.events import list_events
from klaviyo_emulator.state.metrics import ensure_metric, list_metrics
from klaviyo_emulator.state.minting import Agenda, open_mint
from klaviyo_emulator.state.profiles import list_profiles
from klaviyo_emulator.state.tasks import Task, schedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from klaviyo_emulator.routes.context import Context


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    file = str(tmp_path / "state.db")

    def picture(running: Served) -> Any:
        return [
            running.wire.get(path).json()["data"]
            for path in ("/api/profiles", "/api/events", "/api/metrics", "/api/accounts")
        ]

    with served(database=file, limits=False) as running:
        running.wire.post("/api/events", event_body(unique_id="u", value=1))
        before = picture(running)
    with served(database=file, limits=False, seed=7) as running:
        assert picture(running) == before
        running.wire.post("/api/events", event_body(unique_id="u"))
        running.wire.post("/api/events", event_body(unique_id="v", email="lee@example.org"))
        profiles, events, _, _ = picture(running)
        assert len({item["id"] for item in profiles}) == len(profiles) == 2
        assert len({item["id"] for item in events}) == len(events) == 2
        assert events[0]["attributes"]["event_properties"]["$value"] == 0


def test_a_state_in_memory_has_the_tables_of_one_in_a_file(tmp_path: Path) -> None:
    def tables(database: str) -> tuple[Any, ...]:
        with closing(Database(database)) as state:
            return state.read(
                lambda connection: (
                    connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall(),
                    connection.execute("PRAGMA application_id").fetchone(),
                    connection.execute("PRAGMA user_version").fetchone(),
                )
            ).result()

    assert tables(":memory:") == tables(str(tmp_path / "state.db"))
    assert tables(":memory:")[0]


def test_one_seed_gives_one_sequence_of_ids(tmp_path: Path) -> None:
    def ids(**settings: Any) -> Any:
        with served(limits=False, **settings) as running:
            for number in range(3):
                running.wire.post("/api/events", event_body(email=f"p{number}@example.org", metric=f"M{number}"))
            found = [
                item["id"]
                for path in ("profiles", "events", "metrics")
                for item in running.wire.get(f"/api/{path}").json()["data"]
            ]
            return [running.emulator.account_id, *found, running.wire.get("/api/x").json()["errors"][0]["id"]]

    first = ids(seed=1)
    assert first == ids(seed=1) == ids(seed=1, database=str(tmp_path / "state.db"))
    assert not set(first) & set(ids(seed=2))


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    Emulator(EmulatorConfig(database=str(file))).close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StateError, match="version 999"):
        Emulator(EmulatorConfig(database=str(file)))


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    before = foreign.read_bytes()
    with pytest.raises(StateError, match=f"{foreign}: the file is a database of another program"):
        Emulator(EmulatorConfig(database=str(foreign)))
    assert foreign.read_bytes() == before
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be looked at\n" * 50)
    before = text.read_bytes()
    with pytest.raises(StateError, match="cannot open"):
        Emulator(EmulatorConfig(database=str(text)))
    assert text.read_bytes() == before
    with pytest.raises(StateError, match="cannot open"):
        Emulator(EmulatorConfig(database=str(tmp_path / "no" / "folder")))


def test_a_state_that_cannot_be_opened_further_is_refused_and_closed(tmp_path: Path) -> None:
    """As one that may be read and not be written to."""
    file = str(tmp_path / "state.db")
    Emulator(EmulatorConfig(database=file)).close()
    connection = sqlite3.connect(file)
    connection.execute("DROP TABLE setting")
    connection.close()
    threads = threading.active_count()
    with pytest.raises(StateError, match=f"cannot open the state in {file}: no such table"):
        Emulator(EmulatorConfig(database=file))
    assert threading.active_count() == threads


@pytest.mark.parametrize("place", [":memory:", "file"])
def test_work_that_fails_takes_only_its_own_changes_back(tmp_path: Path, place: str) -> None:
    database = Database(place if place == ":memory:" else str(tmp_path / "state.db"))
    insert = "INSERT INTO setting (name, value) VALUES (?, '')"

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute(insert, ("broken",))
        raise LookupError

    futures = [
        database.write(lambda connection: connection.execute(insert, ("a",)).rowcount),
        database.write(broken),
        database.write(lambda connection: connection.execute(insert, ("b",)).rowcount),
    ]
    assert futures[0].result() == futures[2].result() == 1
    with pytest.raises(LookupError):
        futures[1].result()
    names = database.read(lambda connection: connection.execute("SELECT name FROM setting").fetchall()).result()
    assert names == [("a",), ("b",)]
    database.close()
    database.close()
    with pytest.raises(StateUnavailableError):
        database.read(lambda connection: None)


def test_a_commit_that_fails_fails_everything_in_it(tmp_path: Path) -> None:
    file = str(tmp_path / "state.db")
    database = Database(file)

    def end_early(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")

    with pytest.raises(StateUnavailableError):
        database.write(end_early).result()

    database.write(lambda connection: connection.execute("SELECT 1")).result()
    database.close()


def set_room(running: Served, pages: int) -> None:
    """Let the state grow by so many pages and no more."""

    def work(connection: sqlite3.Connection) -> None:
        count = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {count + pages}")

    running.emulator.context.database.write(work).result()


@pytest.mark.parametrize("place", [":memory:", "file"])
def test_without_room_everything_is_unavailable_and_nothing_is_lost(tmp_path: Path, place: str) -> None:
    database = place if place == ":memory:" else str(tmp_path / "state.db")
    profiles = [a_profile(email=f"p{number}@example.org", title="x" * 1000) for number in range(50)]
    noticed = threading.Event()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: noticed.set() if "what is due waits" in record.msg else None
    logger = logging.getLogger("klaviyo_emulator")
    logger.addHandler(handler)
    try:
        with served(limits=False, database=database) as running:
            job = running.wire.post("/api/profile-bulk-import-jobs", import_job(*profiles)).json()["data"]["id"]
            set_room(running, 1)
            running.clock.advance(1)
            # The server tries to do what is due between requests too, and goes on when it cannot.
            assert noticed.wait(10)
            error_of(running.wire.get("/api/profiles"), 503)
            set_room(running, 1000)
            done = running.wire.get(f"/api/profile-bulk-import-jobs/{job}").json()["data"]["attributes"]
            assert (done["status"], done["completed_count"]) == ("complete", len(profiles))
    finally:
        logger.removeHandler(handler)


def test_what_a_commit_lost_is_due_again() -> None:
    done: list[str] = []
    gate = threading.Event()

    async def story(emulator: Emulator) -> None:
        context = emulator.context
        pump = Pump(context, {"note": lambda _context, _connection, task: done.append(task.kind)})
        context.database.write(lambda connection: schedule(connection, context.mint, "note", {})).result()
        context.database.write(lambda _connection: gate.wait())
        run = asyncio.create_task(pump.run())
        await asyncio.sleep(0)
        context.database.write(lambda connection: connection.execute("ROLLBACK"))
        gate.set()
        with pytest.raises(StateUnavailableError):
            await run
        assert pump.is_due
        await pump.run()
        assert not pump.is_due

    with Emulator() as emulator:
        asyncio.run(story(emulator))
    assert done == ["note", "note"]


def test_what_is_done_stays_due_until_it_is_stored() -> None:
    seen: list[bool] = []

    async def story(emulator: Emulator) -> None:
        context = emulator.context
        context.database.write(lambda connection: schedule(connection, context.mint, "note", {})).result()
        pump = Pump(context, {"note": lambda _context, _connection, _task: None})
        # In the same transaction, after what the pump does: nobody may think yet that there is nothing to wait for.
        gate = threading.Event()
        context.database.write(lambda _connection: gate.wait())
        run = asyncio.create_task(pump.run())
        await asyncio.sleep(0)
        context.database.write(lambda _connection: seen.append(pump.is_due))
        gate.set()
        await run
        seen.append(pump.is_due)

    with Emulator() as emulator:
        asyncio.run(story(emulator))
    assert seen == [True, False]


def test_what_is_planned_while_somebody_looks_is_not_forgotten() -> None:
    agenda = Agenda()
    agenda.notice(5)
    seen = agenda.noticed
    agenda.notice(7)
    agenda.settle(None, seen)
    assert agenda.earliest_us == 5
    agenda.settle(7, agenda.noticed)
    assert agenda.earliest_us == 7


def test_what_a_task_plans_comes_before_what_is_due_later() -> None:
    clock = SetClock()
    done: list[str] = []

    def note(context: Context, connection: sqlite3.Connection, task: Task) -> None:
        done.append(task.payload["name"])
        if task.payload["name"] == "first":
            schedule(connection, context.mint, "note", {"name": "second"}, after_ms=1000, since_us=task.due_us)

    with Emulator(EmulatorConfig(clock=clock)) as emulator:
        context = emulator.context

        def plan(connection: sqlite3.Connection) -> None:
            schedule(connection, context.mint, "note", {"name": "third"}, after_ms=3000)
            schedule(connection, context.mint, "note", {"name": "first"}, after_ms=1000)

        context.database.write(plan).result()
        clock.advance(86_400)
        asyncio.run(Pump(context, {"note": note}).run())
    assert done == ["first", "second", "third"]


def test_readers_of_a_file_cannot_write(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "state.db"))
    with pytest.raises(sqlite3.OperationalError):
        database.read(lambda connection: connection.execute("DELETE FROM setting")).result()
    database.close()


def test_work_whose_answer_nobody_awaits_is_done(tmp_path: Path) -> None:
    database = Database(":memory:")
    gate = threading.Event()
    database.write(lambda connection: gate.wait())
    given_up = database.write(lambda connection: connection.execute("INSERT INTO setting VALUES ('a', '')").rowcount)
    assert given_up.cancel()
    gate.set()
    count = database.read(lambda connection: connection.execute("SELECT count(*) FROM setting").fetchone()[0]).result()
    assert count == 1
    with pytest.raises(CancelledError):
        given_up.result()
    database.close()


def test_a_taken_short_id_is_not_given_again() -> None:
    database = Database(":memory:")

    def work(connection: sqlite3.Connection) -> int:
        mint = open_mint(connection, 0, SetClock())
        state = mint.chance.getstate()
        ensure_metric(connection, mint, "A", None)
        mint.chance.setstate(state)
        mint.short_id()
        ensure_metric(connection, mint, "B", None)
        return connection.execute("SELECT count(DISTINCT id) FROM metric").fetchone()[0]

    assert database.write(work).result() == 2
    database.close()


def plans(work: Callable[[sqlite3.Connection], object]) -> list[str]:
    """How SQLite goes about each statement of the work."""

    def explain(connection: sqlite3.Connection) -> list[str]:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        work(connection)
        connection.set_trace_callback(None)
        explained = [connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in statements]
        return ["; ".join(row[3] for row in rows) for rows in explained]

    database = Database(":memory:")
    try:
        return database.read(explain).result()
    finally:
        database.close()


OF_PROFILE = Condition("equals", "profile_id", "p")
OF_METRIC = Condition("equals", "metric_id", ("m",))
OF_METRICS = Condition("any", "metric_id", ("m", "n"))
LATE = Condition("greater-than", "timestamp", 5)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(
    ("conditions", "index", "found"),
    [
        ((), "event_metric_time", "metric=? AND "),
        ((OF_METRICS,), "event_metric_time", "metric=? AND "),
        ((OF_PROFILE,), "event_profile_metric_time", "profile=? AND metric=? AND "),
        ((OF_METRIC,), "event_metric_time", "metric=? AND "),
        ((OF_PROFILE, OF_METRIC), "event_profile_metric_time", "profile=? AND metric=? AND "),
    ],
)
def test_pages_of_events_are_read_from_an_index(
    conditions: tuple[Condition, ...], index: str, found: str, *, descending: bool
) -> None:
    def page(start: Position | None, *more: Condition) -> list[str]:
        given = (*conditions, *more)
        return plans(lambda connection: list_events(connection, given, descending=descending, start=start, size=10))

    sign = "<" if descending else ">"
    is_of_one_metric = OF_METRIC in conditions
    using = f"SEARCH event USING {'' if is_of_one_metric else 'COVERING '}INDEX {index}"
    (first,) = page(None)
    assert f"{using} ({found.removesuffix(' AND ')})" in first
    same, beyond = page(Position(9, 9))
    assert f"{using} ({found}time=? AND rowid{sign}?)" in same
    assert f"{using} ({found}time{sign}?)" in beyond
    assert f"{using} ({found}time>?" in page(Position(9, 9), LATE)[-1]
    if is_of_one_metric:  # otherwise the first events of each metric are merged
        assert "TEMP B-TREE" not in first + same + beyond


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(
    ("sort", "key", "index", "column"),
    [
        ("created", 9, "profile_created", "created"),
        ("updated", 9, "profile_updated", "updated"),
        ("email", "kim@example.org", "profile_email_order", "<expr>"),
    ],
)
def test_pages_of_profiles_are_read_from_an_index(
    sort: str, key: str | int, index: str, column: str, *, forward: bool
) -> None:
    def page(start: Position | None) -> list[str]:
        return plans(
            lambda connection: list_profiles(connection, (), sort=sort, descending=False, start=start, size=10)
        )

    sign = ">" if forward else "<"
    assert page(None) == [f"SCAN profile USING INDEX {index}"]
    assert page(Position(key, "01", forward)) == [
        f"SEARCH profile USING INDEX {index} ({column}=? AND id{sign}?)",
        f"SEARCH profile USING INDEX {index} ({column}{sign}?)",
    ]


def test_pages_by_id_are_read_from_an_index() -> None:
    start = Position("01", "01")
    (profiles,) = plans(
        lambda connection: list_profiles(connection, (), sort="id", descending=False, start=start, size=10)
    )
    assert profiles == "SEARCH profile USING INDEX sqlite_autoindex_profile_1 (id>?)"
    (metrics,) = plans(lambda connection: list_metrics(connection, (), start, 10))
    assert "SEARCH metric USING INDEX sqlite_autoindex_metric_1 (id>?)" in metrics
    assert "TEMP B-TREE" not in metrics


def test_counts_and_closing() -> None:
    with Emulator() as emulator:
        assert emulator.counts() == Counts(0, 0, 0)


@REPEATABLE
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1))
def test_event_ids_lead_back(sequence: int, key: int) -> None:
    text = event_id(sequence, key)
    assert len(text) == 11
    assert event_sequence(text, key) == sequence


@REPEATABLE
@given(st.integers(631_152_000, 4_000_000_000), st.integers(0, 2**63 - 1))
def test_event_uuids_tell_the_time(seconds: int, sequence: int) -> None:
    value = uuid.UUID(event_uuid(sequence, 5, seconds))
    assert (value.version, value.variant, value.clock_seq) == (1, uuid.RFC_4122, 1)
    assert value.time == seconds * 10_000_000 + 0x01B21DD213814000


def test_ulids_sort_by_time() -> None:
    chance = random.Random(0)
    assert ulid(chance, 1) < ulid(chance, 2) < ulid(chance, 2**40)
    assert ulid(random.Random(0), -5).startswith("0000000000")
    assert len(short_id(chance)) == 6


@pytest.mark.parametrize(
    "settings",
    [
        {"database": ""},
        {"latency_ms": -1},
        {"public_base": "klaviyo"},
        {"public_base": "https://a/"},
        {"bulk_duplicates": "never"},
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        EmulatorConfig(**settings)


def test_the_default_clock_is_the_machines() -> None:
    before = datetime.now(UTC)
    assert before <= system_clock() <= datetime.now(UTC)


def test_a_fault_is_answered_in_shape_and_logged(free: Served, caplog: pytest.LogCaptureFixture) -> None:
    connection_breaker = free.emulator._database.write(lambda connection: connection.execute("DROP TABLE event"))
    connection_breaker.result()
    response = free.wire.get("/api/events")
    assert response.status_code == 500
    assert response.json()["errors"][0]["status"] == 500
    assert "no such table" in caplog.text
    assert free.wire.post("/api/profiles", profile_body(email="kim@example.org")).status_code == 201
