"""Waiting for Klaviyo's jobs: ask how far one is, less and less often, until it is finished."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aioklaviyo.calls import Caller
from aioklaviyo.errors import CallRecord, DeadlineExceeded, KlaviyoError
from aioklaviyo.models.job import Job

J = TypeVar("J", bound=Job)

FIRST_WAIT_SECONDS = 0.5
WAIT_GROWTH = 1.5
LONGEST_WAIT_SECONDS = 15.0
LAST_LOOK_SECONDS = 1.0
"""What is kept of the time for asking a last time; of a short time, a quarter."""


async def finished(
    caller: Caller,
    job: J,
    read: Callable[[str], Awaitable[J]],
    *,
    path: str,
    timeout_seconds: float,
    progress: Callable[[J], None] | None,
) -> J:
    """The job as it is when it is finished.

    Args:
        caller: Gives the clock.
        job: As it was answered when it was made.
        read: Reads it anew, by its id.
        path: Of the job, to name it in an error.
        timeout_seconds: How long to wait at most; the job goes on without anybody waiting.
        progress: Told of every state, the first and the last included.

    Raises:
        DeadlineExceeded: It is not finished by then.
        KlaviyoError: Reading failed in a way that more of it would not mend; other failures are waited out.
    """
    ends_at = caller.monotonic() + timeout_seconds
    last_look = min(LAST_LOOK_SECONDS, timeout_seconds / 4)
    wait = FIRST_WAIT_SECONDS
    is_last_look = False
    while True:
        if progress is not None:
            progress(job)
        if job.is_finished:
            return job
        left = ends_at - caller.monotonic()
        if left <= 0 or is_last_look:
            raise _unfinished(path)
        is_last_look = wait >= left - last_look
        await caller.sleep(max(left - last_look, 0.0) if is_last_look else wait)
        wait = min(wait * WAIT_GROWTH, LONGEST_WAIT_SECONDS)
        try:
            async with asyncio.timeout(max(ends_at - caller.monotonic(), 0.0)):
                job = await read(job.id)
        except TimeoutError:
            raise _unfinished(path) from None
        except KlaviyoError as error:
            if not error.may_repeat:
                raise


def _unfinished(path: str) -> DeadlineExceeded:
    return DeadlineExceeded("The job is not finished in time; it goes on", CallRecord("GET", path))
