"""The rows of the emulator's bench, and how each is measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPException
from itertools import chain, islice
from time import perf_counter, sleep
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from dreamflow.bench.emulator.subject import Client, client, served
from dreamflow.bench.emulator.tour import AREAS, EXPECTED, SdkMissingError, take
from dreamflow.bench.emulator.traffic import BULK, METRICS, PER_PROFILE, Traffic
from dreamflow.bench.http_load import LoadError, drive
from dreamflow.bench.model import Broken, Measured, Outcome, Row, Skipped, at_least, at_most
from dreamflow.bench.repeating import percentile, repeat
from dreamflow.bench.subject import SubjectError, started
from dreamflow.kit.clock import SystemClock
from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.testing import running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dreamflow.bench.model import Lab

SINGLE = Row(id="single", unit="events/s", target=at_least(1500), short_target=at_least(1500))
BULK_ROW = Row(id="bulk", unit="events/s", target=at_least(20_000), short_target=at_least(20_000))
PAGE = Row(id="page", unit="ms", target=at_most(80), short_target=at_most(80))
SEGMENT = Row(id="segment", unit="s", target=at_most(2), short_target=at_most(0.2))
START = Row(id="start", unit="s", target=at_most(2), short_target=at_most(2))
INSTANCE = Row(id="instance", unit="ms", target=at_most(50), short_target=at_most(50))
COVERAGE = Row(id="coverage", unit="operations", target=at_least(len(EXPECTED)), short_target=at_least(len(EXPECTED)))

_SINGLE_CONNECTIONS = 64
_BULK_CONNECTIONS = 16
_PROFILES = 10_000
_ACCEPTED = 202
_CREATED = 201
_PAGE = 1000
_HISTORY = 2500
"""Events of one metric that each of the profiles has whose pages are read: two whole pages and a half."""
_STEP = 100
"""Bulk requests after which one is told how far it has come."""
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to do, for one repetition."""

    singles: int
    bulks: int
    stored_events: int
    stored_profiles: int
    histories: int
    """How many of the profiles have so many events that a page of them is full."""
    pages: int
    instances: int


