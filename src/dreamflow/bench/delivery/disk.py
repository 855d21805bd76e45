"""The `disk` rows: the API's disk refuses to write, or to say that it has written. Nobody is told a lie, and it heals.

`disk-refused` takes the API's right to write to files beyond their first KB (a limit of the system), as a full disk
does; its log cannot be written either. `disk-fsync` lets its `fsync` fail, as a dying disk does.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from dreamflow.bench.delivery.account import account
from dreamflow.bench.delivery.calling import PATH
from dreamflow.bench.delivery.group import Group
from dreamflow.bench.delivery.house import sqlite_house
from dreamflow.bench.delivery.kills import drained
from dreamflow.bench.delivery.ledger import audit
from dreamflow.bench.delivery.parents import is_ready, token, until_ready
from dreamflow.bench.delivery.program import wait_until
from dreamflow.bench.model import Measured, Row, Skipped, at_most
from dreamflow.bench.servers.leash import Leash
from dreamflow.bench.subject import PATIENCE_SECONDS, SubjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from dreamflow.bench.delivery.account import Account
    from dreamflow.bench.delivery.house import House, Known
    from dreamflow.bench.delivery.ledger import Found
    from dreamflow.bench.model import Lab, Outcome

REFUSED: Final = Row(id="disk-refused", unit="wrong", target=at_most(0), short_target=at_most(0))
FSYNC: Final = Row(id="disk-fsync", unit="wrong", target=at_most(0), short_target=at_most(0))

HEALED_SECONDS: Final = 10.0
"""So soon after the trouble it must be ready and tell stories again, without having been started anew."""
_FIRST_KB: Final = 1024
_AT_ONCE: Final = 4
_FAMILIES: Final = 50
_CALM: Final = 20
_START_SECONDS: Final = 30.0
_DRAIN_SECONDS: Final = 60.0
_CREATED: Final = 201
_UNAVAILABLE: Final = 503
_OPENER: Final = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSize:
    """How much there is to do."""

    requests: int
    """While the disk is in trouble."""


FULL: Final = DiskSize(requests=200)
SHORT: Final = DiskSize(requests=24)


class Answer(NamedTuple):
    """What a request for a story was answered."""

    key: str
    """Its Idempotency-Key."""
    status: int | None
    """None where no answer came."""
    story: str | None
    is_problem: bool
    """Whether it was a problem document that says the same status."""


def measure(lab: Lab, seed: int) -> Iterator[Outcome]:
    """Both rows."""
    size = SHORT if lab.short else FULL
    yield refused(lab.scratch, size, seed)
    yield fsync(lab.scratch, size, seed)


def refused(scratch: Path, size: DiskSize, seed: int) -> Measured:
    """The row `disk-refused`."""
    return _row(REFUSED, sqlite_house(scratch / REFUSED.id, _FAMILIES, seed), size, seed, limited)


def fsync(scratch: Path, size: DiskSize, seed: int) -> Measured | Skipped:
    """The row `disk-fsync`, where there is strace."""
    if shutil.which("strace") is None:
        return Skipped(FSYNC.id, "There is no strace here, which makes fsync fail.")
    return _row(FSYNC, sqlite_house(scratch / FSYNC.id, _FAMILIES, seed), size, seed, failing_fsync)


GROUP: Final = Group(rows=(REFUSED, FSYNC), measure=measure)


@contextmanager
def limited(pid: int) -> Generator[None]:
    """A process cannot write to files beyond their first KB, while the block runs."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FIRST_KB, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def failing_fsync(pid: int) -> Generator[None]:
    """What a process wants to have on the disk does not get there, while the block runs."""
    calls = "fsync,fdatasync"
    command = ("strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO")
    with subprocess.Popen((*command, "-p", str(pid)), stderr=subprocess.PIPE) as tracer:  # noqa: S603 - a fixed command
        leash = Leash(tracer.pid)
        try:
            wait_until(lambda: _is_traced(pid) or tracer.poll() is not None, PATIENCE_SECONDS, "strace is there")
            if tracer.poll() is not None:
                said = tracer.stderr.read().decode(errors="replace") if tracer.stderr else ""
                raise SubjectError(f"strace could not look at the API: {said.strip()[:200]}")
            yield
        finally:
            leash.release()
            tracer.send_signal(signal.SIGINT)  # which makes it let go
            tracer.wait(PATIENCE_SECONDS)


def _is_traced(pid: int) -> bool:
    # All threads: a commit is made by another one than the first.
    traced = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/status")]
    return bool(traced) and all("TracerPid:\t0\n" not in status for status in traced)


