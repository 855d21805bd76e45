"""Rows `night` and `night-memory`: a million families with one event each, through one worker."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, insert

from dreamflow.bench.delivery.account import Account
from dreamflow.bench.delivery.facts import story_told
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import ISSUER, Known, sqlite_house
from dreamflow.bench.delivery.night_process import Night
from dreamflow.bench.delivery.simulated import loop
from dreamflow.bench.model import Broken, Measured, Row, at_most
from dreamflow.bench.subject import SubjectError, running, started
from dreamflow.families.adapters.sql import families, ledger
from dreamflow.families.model import CONSENT_TEXTS, Purpose
from dreamflow.kit.ids import SeededIds
from dreamflow.outbox.adapters.sql import append

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamflow.bench.delivery.house import House
    from dreamflow.bench.model import Lab, Outcome
    from dreamflow.outbox import Envelope

NIGHT = Row(id="night", unit="min of Klaviyo's time", target=at_most(7.0), short_target=at_most(0.075))
"""The limit allows 150,000 events a minute: a million in 6.67 min, and the short form's 10,000 in 0.067."""
MEMORY = Row(id="night-memory", unit="MB", target=at_most(300), short_target=at_most(300))
FULL: Final = 1_000_000
SHORT: Final = 10_000
_AT_ONCE: Final = 5_000
_TEXT: Final = CONSENT_TEXTS[Purpose.PERSONAL_SUGGESTIONS]


def measure_night(lab: Lab, seed: int) -> Iterator[Outcome]:
    """Measure the rows."""
    count = SHORT if lab.short else FULL
    lab.say(f"A night of {count:,} families")
    house = sqlite_house(lab.scratch / "night", 0, seed)
    asyncio.run(_furnish(house, count, seed))
    lab.say("  all of it waits")
    emulator = ("--port", "0", "--limits", "on", "--data", str(lab.scratch / "night-klaviyo.sqlite"))
    with started("klaviyo_emulator", *emulator) as subject:
        arguments = ("--state", str(house.state), "--url", subject.url, "--count", str(count), "--seed", str(seed))
        with running("dreamflow.bench.delivery.night_process", *arguments) as process:
            said = process.stdout.read() if process.stdout else ""
        if not said:
            raise SubjectError("the worker ended before its work was done")
        yield from judge(Night(**json.loads(said)), Account(subject.url, subject.process.pid).stored(), count)


GROUP = Group(rows=(NIGHT, MEMORY), measure=measure_night)


def judge(night: Night, stored: int, count: int) -> list[Outcome]:
    """What a night says of the rows.

    Args:
        night: as its worker tells it.
        stored: events that the emulator has.
        count: events that there were.
    """
    told = (
        f"{night.delivered:,} delivered and {night.left:,} not, {stored:,} stored there; {night.requests:,} requests, "
        f"{night.throttled:,} answers 429; {night.cpu_seconds:.0f} s of CPU, {night.memory_mb:.0f} MB"
    )
    if (night.delivered, night.left, stored) != (count, 0, count) or night.cpu_seconds > night.seconds:
        return [Broken(row.id, told) for row in GROUP.rows]
    note = (
        f"{count:,} families with one event each, written beforehand; a worker in a process of its own with the real "
        f"claim, consent, cut, client, pacing and outcomes on SQLite, in simulated time; an emulator with its limits "
        f"on a socket, answers after 30 to 250 ms besides; {told}"
    )
    return [
        Measured(row=NIGHT.id, value=night.seconds / 60, n=count, note=note),
        Measured(row=MEMORY.id, value=night.memory_mb, n=count, note="the most that the worker had resident"),
    ]


async def _furnish(house: House, count: int, seed: int) -> None:
    """Families who have agreed, and a fact of each, some at a time: all of them together would fill the memory."""
    ids = SeededIds(seed)
    async with house.database(durable=False) as database:
        for begin in range(0, count, _AT_ONCE):
            some = [_known(ids) for _ in range(min(_AT_ONCE, count - begin))]
            facts = [story_told(ids, family, begin + number) for number, family in enumerate(some)]

            def write(connection: Connection, some: Sequence[Known] = some, facts: Sequence[Envelope] = facts) -> None:
                _join(connection, some)
                append(connection, facts)

            await database.write(write)


def _known(ids: SeededIds) -> Known:
    return Known(ids.new(), ids.new(), "", ids.new())


def _join(connection: Connection, some: Sequence[Known]) -> None:
    connection.execute(
        insert(families),
        [
            {
                "parent": family.parent,
                "issuer": ISSUER,
                "subject": family.subject,
                "email": None,
                "time_zone": "Europe/London",
                "locale": "en",
                "created_at": loop.START,
                "simulated": False,
            }
            for family in some
        ],
    )
    connection.execute(
        insert(ledger),
        [
            {
                "id": family.suggestions,
                "parent": family.parent,
                "purpose": Purpose.PERSONAL_SUGGESTIONS,
                "granted": True,
                "text_version": _TEXT.version,
                "text_sha256": _TEXT.sha256,
                "at": loop.START,
                "channel": "api",
            }
            for family in some
        ],
    )
