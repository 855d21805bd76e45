"""The row `failpoints`: a program dies at every named place, on every ground, and nothing is lost or doubled by it.

A cell is one place on one ground. Facts are written, the program whose place it is dies there, and it is started
again; then everything must be where it belongs.
"""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import func, select, update

from dreamflow.bench.delivery.account import account
from dreamflow.bench.delivery.facts import facts
from dreamflow.bench.delivery.group import Group, NotHereError
from dreamflow.bench.delivery.house import postgres_house, postgres_server, sqlite_house
from dreamflow.bench.delivery.ledger import audit, books, entries
from dreamflow.bench.delivery.parents import ask
from dreamflow.bench.delivery.program import Program
from dreamflow.bench.delivery.reader import READ
from dreamflow.bench.model import Measured, Row, at_least
from dreamflow.bench.servers.kafka_installation import kafka_installation
from dreamflow.bench.servers.kafka_process import KafkaProcess, NoKafkaError
from dreamflow.bench.servers.postgres_process import NoPostgresError
from dreamflow.bench.subject import SubjectError
from dreamflow.bootstrap import DATABASE
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.db import DatabaseUnavailable
from dreamflow.kit.failpoints import PLACES
from dreamflow.outbox import DeliveryKind
from dreamflow.outbox.adapters.sql import append, journal
from dreamflow.outbox.adapters.sql.tables import due_jobs
from dreamflow.outbox.service.upkeep import RETENTION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.model import Lab, Outcome
    from dreamflow.kit.db import Database
    from dreamflow.outbox import Envelope

T = TypeVar("T")

ROW: Final = Row(id="failpoints", unit="% of the cells", target=at_least(100), short_target=at_least(100))

KAFKA: Final = "Kafka"
SHORT: Final[dict[str, tuple[str, ...]]] = {
    "SQLite": ("outbox.sent", "stories.committed"),
    "PostgreSQL": ("outbox.settling",),
    KAFKA: (),
}
"""The cells of a short run."""

_FACTS: Final = 24
"""In one cell, with an update for every fifth: they leave in bulk."""
_FAMILIES: Final = 60
_PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_ONLY_KAFKA: Final = ("kafka.", "relay.")


@dataclass(slots=True)
class Ground:
    """Where places are tried, one after the other."""

    name: str
    """`SQLite`, `PostgreSQL` or `Kafka`; the last is PostgreSQL with Kafka."""
    house: House
    klaviyo: Account
    settings: dict[str, str]
    """Of its programs, beside those of every house."""
    things: Iterator[Envelope]
    promised: set[str] = field(default_factory=set[str])
    tried: int = 0

    @property
    def has_relay(self) -> bool:
        """Whether deliveries go through Kafka."""
        return self.name == KAFKA

    def program(self, command: str, **more: str) -> Program:
        """A program of the house, not started yet."""
        return self.house.program(command, self.klaviyo.url, **self.settings, **more)


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """The row. Where there is no PostgreSQL or no Kafka, the cells are fewer, and the note says so."""
    with ExitStack() as stack:
        grounds, missing = _grounds(lab, seed, stack)
        wanted = {ground.name: places(ground.name, short=lab.short) for ground in grounds}
        with ThreadPoolExecutor(len(grounds)) as threads:
            # Most of a cell is the start of a program; side by side they take half as long.
            futures = [threads.submit(_try_all, lab, each, wanted[each.name]) for each in grounds]
            results = [future.result() for future in futures]
    failed = [words for result in results for words in result]
    cells = sum(map(len, wanted.values()))
    counts = ", ".join(f"{len(some)} on {name}" for name, some in wanted.items() if some)
    words = [f"{cells} cells: {counts}", *missing, *(f"failed: {each}" for each in failed)]
    passed = 100 * (cells - len(failed)) / cells
    yield Measured(row=ROW.id, value=passed, n=cells, note="; ".join(words))


GROUP: Final = Group(rows=(ROW,), measure=measure)


def places(ground: str, *, short: bool) -> Sequence[str]:
    """The places to try on a ground, in the order in which they can be tried."""
    if short:
        return SHORT[ground]
    there = [place for place in PLACES if ground == KAFKA or not place.startswith(_ONLY_KAFKA)]
    # The first start of a worker runs what is due each minute; and when old rows are gone, nothing else can be checked.
    return sorted(there, key=lambda place: (place == "retention.deleted") - (place == "schedule.ran"))


