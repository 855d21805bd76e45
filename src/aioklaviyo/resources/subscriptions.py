"""Consents and suppressions of many profiles at once.

Scopes ``subscriptions:write`` with ``profiles:write`` and ``lists:write``; ``subscriptions:read`` for jobs.
"""

from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Literal, TypeAlias, TypeVar

from aioklaviyo.bulk import BulkResult, Progress, Tally
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.cutting import Entry
from aioklaviyo.errors import (
    CallRecord,
    CredentialsRejected,
    InvalidRequest,
    KlaviyoError,
    OutcomeUnknown,
    invalid_request,
)
from aioklaviyo.filters import Filter
from aioklaviyo.jobs import finished
from aioklaviyo.jsonapi import Json
from aioklaviyo.models.consent import Subscriber, Unsubscriber
from aioklaviyo.models.suppression_job import SuppressionJob, suppression_job_from
from aioklaviyo.operations import Call, Need, Operation, encoded
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L
from aioklaviyo.resources.area import Area
from aioklaviyo.resources.profile_batch import ProfileBatches

SUBSCRIBE = Operation("bulk_subscribe_profiles", "POST", "/api/profile-subscription-bulk-create-jobs", L, Need.NOTHING)
UNSUBSCRIBE = Operation(
    "bulk_unsubscribe_profiles", "POST", "/api/profile-subscription-bulk-delete-jobs", L, Need.NOTHING
)
SUPPRESS = Operation(
    "bulk_suppress_profiles", "POST", "/api/profile-suppression-bulk-create-jobs", L, is_repeatable=True
)
SUPPRESS_JOBS = Operation("get_bulk_suppress_profiles_jobs", "GET", "/api/profile-suppression-bulk-create-jobs", L)
SUPPRESS_JOB = Operation(
    "get_bulk_suppress_profiles_job", "GET", "/api/profile-suppression-bulk-create-jobs/{job_id}", L
)
UNSUPPRESS = Operation(
    "bulk_unsuppress_profiles", "POST", "/api/profile-suppression-bulk-delete-jobs", L, is_repeatable=True
)
UNSUPPRESS_JOBS = Operation("get_bulk_unsuppress_profiles_jobs", "GET", "/api/profile-suppression-bulk-delete-jobs", L)
UNSUPPRESS_JOB = Operation(
    "get_bulk_unsuppress_profiles_job", "GET", "/api/profile-suppression-bulk-delete-jobs/{job_id}", L
)

MAX_SUBSCRIBED = 1_000
"""How many profiles one call may subscribe."""
MAX_UNSUBSCRIBED = 100
"""How many profiles one call may unsubscribe."""
MAX_SUPPRESSED = 100
"""How many addresses one call may suppress or unsuppress."""

SuppressionSort: TypeAlias = Literal["created", "-created"]
E = TypeVar("E")
_CREATE_JOB = "profile-suppression-bulk-create-job"
_DELETE_JOB = "profile-suppression-bulk-delete-job"


