"""What a worker does beside delivery: the schedule, and the subscribers of the journal."""

import asyncio

import structlog

from dreamflow.outbox.ports import DeliveryStore, Observer
from dreamflow.outbox.rules.recurring import next_audit, next_night
from dreamflow.outbox.service.retention import Retention
from dreamflow.outbox.service.schedule import Recurring, ScheduleService
from dreamflow.outbox.service.subscribers import SubscriberService

RETENTION = "outbox.retention"
AUDIT = "outbox.audit"

_log = structlog.get_logger()


class Upkeep:
    """Keeps a house in order, for as long as it runs.

    Args:
        schedule: runs what is due.
        subscribers: read the journal.
    """

    def __init__(self, schedule: ScheduleService, subscribers: SubscriberService) -> None:
        self._schedule = schedule
        self._subscribers = subscribers

    async def run(self, stop: asyncio.Event) -> None:
        """Do so until `stop` is set; a failure of one part stops neither it nor another."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._schedule.run(stop))
            tasks.create_task(self._subscribers.run(stop))


class BooksAudit:
    """Looks whether the books balance.

    Args:
        store: has the books.
        observer: is told each time.
    """

    def __init__(self, store: DeliveryStore, observer: Observer) -> None:
        self._store = store
        self._observer = observer

    async def run(self) -> None:
        """Look once; what is off is an error in the log: something was lost, or counted twice."""
        books = await self._store.books()
        self._observer.balanced(books)
        if not books.balanced:
            found = books.delivered + books.dead + books.withheld + books.superseded + books.pending
            _log.error("outbox.unbalanced", accepted=books.accepted, found=found)


def chores(retention: Retention, audit: BooksAudit) -> tuple[Recurring, ...]:
    """What the outbox has to be done again and again: at night, and each minute."""
    return (
        Recurring(RETENTION, next_night, next_night, retention.run),
        Recurring(AUDIT, lambda now: now, next_audit, audit.run),
    )