def _grounds(lab: Lab, seed: int, stack: ExitStack) -> tuple[list[Ground], list[str]]:
    """The grounds there are, and sentences about those there are not."""
    folder = lab.scratch

    def ground(name: str, house: House, **settings: str) -> Ground:
        klaviyo = stack.enter_context(account(seed))
        drawn = facts(10**6, house.families[: -len(PLACES)], seed, updates=0.2)
        return Ground(name, house, klaviyo, settings, drawn)

    grounds = [ground("SQLite", sqlite_house(folder / "failpoints-sqlite", _FAMILIES, seed))]
    try:
        server = stack.enter_context(postgres_server())
    except NotHereError as error:
        return grounds, [str(error)]
    grounds.append(ground("PostgreSQL", postgres_house(server, folder / "failpoints-postgres", _FAMILIES, seed)))
    if lab.short and not SHORT[KAFKA]:
        return grounds, []
    installation = kafka_installation()
    if installation is None:
        return grounds, ["There is no Kafka here (tools/install-servers installs it)."]
    (folder / "failpoints-broker").mkdir()
    broker = KafkaProcess(installation, folder / "failpoints-broker")
    broker.start()
    stack.callback(broker.stop)
    house = postgres_house(server, folder / "failpoints-kafka", _FAMILIES, seed)
    grounds.append(ground(KAFKA, house, KAFKA__BOOTSTRAP=broker.bootstrap))
    return grounds, []


def _try_all(lab: Lab, ground: Ground, some: Sequence[str]) -> list[str]:
    """Try places; answers a sentence for each that did not pass."""
    failed: list[str] = []
    for place in some:
        try:
            _try(ground, place)
        except (SubjectError, NoPostgresError, NoKafkaError, DatabaseUnavailable, OSError) as error:
            failed.append(f"{place} on {ground.name}: {error}")
            lab.say(failed[-1])
        ground.tried += 1
    return failed


def _try(ground: Ground, place: str) -> None:
    """One cell. Raises SubjectError if it does not pass."""
    scene = next((scene for name, scene in _SCENES.items() if place.startswith(name)), _at_a_worker)
    scene(ground, place)


def _at_a_worker(ground: Ground, place: str) -> None:
    _write(ground)
    with _relay(ground):
        _die(ground, "worker", place)
        _deliver(ground)
    _check(ground)


def _at_a_relay(ground: Ground, place: str) -> None:
    with ground.program("worker"):
        _write(ground)
        _die(ground, "relay", place)
        with _relay(ground):
            _until_drained(ground)
    _check(ground)


def _after_a_failed_try(ground: Ground, place: str) -> None:
    ground.klaviyo.begin_faults("bulk_create_events:503")
    _write(ground)
    with _relay(ground):
        _die(ground, "worker", place)
        ground.klaviyo.end_faults()
        _deliver(ground)
    _check(ground)


def _when_taking_over(ground: Ground, place: str) -> None:
    _write(ground)
    with _relay(ground):
        _die(ground, "worker", "outbox.sent")
        _die(ground, "worker", place)
        _deliver(ground)
    _check(ground)


def _when_removing(ground: Ground, place: str) -> None:
    """Nothing is removed twice or half: the books say as before how many there were."""

    async def bring_forward(database: Database) -> int:
        due = update(due_jobs).where(due_jobs.c.id == RETENTION).values(due=SystemClock().now())
        await database.write(lambda connection: connection.execute(due))
        return (await books(database)).accepted

    async def after(database: Database) -> None:
        now = await books(database)
        if not now.balanced or now.pending or now.dead or now.accepted != before:
            raise SubjectError(f"{before} deliveries had been accepted before, now the books say: {now}")

    before = _in(ground.house, bring_forward)
    _die(ground, "worker", place, OUTBOX__KEEP_DAYS="0")
    _in(ground.house, after)
    with _relay(ground):
        _deliver(ground, OUTBOX__KEEP_DAYS="0")
    _in(ground.house, after)


