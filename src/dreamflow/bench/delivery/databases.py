"""The `databases` rows: PostgreSQL is disturbed while facts come and go; afterwards all goes on as before.

Facts come at a steady pace, and two workers deliver them. Between two windows of a minute something happens to the
server. The rate at which facts complete after it, by the rate before it, is what counts: five times for each kind of
disturbance, in turn, so that what comes after one is what goes before the next. Two servers are disturbed at the same
time, each with a house of its own, because a minute cannot be shortened.
"""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy import Connection, func, select

from dreamflow.bench.delivery.account import account
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import postgres_house, postgres_server
from dreamflow.bench.delivery.kills import drained
from dreamflow.bench.delivery.ledger import audit
from dreamflow.bench.delivery.producers import Producers
from dreamflow.bench.model import Broken, Measured, Row, at_least
from dreamflow.bench.servers.postgres_process import NoPostgresError
from dreamflow.bench.subject import SubjectError
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.db import DatabaseUnavailable
from dreamflow.outbox import DeliveryKind, DeliveryState
from dreamflow.outbox.adapters.sql import deliveries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.delivery.ledger import Found
    from dreamflow.bench.delivery.producers import Produced
    from dreamflow.bench.delivery.program import Program
    from dreamflow.bench.model import Lab, Outcome
    from dreamflow.bench.servers.postgres_process import PostgresProcess


def _row(id_: str) -> Row:
    return Row(id=id_, unit="after/before", target=at_least(0.95), short_target=at_least(0.5))


RESTART: Final = _row("databases-restart")
TERMINATE: Final = _row("databases-terminate")
IDLE: Final = _row("databases-idle")
KILL: Final = _row("databases-kill")
KILLS: Final = _row("databases-kills")

LEAST: Final = 0.85
"""No pair may be lower; in a short run none is judged by itself."""
CONNECTIONS: Final = 300
_MOST_CONNECTIONS: Final = "400"
_BULK_LIMIT: Final = "1000"  # with less, Klaviyo's limits and not the database would set the pace
_CALLERS: Final = 16
_PAUSE_SECONDS: Final = 0.5
_UPS_SECONDS: Final = (0.5, 2.5)
"""How long a server is up between two of repeated kills."""
_DOWN_SECONDS: Final = 0.5
_DRAIN_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasesSize:
    """How much there is to do."""

    warm_up_seconds: float
    window_seconds: float
    pairs: int
    workers: int
    """For each of the two houses."""
    rate: float
    """Facts in a second, for each house."""
    families: int
    terminations: int
    """Times that everybody is thrown out, one after the other."""
    kills: int
    """Times that a server is killed where it is killed repeatedly."""


FULL: Final = DatabasesSize(
    warm_up_seconds=5, window_seconds=60, pairs=5, workers=2, rate=150, families=1_000, terminations=20, kills=5
)
SHORT: Final = DatabasesSize(
    warm_up_seconds=1, window_seconds=2.5, pairs=1, workers=1, rate=60, families=100, terminations=3, kills=2
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A server that is disturbed, and what chance and connections are at hand for it."""

    server: PostgresProcess
    house: House
    klaviyo: Account
    size: DatabasesSize
    draw: random.Random
    idle: list[psycopg.Connection[Any]] = field(default_factory=list["psycopg.Connection[Any]"])
    """Connections that do nothing; they are closed after the window that follows."""


def restart(scene: Scene) -> None:
    """As for an update: it ends in good order and comes back."""
    scene.server.restart()


def terminate(scene: Scene) -> None:
    """An administrator throws everybody out, again and again."""
    for _ in range(scene.size.terminations):
        scene.server.terminate_backends()
        time.sleep(_PAUSE_SECONDS)


def crowd(scene: Scene) -> None:
    """Somebody else holds many connections and does nothing with them."""
    scene.idle.extend(psycopg.connect(scene.house.url or "") for _ in range(CONNECTIONS))


def kill(scene: Scene) -> None:
    """All its processes die at once."""
    scene.server.kill()
    time.sleep(_DOWN_SECONDS)
    scene.server.start()


def kill_again(scene: Scene) -> None:
    """The same several times, with hardly time to recover."""
    for _ in range(scene.size.kills):
        kill(scene)
        time.sleep(scene.draw.uniform(*_UPS_SECONDS))


TRACKS: Final[Sequence[Sequence[tuple[Row, Callable[[Scene], None]]]]] = (
    ((RESTART, restart), (TERMINATE, terminate), (IDLE, crowd)),
    ((KILL, kill), (KILLS, kill_again)),
)
"""What happens to the one server, and what to the other."""


@dataclass(frozen=True, slots=True)
class Track:
    """What came of one server's disturbances."""

    pairs: Mapping[str, Sequence[tuple[float, float]]]
    """By row: facts completed in a second, before and after."""
    produced: Produced
    found: Found


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """All rows."""
    size = SHORT if lab.short else FULL
    with ExitStack() as stack:
        scenes: list[Scene] = []
        for number in range(len(TRACKS)):
            server = stack.enter_context(postgres_server(max_connections=_MOST_CONNECTIONS))
            house = postgres_house(server, lab.scratch / f"databases-{number}", size.families, seed + number)
            draw = random.Random(seed + number)  # noqa: S311 - to be repeated
            scenes.append(Scene(server, house, stack.enter_context(account(seed + number)), size, draw))
        with ThreadPoolExecutor(len(TRACKS)) as threads:
            running = [
                threads.submit(_track, scene, disturbances, seed)
                for scene, disturbances in zip(scenes, TRACKS, strict=True)
            ]
            ends = [_end(each) for each in running]
    for disturbances, end in zip(TRACKS, ends, strict=True):
        for row, _ in disturbances:
            yield Broken(row.id, end) if isinstance(end, str) else judged(row, end, size, is_short=lab.short)


GROUP: Final = Group(rows=(RESTART, TERMINATE, IDLE, KILL, KILLS), measure=measure)


def _end(track: Future[Track]) -> Track | str:
    """What came of a track, or why nothing did: the other one counts nevertheless."""
    try:
        return track.result()
    except (SubjectError, NoPostgresError, DatabaseUnavailable, psycopg.Error, OSError, HTTPException) as error:
        return f"{type(error).__name__}: {error}"


def _track(scene: Scene, disturbances: Sequence[tuple[Row, Callable[[Scene], None]]], seed: int) -> Track:
    """Disturb one server, each kind in turn, with a window before and after each."""
    house, klaviyo, size = scene.house, scene.klaviyo, scene.size
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                house.program("worker", klaviyo.url, log=f"worker-{number}", WORKER__BULK_LIMIT=_BULK_LIMIT)
            )
            for number in range(size.workers)
        ]
        for worker in workers:
            worker.until_said("Klaviyo account")
        producers = stack.enter_context(Producers(house, size.rate, callers=_CALLERS, seed=seed))
        time.sleep(size.warm_up_seconds)
        windows = [_window(scene)]
        happened: list[str] = []
        for _ in range(size.pairs):
            for row, disturb in disturbances:
                disturb(scene)
                happened.append(row.id)
                windows.append(_window(scene))
                _require_alive(workers, row)
        produced = producers.end()
        rates, found = asyncio.run(_check(scene, windows, produced))
    pairs: dict[str, list[tuple[float, float]]] = {}
    for row_id, pair in zip(happened, pairwise(rates), strict=True):
        pairs.setdefault(row_id, []).append(pair)
    return Track(pairs, produced, found)