class Subscriptions(Area):
    """``klaviyo.subscriptions``."""

    async def subscribe(
        self,
        subscribers: Sequence[Subscriber],
        *,
        list_id: str | None = None,
        custom_source: str | None = None,
        historical_import: bool = False,
        deadline_seconds: float | None = None,
    ) -> None:
        """Record that up to 1,000 persons consent. Klaviyo takes it in and tells of no errors afterwards.

        It also lifts suppressions for unsubscribing, for complaints and by hand. A list with double opt-in, or without
        a list an account with it, sends each of them a message first and subscribes who confirms. Without a list and
        without ``historical_import``, an address that Klaviyo has never seen has been observed to stay unknown.

        A historical import asks nobody and sets off no "added to list" flows; it is repeated after failures. Otherwise
        the call is not repeated once it may have been accepted: a second message might be sent.

        Args:
            subscribers: At most 1,000; nobody at all sends nothing.
            list_id: The list to put them on; its opt-in process counts.
            custom_source: What to show as the source of the consent.
            historical_import: The consent was given before, at each ``consented_at``.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: A ``consented_at`` is missing in a historical import, or given elsewhere.
            PayloadTooLarge: More than 1,000 subscribers or 5 MB.
            NotFound: There is no such list or profile; nobody was subscribed.
            OutcomeUnknown: No answer came: they may be subscribed.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if subscribers:
            batches = _subscribing(list_id, custom_source, historical_import=historical_import)
            await self._done(batches.whole(subscribers), deadline_seconds)

    async def subscribe_all(
        self,
        subscribers: Iterable[Subscriber] | AsyncIterable[Subscriber],
        *,
        list_id: str | None = None,
        custom_source: str | None = None,
        historical_import: bool = False,
        progress: Progress[Subscriber] | None = None,
        max_in_flight: int = 4,
    ) -> BulkResult[Subscriber]:
        """The same for any number, cut by 1,000 and 5 MB; calls let interactive ones go first.

        Who is among ``unknown`` may be subscribed; subscribing them again may send a second message.

        Args:
            subscribers: They may be produced while others are sent.
            list_id: The list to put them on.
            custom_source: What to show as the source of the consent.
            historical_import: The consent was given before, at each ``consented_at``.
            progress: Told of the result so far after every batch.
            max_in_flight: How many calls are under way at most.

        Raises:
            BulkStopped: The credentials were refused.
            ValueError: ``max_in_flight`` is less than 1.
        """
        batches = _subscribing(list_id, custom_source, historical_import=historical_import)
        return await batches.send_all(self._caller, subscribers, max_in_flight=max_in_flight, progress=progress)

    async def unsubscribe(
        self,
        unsubscribers: Sequence[Unsubscriber],
        *,
        list_id: str | None = None,
        deadline_seconds: float | None = None,
    ) -> None:
        """Withdraw the consent of up to 100 persons.

        Beware of ``list_id``: **who is not on that list is unsubscribed from everything.** So a second time is not
        like the first, and with a list the call is not repeated once it may have been accepted. Without one it means
        everything anyway, and is repeated. To take somebody off a list and leave the consent, see
        ``lists.remove_members``.

        Args:
            unsubscribers: At most 100; nobody at all sends nothing.
            list_id: The list to unsubscribe from; None means everywhere.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: With a list, somebody comes twice.
            PayloadTooLarge: More than 100 unsubscribers or 5 MB.
            NotFound: There is no such list.
            OutcomeUnknown: With a list, no answer came: look at the profiles before repeating.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if unsubscribers:
            await self._done(_unsubscribing(list_id).whole(unsubscribers), deadline_seconds)

    async def unsubscribe_all(
        self,
        unsubscribers: Iterable[Unsubscriber] | AsyncIterable[Unsubscriber],
        *,
        list_id: str | None = None,
        progress: Progress[Unsubscriber] | None = None,
        max_in_flight: int = 4,
    ) -> BulkResult[Unsubscriber]:
        """The same for any number, cut by 100; calls let interactive ones go first.

        With a list, who comes a second time with the same channels is a duplicate, and with others is refused: the
        second time would unsubscribe from everything. Persons are told apart by address and number, of the whole run.

        Args:
            unsubscribers: They may be produced while others are sent.
            list_id: The list to unsubscribe from; None means everywhere. See ``unsubscribe``.
            progress: Told of the result so far after every batch.
            max_in_flight: How many calls are under way at most.

        Raises:
            BulkStopped: The credentials were refused.
            ValueError: ``max_in_flight`` is less than 1.
        """
        return await _unsubscribing(list_id).send_all(
            self._caller, unsubscribers, max_in_flight=max_in_flight, progress=progress
        )

    async def suppress(
        self,
        emails: Sequence[str] = (),
        *,
        list_id: str | None = None,
        segment_id: str | None = None,
        deadline_seconds: float | None = None,
    ) -> SuppressionJob:
        """Have a job keep marketing e-mail from addresses, whatever their consent. Repeated after failures.

        Args:
            emails: At most 100; or else a list or a segment. Unknown ones become profiles.
            list_id: All its members of this moment.
            segment_id: All its members of this moment.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Not exactly one of addresses, list and segment is given.
            PayloadTooLarge: More than 100 addresses.
            NotFound: There is no such list or segment.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = _job_call(SUPPRESS, _CREATE_JOB, emails, list_id, segment_id)
        return await self._one(call, suppression_job_from, deadline_seconds)

    async def unsuppress(
        self,
        emails: Sequence[str] = (),
        *,
        list_id: str | None = None,
        segment_id: str | None = None,
        deadline_seconds: float | None = None,
    ) -> SuppressionJob:
        """Have a job take back what ``suppress`` did. Who unsubscribed, complained or bounced stays suppressed.

        Parameters and errors as in ``suppress``; unknown addresses are skipped.
        """
        call = _job_call(UNSUPPRESS, _DELETE_JOB, emails, list_id, segment_id)
        return await self._one(call, suppression_job_from, deadline_seconds)

    async def suppress_all(
        self,
        emails: Iterable[str] | AsyncIterable[str],
        *,
        progress: Progress[str] | None = None,
        max_in_flight: int = 4,
        job_timeout_seconds: float = 3_600.0,
    ) -> BulkResult[str]:
        """Suppress any number of addresses, cut by 100, and wait until it is done.

        Args:
            emails: They may be produced while others are sent.
            progress: Told of the result so far after every job.
            max_in_flight: How many jobs are under way at most.
            job_timeout_seconds: How long to wait for one job.

        Raises:
            BulkStopped: The credentials were refused.
            ValueError: ``max_in_flight`` is less than 1.
        """
        batches = _suppressing(SUPPRESS, _CREATE_JOB, job_timeout_seconds)
        return await batches.send_all(self._caller, _several(emails), max_in_flight=max_in_flight, progress=progress)

    async def unsuppress_all(
        self,
        emails: Iterable[str] | AsyncIterable[str],
        *,
        progress: Progress[str] | None = None,
        max_in_flight: int = 4,
        job_timeout_seconds: float = 3_600.0,
    ) -> BulkResult[str]:
        """Take back suppressions by hand of any number of addresses; parameters and errors as in ``suppress_all``."""
        batches = _suppressing(UNSUPPRESS, _DELETE_JOB, job_timeout_seconds)
        return await batches.send_all(self._caller, _several(emails), max_in_flight=max_in_flight, progress=progress)

    async def wait(
        self,
        job: SuppressionJob,
        *,
        timeout_seconds: float = 3_600.0,
        progress: Callable[[SuppressionJob], None] | None = None,
    ) -> SuppressionJob:
        """The job when it is finished: ask less and less often how far it is.

        Args:
            job: As ``suppress`` or ``unsuppress`` returned it.
            timeout_seconds: How long to wait at most; the job goes on without anybody waiting.
            progress: Told of every state.

        Raises:
            DeadlineExceeded: It is not finished by then.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        is_suppressing = job.kind == "suppress"
        return await finished(
            self._caller,
            job,
            self.suppress_job if is_suppressing else self.unsuppress_job,
            path=(SUPPRESS_JOB if is_suppressing else UNSUPPRESS_JOB).path,
            timeout_seconds=timeout_seconds,
            progress=progress,
        )

    async def suppress_job(
        self, job_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> SuppressionJob:
        """One job that suppresses. Raises ``NotFound`` where there is none with this id."""
        call = SUPPRESS_JOB.call(job_id, query={f"fields[{_CREATE_JOB}]": fields})
        return await self._one(call, suppression_job_from, deadline_seconds)

    async def unsuppress_job(
        self, job_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> SuppressionJob:
        """One job that unsuppresses. Raises ``NotFound`` where there is none with this id."""
        call = UNSUPPRESS_JOB.call(job_id, query={f"fields[{_DELETE_JOB}]": fields})
        return await self._one(call, suppression_job_from, deadline_seconds)

    def suppress_jobs(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: SuppressionSort | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[SuppressionJob]:
        """All jobs that suppress, page after page of 100.

        Args:
            filter: Equality of ``status`` (queued, processing, complete, cancelled), ``list_id`` and ``segment_id``.
            sort: By when they were made, descending with a leading minus.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            SUPPRESS_JOBS,
            parse=suppression_job_from,
            query={f"fields[{_CREATE_JOB}]": fields},
            where=filter,
            sort=sort,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def unsuppress_jobs(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: SuppressionSort | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[SuppressionJob]:
        """All jobs that unsuppress; parameters and errors as in ``suppress_jobs``."""
        return self._list(
            UNSUPPRESS_JOBS,
            parse=suppression_job_from,
            query={f"fields[{_DELETE_JOB}]": fields},
            where=filter,
            sort=sort,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )


def _suppressing(operation: Operation, kind: str, job_timeout_seconds: float) -> ProfileBatches[str]:
    async def finish(caller: Caller, reply: Reply, entries: Sequence[Entry[str]], tally: Tally[str]) -> None:
        things = [entry.thing for entry in entries]
        try:
            job = reply.one(suppression_job_from)
            tally.job_ids.append(job.id)
            job = await Subscriptions(caller).wait(job, timeout_seconds=job_timeout_seconds)
        except KlaviyoError as error:
            if isinstance(error, CredentialsRejected):
                tally.stopped_by = error
            happened = f"What became of the job is not known ({type(error).__name__})"
        else:
            if job.status == "complete":
                tally.sent += len(things)
                return
            happened = "The job was cancelled"
        record = CallRecord(operation.method, operation.path, reply.record.status, reply.record.request_id)
        tally.failed(things, OutcomeUnknown(happened, record))

    return ProfileBatches(operation, kind, lambda email: _address(operation, email), MAX_SUPPRESSED, finish=finish)


def _in_list(list_id: str | None) -> dict[str, Json]:
    return {} if list_id is None else {"list": {"data": {"type": "list", "id": list_id}}}


def _subscribing(
    list_id: str | None, custom_source: str | None, *, historical_import: bool
) -> ProfileBatches[Subscriber]:
    def write(subscriber: Subscriber) -> bytes:
        if historical_import and not subscriber.is_dated:
            raise _invalid(SUBSCRIBE, "a historical import needs consented_at for every channel")
        if not historical_import and subscriber.consented_at is not None:
            raise _invalid(SUBSCRIBE, "consented_at is for a historical import alone")
        return encoded(SUBSCRIBE.method, SUBSCRIBE.path, subscriber.resource())

    attributes: dict[str, Json] = {}
    if historical_import:
        attributes["historical_import"] = True
    if custom_source is not None:
        attributes["custom_source"] = custom_source
    return ProfileBatches(
        SUBSCRIBE,
        "profile-subscription-bulk-create-job",
        write,
        MAX_SUBSCRIBED,
        attributes,
        _in_list(list_id),
        is_repeatable=lambda _: historical_import,
    )


def _unsubscribing(list_id: str | None) -> ProfileBatches[Unsubscriber]:
    seen: dict[str, Unsubscriber] = {}

    def write(unsubscriber: Unsubscriber) -> bytes | None:
        if list_id is not None:
            earlier = next((seen[known] for known in unsubscriber.identifiers if known in seen), None)
            if earlier is not None:
                if earlier.identifiers == unsubscriber.identifiers and earlier.channels == unsubscriber.channels:
                    return None
                raise _invalid(UNSUBSCRIBE, "somebody comes twice: the second time would mean every list")
            seen.update((known, unsubscriber) for known in unsubscriber.identifiers)
        return encoded(UNSUBSCRIBE.method, UNSUBSCRIBE.path, unsubscriber.resource())

    return ProfileBatches(
        UNSUBSCRIBE,
        "profile-subscription-bulk-delete-job",
        write,
        MAX_UNSUBSCRIBED,
        relationships=_in_list(list_id),
        # Off the list after the first time, they would be unsubscribed from everything by the second.
        is_repeatable=lambda _: list_id is None,
    )


def _job_call(
    operation: Operation, kind: str, emails: Sequence[str], list_id: str | None, segment_id: str | None
) -> Call:
    if bool(_several(emails)) + (list_id is not None) + (segment_id is not None) != 1:
        raise _invalid(operation, "exactly one of emails, list_id and segment_id is needed")
    if emails:
        batches = ProfileBatches[str](operation, kind, lambda email: _address(operation, email), MAX_SUPPRESSED)
        return batches.whole(emails)
    group = "segment" if list_id is None else "list"
    data: Json = {"type": group, "id": list_id or segment_id}
    return operation.call(data={"type": kind, "attributes": {}, "relationships": {group: {"data": data}}})


def _several(emails: E) -> E:
    # One string is a sequence of strings to a type checker; nobody means its letters.
    if isinstance(emails, str):
        raise TypeError("emails must be a list of addresses, not one string")
    return emails


def _address(operation: Operation, email: str) -> bytes:
    return encoded(operation.method, operation.path, {"type": "profile", "attributes": {"email": email}})


def _invalid(operation: Operation, problem: str) -> InvalidRequest:
    return invalid_request(problem, method=operation.method, path=operation.path, pointer="/data/attributes")