FULL = Size(
    singles=20_000, bulks=100, stored_events=1_000_000, stored_profiles=100_000, histories=100, pages=200, instances=20
)
SHORT = Size(
    singles=5_000, bulks=40, stored_events=100_000, stored_profiles=10_000, histories=10, pages=60, instances=10
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorBench:
    """`dreamflow bench emulator`."""

    seed: int = 3
    rows: tuple[Row, ...] = (SINGLE, BULK_ROW, PAGE, SEGMENT, START, INSTANCE, COVERAGE)
    full: Size = FULL
    short: Size = SHORT

    def measure(self, lab: Lab) -> Iterator[Outcome]:
        """Measure the rows that are wanted, and what is measured along with them."""
        run = _Run(lab, self.short if lab.short else self.full, Traffic(self.seed, SystemClock()))
        yield from _or_broken(lab, run.start(), START)
        yield from _or_broken(lab, run.instance(), INSTANCE)
        yield from _or_broken(lab, run.load(SINGLE), SINGLE)
        yield from _or_broken(lab, run.load(BULK_ROW), BULK_ROW)
        yield from _or_broken(lab, run.reading(), PAGE, SEGMENT)
        yield from _or_broken(lab, run.coverage(), COVERAGE)


@dataclass(frozen=True, slots=True)
class _Run:
    lab: Lab
    size: Size
    traffic: Traffic

    def start(self) -> Iterator[Outcome]:
        """From the command line to the first answer."""

        def once() -> float:
            file = self.lab.scratch / "start.sqlite"
            began = perf_counter()
            with started("dreamflow", "emulator", "--port", "0", "--data", str(file)) as subject:
                with client(subject.url) as asking:
                    asking.get("/api/accounts")
                return perf_counter() - began

        value, interval = repeat(once)
        note = "dreamflow emulator on a file, from the start of the process to its first answer"
        yield Measured(row=START.id, value=value, n=1, interval=interval, note=note)

    def instance(self) -> Iterator[Outcome]:
        """From entering `running_emulator()` to the first answer."""

        def once() -> float:
            began = perf_counter()
            with running_emulator() as running, client(running.url) as asking:
                asking.get("/api/accounts")
                return (perf_counter() - began) * 1000

        once()  # the first one reads the tables of facts, for all that follow
        value, interval = repeat(once, self.size.instances)
        note = (
            "klaviyo_emulator.testing.running_emulator, from its beginning to its first answer; median of n, after a "
            "first one that is not counted"
        )
        yield Measured(row=INSTANCE.id, value=value, n=self.size.instances, interval=interval, note=note)

    def load(self, row: Row) -> Iterator[Outcome]:
        """Events accepted, and found in the file after the process was killed."""
        is_bulk = row is BULK_ROW
        connections = _BULK_CONNECTIONS if is_bulk else _SINGLE_CONNECTIONS
        requests, events = (self.size.bulks, BULK) if is_bulk else (self.size.singles, 1)
        make = self.traffic.bulks if is_bulk else self.traffic.singles
        file = self.lab.scratch / f"{row.id}.sqlite"
        sent = 0

        def send(url: str, count: int) -> float:
            nonlocal sent
            prepared = list(make(count, _PROFILES))
            seconds = _accepted(url, prepared, connections)
            sent += count * events
            return count * events / seconds

        with served(file) as subject:
            send(subject.url, max(1, requests // 10))
            value, interval = repeat(lambda: send(subject.url, requests))
            subject.kill()
        with Emulator(EmulatorConfig(database=str(file))) as reopened:
            stored = reopened.counts().events
        if stored != sent:
            raise SubjectError(f"{sent:,} events were accepted, and {stored:,} are stored")
        kind = f"requests of {BULK:,} events, {PER_PROFILE} of a profile" if is_bulk else "requests of one event"
        note = (
            f"{kind}, {connections} connections, {_PROFILES:,} profiles; all {sent:,} were found in the file "
            "after the process was killed"
        )
        yield Measured(row=row.id, value=value, n=requests * events, interval=interval, note=note)

    def reading(self) -> Iterator[Outcome]:
        """Pages and segments of an account with many events."""
        with served(self.lab.scratch / "account.sqlite") as subject, client(subject.url) as asking:
            self._fill(subject.url)
            yield from self._page(asking)
            yield from self._segment(asking)

    def _fill(self, url: str) -> None:
        size = self.size
        crowd = size.stored_profiles - size.histories
        each = (size.stored_events - size.histories * _HISTORY) // crowd
        history = (size.stored_events - crowd * each) // size.histories
        histories = (self.traffic.history(_reader(number), history) for number in range(size.histories))
        requests = chain(self.traffic.population(crowd, each), *histories)
        stored = 0
        while some := list(islice(requests, _STEP)):
            _accepted(url, some, _BULK_CONNECTIONS)
            stored += len(some)
            so_far = min(stored * BULK, size.stored_events)
            self.lab.say(f"about {so_far:,} of {size.stored_events:,} events are stored")

    def _page(self, asking: Client) -> Iterator[Outcome]:
        metric = _metric(asking)
        names = json.dumps([_reader(number) for number in range(self.size.histories)])
        query = {"filter": f"any(external_id,{names})", "page[size]": "100"}
        profiles: list[str] = [profile["id"] for profile in asking.read("/api/profiles", **query)["data"]]

        def once() -> float:
            took: list[float] = []
            for number in range(self.size.pages // 2):
                profile = profiles[number % len(profiles)]
                query = {
                    "filter": f'equals(profile_id,"{profile}"),equals(metric_id,"{metric}")',
                    "page[size]": str(_PAGE),
                }
                for _ in range(2):
                    began = perf_counter()
                    body = asking.get("/api/events", **query)
                    took.append((perf_counter() - began) * 1000)
                    page = json.loads(body)
                    if len(page["data"]) != _PAGE:
                        raise SubjectError(f"a page has {len(page['data'])} events")
                    query["page[cursor]"] = _cursor(page["links"]["next"])
            return percentile(took, 0.95)

        value, interval = repeat(once)
        note = (
            f"p95 of first and second pages of {len(profiles)} profiles, one at a time, to the last byte; "
            f"{self._stored()}"
        )
        yield Measured(row=PAGE.id, value=value, n=self.size.pages, interval=interval, note=note)

    def _segment(self, asking: Client) -> Iterator[Outcome]:
        metric = _metric(asking)
        found: list[int] = []

        def once() -> float:
            began = perf_counter()
            status, answer = asking.post("/api/segments", _segment(f"Segment {len(found)}", metric))
            if status != _CREATED:
                raise SubjectError(f"a segment was answered with {status}: {answer}")
            path = f"/api/segments/{answer['data']['id']}"
            while True:
                attributes = asking.read(path, **{"additional-fields[segment]": "profile_count"})["data"]["attributes"]
                took = perf_counter() - began
                if not attributes["is_processing"] and attributes["profile_count"]:
                    found.append(attributes["profile_count"])
                    return took
                if took > _PATIENCE_SECONDS:
                    raise SubjectError("a segment stays without members")
                sleep(_POLL_SECONDS)

        value, interval = repeat(once)
        note = f"from its creation until it has its {found[0]} members, over the API; {self._stored()}"
        yield Measured(row=SEGMENT.id, value=value, n=self.size.stored_profiles, interval=interval, note=note)

    def coverage(self) -> Iterator[Outcome]:
        """The operations that the official SDK drives with success."""
        file = self.lab.scratch / "coverage.sqlite"
        with started("klaviyo_emulator", "--port", "0", "--limits", "off", "--data", str(file)) as subject:
            try:
                toured = take(subject.url)
            except SdkMissingError:
                yield Skipped(COVERAGE.id, "the official SDK is not installed; it is in the extra `bench`")
                return
        unknown = sorted(toured.operations - EXPECTED)
        if unknown:
            raise SubjectError(f"the emulator does not know these operations of the SDK: {', '.join(unknown)}")
        failed = "; ".join(f"{name}: {why}" for name, why in sorted(toured.failed.items()))
        note = failed or f"each called with success through the official SDK; {', '.join(AREAS)}"
        yield Measured(row=COVERAGE.id, value=len(toured.driven), n=len(EXPECTED), note=note)

    def _stored(self) -> str:
        return f"{self.size.stored_events:,} events and {self.size.stored_profiles:,} profiles are stored"


def _or_broken(lab: Lab, measuring: Iterator[Outcome], *rows: Row) -> Iterator[Outcome]:
    """What is measured of these rows; those that are not when the emulator goes wrong are broken."""
    if not lab.wants(rows):
        return
    left = {row.id for row in rows}
    try:
        for outcome in measuring:
            left.remove(outcome.row)
            yield outcome
    except (SubjectError, LoadError, OSError, HTTPException) as error:
        yield from (Broken(row.id, str(error)) for row in rows if row.id in left)


def _accepted(url: str, requests: Iterable[bytes], connections: int) -> float:
    """Send requests, all of which have to be accepted; answers how many seconds that took."""
    load = drive(url, requests, connections)
    if set(load.statuses) != {_ACCEPTED}:
        raise SubjectError(f"requests were answered with {dict(load.statuses)}")
    return load.seconds


def _reader(number: int) -> str:
    return f"reader-{number}"


def _metric(asking: Client) -> str:
    """The id of the first metric."""
    (found,) = [item["id"] for item in asking.read("/api/metrics")["data"] if item["attributes"]["name"] == METRICS[0]]
    return found


def _cursor(link: str) -> str:
    return parse_qs(urlsplit(link).query)["page[cursor]"][0]


def _segment(name: str, metric: str) -> dict[str, object]:
    """Who was told a story within four weeks, and is on the yearly plan."""
    told = {
        "type": "profile-metric",
        "metric_id": metric,
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "greater-than-or-equal", "value": 1},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 28},
    }
    yearly = {
        "type": "profile-property",
        "property": "properties['plan']",
        "filter": {"type": "string", "operator": "equals", "value": "yearly"},
    }
    groups = [{"conditions": [condition]} for condition in (told, yearly)]
    attributes = {"name": name, "definition": {"condition_groups": groups}}
    return {"data": {"type": "segment", "attributes": attributes}}


BENCH = EmulatorBench()
