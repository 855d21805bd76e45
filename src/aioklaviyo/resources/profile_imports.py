"""Imports of many profiles at once. Scopes ``profiles:write`` with ``lists:write``, or ``:read`` of both."""

from collections import defaultdict
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.bulk import BulkResult, Failed, Progress, Tally, patiently, told_by_job
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.cutting import Entry
from aioklaviyo.errors import (
    CallRecord,
    CredentialsRejected,
    KlaviyoError,
    OutcomeUnknown,
    PayloadTooLarge,
    RequestRejected,
    invalid_request,
)
from aioklaviyo.filters import Filter
from aioklaviyo.jobs import finished
from aioklaviyo.models.new_profile import ProfileAttributes, ProfileImport
from aioklaviyo.models.profile import Profile, ProfileExtra, profile_from
from aioklaviyo.models.profile_import import (
    ProfileImportError,
    ProfileImportJob,
    import_error_from,
    import_job_from,
)
from aioklaviyo.models.profile_list import ProfileList, list_from
from aioklaviyo.operations import Operation, encoded
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import M
from aioklaviyo.resources.area import Area, identified
from aioklaviyo.resources.profile_batch import Finish, ProfileBatches, place_in

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_bulk_import_profiles_jobs", "GET", "/api/profile-bulk-import-jobs", M)
GET = Operation("get_bulk_import_profiles_job", "GET", "/api/profile-bulk-import-jobs/{job_id}", M)
CREATE = Operation("bulk_import_profiles", "POST", "/api/profile-bulk-import-jobs", M)
LISTS = Operation("get_list_for_bulk_import_profiles_job", "GET", "/api/profile-bulk-import-jobs/{id}/lists", M)
LIST_IDS = Operation(
    "get_list_ids_for_bulk_import_profiles_job", "GET", "/api/profile-bulk-import-jobs/{id}/relationships/lists", M
)
PROFILES = Operation(
    "get_profiles_for_bulk_import_profiles_job", "GET", "/api/profile-bulk-import-jobs/{id}/profiles", M
)
PROFILE_IDS = Operation(
    "get_profile_ids_for_bulk_import_profiles_job",
    "GET",
    "/api/profile-bulk-import-jobs/{id}/relationships/profiles",
    M,
)
ERRORS = Operation(
    "get_errors_for_bulk_import_profiles_job", "GET", "/api/profile-bulk-import-jobs/{id}/import-errors", M
)

MAX_IMPORT_PROFILES = 10_000
"""How many profiles one job takes."""
MAX_PROFILE_BYTES = 102_400
"""How long one of them may be."""

ImportInclude: TypeAlias = Literal["lists"]
ImportSort: TypeAlias = Literal["created_at", "-created_at"]
Importable: TypeAlias = ProfileAttributes | ProfileImport
"""Attributes are enough where they hold an identifier."""