def _row(
    row: Row, house: House, size: DiskSize, seed: int, trouble: Callable[[int], AbstractContextManager[None]]
) -> Measured:
    with account(seed) as klaviyo, house.program("serve", klaviyo.url, WORKER__EMBEDDED="true") as api:
        url = api.until_said("Dream Flow is open at").split()[-1]
        until_ready(url, _START_SECONDS)
        calm = _ask_many(url, house.families, "calm", _CALM)
        if any(answer.status != _CREATED for answer in calm):
            raise SubjectError(f"stories are not told even in calm: {_words(calm)}")
        with trouble(api.pid):
            troubled = _ask_many(url, house.families, "trouble", size.requests)
            was_ready = is_ready(url)
        refused = [answer for answer in troubled if answer.status != _CREATED]
        if not refused:
            raise SubjectError("the trouble was none: every story was told")
        seconds, is_healed = _healing(url, house.families)
        # With the same keys: who was refused, or got no answer, has nothing from the first time.
        again = _ask_many(url, house.families, "trouble", size.requests)
        ended = f"; it ended with status {api.wait(1)}" if not api.is_running else ""
        told = {answer.story for answer in (*calm, *troubled, *again) if answer.story is not None}
        found = asyncio.run(_check(house, klaviyo, told))
    moved = sum(one.story is not None and one.story != two.story for one, two in zip(troubled, again, strict=True))
    odd = [answer for answer in refused if not (answer.status == _UNAVAILABLE and answer.is_problem)]
    unhealed = sum(answer.status != _CREATED for answer in again) + (not is_healed)
    note = (
        f"{len(troubled):,} stories asked for while {_WHAT[row.id]}: {_words(troubled)}, of which {len(odd)} were "
        f"neither told nor refused by a problem document with 503; {found.lost} told and not there or not delivered, "
        f"{moved} another one when asked for again; ready meanwhile: {'yes' if was_ready else 'no'}; ready and telling "
        f"again {seconds:.2g} s after it, without a new start; all asked for again with their keys: {_words(again)}; "
        f"{found.words()}{ended}"
    )
    return Measured(row=row.id, value=found.wrong + moved + len(odd) + unhealed, n=len(troubled), note=note)


_WHAT: Final = {REFUSED.id: "no file could be written", FSYNC.id: "fsync failed"}


async def _check(house: House, klaviyo: Account, told: set[str]) -> Found:
    async with house.database() as database:
        await drained(database, _DRAIN_SECONDS)
        return await audit(database, klaviyo, told)


def _healing(url: str, families: Sequence[Known]) -> tuple[float, bool]:
    """How long it took until it was ready and told a story again, and whether it did in time."""
    tries = iter(range(10**6))

    def tells() -> bool:
        return is_ready(url) and ask(url, families[0], f"healing-{next(tries)}").status == _CREATED

    try:
        return wait_until(tells, HEALED_SECONDS, "the API tells stories again", 0.05), True
    except SubjectError:
        return HEALED_SECONDS, False


def _ask_many(url: str, families: Sequence[Known], name: str, many: int) -> list[Answer]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        asked = [
            threads.submit(ask, url, families[number % len(families)], f"{name}-{number}") for number in range(many)
        ]
        return [each.result() for each in asked]


def ask(url: str, family: Known, key: str) -> Answer:
    """Ask for a story."""
    headers = {"Authorization": f"Bearer {token(family)}", "Idempotency-Key": key, "Content-Type": "application/json"}
    request = Request(f"{url}{PATH}", data=b'{"minutes": 4}', headers=headers)  # noqa: S310 - loopback
    try:
        with _OPENER.open(request, timeout=PATIENCE_SECONDS) as response:
            return Answer(key, response.status, json.loads(response.read())["id"], is_problem=False)
    except HTTPError as error:
        with error:
            is_document = error.headers.get_content_type() == "application/problem+json"
            body: dict[str, object] = json.loads(error.read()) if is_document else {}
        return Answer(key, error.code, None, is_problem=body.get("status") == error.code)
    except (OSError, HTTPException):
        return Answer(key, None, None, is_problem=False)


def _words(answers: Sequence[Answer]) -> str:
    counts: dict[str, int] = {}
    for answer in answers:
        status = "no answer" if answer.status is None else str(answer.status)
        counts[status] = counts.get(status, 0) + 1
    return ", ".join(f"{count:,} x {status}" for status, count in sorted(counts.items()))
