"""Sending very many things in batches, and telling what became of each.

Klaviyo's batches succeed and fail as a whole, in part or nobody knows how. A bulk helper goes on after all of that, and
in the end everything it took from its source is in exactly one place of a ``BulkResult``.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar

from typing_extensions import override

from aioklaviyo.calls import Caller
from aioklaviyo.cutting import Tap
from aioklaviyo.errors import (
    CallRecord,
    CredentialsRejected,
    ErrorDetail,
    KlaviyoError,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    UnexpectedResponse,
)
from aioklaviyo.models.job import JobError
from aioklaviyo.pacing.model import Priority

T = TypeVar("T")
B = TypeVar("B")
E = TypeVar("E")
R = TypeVar("R")

PATIENCE_SECONDS = 900.0
"""How long a bulk helper waits for the rate limit to make room, before it gives up a batch."""
MAX_SPLITS = 500
"""How many requests looking for the bad ones of one batch may cost, before the rest is given up as refused."""


@dataclass(frozen=True, slots=True)
class Failed(Generic[T]):
    """One thing that was not taken, or of which nobody knows."""

    item: T = field(repr=False)
    error: KlaviyoError
    """Why. ``error.errors`` are Klaviyo's own words, where it had some."""


@dataclass(frozen=True, slots=True, repr=False)
class BulkResult(Generic[T]):
    """What became of everything: ``total`` is the sum of all of these.

    Batches are on their way at the same time: what became of their entries stands in the order in which it was known.
    """

    sent: int = 0
    """How many Klaviyo took; of what a job does, how many it did without telling of an error."""
    duplicates: tuple[T, ...] = ()
    """Not sent, because they repeat one that was: Klaviyo would have dropped them."""
    refused: tuple[Failed[T], ...] = ()
    """Refused by Klaviyo, or before sending: they have to be mended."""
    unsent: tuple[Failed[T], ...] = ()
    """Klaviyo has not got them; they may be sent again as they are."""
    unknown: tuple[Failed[T], ...] = ()
    """Klaviyo may have got them. Where ``error.may_repeat``, they may be sent again all the same."""
    job_ids: tuple[str, ...] = ()
    """Klaviyo's jobs that did the work, where there are jobs."""

    @property
    def total(self) -> int:
        """How many were taken from the source and settled."""
        return self.sent + len(self.duplicates) + len(self.refused) + len(self.unsent) + len(self.unknown)

    @property
    def is_clean(self) -> bool:
        """Whether Klaviyo has got every single one."""
        return not (self.refused or self.unsent or self.unknown)

    @override
    def __repr__(self) -> str:
        # The things are somebody's data.
        return (
            f"BulkResult(sent={self.sent}, duplicates={len(self.duplicates)}, refused={len(self.refused)},"
            f" unsent={len(self.unsent)}, unknown={len(self.unknown)}, jobs={len(self.job_ids)})"
        )


Progress: TypeAlias = Callable[[BulkResult[T]], None]
"""Called with the result so far whenever another batch is settled."""


class BulkStopped(CredentialsRejected):
    """The credentials were refused half-way; nothing further was taken from the source.

    ``result`` tells what became of what had been taken.
    """

    def __init__(self, happened: str, record: CallRecord, result: BulkResult[Any]) -> None:
        super().__init__(happened, record, result)
        self.result = result


@dataclass(slots=True)
class Tally(Generic[T]):
    """A result in the making."""

    sent: int = 0
    duplicates: list[T] = field(default_factory=list[T])
    refused: list[Failed[T]] = field(default_factory=list[Failed[T]])
    unsent: list[Failed[T]] = field(default_factory=list[Failed[T]])
    unknown: list[Failed[T]] = field(default_factory=list[Failed[T]])
    job_ids: list[str] = field(default_factory=list[str])
    stopped_by: CredentialsRejected | None = None

    def failed(self, items: Sequence[T], error: KlaviyoError) -> None:
        """Put things where an error says that they are: what was sent, or was to be sent, by the call it ended."""
        failures = [Failed(item, error) for item in items]
        if isinstance(error, CredentialsRejected):
            self.stopped_by = error
        if isinstance(error, RequestRejected):
            self.refused += failures
        elif error.record.may_be_done or isinstance(error, (OutcomeUnknown, UnexpectedResponse)):
            self.unknown += failures
        else:
            self.unsent += failures

    def result(self) -> BulkResult[T]:
        """What is known so far."""
        return BulkResult(
            self.sent,
            tuple(self.duplicates),
            tuple(self.refused),
            tuple(self.unsent),
            tuple(self.unknown),
            tuple(self.job_ids),
        )


def in_background(caller: Caller) -> Caller:
    """The same caller, whose calls let interactive ones go first."""
    return caller.with_options(replace(caller.options, priority=Priority.BACKGROUND))


async def patiently(caller: Caller, send: Callable[[], Awaitable[R]]) -> R:
    """What ``send`` returns; where the rate limit leaves no room within a call's deadline, wait and ask again.

    Raises:
        RateLimited: There was no room for ``PATIENCE_SECONDS``.
        KlaviyoError: Whatever else ``send`` raises. Its record tells whether an attempt of any of the calls may have
            done it.
    """
    ends_at = caller.monotonic() + PATIENCE_SECONDS
    may_be_done = False
    while True:
        try:
            return await send()
        except KlaviyoError as error:
            may_be_done = may_be_done or error.record.may_be_done
            wait = max(error.retry_after_seconds or 0.0, 1.0) if isinstance(error, RateLimited) else None
            if wait is None or caller.monotonic() + wait > ends_at:
                error.record = replace(error.record, may_be_done=may_be_done)
                raise
        await caller.sleep(wait)