class ProfileImports(Area):
    """``klaviyo.profile_imports``."""

    async def import_all(
        self,
        profiles: Iterable[Importable] | AsyncIterable[Importable],
        *,
        list_ids: Sequence[str] = (),
        progress: Progress[Importable] | None = None,
        max_in_flight: int = 4,
        job_timeout_seconds: float = 3_600.0,
    ) -> BulkResult[Importable]:
        """Create or update any number of profiles, and wait until it is done.

        They are cut into jobs of at most 10,000 profiles and 5 MB; one of more than 100 KB is refused without being
        sent. Calls let interactive ones go first. What a job could not import is among ``refused`` with Klaviyo's
        words; of a job that is not finished in time nothing is known.

        Args:
            profiles: In any order; of one that comes twice in a job, either may be the last word.
            list_ids: Lists to put all of them on. It changes no consent.
            progress: Told of the result so far after every job.
            max_in_flight: How many jobs are under way at most.
            job_timeout_seconds: How long to wait for one job.

        Raises:
            BulkStopped: The credentials were refused.
            ValueError: ``max_in_flight`` is less than 1.
        """

        async def finish(
            caller: Caller, reply: Reply, entries: Sequence[Entry[Importable]], tally: Tally[Importable]
        ) -> None:
            await _count(ProfileImports(caller), caller, reply, entries, tally, timeout_seconds=job_timeout_seconds)

        return await self._batches(list_ids, finish).send_all(
            self._caller, profiles, max_in_flight=max_in_flight, progress=progress
        )

    async def create(
        self,
        profiles: Sequence[Importable],
        *,
        list_ids: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> ProfileImportJob:
        """Have up to 10,000 profiles created or updated by a job. Repeated after failures, unless a ``patch`` appends.

        Args:
            profiles: At least one and at most 10,000, 100 KB each and 5 MB together, each with an identifier.
            list_ids: Lists to put all of them on. It changes no consent.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: A profile has no identifier, or there is none at all.
            PayloadTooLarge: More than 10,000 profiles, 5 MB, or 100 KB in one of them.
            NotFound: There is no such list.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if not profiles:
            raise invalid_request("an import needs a profile", method=CREATE.method, path=CREATE.path)
        call = self._batches(list_ids, None).whole(profiles)
        return await self._one(call, import_job_from, deadline_seconds)

    async def wait(
        self,
        job: ProfileImportJob,
        *,
        timeout_seconds: float = 3_600.0,
        progress: Callable[[ProfileImportJob], None] | None = None,
    ) -> ProfileImportJob:
        """The job when it is finished: ask less and less often how far it is.

        Args:
            job: As ``create`` returned it.
            timeout_seconds: How long to wait at most; the job goes on without anybody waiting.
            progress: Told of every state.

        Raises:
            DeadlineExceeded: It is not finished by then.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await finished(
            self._caller, job, self.get, path=GET.path, timeout_seconds=timeout_seconds, progress=progress
        )

    async def get(
        self,
        job_id: str,
        *,
        include: Sequence[ImportInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> ProfileImportJob:
        """One job; Klaviyo keeps it for seven days.

        Args:
            job_id: Klaviyo's id.
            include: What to resolve to objects.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(job_id, query={"fields[profile-bulk-import-job]": fields, "include": include})
        return await self._one(call, import_job_from, deadline_seconds)

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: ImportSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[ProfileImportJob]:
        """All jobs, page after page.

        Args:
            filter: On ``status``: queued, processing, complete.
            sort: By when they were made, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 20.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=import_job_from,
            query={"fields[profile-bulk-import-job]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def lists(
        self, job_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[ProfileList]:
        """The lists that a job fills. Raises ``NotFound`` while iterating where there is no such job."""
        return self._list(
            LISTS, job_id, parse=list_from, query={"fields[list]": fields}, deadline_seconds=deadline_seconds
        )

    def list_ids(self, job_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(LIST_IDS, job_id, deadline_seconds=deadline_seconds)

    def profiles(
        self,
        job_id: str,
        *,
        page_size: int | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Profile]:
        """The profiles that a job has created or updated so far, page after page.

        Args:
            job_id: Klaviyo's id.
            page_size: 1 to 100; Klaviyo's default is 20.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: There is no such job.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            PROFILES,
            job_id,
            parse=profile_from,
            query={"additional-fields[profile]": additional_fields, "fields[profile]": fields},
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def profile_ids(
        self,
        job_id: str,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same profiles; parameters and errors as in ``profiles``."""
        return self._list_ids(
            PROFILE_IDS, job_id, page_size=page_size, cursor=cursor, deadline_seconds=deadline_seconds
        )

    def errors(
        self,
        job_id: str,
        *,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[ProfileImportError]:
        """What a job could not import, page after page.

        Args:
            job_id: Klaviyo's id.
            page_size: 1 to 100; Klaviyo's default is 20.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: There is no such job.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            ERRORS,
            job_id,
            parse=import_error_from,
            query={"fields[import-error]": fields},
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def _batches(self, list_ids: Sequence[str], finish: Finish[Importable] | None) -> ProfileBatches[Importable]:
        return ProfileBatches(
            CREATE,
            "profile-bulk-import-job",
            _written,
            MAX_IMPORT_PROFILES,
            relationships={"lists": {"data": identified("list", list_ids)}} if list_ids else {},
            is_repeatable=lambda profiles: all(_imported(profile).is_repeatable for profile in profiles),
            finish=finish,
        )


async def _count(
    imports: ProfileImports,
    caller: Caller,
    reply: Reply,
    entries: Sequence[Entry[Importable]],
    tally: Tally[Importable],
    *,
    timeout_seconds: float,
) -> None:
    """Wait for a job and count its profiles."""
    things = [entry.thing for entry in entries]

    async def errors_of(job: ProfileImportJob) -> list[ProfileImportError]:
        return [error async for error in imports.errors(job.id, page_size=100)]

    try:
        job = reply.one(import_job_from)
        tally.job_ids.append(job.id)
        job = await imports.wait(job, timeout_seconds=timeout_seconds)
        errors = [] if job.failed_count == 0 else await patiently(caller, lambda: errors_of(job))
    except KlaviyoError as error:
        if isinstance(error, CredentialsRejected):
            tally.stopped_by = error
        _unknown(things, f"What became of the job is not known ({type(error).__name__})", reply, tally)
        return
    by_place = _by_place(errors, len(entries))
    is_told = sum(map(len, by_place.values())) == len(errors) and (job.failed_count or 0) <= len(by_place)
    if job.status != "complete" or not is_told:
        _unknown(things, "The job did not come to an end, or tells of failures and not of whose", reply, tally)
        return
    for place, found in by_place.items():
        record = CallRecord(CREATE.method, CREATE.path, reply.record.status, errors=told_by_job(found))
        tally.refused.append(Failed(things[place], RequestRejected("The job could not import it", record)))
    tally.sent += len(things) - len(by_place)


def _by_place(errors: Sequence[ProfileImportError], count: int) -> dict[int, list[ProfileImportError]]:
    found: defaultdict[int, list[ProfileImportError]] = defaultdict(list)
    for error in errors:
        place = place_in(error.pointer)
        if place is not None and place < count:
            found[place].append(error)
    return found


def _unknown(things: Sequence[Importable], happened: str, reply: Reply, tally: Tally[Importable]) -> None:
    record = CallRecord(CREATE.method, CREATE.path, reply.record.status, reply.record.request_id)
    tally.failed(things, OutcomeUnknown(happened, record))


def _imported(profile: Importable) -> ProfileImport:
    return profile if isinstance(profile, ProfileImport) else ProfileImport(attributes=profile)


def _written(profile: Importable) -> bytes:
    imported = _imported(profile)
    if not imported.has_identifier:
        raise invalid_request(
            "a profile needs one of id, email, phone_number, external_id and kx",
            method=CREATE.method,
            path=CREATE.path,
            pointer="/data/attributes/profiles/data",
        )
    resource: Json = imported.resource()
    body = encoded(CREATE.method, CREATE.path, resource)
    if len(body) > MAX_PROFILE_BYTES:
        raise _too_large(f"a profile of {len(body)} bytes, of {MAX_PROFILE_BYTES} allowed")
    return body


def _too_large(problem: str) -> PayloadTooLarge:
    return PayloadTooLarge(f"Not sent: {problem}", CallRecord(CREATE.method, CREATE.path))
