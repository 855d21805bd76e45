"""The frame of the bench of delivery: a house, its facts and programs, an account with a witness, groups of rows."""

import asyncio
import json
import os
import random
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from threading import Event

import pytest
import structlog
import typer

from aioklaviyo import Klaviyo, NoPacing
from dreamflow.bench.delivery import account as accounts
from dreamflow.bench.delivery import kills, parents, soak
from dreamflow.bench.delivery.account import Account
from dreamflow.bench.delivery.bench import BESIDE, GROUPS, DeliveryBench
from dreamflow.bench.delivery.facts import facts
from dreamflow.bench.delivery.group import Group, NotHereError
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.killing import kill_again_and_again
from dreamflow.bench.delivery.ledger import audit, books
from dreamflow.bench.delivery.program import Program, wait_until
from dreamflow.bench.delivery.witness import Witness
from dreamflow.bench.model import Broken, Lab, Measured, Outcome, Row, Skipped, at_most
from dreamflow.bench.runner import run
from dreamflow.bench.servers.kafka_installation import kafka_installation
from dreamflow.bench.servers.postgres_process import postgres_programs
from dreamflow.bench.subject import SubjectError
from dreamflow.entrypoints import bench as command
from dreamflow.entrypoints.cli import app
from dreamflow.families import FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.db import Database
from dreamflow.kit.ids import RandomIds
from dreamflow.outbox import Books, DeliveryService, Envelope, Limits
from dreamflow.outbox.adapters.klaviyo import KlaviyoSink
from dreamflow.outbox.adapters.sql import SqlDeliveries, SqlLeases, append
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.faults import parse_faults
from klaviyo_emulator.testing import running_emulator

ROWS = tuple(Row(id=name, unit="wrong", target=at_most(0), short_target=at_most(0)) for name in ("one", "two"))
SAYS_AND_WAITS = "import sys, time; print('{0}', file=sys.stderr, flush=True); time.sleep(60)"


def lab(folder: Path, *, short: bool = True) -> Lab:
    return Lab(short=short, scratch=folder, data=None, say=[].append)


@pytest.fixture
def klaviyo() -> Iterator[Account]:
    """An account in a thread, which is there sooner than a process."""
    with running_emulator(EmulatorConfig(limits=False, job_ms=0, acceptance_log=True)) as running:
        running.emulator.app.add_middleware(Witness)
        yield Account(running.url, os.getpid())


async def deliver(database: Database, url: str) -> None:
    """Everything, as a worker does."""
    async with Klaviyo("pk_test", base_url=url, pacing=NoPacing()) as client:
        service = DeliveryService(
            store=SqlDeliveries(database, RandomIds()),
            leases=SqlLeases(database),
            sink=KlaviyoSink(client),
            gate=FamilyService(SqlFamilyStore(database, append), SystemClock(), RandomIds()),
            clock=SystemClock(),
            rng=random.Random(1),
            limits=Limits(events=50),
        )
        await service.drain(poll_seconds=0.01)
        await service.aclose()


async def write(database: Database, some: Sequence[Envelope]) -> list[str]:
    await database.write(lambda connection: append(connection, some))
    return [each.id for each in some]


async def test_facts_of_a_house_may_leave_and_the_account_tells_of_them(tmp_path: Path, klaviyo: Account) -> None:
    house = await asyncio.to_thread(sqlite_house, tmp_path / "house", 5, 1)
    assert len({family.parent for family in house.families}) == 5
    async with house.database() as database:
        promised = await write(database, list(facts(40, house.families, 1, updates=0.5)))
        await deliver(database, klaviyo.url)
        promised += await write(database, list(facts(2, house.families, 2)))
        await deliver(database, klaviyo.url)
        now = await books(database)
        assert now.balanced
        assert not now.pending + now.dead + now.withheld
        found = await audit(database, klaviyo, promised)
    assert (found.wrong, found.events, found.unpromised) == (0, 42, 0), found
    assert found.single >= 2
    assert found.updates + found.books.superseded >= 10
    requests = list(klaviyo.arrived())
    assert found.requests == len(requests) == klaviyo.arrivals()
    assert {len(one.carries) for one in requests if one.path == "/api/events"} == {1}
    assert all(one.is_accepted for one in requests)


def test_houses_may_be_made_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        made = [threads.submit(sqlite_house, tmp_path / str(number), 2, number) for number in range(6)]
    assert [len(each.result().families) for each in made] == [2] * 6


def test_the_same_seed_gives_the_same_facts(tmp_path: Path) -> None:
    house = sqlite_house(tmp_path / "house", 3, 1)
    one, two, other = (list(facts(20, house.families, seed, updates=0.3)) for seed in (1, 1, 2))
    assert one == two != other
    assert {len(fact.outgoing) for fact in one} == {1, 2}