async def settle_all(
    source: Iterable[T] | AsyncIterable[T],
    cut: Callable[[AsyncIterator[T]], AsyncGenerator[B, None]],
    settle: Callable[[B, Tally[T]], Awaitable[None]],
    *,
    max_in_flight: int,
    progress: Progress[T] | None,
) -> BulkResult[T]:
    """Settle batches, so many at once; the next one is taken from the source when there is room for it.

    Args:
        source: The things.
        cut: Makes batches of them, in which each thing is once.
        settle: Sends one batch and counts each thing of it in the tally, without sending where the tally says that
            everything has stopped. It raises no ``KlaviyoError``.
        max_in_flight: How many batches are under way at most.
        progress: Told after every batch.

    Raises:
        BulkStopped: The credentials were refused.
        Exception: What the source raised, after what had been taken from it is settled.
    """
    if max_in_flight < 1:
        raise ValueError("max_in_flight must be at least 1")
    tally = Tally[T]()
    under_way = _UnderWay(tally, progress)
    tap = Tap(source)
    try:
        async with aclosing(cut(tap)) as batches:
            try:
                async for batch in batches:
                    under_way.add(settle(batch, tally))
                    await under_way.wait(until_left=max_in_flight - 1)
                    if tally.stopped_by is not None:
                        tap.turn_off()
            except Exception:
                await under_way.wait(until_left=0)
                raise
        await under_way.wait(until_left=0)
    finally:
        await under_way.cancel()
    if tap.broken is not None:
        raise tap.broken
    if tally.stopped_by is not None:
        stopped = tally.stopped_by
        raise BulkStopped("Klaviyo refused the credentials half-way", stopped.record, tally.result()) from stopped
    return tally.result()


class _UnderWay(Generic[T]):
    """The batches that are being settled."""

    def __init__(self, tally: Tally[T], progress: Progress[T] | None) -> None:
        self._tally = tally
        self._progress = progress
        self._tasks: set[asyncio.Future[None]] = set()

    def add(self, settling: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(settling))

    async def wait(self, *, until_left: int) -> None:
        while len(self._tasks) > until_left:
            done, self._tasks = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            # All are looked at, so that none that failed beside another is reported as forgotten.
            mistakes = [error for task in done if (error := task.exception()) is not None]
            if mistakes:
                raise mistakes[0]
            for _ in done:
                if self._progress is not None:
                    self._progress(self._tally.result())

    async def cancel(self) -> None:
        """After a cancellation, or a mistake of somebody else's; otherwise nothing is left by then."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@dataclass(frozen=True)
class Splitter(Generic[E, T]):
    """Sends a batch, and where it is refused, finds out which of its entries are to blame."""

    thing_of: Callable[[E], T]
    """What an entry of a batch stands for."""
    submit: Callable[[Sequence[E], Tally[T]], Awaitable[None]]
    """Sends entries together and counts them. Raises ``RequestRejected`` where Klaviyo takes none of them."""
    culprits: Callable[[RequestRejected, Sequence[E]], set[int]]
    """The places of the entries that a refusal names."""
    submit_each: Callable[[Sequence[E], Tally[T]], Awaitable[None]] | None = None
    """Sends entries one by one and counts each; None sends batches of one."""
    each_from: int = 1
    """How many are few enough to be sent one by one, after a refusal."""

    async def settle(self, entries: Sequence[E], tally: Tally[T]) -> None:
        """Count each of ``entries``, however many requests that takes."""
        left = [entries] if entries else []
        named_rounds = spent = 0
        while left:
            part = left.pop()
            if tally.stopped_by is not None:
                # Not sent at all, whatever that error tells of its own call.
                tally.unsent += [Failed(self.thing_of(entry), tally.stopped_by) for entry in part]
            elif self.submit_each is not None and spent and len(part) <= self.each_from:
                await self.submit_each(part, tally)
            else:
                spent += 1
                try:
                    await self.submit(part, tally)
                except RequestRejected as error:
                    if len(part) == 1 or spent >= MAX_SPLITS:
                        self._failed(part, tally, error)
                        continue
                    named = self.culprits(error, part) if named_rounds < _NAMED_ROUNDS else set[int]()
                    named_rounds += bool(named)
                    left += reversed(_divided(part, named))

    def _failed(self, part: Sequence[E], tally: Tally[T], error: KlaviyoError) -> None:
        tally.failed([self.thing_of(entry) for entry in part], error)


def _divided(part: Sequence[E], named: set[int]) -> list[Sequence[E]]:
    """What to send after a refusal: those it names alone and the others together, or else both halves."""
    if 0 < len(named) < len(part):
        alone: list[Sequence[E]] = [[part[place]] for place in sorted(named)]
        return [*alone, [entry for place, entry in enumerate(part) if place not in named]]
    middle = len(part) // 2
    return [part[:middle], part[middle:]]


# A refusal may name one culprit of many: taking them out one at a time would cost a request each.
_NAMED_ROUNDS = 16


def told_by_job(errors: Sequence[JobError]) -> tuple[ErrorDetail, ...]:
    """A job's errors about one thing, in the shape in which refusals tell theirs."""
    return tuple(
        ErrorDetail(
            id=error.id,
            code=error.code,
            title=error.title,
            detail=error.detail,
            pointer=error.pointer,
            meta=error.meta or {},
        )
        for error in errors
    )