def _require_alive(workers: Sequence[Program], row: Row) -> None:
    """A worker that ended is no worker that recovers, although the other does its work."""
    for worker in workers:
        if not worker.is_running:
            raise SubjectError(f"a worker ended by itself after {row.id}: {worker.said()[-300:]}")


def _window(scene: Scene) -> tuple[datetime, datetime]:
    """Let some time go by, and say from when until when."""
    clock = SystemClock()
    began = clock.now()
    time.sleep(scene.size.window_seconds)
    ended = clock.now()
    for connection in scene.idle:
        connection.close()
    scene.idle.clear()
    return began, ended


async def _check(
    scene: Scene, windows: Sequence[tuple[datetime, datetime]], produced: Produced
) -> tuple[list[float], Found]:
    """How many events were completed in a second of each window, and what became of all."""
    async with scene.house.database() as database:
        await drained(database, _DRAIN_SECONDS)
        rates = await database.read(lambda connection: [_rate(connection, *window) for window in windows])
        return rates, await audit(database, scene.klaviyo, produced.acknowledged)


def _rate(connection: Connection, began: datetime, ended: datetime) -> float:
    completed = select(func.count()).where(
        deliveries.c.kind == DeliveryKind.EVENT,
        deliveries.c.state == DeliveryState.DELIVERED,
        deliveries.c.settled_at >= began,
        deliveries.c.settled_at < ended,
    )
    return connection.execute(completed).scalar_one() / (ended - began).total_seconds()


def judged(row: Row, track: Track, size: DatabasesSize, *, is_short: bool) -> Outcome:
    """What the pairs of a row say; one that is much too low is not made good by the others."""
    pairs = track.pairs[row.id]
    if not all(before for before, _ in pairs):
        return Broken(row.id, "nothing was completed in a window before it")
    ratios = [after / before for before, after in pairs]
    note = (
        f"median of {len(pairs)} pairs of windows of {size.window_seconds:g} s (interval: the lowest and the highest), "
        f"{size.rate:g} facts/s by {_CALLERS} callers, {size.workers} workers; completed in a second before and after: "
        f"{', '.join(f'{before:.1f} and {after:.1f}' for before, after in pairs)}; writes refused in all disturbances "
        f"of this server: {track.produced.refused:,}; {track.found.words()}"
    )
    if track.found.wrong:
        return Broken(row.id, f"{note}; {'; '.join(track.found.examples)}")
    if not is_short and min(ratios) < LEAST:
        return Broken(row.id, f"a pair is as low as {min(ratios):.3g}, median {median(ratios):.3g}; {note}")
    return Measured(row=row.id, value=median(ratios), n=len(pairs), interval=(min(ratios), max(ratios)), note=note)