def test_each_kind_of_fault_is_as_likely_as_the_others() -> None:
    spared, shares = 1.0, []
    for fault in parse_faults(accounts.faults(0.12)):
        shares.append(spared * fault.probability)
        spared -= shares[-1]
    assert shares == pytest.approx([0.012] * 10)
    of_two = parse_faults(accounts.faults(0.12, ("create_event", "bulk_create_events")))
    assert [fault.operation for fault in of_two] == ["create_event"] * 10 + ["bulk_create_events"] * 10


@pytest.mark.parametrize("share", [0.003, 0.05, 0.3])
def test_any_share_can_be_told_to_the_emulator(share: float) -> None:
    spared = 1.0
    for fault in parse_faults(accounts.faults(share)):
        spared -= spared * fault.probability
    assert 1 - spared == pytest.approx(share, abs=1e-6)


def test_a_report_says_with_which_versions(tmp_path: Path) -> None:
    bench = DeliveryBench(groups=(Group(ROWS, lambda lab, seed: [Measured(row=row.id, value=0, n=1) for row in ROWS]),))
    document = run("delivery", bench, lab(tmp_path)).document()
    assert document["seed"] == bench.seed
    versions = document["versions"]
    assert isinstance(versions, dict)
    assert versions["sqlalchemy"] == version("sqlalchemy")
    assert ("postgresql" in versions) == (postgres_programs() is not None)
    assert ("kafka" in versions) == (kafka_installation() is not None)
    assert all(re.fullmatch(r"\d+(\.\w+)+", str(number)) for number in versions.values())


def test_what_fails_on_purpose_does_not_spoil_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(lab: Lab, seed: int) -> Iterator[Measured]:
        for row in ROWS:
            structlog.get_logger().error("outbox.dead_letter")
            yield Measured(row=row.id, value=0, n=1)

    monkeypatch.setattr(command, "load", lambda name: DeliveryBench(groups=(Group(ROWS, measure),)))
    monkeypatch.setenv("DREAMFLOW_STATE_DIR", str(tmp_path))
    typer.main.get_command(app).main(["bench", "delivery", "--json"], standalone_mode=False)
    said = capsys.readouterr()
    assert [result["holds"] for result in json.loads(said.out)["results"]] == [True, True]
    assert said.err.splitlines() == ["one, two: 0 s", "delivery.one: 0", "delivery.two: 0"]


def test_what_depends_on_no_clock_is_measured_beside_the_soak(tmp_path: Path) -> None:
    soaked, night, raw = (
        Row(id=name, unit="wrong", target=at_most(0), short_target=at_most(0)) for name in ("soak", "night", "raw")
    )
    has_begun, may_end = Event(), Event()
    ended: list[str] = []

    def soaking(lab: Lab, seed: int) -> Iterator[Measured]:
        has_begun.set()
        assert may_end.wait(30)
        ended.append(soaked.id)
        yield Measured(row=soaked.id, value=0, n=1)

    def beside(lab: Lab, seed: int) -> Iterator[Measured]:
        assert has_begun.wait(30)
        ended.append(night.id)
        may_end.set()
        yield Measured(row=night.id, value=0, n=1)

    def alone(lab: Lab, seed: int) -> Iterator[Measured]:
        ended.append(raw.id)
        yield Measured(row=raw.id, value=0, n=1)

    groups = (Group((raw,), alone), Group((soaked,), soaking), Group((night,), beside))
    bench = DeliveryBench(groups=groups, background=groups[1], beside=groups[2:])
    report = run("delivery", bench, lab(tmp_path))
    assert ended == ["night", "soak", "raw"]
    notes = {result.row.id: result.outcome.note for result in report.results if isinstance(result.outcome, Measured)}
    assert notes == {"raw": "", "soak": "; measured meanwhile: night", "night": ""}


def test_every_row_belongs_to_the_bench() -> None:
    assert {group.rows for group in (soak.GROUP, *BESIDE)} < {group.rows for group in GROUPS}


def test_an_account_says_what_went_wrong(klaviyo: Account) -> None:
    klaviyo.begin_faults("get_profiles:503*1")
    with pytest.raises(OSError, match="503"):
        klaviyo.properties()
    assert klaviyo.end_faults() == {"503": 1}
    assert klaviyo.properties() == {}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Program]]:
    """Programs of one line."""
    begun: list[Program] = []
    (tmp_path / "one_line.py").write_text("import os\nexec(os.environ['LINE'])\n")

    def make(line: str) -> Program:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "LINE": line}
        begun.append(Program("one_line", environment=environment, log=tmp_path / "log"))
        return begun[-1]

    yield make
    for each in begun:
        each.kill()