def _at_an_api(ground: Ground, place: str) -> None:
    """A story that is asked for again with the same key is told once."""
    family = ground.house.families[-1 - list(PLACES).index(place)]

    async def once(database: Database) -> None:
        found = [each for each in await entries(database) if each.parent == family.parent]
        told = [each.story for each in found if each.kind == DeliveryKind.EVENT]
        if told != [story]:
            raise SubjectError(f"a family asked for one story and was told {len(told)}")

    with ground.program("serve", FAILPOINT=place) as api:
        answered = ask(_url(api), family, place)
        if answered is not None or api.wait(_PATIENCE_SECONDS) != -signal.SIGKILL:
            raise SubjectError("the API did not die there")
    with ground.program("serve") as api:
        story = ask(_url(api), family, place)
    if story is None:
        raise SubjectError("the API did not answer when it was started again")
    ground.promised.add(story)
    with _relay(ground):
        _deliver(ground)
    _in(ground.house, once)
    _check(ground)


def _at_a_reader(ground: Ground, place: str) -> None:
    """A subscriber has every entry of the journal once, in order."""

    async def all_of_it(database: Database) -> None:
        there = await database.read(lambda c: c.execute(select(journal.c.seq).order_by(journal.c.seq)).scalars().all())
        read = await database.read(lambda c: c.execute(select(READ.c.seq)).scalars().all())
        ordered = await database.read(lambda c: c.execute(select(func.count(READ.c.seq.distinct()))).scalar_one())
        if sorted(read) != there or ordered != len(read):
            raise SubjectError(f"of {len(there)} entries {len(read)} were read, {ordered} different ones")

    where = ground.house.url or str(ground.house.state / DATABASE)
    environment = ground.house.environment(ground.klaviyo.url)
    log = ground.house.state / "reader.log"
    reader = Program("dreamflow.bench.delivery.reader", where, environment=environment, log=log)
    _write(ground)
    reader.start(DREAMFLOW_FAILPOINT=place)
    if reader.wait(_PATIENCE_SECONDS) != -signal.SIGKILL:
        raise SubjectError("the reader did not die there")
    reader.start()
    if reader.wait(_PATIENCE_SECONDS):
        raise SubjectError(f"the reader failed when it was started again: {reader.said()[-300:]}")
    _in(ground.house, all_of_it)
    with _relay(ground):
        _deliver(ground)
    _check(ground)


_SCENES: Final[dict[str, Callable[[Ground, str], None]]] = {
    "outbox.deferred": _after_a_failed_try,
    "lease.adopted": _when_taking_over,
    "retention.": _when_removing,
    "stories.": _at_an_api,
    "subscriber.": _at_a_reader,
    "relay.": _at_a_relay,
}
"""How a place is reached, by the beginning of its name; all others by a worker with something to do."""


def _write(ground: Ground) -> None:
    some = list(islice(ground.things, _FACTS))
    _in(ground.house, lambda database: database.write(lambda connection: append(connection, some)))
    ground.promised.update(each.id for each in some)


def _die(ground: Ground, command: str, place: str, **more: str) -> None:
    with ground.program(command, FAILPOINT=place, **more) as program:
        if program.wait(_PATIENCE_SECONDS) != -signal.SIGKILL:
            raise SubjectError(f"it did not die there but ended: {program.said()[-300:]}")


@contextmanager
def _relay(ground: Ground) -> Generator[None]:
    """A relay that runs while the block does, where one is needed."""
    if not ground.has_relay:
        yield
        return
    with ground.program("relay"):
        yield


def _deliver(ground: Ground, **more: str) -> None:
    with ground.program("worker", **more) as worker:
        worker.until_said("Klaviyo account", _PATIENCE_SECONDS)
        _until_drained(ground)
        if worker.stop():
            raise SubjectError(f"the worker did not end in good order: {worker.said()[-300:]}")


def _until_drained(ground: Ground) -> None:
    async def wait(database: Database) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE_SECONDS
        while (now := await books(database)).pending:
            if loop.time() > until:
                raise SubjectError(f"deliveries are still pending: {now}")
            await asyncio.sleep(_LOOK_SECONDS)

    _in(ground.house, wait)


def _check(ground: Ground) -> None:
    found = _in(ground.house, lambda database: audit(database, ground.klaviyo, ground.promised))
    if found.wrong or found.unpromised or not found.books.balanced or found.books.dead:
        raise SubjectError(f"{found.words()}; {'; '.join(found.examples)}")


def _in(house: House, step: Callable[[Database], Awaitable[T]]) -> T:
    """Do something with the database of a house."""

    async def run() -> T:
        async with house.database() as database:
            return await step(database)

    return asyncio.run(run())


def _url(api: Program) -> str:
    return api.until_said("Dream Flow is open at").split()[-1]
