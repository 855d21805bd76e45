"""Very many entries, done by Klaviyo's jobs: a batch is a job, and a job tells what became of each of its entries.

Of an entry that could not be done, Klaviyo says where in the request it was, or names it in ``meta`` or in words, or
says nothing; and a job lists what it has done, or does not. What can be told from all of that is told. What cannot is
``unknown``: nothing counts as done that may not be.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias, TypeVar

from aioklaviyo import jsonapi
from aioklaviyo.bulk import (
    BulkResult,
    Failed,
    Progress,
    Splitter,
    Tally,
    patiently,
    settle_all,
    told_by_job,
)
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.errors import (
    CallRecord,
    CredentialsRejected,
    KlaviyoError,
    OutcomeUnknown,
    PayloadTooLarge,
    RateLimited,
    RequestRejected,
    ServerUnavailable,
    invalid_request,
)
from aioklaviyo.jobs import finished
from aioklaviyo.jsonapi import Json, MalformedDocumentError, Resource
from aioklaviyo.models.batch_job import BatchJob
from aioklaviyo.models.job import JobError
from aioklaviyo.operations import Call, Operation

T = TypeVar("T")
J = TypeVar("J", bound=BatchJob)

Already: TypeAlias = Callable[[Caller, Sequence[T]], Awaitable[set[str]]]
"""Tells which of some entries are as they are wanted to be, by their ids."""

MAX_JOB_BYTES = 5_000_000
"""How long the body of a job may be."""
IN_FLIGHT = 4
"""How many jobs are under way at once, of the hundreds that Klaviyo allows."""
JOB_SECONDS = 3_600.0
"""How long a job is waited for; most are done within minutes."""

_ENVELOPE_BYTES = 1_000
_WORDS = re.compile(r"[^\s'\"`]+")


@dataclass(frozen=True, slots=True)
class JobKind(Generic[T, J]):
    """What is particular to one kind of job."""

    submit: Operation
    reads: Operation
    type: str
    """Of the job, as a resource."""
    entries: str
    """The attribute that holds the entries; also the relationship to what was done."""
    most: int
    """How many entries it takes."""
    written: Callable[[T], dict[str, Json]]
    """The resource object of an entry."""
    identify: Callable[[T], str]
    """The id that an entry has, or is to have."""
    parse: Callable[[Resource], J]

    def call(self, entries: Sequence[T], *, is_repeatable: bool | None = None) -> Call:
        """The call that makes a job.

        Raises:
            InvalidRequest: There is no entry, or one that cannot be written.
            PayloadTooLarge: There are too many of them, or they are too long.
        """
        if not entries:
            raise invalid_request(
                "a job needs at least one entry", method="POST", path=self.submit.path, pointer=self._pointer
            )
        if len(entries) > self.most:
            raise self._too_large(f"{len(entries)} entries in one job, of {self.most} allowed")
        written: list[Json] = [self.written(entry) for entry in entries]
        data: Json = {"type": self.type, "attributes": {self.entries: {"data": written}}}
        call = self.submit.call(data=data, is_repeatable=is_repeatable)
        size = len(call.body or b"")
        if size > MAX_JOB_BYTES:
            raise self._too_large(f"{size} bytes in one job, of {MAX_JOB_BYTES} allowed")
        return call

    async def finished(
        self, caller: Caller, job: J, *, timeout_seconds: float, progress: Callable[[J], None] | None = None
    ) -> J:
        """The job as it is when it is finished; see ``jobs.finished``."""

        async def read(job_id: str) -> J:
            return (await caller.send(self.reads.call(job_id))).one(self.parse)

        return await finished(
            caller, job, read, path=self.reads.path, timeout_seconds=timeout_seconds, progress=progress
        )

    def place(self, pointer: str | None, *, of: int) -> int | None:
        """Which of so many entries a pointer into the request names."""
        found = re.match(rf"(?:{re.escape(self._pointer)}|/data)/(\d{{1,6}})(?:/|$)", pointer or "")
        place = of if found is None else int(found[1])
        return place if place < of else None

    @property
    def _pointer(self) -> str:
        return f"/data/attributes/{self.entries}/data"

    def _too_large(self, problem: str) -> PayloadTooLarge:
        return PayloadTooLarge(f"Not sent: {problem}", CallRecord("POST", self.submit.path))


def _itself(entry: T) -> T:
    return entry


class JobRun(Generic[T, J]):
    """One run over a source of any length.

    Args:
        caller: Makes the calls.
        kind: Which job.
        already: Asked where a job may have refused something because it, or one like it, had done it before. None:
            doing it again is no reason to refuse it.
        job_timeout_seconds: How long a job is waited for.
    """

    def __init__(
        self,
        caller: Caller,
        kind: JobKind[T, J],
        *,
        already: Already[T] | None,
        job_timeout_seconds: float,
    ) -> None:
        if not job_timeout_seconds > 0:
            raise ValueError("job_timeout_seconds must be positive")
        self._caller = caller
        self._kind = kind
        self._already = already
        self._job_timeout_seconds = job_timeout_seconds
        self._last_of: dict[str, asyncio.Event] = {}

    async def run(
        self, source: Iterable[T] | AsyncIterable[T], *, max_in_flight: int, progress: Progress[T] | None
    ) -> BulkResult[T]:
        """Do everything that the source gives.

        Raises:
            BulkStopped: The credentials were refused.
            Exception: What the source raised, after what had been taken from it is settled.
        """
        return await settle_all(source, self._batches, self._settle, max_in_flight=max_in_flight, progress=progress)

    async def _batches(self, source: AsyncIterator[T]) -> AsyncGenerator[list[T], None]:
        """As many at once as a job takes, none of them twice: the second time belongs to another job."""
        batch: dict[str, T] = {}
        size = 0
        async for entry in source:
            key, weight = self._kind.identify(entry), self._weight(entry)
            if batch and (key in batch or len(batch) >= self._kind.most or size + weight > MAX_JOB_BYTES):
                yield list(batch.values())
                batch, size = {}, 0
            batch[key] = entry
            size = (size or _ENVELOPE_BYTES) + weight
        if batch:
            yield list(batch.values())

    def _weight(self, entry: T) -> int:
        try:
            return len(jsonapi.encode(self._kind.written(entry))) + 1
        except MalformedDocumentError:
            # Whoever makes the call hears why it cannot be written.
            return 0

    async def _settle(self, entries: list[T], tally: Tally[T]) -> None:
        async with self._turn([self._kind.identify(entry) for entry in entries]):
            await Splitter(_itself, self._submit, self._culprits).settle(entries, tally)

    @asynccontextmanager
    async def _turn(self, keys: Sequence[str]) -> AsyncGenerator[None, None]:
        """Wait for the batches before that hold one of the same entries: of two changes, the later one has to last."""
        done = asyncio.Event()
        before = {id(event): event for key in keys if (event := self._last_of.get(key)) is not None}
        self._last_of.update(dict.fromkeys(keys, done))
        try:
            for event in before.values():
                await event.wait()
            yield
        finally:
            done.set()
            for key in keys:
                if self._last_of.get(key) is done:
                    del self._last_of[key]

    def _culprits(self, error: RequestRejected, entries: Sequence[T]) -> set[int]:
        places = (self._kind.place(detail.pointer, of=len(entries)) for detail in error.errors)
        return {place for place in places if place is not None}

    async def _submit(self, entries: Sequence[T], tally: Tally[T]) -> None:
        # Repeated whatever it does: what a repeat refuses because the first attempt had done it is found out below.
        call = self._kind.call(entries, is_repeatable=True)
        was_ambiguous = False

        async def send() -> Reply:
            nonlocal was_ambiguous
            try:
                return await self._caller.send(call)
            except RateLimited as error:
                was_ambiguous = was_ambiguous or error.record.may_be_done
                raise

        try:
            reply = await patiently(self._caller, send)
            job = reply.one(self._kind.parse)
        except RequestRejected:
            raise
        except KlaviyoError as error:
            tally.failed(entries, error)
            return
        tally.job_ids.append(job.id)
        try:
            job = await self._kind.finished(self._caller, job, timeout_seconds=self._job_timeout_seconds)
        except KlaviyoError as error:
            if isinstance(error, CredentialsRejected):
                tally.stopped_by = error
            tally.unknown += [Failed(entry, error) for entry in entries]
            return
        verdicts = _Verdicts(self._kind, entries, job, reply.record)
        if self._already is not None:
            # After a lost answer, what the job refused may be what another job had done.
            await self._look(self._already, verdicts, doubts_refusals=was_ambiguous or reply.was_ambiguous)
        verdicts.count(tally)

    async def _look(self, already: Already[T], verdicts: "_Verdicts[T, J]", *, doubts_refusals: bool) -> None:
        doubtful = verdicts.not_done() if doubts_refusals else verdicts.not_known()
        if not doubtful:
            return
        try:
            verdicts.are_done(await already(self._caller, doubtful))
        except KlaviyoError as error:
            if doubts_refusals:
                verdicts.are_unknown(error)


class _Verdicts(Generic[T, J]):
    """What a finished job says of its entries."""

    def __init__(self, kind: JobKind[T, J], entries: Sequence[T], job: J, record: CallRecord) -> None:
        self._entries = {kind.identify(entry): entry for entry in entries}
        self._keys = list(self._entries)
        self._kind = kind
        self._record = record
        self.refused: dict[str, KlaviyoError] = {}
        self.unsent: dict[str, KlaviyoError] = {}
        self.unknown: dict[str, KlaviyoError] = {}
        told: dict[str, list[JobError]] = {}
        loose: list[JobError] = []
        for error in job.errors or ():
            key = self._about(error)
            (loose if key is None else told.setdefault(key, [])).append(error)
        for key, errors in told.items():
            self.refused[key] = self._refusal("The job could not do it", errors)
        is_cancelled = job.status == "cancelled"
        if is_cancelled or loose or (job.failed_count or 0) > len(told) or self._counts_too_few(job):
            self._doubt(job, loose, is_cancelled=is_cancelled)

    def not_done(self) -> list[T]:
        """What does not count as done."""
        return [self._entries[key] for key in (*self.refused, *self.unsent, *self.unknown)]

    def not_known(self) -> list[T]:
        """What the job does not tell of."""
        return [self._entries[key] for key in self.unknown]

    def are_done(self, keys: set[str]) -> None:
        """Count these as done, whatever the job said."""
        for place in (self.refused, self.unsent, self.unknown):
            for key in keys & place.keys():
                del place[key]

    def are_unknown(self, error: KlaviyoError) -> None:
        """Count all that does not count as done as unknown."""
        self.unknown |= dict.fromkeys((*self.refused, *self.unsent), error)
        self.refused, self.unsent = {}, {}

    def count(self, tally: Tally[T]) -> None:
        """Put each entry into its place."""
        tally.sent += len(self._entries) - len(self.refused) - len(self.unsent) - len(self.unknown)
        tally.refused += self._failed(self.refused)
        tally.unsent += self._failed(self.unsent)
        tally.unknown += self._failed(self.unknown)

    def _failed(self, errors: dict[str, KlaviyoError]) -> list[Failed[T]]:
        return [Failed(self._entries[key], error) for key, error in errors.items()]

    def _about(self, error: JobError) -> str | None:
        """The entry that an error of a job is about."""
        place = self._kind.place(error.pointer, of=len(self._keys))
        if place is not None:
            return self._keys[place]
        for value in (error.meta or {}).values():
            if isinstance(value, str) and value in self._entries:
                return value
        words = (word.strip(".,;:()[]") for word in _WORDS.findall(error.detail or ""))
        named = {word for word in words if word in self._entries}
        return named.pop() if len(named) == 1 else None

    def _counts_too_few(self, job: J) -> bool:
        """Whether it has done less than it was given, by its own count; to count nothing is not to have counted."""
        return 0 < (job.completed_count or 0) < len(self._keys) - len(self.refused)

    def _doubt(self, job: J, loose: Sequence[JobError], *, is_cancelled: bool) -> None:
        """Something was not done that no error names: what is not listed as done counts as that."""
        rest = [key for key in self._keys if key not in self.refused]
        listed = job.entry_ids
        if listed is None or len(listed) < (job.completed_count or 0):
            error = OutcomeUnknown("The job was not done with all, and does not tell of which", self._said(loose))
            self.unknown = dict.fromkeys(rest, error)
            return
        missing = [key for key in rest if key not in set(listed)]
        if is_cancelled:
            self.unsent = dict.fromkeys(missing, ServerUnavailable("Klaviyo cancelled the job", self._said(loose)))
        else:
            refusal = self._refusal("The job did not do it, and does not tell why of each", loose)
            self.refused |= dict.fromkeys(missing, refusal)

    def _refusal(self, happened: str, errors: Sequence[JobError]) -> RequestRejected:
        return RequestRejected(happened, self._said(errors))

    def _said(self, errors: Sequence[JobError]) -> CallRecord:
        return replace(self._record, errors=told_by_job(errors))
