"""How fast the client is, beside the official SDK and a bare aiohttp loop: throughput, processor time, decoding."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from dreamflow.bench.client import pages
from dreamflow.bench.client.contest import contest
from dreamflow.bench.client.contestants.official import is_installed
from dreamflow.bench.model import Measured, Outcome, Row, Skipped, at_least, at_most
from dreamflow.bench.repeating import Repeated
from dreamflow.bench.subject import started

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from dreamflow.bench.client.contest import Entrant, Name, Spent

THROUGHPUT = Row(id="throughput", unit="times", target=at_least(3), short_target=at_least(3))
CPU_SDK = Row(id="cpu-sdk", unit="times", target=at_most(0.35), short_target=at_most(0.35))
CPU_BARE = Row(id="cpu-bare", unit="times", target=at_most(2.5), short_target=at_most(2.5))
DECODE_EVENTS = Row(id="decode-events", unit="times", target=at_most(0.25), short_target=at_most(0.25))
DECODE_PROFILES = Row(id="decode-profiles", unit="times", target=at_most(0.25), short_target=at_most(0.25))
ROWS = (THROUGHPUT, CPU_SDK, CPU_BARE, DECODE_EVENTS, DECODE_PROFILES)

_SOCKETS = 200
_DELAY_MS = 50
_IN_FLIGHT = 64
_WARM_UP = 300
NO_SDK = "the official SDK is not installed; it is in the extra `bench`"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSize:
    """How much there is to do, for one repetition."""

    repetitions: int
    throughput: int
    """Events that the client creates, with 200 sockets."""
    sdk_throughput: Mapping[int, int]
    """Events that the SDK creates, by its threads."""
    cpu: Mapping[int, int]
    """Calls that processor time is divided by, by the milliseconds until they are answered."""
    sdk_cpu: int
    pages: Mapping[str, int]
    """Pages that are read, by what is on them."""


def throughput(size: SpeedSize, seed: int) -> Iterator[Outcome]:
    """Single events against a server that answers after 50 ms."""
    if not is_installed():
        yield Skipped(THROUGHPUT.id, NO_SDK)
        return
    ours: list[float] = []
    sdk: dict[int, list[float]] = {threads: [] for threads in size.sdk_throughput}
    with _contest(seed, _DELAY_MS, "ours", "official") as entrants:
        entrants["ours"].send(_SOCKETS, _SOCKETS)
        entrants["official"].send(max(size.sdk_throughput), max(size.sdk_throughput))
        for _ in range(size.repetitions):
            ours.append(size.throughput / entrants["ours"].send(size.throughput, _SOCKETS).seconds)
            for threads, events in size.sdk_throughput.items():
                sdk[threads].append(events / entrants["official"].send(events, threads).seconds)
        versions = _versions(entrants)
    best = [max(rates) for rates in zip(*sdk.values(), strict=True)]
    value, interval = _ratio(ours, best)
    by_threads = ", ".join(f"{median(rates):,.0f} with {threads}" for threads, rates in sdk.items())
    note = (
        f"single events, answered after {_DELAY_MS} ms: {median(ours):,.0f} events/s on {_SOCKETS} sockets, of "
        f"{_SOCKETS * 1000 // _DELAY_MS:,} possible; the SDK's threads {by_threads}; its best of each repetition "
        f"counts; {versions}; {_times(size)}"
    )
    yield Measured(row=THROUGHPUT.id, value=value, n=size.throughput, interval=interval, note=note)


@dataclass(slots=True)
class _Cpu:
    """Processor time of a call in microseconds, one for each repetition."""

    delay_ms: int
    by_name: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def ratio(self, rival: Name) -> Repeated:
        return _ratio(self.by_name["ours"], self.by_name[rival])

    def words(self) -> str:
        found = ", ".join(f"{_LABELS[name]} {median(some):,.0f}" for name, some in self.by_name.items())
        return f"answered after {self.delay_ms} ms: {found}"


_LABELS: Mapping[str, str] = {"ours": "aioklaviyo", "paced": "with pacing", "bare": "bare", "official": "SDK"}


def cpu(size: SpeedSize, seed: int) -> Iterator[Outcome]:
    """Processor time of a call with 64 in flight."""
    names: tuple[Name, ...] = ("ours", "bare", "paced", "official") if is_installed() else ("ours", "bare", "paced")
    found: list[_Cpu] = []
    versions = ""
    for delay_ms, many in size.cpu.items():
        spent = _Cpu(delay_ms, {name: [] for name in names})
        with _contest(seed, delay_ms, *names) as entrants:
            for entrant in entrants.values():
                entrant.send(_WARM_UP, _IN_FLIGHT)
            for _ in range(size.repetitions):
                for name, entrant in entrants.items():
                    calls = size.sdk_cpu if name == "official" else many
                    spent.by_name[name].append(entrant.send(calls, _IN_FLIGHT).cpu_seconds / calls * 1e6)
            versions = _versions(entrants)
        found.append(spent)
    note = (
        f"µs of a processor for a single event, {_IN_FLIGHT} in flight; {'; '.join(spent.words() for spent in found)}; "
        f"the worse ratio counts, without pacing; with pacing it keeps limits that never bind; {versions}; "
        f"{_times(size)}"
    )
    rows: dict[Name, Row] = {"official": CPU_SDK, "bare": CPU_BARE}
    for rival, row in rows.items():
        if rival in names:
            value, interval = max(spent.ratio(rival) for spent in found)
            yield Measured(row=row.id, value=value, n=min(size.cpu.values()), interval=interval, note=note)
        else:
            yield Skipped(row.id, NO_SDK)


def decode(size: SpeedSize, seed: int) -> Iterator[Outcome]:
    """Full pages, from the call to the models."""
    rows = {"events": (DECODE_EVENTS, pages.EVENTS), "profiles": (DECODE_PROFILES, pages.PROFILES)}
    if not is_installed():
        yield from (Skipped(row.id, NO_SDK) for row, _ in rows.values())
        return
    with _contest(seed, 0, "ours", "bare", "official") as entrants:
        for page, (row, items) in rows.items():
            times = size.pages[page]
            spent: dict[str, list[Spent]] = {name: [] for name in entrants}
            for entrant in entrants.values():
                entrant.read(page, 2, items)
            for _ in range(size.repetitions):
                for name, entrant in entrants.items():
                    spent[name].append(entrant.read(page, times, items))
            took = {name: [one.cpu_seconds / times * 1000 for one in some] for name, some in spent.items()}
            value, interval = _ratio(took["ours"], took["official"])
            passed = {name: median(one.seconds for one in some) / times * 1000 for name, some in spent.items()}
            found = ", ".join(
                f"{_LABELS[name]} {median(some):,.3g} ms ({passed[name]:,.3g})" for name, some in took.items()
            )
            note = (
                f"processor time of a page of {items:,} {page}, from the call over a socket to the models (in brackets "
                f"the time that passed, of which a part is the server's): {found}; bare is aiohttp and json.loads; "
                f"{_versions(entrants)}; {_times(size)}"
            )
            yield Measured(row=row.id, value=value, n=times, interval=interval, note=note)


@contextmanager
def _contest(seed: int, delay_ms: int, *names: Name) -> Generator[Mapping[Name, Entrant]]:
    server = ("dreamflow.bench.client.answering", "--delay-ms", str(delay_ms), "--seed", str(seed), "--limits")
    with started(*server) as subject, contest(subject.url, *names) as entrants:
        yield entrants


def _ratio(ours: Sequence[float], rival: Sequence[float]) -> Repeated:
    """The median of the ratios of what was measured one after the other, which a restless machine disturbs alike."""
    values = [mine / other for mine, other in zip(ours, rival, strict=True)]
    return Repeated(median(values), (min(values), max(values)))


def _versions(entrants: Mapping[Name, Entrant]) -> str:
    return ", ".join(dict.fromkeys(entrant.version for entrant in entrants.values()))


def _times(size: SpeedSize) -> str:
    return f"median of {size.repetitions}"
