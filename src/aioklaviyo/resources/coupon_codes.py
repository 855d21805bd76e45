"""Codes of coupons. Scopes ``coupon-codes:read`` and ``coupon-codes:write``; their coupons ``coupons:read``."""

import asyncio
import datetime as dt
import functools
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.bulk import BulkResult, Progress, patiently
from aioklaviyo.calls import Caller
from aioklaviyo.errors import NotFound, invalid_request
from aioklaviyo.filters import Filter
from aioklaviyo.job_batches import IN_FLIGHT, JOB_SECONDS, JobKind
from aioklaviyo.models.batch_job import JobStatus
from aioklaviyo.models.coupon import Coupon, coupon_from
from aioklaviyo.models.coupon_code import (
    CouponCode,
    CouponCodeJob,
    CouponCodeStatus,
    NewCouponCode,
    coupon_code_from,
    coupon_code_job_from,
)
from aioklaviyo.models.writing import UNSET, Settable
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, L
from aioklaviyo.resources.job_area import JobArea

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_coupon_codes", "GET", "/api/coupon-codes", XL)
GET = Operation("get_coupon_code", "GET", "/api/coupon-codes/{id}", XL)
CREATE = Operation("create_coupon_code", "POST", "/api/coupon-codes", XL)
UPDATE = Operation("update_coupon_code", "PATCH", "/api/coupon-codes/{id}", XL)
DELETE = Operation("delete_coupon_code", "DELETE", "/api/coupon-codes/{id}", XL, Need.NOTHING)
COUPON = Operation("get_coupon_for_coupon_code", "GET", "/api/coupon-codes/{id}/coupon", L)
COUPON_ID = Operation("get_coupon_id_for_coupon_code", "GET", "/api/coupon-codes/{id}/relationships/coupon", L)
BULK_CREATE = Operation("bulk_create_coupon_codes", "POST", "/api/coupon-code-bulk-create-jobs", L)
GET_CREATE_JOB = Operation("get_bulk_create_coupon_codes_job", "GET", "/api/coupon-code-bulk-create-jobs/{job_id}", L)
LIST_CREATE_JOBS = Operation("get_bulk_create_coupon_code_jobs", "GET", "/api/coupon-code-bulk-create-jobs", L)

MAX_JOB_CODES = 1_000
"""How many codes one job takes."""

CouponCodeInclude: TypeAlias = Literal["coupon"]
CouponCodeJobInclude: TypeAlias = Literal["coupon-codes"]

CREATE_JOB = JobKind(
    BULK_CREATE,
    GET_CREATE_JOB,
    "coupon-code-bulk-create-job",
    "coupon-codes",
    MAX_JOB_CODES,
    NewCouponCode.resource,
    lambda code: code.id,
    coupon_code_job_from,
)
_READS_AT_ONCE = 20


