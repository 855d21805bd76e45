"""What Prometheus is told of delivery: truths of this moment, or nothing; counts, and no words of anybody."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from dreamflow.kit.clock import ManualClock
from dreamflow.kit.errors import Unavailable
from dreamflow.outbox import Books, DeliveryState, Lane
from dreamflow.outbox.adapters.metrics import FRESH_SECONDS, DeliveryMetrics, StandingMetrics
from dreamflow.outbox.adapters.sql import Standing

NOW = datetime(2026, 11, 23, 19, 10, tzinfo=UTC)
BALANCED = Books(delivered=3, dead=1, pending=2, accepted=6)


class Database:
    """What the metrics read, when it can be read."""

    def __init__(self) -> None:
        self.standing: Standing | None = Standing(
            books=BALANCED,
            oldest=NOW - timedelta(minutes=7),
            workers={"delivery": 1},
            leases={"delivery": 64},
            orphans=0,
            dead=1,
        )
        self.reads = 0

    async def read(self) -> Standing:
        self.reads += 1
        if self.standing is None:
            raise Unavailable("Canary")
        return self.standing


class Scrapes:
    """A process that is scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.database = Database()
        self.seconds = 100.0
        self.standing = StandingMetrics(
            self.registry, self.database.read, ManualClock(NOW), monotonic=lambda: self.seconds
        )
        self.delivery = DeliveryMetrics(self.registry, self.standing.learn)

    async def value(self, name: str, **labels: str) -> float | None:
        await self.standing.refresh()
        return self.registry.get_sample_value(f"dreamflow_{name}", labels)


@pytest.fixture
def scrapes() -> Scrapes:
    return Scrapes()


async def test_what_is_stored_is_shown_by_state_with_the_age_of_the_oldest(scrapes: Scrapes) -> None:
    assert await scrapes.value("outbox_events", state="delivered") == 3
    assert await scrapes.value("outbox_events", state="withheld") == 0
    assert await scrapes.value("outbox_oldest_age_seconds") == 420
    assert await scrapes.value("outbox_leases", pool="delivery") == 64
    assert await scrapes.value("outbox_unbalanced") == 0


async def test_the_database_is_asked_once_for_all_who_look_within_seconds(scrapes: Scrapes) -> None:
    for _ in range(3):
        await scrapes.value("outbox_unbalanced")
    assert scrapes.database.reads == 1
    scrapes.seconds += FRESH_SECONDS
    await scrapes.value("outbox_unbalanced")
    assert scrapes.database.reads == 2


async def test_a_sick_database_fails_no_scrape_and_old_figures_say_how_old_they_are(scrapes: Scrapes) -> None:
    await scrapes.value("outbox_unbalanced")
    scrapes.database.standing = None
    scrapes.seconds += 60
    assert await scrapes.value("outbox_events", state="delivered") == 3
    assert await scrapes.value("outbox_reading_age_seconds") == 60


async def test_what_was_never_read_is_not_shown_as_nought(scrapes: Scrapes) -> None:
    scrapes.database.standing = None
    assert await scrapes.value("outbox_unbalanced") is None
    assert await scrapes.value("outbox_oldest_age_seconds") is None


async def test_the_audit_of_the_books_shows_at_once(scrapes: Scrapes) -> None:
    await scrapes.value("outbox_unbalanced")
    scrapes.delivery.balanced(Books(delivered=3, accepted=5))
    assert await scrapes.value("outbox_unbalanced") == 2
    assert await scrapes.value("outbox_events", state="delivered") == 3


async def test_what_happens_in_delivery_is_counted(scrapes: Scrapes) -> None:
    scrapes.delivery.tried(Lane.EVENTS, "Accepted")
    scrapes.delivery.ended(Lane.EVENTS, DeliveryState.DELIVERED, 50)
    scrapes.delivery.locked_out(is_locked=True)
    assert await scrapes.value("outbox_attempts_total", lane="events", outcome="Accepted") == 1
    assert await scrapes.value("outbox_delivered_total", lane="events", outcome="delivered") == 50
    assert await scrapes.value("klaviyo_locked_out") == 1
    scrapes.delivery.locked_out(is_locked=False)
    assert await scrapes.value("klaviyo_locked_out") == 0


async def test_the_reasons_of_dead_letters_are_a_few_fixed_words(scrapes: Scrapes) -> None:
    reasons = {
        "refused with 400: invalid at /data/Canary": "refused",
        "not sent: value_error at ('Canary',)": "unsendable",
        "too large for Klaviyo, even alone": "too_large",
        "Canary": "other",
        "": "other",
    }
    for reason in reasons:
        scrapes.delivery.died(reason)
    assert await scrapes.value("outbox_dead_total", reason="other") == 2
    for known in ("refused", "unsendable", "too_large"):
        assert await scrapes.value("outbox_dead_total", reason=known) == 1
    assert b"Canary" not in generate_latest(scrapes.registry)
