"""What Prometheus is told of delivery: counts of states, lanes and outcomes; never an id, never a free text.

Counters are of this process since its start. Gauges of what is stored are the same in every process: they are read
from the database when somebody looks, at most every few seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import Unavailable
from dreamflow.outbox.adapters.sql.standing import Standing
from dreamflow.outbox.model import Books, DeliveryState, Lane
from dreamflow.outbox.ports import Observer

FRESH_SECONDS: Final = 10.0
"""So long a reading of the database serves everybody who looks."""
_PATIENCE_SECONDS: Final = 2.0
"""So long a scrape waits for the database; then it shows what was known before."""

_REASONS: Final = (("not sent", "unsendable"), ("too large", "too_large"), ("refused", "refused"))
"""How the reasons of dead letters begin, and what they count as. Anything else is "other"."""


class DeliveryMetrics(Observer):
    """What one process sends, and what becomes of it.

    Args:
        registry: where the metrics are collected.
        learn: takes the books when somebody has looked at them.
    """

    def __init__(self, registry: CollectorRegistry, learn: Callable[[Books], None]) -> None:
        self._learn = learn
        self._attempts = Counter(
            "dreamflow_outbox_attempts",
            "Requests that this process made, by answer.",
            ["lane", "outcome"],
            registry=registry,
        )
        self._delivered = Counter(
            "dreamflow_outbox_delivered",
            "Deliveries that ended in this process, by state.",
            ["lane", "outcome"],
            registry=registry,
        )
        self._dead = Counter(
            "dreamflow_outbox_dead", "Deliveries that this process saw die.", ["reason"], registry=registry
        )
        self._locked_out = Gauge(
            "dreamflow_klaviyo_locked_out",
            "1 while Klaviyo refuses the key or the address is wrong; everything waits then.",
            registry=registry,
        )

    @override
    def tried(self, lane: Lane, outcome: str) -> None:
        self._attempts.labels(lane, outcome).inc()

    @override
    def ended(self, lane: Lane, state: DeliveryState, count: int) -> None:
        self._delivered.labels(lane, state).inc(count)

    @override
    def died(self, reason: str) -> None:
        self._dead.labels(next((known for start, known in _REASONS if reason.startswith(start)), "other")).inc()

    @override
    def locked_out(self, *, is_locked: bool) -> None:
        self._locked_out.set(is_locked)

    @override
    def balanced(self, books: Books) -> None:
        self._learn(books)


class StandingMetrics(Collector):
    """What is stored. Nothing is shown of what was never read: a zero would say that all is well.

    Args:
        registry: where the metrics are collected.
        read: asks the database.
        clock: the house's; for the age of what waits.
        monotonic: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        read: Callable[[], Awaitable[Standing]],
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._read = read
        self._clock = clock
        self._monotonic = monotonic
        self._standing: Standing | None = None
        self._books: Books | None = None
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None
        registry.register(self)

    def learn(self, books: Books) -> None:
        """Take books that somebody else has read."""
        self._books = books

    async def refresh(self) -> None:
        """Read the database unless that was done just now; a sick or slow one changes nothing and raises nothing."""
        if self._read_at is not None and self._monotonic() - self._read_at < FRESH_SECONDS:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._look())  # one for all who look at the same time
        await asyncio.wait({self._reading}, timeout=_PATIENCE_SECONDS)

    async def aclose(self) -> None:
        """Give up a reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _look(self) -> None:
        try:
            standing = await self._read()
        except Unavailable:
            return
        self._standing, self._books, self._read_at = standing, standing.books, self._monotonic()

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        age = None if self._read_at is None else self._monotonic() - self._read_at
        if age is not None:
            yield GaugeMetricFamily(
                "dreamflow_outbox_reading_age_seconds",
                "How long ago the database told what the other gauges show.",
                value=age,
            )
        if self._books is not None:
            yield from _of_books(self._books)
        if self._standing is not None:
            yield from self._of_standing(self._standing)

    def _of_standing(self, standing: Standing) -> Iterator[GaugeMetricFamily]:
        waits = 0.0 if standing.oldest is None else (self._clock.now() - standing.oldest).total_seconds()
        yield GaugeMetricFamily(
            "dreamflow_outbox_oldest_age_seconds",
            "Age of the oldest fact that waits; 0 when none does.",
            value=max(0.0, waits),
        )
        held = GaugeMetricFamily(
            "dreamflow_outbox_leases", "Partitions that a live worker holds; 64 in all.", labels=["pool"]
        )
        for pool, count in sorted(standing.leases.items()):
            held.add_metric([pool], count)
        yield held
        if standing.unpublished is not None:
            yield GaugeMetricFamily(
                "dreamflow_relay_unpublished",
                "Deliveries that wait and are not in the log yet.",
                value=standing.unpublished,
            )


def _of_books(books: Books) -> Iterator[GaugeMetricFamily]:
    events = GaugeMetricFamily("dreamflow_outbox_events", "Deliveries by state.", labels=["state"])
    for state in DeliveryState:
        events.add_metric([state], getattr(books, state))
    yield events
    missing = books.accepted - sum(getattr(books, state) for state in DeliveryState)
    yield GaugeMetricFamily(
        "dreamflow_outbox_unbalanced",
        "Accepted deliveries that are in no state; anything but 0 is a loss.",
        value=missing,
    )
