"""What became of every fact, in Jepsen's manner: what was promised, beside what the other side has seen.

A fact whose acknowledgement never came is neither promised nor refused: it may be there or not, but not twice.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from dreamflow.kit.ids import RandomIds
from dreamflow.outbox import Books, DeliveryKind, DeliveryState
from dreamflow.outbox.adapters.sql import SqlDeliveries, deliveries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from dreamflow.bench.delivery.account import Accepted, Account, Arrived
    from dreamflow.kit.db import Database

_SINGLE = "create_event"


@dataclass(frozen=True, slots=True)
class Entry:
    """A delivery as the house has it."""

    id: str
    fact: str
    story: str | None
    """The id of the story that it tells of, if it is an event."""
    parent: str
    number: int
    """Counts what leaves about one parent."""
    kind: str
    state: str
    settled_at: float | None
    """In seconds since 1970, as the worker that stored the outcome read its clock just before."""
    mark: str
    """By which the witness knows it: its id, or `PROFILE:NUMBER` of an update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a check says. The first four must be 0."""

    lost: int
    """Promised and not at the other side: not in the books, not delivered, or delivered only in the books."""
    doubled: int
    """Events that the other side has more often than the house has accepted them, or without its having done so."""
    disorder: int
    """Times that something came to the other side, or was accepted there, before what the same profile had earlier."""
    resent: int
    """Requests with something that was recorded as delivered before they came."""
    ambiguous: int
    """Requests with something of which nobody could know what had come of it before."""
    deferred: int
    """Requests with something that had come before and was surely not accepted."""
    unpromised: int
    """Facts that are there although their acknowledgement never came."""
    events: int
    """Events delivered."""
    single: int
    """Events that were accepted by themselves."""
    updates: int
    """Profile updates delivered; those that went along with others are not among them."""
    requests: int
    failed: int
    """Requests that were answered with no success, or not at all."""
    books: Books
    examples: tuple[str, ...] = field(repr=False)
    """Of what is wrong, for whoever looks for the reason; ids only."""

    @property
    def wrong(self) -> int:
        """Lost, doubled, out of order, and sent again after a recorded success, together."""
        return self.lost + self.doubled + self.disorder + self.resent

    @property
    def single_share(self) -> float:
        """Of the events."""
        return self.single / max(1, self.events)

    def __add__(self, other: Found) -> Found:
        """Of two runs."""
        mine, others = self.books, other.books
        return Found(
            lost=self.lost + other.lost,
            doubled=self.doubled + other.doubled,
            disorder=self.disorder + other.disorder,
            resent=self.resent + other.resent,
            ambiguous=self.ambiguous + other.ambiguous,
            deferred=self.deferred + other.deferred,
            unpromised=self.unpromised + other.unpromised,
            events=self.events + other.events,
            single=self.single + other.single,
            updates=self.updates + other.updates,
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            books=Books(
                delivered=mine.delivered + others.delivered,
                dead=mine.dead + others.dead,
                withheld=mine.withheld + others.withheld,
                superseded=mine.superseded + others.superseded,
                pending=mine.pending + others.pending,
                accepted=mine.accepted + others.accepted,
            ),
            examples=self.examples + other.examples,
        )

    def words(self) -> str:
        """For a note."""
        return (
            f"{self.lost:,} lost, {self.doubled:,} doubled in effect, {self.disorder:,} out of order, "
            f"{self.resent:,} re-sent after a recorded success; {self.ambiguous:,} ambiguous re-sends, "
            f"{self.deferred:,} after a clear refusal; {self.requests:,} requests of which {self.failed:,} failed; "
            f"{self.events:,} events, {100 * self.single_share:.0f} % singly, {self.updates:,} profile updates; "
            f"books {'balanced' if self.books.balanced else 'NOT balanced'}"
        )


async def entries(database: Database) -> list[Entry]:
    """Every delivery of a house, in the order of acceptance."""

    def read(connection: Connection) -> list[Entry]:
        columns = (
            deliveries.c.id,
            deliveries.c.fact,
            deliveries.c.parent,
            deliveries.c.number,
            deliveries.c.kind,
            deliveries.c.state,
            deliveries.c.settled_at,
            deliveries.c.body,
        )
        found: list[Entry] = []
        for row in connection.execute(select(*columns).order_by(deliveries.c.seq)):
            is_update = row.kind == DeliveryKind.PROFILE
            body = json.loads(row.body)
            found.append(
                Entry(
                    row.id,
                    row.fact,
                    body.get("story_id"),
                    row.parent,
                    row.number,
                    row.kind,
                    row.state,
                    row.settled_at and row.settled_at.timestamp(),
                    f"{row.parent}:{body.get('stories_28d')}" if is_update else row.id,
                )
            )
        return found

    return await database.read(read)


async def books(database: Database) -> Books:
    """The books of a house."""
    return await SqlDeliveries(database, RandomIds()).books()


async def audit(database: Database, account: Account, promised: Collection[str]) -> Found:
    """Check a house whose deliveries have all ended, against its account. Ends the account's faults.

    Args:
        database: the house's.
        account: where all of it has gone; nothing else has.
        promised: ids of the facts whose acknowledgement came, or of the stories that they tell of.
    """
    account.end_faults()
    account.settle()
    return check(
        await entries(database),
        await books(database),
        accepted=list(account.accepted()),
        arrived=list(account.arrived()),
        properties=account.properties(),
        promised=promised,
    )


def check(
    house: Sequence[Entry],
    of_house: Books,
    *,
    accepted: Sequence[Accepted],
    arrived: Sequence[Arrived],
    properties: Mapping[str, Mapping[str, object]],
    promised: Collection[str],
) -> Found:
    """The check itself; see `audit`."""
    promised = set(promised)  # it is asked for each delivery
    # An update that says what another of the same profile says is not told apart from it, and left out.
    marks = Counter(entry.mark for entry in house)
    of_mark = {entry.mark: entry for entry in house if marks[entry.mark] == 1}
    stored = Counter(one.unique_id for one in accepted if one.is_stored)
    examples: list[str] = []

    def wrong(what: str, ids: Iterable[str]) -> int:
        found = list(ids)
        examples.extend(f"{what}: {each}" for each in found[:3])
        return len(found)

    first_accepted = list(dict.fromkeys(one.unique_id for one in accepted if one.is_stored))
    first_arrived = list(dict.fromkeys(mark for one in arrived for mark in one.carries))
    resends = _resends(of_mark, arrived)
    known = {entry.fact for entry in house if entry.fact in promised or entry.story in promised}
    return Found(
        lost=wrong("lost", _lost(house, stored, properties, promised)),
        doubled=wrong("doubled", _doubled(of_mark, stored)),
        disorder=wrong("out of order of acceptance", _late(first_accepted, of_mark))
        + wrong("out of order of arrival", _late(first_arrived, of_mark)),
        resent=wrong("re-sent", resends["recorded"]),
        ambiguous=len(resends["ambiguous"]),
        deferred=len(resends["refused"]),
        unpromised=len({entry.fact for entry in house} - known),
        events=sum(entry.kind == DeliveryKind.EVENT and entry.state == DeliveryState.DELIVERED for entry in house),
        single=sum(one.is_stored and one.operation == _SINGLE for one in accepted),
        updates=sum(entry.kind == DeliveryKind.PROFILE and entry.state == DeliveryState.DELIVERED for entry in house),
        requests=len(arrived),
        failed=sum(not one.is_accepted for one in arrived),
        books=of_house,
        examples=tuple(examples),
    )


def _lost(
    house: Sequence[Entry],
    stored: Mapping[str, int],
    properties: Mapping[str, Mapping[str, object]],
    promised: Collection[str],
) -> list[str]:
    lost = sorted(set(promised) - {each for entry in house for each in (entry.fact, entry.story)})
    last_update: dict[str, Entry] = {}
    for entry in house:
        if entry.kind == DeliveryKind.EVENT:
            if entry.state != DeliveryState.DELIVERED or not stored.get(entry.id):
                lost.append(entry.id)
        elif entry.state not in {DeliveryState.DELIVERED, DeliveryState.SUPERSEDED}:
            lost.append(entry.id)
        else:
            last_update[entry.parent] = entry
    for parent, entry in last_update.items():
        # The last update stands for all before it: a profile shows the last value only.
        if f"{parent}:{properties.get(parent, {}).get('stories_28d')}" != entry.mark:
            lost.append(entry.id)
    return lost


def _doubled(of_mark: Mapping[str, Entry], stored: Mapping[str, int]) -> list[str]:
    return [id_ for id_, count in stored.items() if count > 1 or id_ not in of_mark]


def _late(marks: Sequence[str], of_mark: Mapping[str, Entry]) -> list[str]:
    """What came after something later of the same profile."""
    last: dict[str, int] = {}
    late: list[str] = []
    for mark in marks:
        entry = of_mark.get(mark)
        if entry is None:
            continue  # counted elsewhere
        if entry.number < last.get(entry.parent, 0):
            late.append(mark)
        last[entry.parent] = max(entry.number, last.get(entry.parent, 0))
    return late


def _resends(of_mark: Mapping[str, Entry], arrived: Sequence[Arrived]) -> dict[str, list[str]]:
    """Requests with something that came before, by what was known of it then; the worst counts."""
    found: dict[str, list[str]] = {"recorded": [], "ambiguous": [], "refused": []}
    is_clear: dict[str, bool] = {}
    for one in arrived:
        before = [mark for mark in one.carries if mark in is_clear]
        recorded = [mark for mark in one.carries if _is_recorded(of_mark.get(mark), one.at)]
        if recorded:
            found["recorded"].append(recorded[0])
        elif before:
            clear = all(is_clear[mark] for mark in before)
            found["refused" if clear else "ambiguous"].append(before[0])
        # After a success that was read but not recorded, as after no answer at all, a worker cannot know.
        was_refused = not one.is_ambiguous and not one.is_accepted
        for mark in one.carries:
            is_clear[mark] = was_refused and is_clear.get(mark, True)
    return found


def _is_recorded(entry: Entry | None, at: float) -> bool:
    return (
        entry is not None
        and entry.state == DeliveryState.DELIVERED
        and entry.settled_at is not None
        and entry.settled_at < at
    )