class CouponCodes(JobArea):
    """``klaviyo.coupon_codes``. A code's id is made of its coupon and itself: ``10OFF-ASD325FHK324``."""

    def list(
        self,
        *,
        filter: Filter,  # noqa: A002 - the API's own word
        include: Sequence[CouponCodeInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CouponCode]:
        """The codes of some coupons, or of some profiles, page after page.

        Args:
            filter: On ``coupon.id`` or ``profile.id`` (Klaviyo refuses it without one of the two), and also on
                ``expires_at`` (ranges) and ``status``.
            include: ``coupon`` resolves it to an object on each code.
            page_size: 1 to 100; Klaviyo's default is 100.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=coupon_code_from,
            query={"fields[coupon-code]": fields, "include": include},
            where=filter,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        code_id: str,
        *,
        include: Sequence[CouponCodeInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CouponCode:
        """One code by its id.

        Args:
            code_id: ``{coupon_id}-{unique_code}``.
            include: ``coupon`` resolves it to an object.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[coupon-code]": fields, "include": include}
        return await self._one(GET.call(code_id, query=query), coupon_code_from, deadline_seconds)

    async def create(self, code: NewCouponCode, *, deadline_seconds: float | None = None) -> CouponCode:
        """Create a code. Not repeated once it may have been processed: a repeat is refused as a conflict.

        Raises:
            Conflict: The coupon has this code.
            NotFound: There is no such coupon.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._one(CREATE.call(data=code.resource()), coupon_code_from, deadline_seconds)

    async def update(
        self,
        code_id: str,
        *,
        status: CouponCodeStatus | None = None,
        expires_at: Settable[dt.datetime] = UNSET,
        deadline_seconds: float | None = None,
    ) -> CouponCode:
        """Change a code.

        Args:
            code_id: ``{coupon_id}-{unique_code}``.
            status: None leaves it. ``UNASSIGNED`` takes it from the profile that has it.
            expires_at: Aware; None means a year from now, ``UNSET`` leaves it.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: ``expires_at`` has no offset from UTC.
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if status is not None:
            changes["status"] = status
        if isinstance(expires_at, dt.datetime) and expires_at.utcoffset() is None:
            raise invalid_request(
                "a datetime must be aware", method="PATCH", path=UPDATE.path, pointer="/data/attributes/expires_at"
            )
        if expires_at is not UNSET:
            changes["expires_at"] = expires_at and expires_at.isoformat()
        call = UPDATE.call(code_id, data={"type": "coupon-code", "id": code_id, "attributes": changes})
        return await self._one(call, coupon_code_from, deadline_seconds)

    async def delete(self, code_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a code that nobody was given.

        Raises:
            NotFound: There is none with this id.
            RequestRejected: A profile has it.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(code_id), deadline_seconds)

    async def coupon(
        self, code_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Coupon | None:
        """The coupon of a code.

        Raises:
            NotFound: There is no such code.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._related(
            COUPON.call(code_id, query={"fields[coupon]": fields}), coupon_from, deadline_seconds
        )

    async def coupon_id(self, code_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(COUPON_ID.call(code_id), deadline_seconds)

    async def bulk_create(
        self, codes: Sequence[NewCouponCode], *, deadline_seconds: float | None = None
    ) -> CouponCodeJob:
        """Have up to 1,000 codes created by a job of Klaviyo's; ``create_all`` takes any number of them.

        Not repeated once it may have been taken: a second job would refuse every code as one that exists.

        Args:
            codes: 1 to 1,000, 5 MB at most.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Returns:
            The job as it begins. Which codes it could not create is told in its ``errors`` when it is finished.

        Raises:
            InvalidRequest: There is none.
            PayloadTooLarge: More than 1,000 codes or 5 MB.
            OutcomeUnknown: No readable answer came: the job may be there.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._submit(CREATE_JOB, codes, deadline_seconds)

    async def get_create_job(
        self,
        job_id: str,
        *,
        include: Sequence[CouponCodeJobInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> CouponCodeJob:
        """A job that creates codes. Klaviyo forgets jobs after some days; then it raises ``NotFound``.

        Args:
            job_id: As ``bulk_create`` answered it.
            include: ``coupon-codes`` resolves those that it has created.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.
        """
        call = GET_CREATE_JOB.call(job_id, query={"fields[coupon-code-bulk-create-job]": fields, "include": include})
        return await self._one(call, coupon_code_job_from, deadline_seconds)

    def list_create_jobs(
        self,
        *,
        status: JobStatus | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[CouponCodeJob]:
        """The jobs that create codes, 100 on a page.

        Args:
            status: Only those with this one.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._jobs(
            LIST_CREATE_JOBS, CREATE_JOB, status=status, fields=fields, cursor=cursor, deadline_seconds=deadline_seconds
        )

    async def wait(
        self,
        job: CouponCodeJob,
        *,
        timeout_seconds: float = JOB_SECONDS,
        progress: Callable[[CouponCodeJob], None] | None = None,
    ) -> CouponCodeJob:
        """A job as it is when it is finished: asks after half a second, then less and less often.

        Args:
            job: As it was answered when it was made, or read.
            timeout_seconds: How long to wait at most; the job goes on without anybody waiting.
            progress: Told of every state that is seen.

        Raises:
            DeadlineExceeded: It is not finished by then.
            KlaviyoError: Reading failed; see ``aioklaviyo.errors``.
        """
        return await self._finished(job, {"create": CREATE_JOB}, timeout_seconds=timeout_seconds, progress=progress)

    async def create_all(
        self,
        codes: Iterable[NewCouponCode] | AsyncIterable[NewCouponCode],
        *,
        progress: Progress[NewCouponCode] | None = None,
        max_in_flight: int = IN_FLIGHT,
        job_timeout_seconds: float = JOB_SECONDS,
    ) -> BulkResult[NewCouponCode]:
        """Create any number of codes by as many jobs as it takes, and wait for them. Interactive calls go first.

        A job whose request got no answer is asked for again; codes that are there then as they were to be count as
        ``sent``. Codes that were there before are ``refused``.

        Args:
            codes: Read as there is room for them; at most ``max_in_flight`` times 1,000 are in memory.
            progress: Told of the result so far whenever a job is settled.
            max_in_flight: How many jobs are under way at once; Klaviyo allows an account 100.
            job_timeout_seconds: How long to wait for one job. After that its codes are ``unknown``.

        Returns:
            What became of every single one.

        Raises:
            BulkStopped: The credentials were refused; its ``result`` tells what was done until then.
            ValueError: ``max_in_flight`` is less than 1, or ``job_timeout_seconds`` not positive.
        """
        return await self._run(
            CREATE_JOB,
            codes,
            already=_made,
            max_in_flight=max_in_flight,
            job_timeout_seconds=job_timeout_seconds,
            progress=progress,
        )


async def _made(caller: Caller, codes: Sequence[NewCouponCode]) -> set[str]:
    """Which codes exist as they were to be made. Klaviyo finds codes by their ids one by one only."""
    found: set[str] = set()
    for start in range(0, len(codes), _READS_AT_ONCE):
        some = codes[start : start + _READS_AT_ONCE]
        answers = await asyncio.gather(*(_is_made(caller, code) for code in some), return_exceptions=True)
        for code, answer in zip(some, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            if answer:
                found.add(code.id)
    return found


async def _is_made(caller: Caller, code: NewCouponCode) -> bool:
    try:
        reply = await patiently(caller, functools.partial(caller.send, GET.call(code.id)))
    except NotFound:
        return False
    there = reply.one(coupon_code_from)
    # Klaviyo keeps whole seconds.
    return code.expires_at is None or there.expires_at == code.expires_at.replace(microsecond=0)