def test_a_program_says_what_this_run_of_it_has_said(program: Callable[[str], Program]) -> None:
    with program(SAYS_AND_WAITS.format("I am here")) as one:
        assert one.until_said("here") == "I am here"
        assert one.is_running
        assert one.kill() == -signal.SIGKILL
        assert not one.is_running
        one.start(LINE=SAYS_AND_WAITS.format("and here again"))
        assert one.until_said("here") == "and here again"
        assert one.stop() == -signal.SIGTERM


def test_a_program_that_ends_before_it_speaks_is_told_with_its_last_words(program: Callable[[str], Program]) -> None:
    with program("raise SystemExit('no money')") as one:
        with pytest.raises(SubjectError, match="no money"):
            one.until_said("ready")
        assert one.wait(5) == 1


def test_what_does_not_come_is_not_waited_for(program: Callable[[str], Program]) -> None:
    with pytest.raises(SubjectError, match="spring"):
        wait_until(lambda: False, 0.01, "spring has come")
    with program(SAYS_AND_WAITS.format("hello")) as one, pytest.raises(SubjectError, match="has ended"):
        one.wait(0.05)


async def test_a_program_is_killed_after_some_of_its_work(program: Callable[[str], Program], tmp_path: Path) -> None:
    work = tmp_path / "work"
    line = (
        "import time\nfrom pathlib import Path\n"
        f"while True:\n Path({str(work)!r}).open('a').write('.'); time.sleep(.002)"
    )

    def count() -> int:
        return work.stat().st_size if work.exists() else 0

    with program(line) as one:
        pid = one.pid
        await kill_again_and_again(one, count, random.Random(5), times=2, most=5)
        assert one.is_running
        assert one.pid != pid
    assert count()


async def test_a_program_that_ends_by_itself_is_not_killed(program: Callable[[str], Program]) -> None:
    with program("raise SystemExit(3)") as one, pytest.raises(SubjectError, match="by itself with status 3"):
        await kill_again_and_again(one, lambda: 0, random.Random(5), times=1, most=5)


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (NotHereError("There is no moon."), Skipped("two", "There is no moon.")),
        (SubjectError("it fell"), Broken("two", "SubjectError: it fell")),
        (ZeroDivisionError("of the bench"), Broken("two", "ZeroDivisionError: of the bench")),
        (None, Broken("two", "it was not measured")),
    ],
)
def test_a_row_that_is_not_measured_is_skipped_or_broken(
    tmp_path: Path, error: Exception | None, ended: Outcome
) -> None:
    measured = Measured(row="one", value=0, n=1)

    def measure(_: Lab, seed: int) -> Iterator[Outcome]:
        assert seed == 5
        yield measured
        if error is not None:
            raise error

    assert list(Group(ROWS, measure).outcomes(lab(tmp_path), 5)) == [measured, ended]


async def test_books_that_do_not_balance_and_facts_that_do_not_leave_are_told(tmp_path: Path) -> None:
    house = await asyncio.to_thread(sqlite_house, tmp_path / "house", 1, 1)
    async with house.database() as database:
        await write(database, list(facts(1, house.families, 1)))
        with pytest.raises(SubjectError, match="still deliveries pending"):
            await kills.drained(database, 0.01)
        with pytest.raises(SubjectError, match="do not balance"):
            kills.require_balanced(Books(accepted=1))


def test_parents_count_from_when_a_call_was_due() -> None:
    calls = parents.Calls([(1.0, 0.5, 201, "s"), (2.0, 3.0, None, None), (3.0, 0.1, 503, None), (9.0, 0.2, 201, "t")])
    assert calls.stories == {"s", "t"}
    assert calls.failing_share == 0.5
    assert calls.between(1.0, 3.0).failing_share == 0.5
    assert (calls.seconds(0.5), calls.seconds(1)) == (0.2, 3.0)


def test_when_nobody_has_asked_there_is_no_time_to_tell() -> None:
    nobody = parents.Calls([])
    assert nobody.words() == "nobody asked"
    with pytest.raises(SubjectError, match="nobody"):
        nobody.seconds(0.99)
    assert parents.Calls([(100.0, 0.5, 201, "a")]).words() == "p99 500 ms, median 500 ms"


def test_a_program_does_not_outlive_the_bench(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    bench = (
        "import os, time\nfrom pathlib import Path\nfrom dreamflow.bench.delivery.program import Program\n"
        f"one = Program('http.server', '0', environment=dict(os.environ), log=Path({str(tmp_path / 'log')!r}))\n"
        f"one.start(); Path({str(pidfile)!r}).write_text(str(one.pid)); os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / "dying_bench.py").write_text(bench)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    with Program("dying_bench", environment=environment, log=tmp_path / "bench.log") as one:
        assert one.wait(20) == -signal.SIGKILL
    pid = int(pidfile.read_text())

    def is_gone() -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    wait_until(is_gone, 10, "the program is gone")
