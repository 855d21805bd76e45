"""The rows `faults` and `unsafe`: what callers were told, beside what the emulator and its witness have seen."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioklaviyo import Klaviyo, NoPacing, __version__
from dreamflow.bench.client.contestants.contestant import KEY
from dreamflow.bench.client.trouble.load import creating, known_profiles, mixed, run
from dreamflow.bench.client.trouble.scene import scene
from dreamflow.bench.model import Measured, Row, at_most
from dreamflow.bench.repeating import percentile
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dreamflow.bench.client.trouble.load import Ended
    from dreamflow.bench.client.trouble.scene import Sent
    from dreamflow.bench.model import Outcome

_DEADLINE_SECONDS = 30.0
_SHORT_DEADLINE_SECONDS = 10.0

FAULTS = Row(id="faults", unit="% failing", target=at_most(0.1), short_target=at_most(0.1))
FAULTS_DOUBLED = Row(id="faults-doubled", unit="effects", target=at_most(0), short_target=at_most(0))
FAULTS_P99 = Row(
    id="faults-p99", unit="s", target=at_most(_DEADLINE_SECONDS), short_target=at_most(_SHORT_DEADLINE_SECONDS)
)
UNSAFE = Row(id="unsafe", unit="repeats", target=at_most(0), short_target=at_most(0))
ROWS = (FAULTS, FAULTS_DOUBLED, FAULTS_P99, UNSAFE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleSize:
    """How much there is to do, and how patient the client is."""

    calls: int
    creates: int
    at_once: int
    deadline_seconds: float
    attempt_seconds: float
    create_seconds: float
    """Deadline of a `profiles.create`, which waits for its answer to the end instead of asking again."""


FULL = TroubleSize(
    calls=20_000, creates=2_000, at_once=200, deadline_seconds=_DEADLINE_SECONDS, attempt_seconds=10, create_seconds=5
)
SHORT = TroubleSize(
    calls=1_200, creates=300, at_once=40, deadline_seconds=_SHORT_DEADLINE_SECONDS, attempt_seconds=2, create_seconds=3
)


@dataclass(frozen=True, slots=True)
class Effects:
    """What the calls have left behind, by marker: how often each event is stored, how often each profile."""

    events: Counter[str]
    profiles: Counter[str]

    @property
    def doubled(self) -> int:
        """How many there are too many."""
        return sum(count - 1 for stored in (self.events, self.profiles) for count in stored.values())

    def require(self, ended: Sequence[Ended]) -> None:
        """Raise SubjectError where a call succeeded and has left nothing."""
        kept = {"create-event": self.events, "profile-import": self.profiles}
        lost = [one for one in ended if not one.failure and one.kind in kept and not kept[one.kind][one.marker]]
        if lost:
            raise SubjectError(f"{len(lost):,} calls succeeded without effect")


@dataclass(frozen=True, slots=True)
class Unsafe:
    """What came of calls that must not be repeated, by marker."""

    ambiguous: int
    """Requests of which nobody could know what came of them."""
    repeats: int
    """Requests that followed such a one of the same call."""
    open: frozenset[str]
    """Calls whose last request was such a one."""
    told: frozenset[str]
    """Calls that were reported as of unknown outcome."""


def faults(size: TroubleSize, seed: int) -> Iterator[Outcome]:
    """Calls that may be repeated, while one request in eight goes wrong."""
    yield from asyncio.run(_faults(size, seed))


def unsafe(size: TroubleSize, seed: int) -> Iterator[Outcome]:
    """Calls that must not be repeated, in the same trouble."""
    yield asyncio.run(_unsafe(size, seed))


async def _faults(size: TroubleSize, seed: int) -> list[Outcome]:
    async with scene(seed) as here, _klaviyo(here.url, size, seed) as klaviyo:
        known = await known_profiles(klaviyo)
        before = await here.requests()
        await here.begin_trouble()
        ended = await run(mixed(klaviyo, known), size.calls, size.at_once, seed)
        requests = await here.requests() - before
        happened = await here.end_trouble()
        events = await here.stored_events()
        names = [one.external_id or "" async for one in klaviyo.profiles.list(page_size=100, fields=("external_id",))]
        effects = Effects(_marked(events), _marked(Counter(names)))
    effects.require(ended)
    failures = Counter(one.failure for one in ended if one.failure)
    seconds = [one.seconds for one in ended]
    note = (
        f"{size.calls:,} calls ({', '.join(sorted({one.kind for one in ended}))}), {size.at_once} at once, "
        f"{requests:,} requests, {_share(happened, requests)}; a deadline of {size.deadline_seconds:g} s, "
        f"{size.attempt_seconds:g} s for an attempt, else as the client comes, without pacing; "
        f"aioklaviyo {__version__} and an emulator on a socket"
    )
    failed = f"; failed: {_counted(failures)}" if failures else ""
    spread = f"; median {percentile(seconds, 0.5):,.3g} s, slowest {max(seconds):,.3g} s"
    stored = f"; {len(effects.events):,} events and {len(effects.profiles):,} profiles stored, none lost"
    return [
        Measured(row=FAULTS.id, value=100 * failures.total() / size.calls, n=size.calls, note=note + failed),
        Measured(row=FAULTS_DOUBLED.id, value=effects.doubled, n=size.calls, note=note + stored),
        Measured(row=FAULTS_P99.id, value=percentile(seconds, 0.99), n=size.calls, note=note + spread),
    ]


async def _unsafe(size: TroubleSize, seed: int) -> Outcome:
    async with scene(seed) as here, _klaviyo(here.url, size, seed, size.create_seconds) as klaviyo:
        await here.begin_trouble()
        ended = await run(creating(klaviyo), size.creates, size.at_once, seed)
        requests = await here.requests()
        happened = await here.end_trouble()
        found = compare(ended, await here.sent())
    hidden = found.open - found.told
    if hidden:
        endings = Counter(one.failure or "success" for one in ended if one.marker in hidden)
        raise SubjectError(f"{len(hidden):,} calls of unknown outcome were reported as {_counted(endings)}")
    if not found.ambiguous:
        raise SubjectError("no call met a fault that left its outcome unknown")
    note = (
        f"{size.creates:,} profiles.create, {requests:,} requests, {_share(happened, requests)}; after "
        f"{found.ambiguous:,} nobody could know what came of it; every call that ended so was reported as "
        f"OutcomeUnknown, and {len(found.told - found.open):,} others; all endings: "
        f"{_counted(Counter(one.failure or 'success' for one in ended))}; aioklaviyo {__version__}"
    )
    return Measured(row=UNSAFE.id, value=found.repeats, n=size.creates, note=note)


def compare(ended: Sequence[Ended], sent: Sequence[Sent]) -> Unsafe:
    """What callers were told, beside what was sent."""
    requests: dict[str, list[Sent]] = {}
    for one in sent:
        requests.setdefault(one.marker, []).append(one)
    return Unsafe(
        ambiguous=sum(one.is_ambiguous for one in sent),
        repeats=sum(earlier.is_ambiguous for some in requests.values() for earlier in some[:-1]),
        open=frozenset(marker for marker, some in requests.items() if some[-1].is_ambiguous),
        told=frozenset(one.marker for one in ended if one.failure == "OutcomeUnknown"),
    )


def _klaviyo(url: str, size: TroubleSize, seed: int, deadline_seconds: float | None = None) -> Klaviyo:
    return Klaviyo(
        KEY,
        base_url=url,
        timeout_seconds=deadline_seconds or size.deadline_seconds,
        attempt_timeout_seconds=size.attempt_seconds,
        max_connections=size.at_once,
        rng=random.Random(seed),  # noqa: S311 - spreads waits
        pacing=NoPacing(),
    )


def _marked(found: Counter[str]) -> Counter[str]:
    return Counter({marker: count for marker, count in found.items() if marker.startswith("call-")})


def _share(happened: Counter[str], requests: int) -> str:
    share = 100 * happened.total() / max(1, requests)
    return f"{share:.1f} % of which went wrong ({_counted(happened)})"


def _counted(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(found.items()))
