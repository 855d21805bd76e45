"""The Klaviyo account of a bench: an emulator in a process of its own, and what can be asked of it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from dreamflow.bench.delivery import witness
from dreamflow.bench.servers.leash import Leash
from dreamflow.bench.subject import started

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

Duplicates = Literal["request", "history"]
"""The two readings of a repeated `unique_id` in a bulk request: it fails when repeated within it, or in history."""

DELIVERING: Final = ("create_event", "bulk_create_events", "create_or_update_profile", "bulk_import_profiles")
"""The operations of delivery."""
SHARE: Final = 0.12
"""The share of the requests that something happens to."""
HELD_SECONDS: Final = 1.0
"""How long a connection is held that gets no answer. A client that waited for its own timeout would learn no more."""
_KINDS: Final = (
    "429,retry-after=1",
    "500",
    "500,effect=yes",
    "503",
    "reset-before",
    "reset-after",
    f"timeout-before,seconds={HELD_SECONDS:g}",
    f"timeout-after,seconds={HELD_SECONDS:g}",
    "truncated",
    "short-close",
)
_CONTROL: Final = "/__emulator__"
_PAGE: Final = 1000
_PROFILES_PAGE: Final = 100
_PATIENCE_SECONDS: Final = 30.0
_OPENER: Final = build_opener(ProxyHandler({}))
_HEADERS: Final = {"Authorization": "Klaviyo-API-Key pk_bench", "revision": "2026-07-15"}


def faults(share: float = SHARE, operations: Sequence[str] = ("*",)) -> str:
    """Ten kinds of faults for the emulator, each as likely as the others; together they meet a share of requests.

    Args:
        share: of the requests, each drawn by itself.
        operations: which ones they meet, by Klaviyo's ids; `*` stands for all.
    """
    each = share / len(_KINDS)
    # The emulator asks one after the other: the later ones see only who was spared so far.
    drawn = [f"{kind}@{each / (1 - each * before):.9f}" for before, kind in enumerate(_KINDS)]
    return "; ".join(f"{operation}:{kind}" for operation in operations for kind in drawn)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event in the acceptance log."""

    request: int
    """The place of its request in the order of commit."""
    operation: str
    unique_id: str
    is_stored: bool
    """False where it was dropped as a repeat."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A writing request, as the witness noted it."""

    at: float
    """By the machine's clock, in seconds since 1970."""
    path: str
    status: int | None
    is_readable: bool
    carries: tuple[str, ...]
    """The unique ids of its events, or `PROFILE:NUMBER` of its profile updates (see `facts`)."""

    @property
    def is_ambiguous(self) -> bool:
        """Whether its sender cannot know from the answer what came of it."""
        return self.status is None or self.status >= 500 or not self.is_readable  # noqa: PLR2004 - the server's errors

    @property
    def is_accepted(self) -> bool:
        """Whether it was answered with success, readably."""
        return not self.is_ambiguous and self.status is not None and self.status < 300  # noqa: PLR2004 - success


class Account:
    """Asks an emulator over HTTP. Every call may raise OSError or HTTPException."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid

    def accepted(self) -> Iterator[Accepted]:
        """The events of the acceptance log, in order of commit; within a bulk request as they stand in it."""
        after: int | None = 0
        while after is not None:
            page = self._ask("GET", f"{_CONTROL}/acceptance?limit={_PAGE}&after={after}")
            for row in page["acceptance"]:
                for _, _, unique_id, what in row.get("events", ()):
                    yield Accepted(row["seq"], row["operation"], unique_id, what == "stored")
            after = page["next"]

    def arrived(self) -> Iterator[Arrived]:
        """Every writing request of events and profiles, in order of arrival."""
        after, count = 0, 1
        while after < count:
            page = self._ask("GET", f"{witness.PATH}?after={after}")
            count = page["count"]
            for at, path, status, is_readable, carries in page["arrivals"]:
                yield Arrived(at, path, status, is_readable, tuple(carries))
            after += len(page["arrivals"])

    def arrivals(self) -> int:
        """How many such requests have come so far."""
        return int(self._ask("GET", f"{witness.PATH}?after={10**9}")["count"])

    def properties(self) -> dict[str, dict[str, Any]]:
        """The custom properties of all profiles, by external id. End the faults first."""
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, str] = {"page[size]": str(_PROFILES_PAGE), "fields[profile]": "external_id,properties"}
        while True:
            page = self._ask("GET", f"/api/profiles?{urlencode(query)}")
            for profile in page["data"]:
                found[profile["attributes"]["external_id"]] = profile["attributes"]["properties"]
            following: str | None = page["links"]["next"]
            if following is None:
                return found
            query = dict(parse_qsl(urlsplit(following).query))

    def stored(self) -> int:
        """How many events there are."""
        return int(self._ask("GET", f"{_CONTROL}/health")["stored"]["events"])

    def begin_faults(self, text: str) -> None:
        """From now on these, see the emulator's page; in place of those before."""
        self._ask("PUT", f"{_CONTROL}/faults", {"faults": text})

    def end_faults(self) -> dict[str, int]:
        """From now on none; answers how often which kind has happened."""
        happened: dict[str, int] = {}
        for fault in self._ask("GET", f"{_CONTROL}/faults")["faults"]:
            happened[str(fault["kind"])] = happened.get(str(fault["kind"]), 0) + fault["happened"]
        self._ask("DELETE", f"{_CONTROL}/faults")
        return happened

    def settle(self) -> None:
        """Wait until its jobs are done."""
        self._ask("POST", f"{_CONTROL}/settle", {})

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON of many shapes
        headers = dict(_HEADERS)
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310 - loopback
        with _OPENER.open(request, timeout=_PATIENCE_SECONDS) as response:
            return json.loads(response.read() or b"null")


@contextmanager
def account(
    seed: int,
    *,
    duplicates: Duplicates = "request",
    faults: str = "",
    limits: bool = False,
    job_ms: int = 0,
    data: Path | None = None,
) -> Generator[Account]:
    """An emulator with a witness, running while the block runs. It notes what it accepts.

    Args:
        seed: of its chance and its ids.
        duplicates: which repeated `unique_id` fails a bulk request.
        faults: what goes wrong from the start, see `faults`.
        limits: whether rate limits are kept.
        job_ms: how long an import of profiles takes.
        data: the file of its state; in memory without.
    """
    arguments = ["--seed", str(seed), "--bulk-duplicates", duplicates, "--limits", "on" if limits else "off"]
    arguments += ["--job-ms", str(job_ms), "--faults", faults, *(("--data", str(data)) if data else ())]
    with started("dreamflow.bench.delivery.witness", *arguments) as subject:
        leash = Leash(subject.process.pid)
        try:
            yield Account(subject.url, subject.process.pid)
        finally:
            leash.release()
