"""Who the demo's families are, and how their evenings go. Pure: the same chance gives the same families."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.demo.words import FIRST_NAMES, LAST_NAMES, PLACES, THEMES, Place, Theme
from klaviyo_emulator.state.new_events import NewEvent

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

SIGNED_UP = "Signed Up"
SUBSCRIPTION_CREATED = "Subscription Created"
VIEWED_THEME = "Viewed Theme"
STORY_GENERATED = "Story Generated"
STORY_COMPLETED = "Story Completed"
STORY_SKIPPED = "Story Skipped"
METRICS = (SIGNED_UP, SUBSCRIPTION_CREATED, VIEWED_THEME, STORY_GENERATED, STORY_COMPLETED, STORY_SKIPPED)
DAY = 86_400
DAYS_OF_JOINING = 365
"""How long ago the first family joined."""
DAYS_OF_EVENINGS = 70
"""How far back evenings go."""
PRICES = {"premium": 6.99, "family": 9.99}
CURRENCY = "USD"

_HOUR = 3_600
_FRIDAY = 4
_DAYS_OF_A_WEEK = 7
_EPOCH_WEEKDAY = 3
_LONGEST_SILENCE = 60
_SHORTEST_SILENCE = 16
_LIKES_FAVOURITE = 0.6
_LOOKS_AROUND = 0.2
_HEARD_TO_THE_END = 0.86
_STOPPED = 0.96


class Rhythm(Enum):
    """How often a family hears a story: on a weekday, and on Friday to Sunday."""

    NIGHTLY = (0.86, 0.8)
    WEEKENDS = (0.05, 0.75)
    NOW_AND_THEN = (0.2, 0.25)
    NEVER = (0.0, 0.0)


class Consent(Enum):
    """What became of a family's consent to e-mail."""

    SUBSCRIBED = "subscribed"
    LETTERS = "subscribed, and confirmed the letters"
    PENDING = "subscribed, and has not confirmed the letters"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed by hand"
    BOUNCED = "bounced"
    NEVER = "never asked"


_RHYTHMS = ((Rhythm.NIGHTLY, 40), (Rhythm.WEEKENDS, 27), (Rhythm.NOW_AND_THEN, 24), (Rhythm.NEVER, 9))
_CONSENTS = (
    (Consent.SUBSCRIBED, 40),
    (Consent.LETTERS, 33),
    (Consent.PENDING, 4),
    (Consent.UNSUBSCRIBED, 8),
    (Consent.SUPPRESSED, 3),
    (Consent.BOUNCED, 2),
    (Consent.NEVER, 10),
)
_TIERS = (("free", 55), ("premium", 30), ("family", 15))
_FADES = 0.22


class Evening(NamedTuple):
    """One evening with a story: when it began, in whole seconds, and what was heard."""

    at: int
    theme: Theme
    minutes: int
    story_id: str
    looked_around: bool
    outcome: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One parent's profile and how the family lives. Instants are whole seconds since 1970."""

    number: int
    first_name: str
    last_name: str
    place: Place
    joined: int
    tier: str
    children: int
    rhythm: Rhythm
    silent_since: int | None
    """When a family that faded away heard its last story."""
    favourite: Theme
    consent: Consent

    @property
    def email(self) -> str:
        """An address that nobody has."""
        return f"{self.first_name}.{self.last_name}.{self.number}@families.example".lower()

    @property
    def is_paying(self) -> bool:
        """Whether it has a plan with a price."""
        return self.tier in PRICES

    def details(self) -> dict[str, Any]:
        """What its profile says, without identifiers."""
        place = self.place
        return {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "locale": place.locale,
            "location": {
                "city": place.city,
                "region": place.region,
                "country": place.country,
                "timezone": place.time_zone,
                "latitude": place.latitude,
                "longitude": place.longitude,
            },
            "properties": {
                "demo": True,
                "plan_tier": self.tier,
                "children": self.children,
                "favourite_theme_categories": [self.favourite.category],
                **({"demo_predictions": True} if self.is_paying else {}),
            },
        }


def make_families(chance: random.Random, count: int, now: int) -> list[Family]:
    """Made-up families in order of joining; the last one joined less than a day ago."""
    joined = sorted(now - int(chance.random() ** 1.4 * DAYS_OF_JOINING * DAY) for _ in range(count))
    return [_family(chance, number, moment, now) for number, moment in enumerate(joined, 1)]


def evenings(chance: random.Random, family: Family, now: int, *, share: float) -> Iterator[Evening]:
    """The evenings of a family, in order; of those there were, a `share` is told."""
    offset = family.place.hours * _HOUR
    first = max(family.joined, now - DAYS_OF_EVENINGS * DAY)
    last = now if family.silent_since is None else family.silent_since
    weekday, weekend = family.rhythm.value
    for day in range((first + offset) // DAY, (last + offset) // DAY + 1):
        is_weekend = (day + _EPOCH_WEEKDAY) % _DAYS_OF_A_WEEK >= _FRIDAY
        if chance.random() >= share * (weekend if is_weekend else weekday):
            continue
        at = day * DAY - offset + int((18.5 + 2.2 * chance.random()) * _HOUR)
        minutes = chance.choice((5, 6, 7, 8, 10))
        if first <= at and at + minutes * 60 < last:
            theme = family.favourite if chance.random() < _LIKES_FAVOURITE else chance.choice(THEMES)
            story_id = f"{chance.getrandbits(64):016x}"
            yield Evening(at, theme, minutes, story_id, chance.random() < _LOOKS_AROUND, chance.random())


def events(family: Family, nights: list[Evening]) -> list[NewEvent]:
    """What a family did, as events in order of time. They are history: nothing acts on them."""
    found = [_event(SIGNED_UP, family.joined, "signed-up", {"signup_method": "web", "locale": family.place.locale})]
    if family.is_paying:
        effective = {"tier": family.tier, "effective_at": format_instant(family.joined)}
        found.append(
            _event(
                SUBSCRIPTION_CREATED,
                family.joined + 240,
                "subscribed",
                effective,
                value=PRICES[family.tier],
                currency=CURRENCY,
            )
        )
    for night in nights:
        theme = {"theme_id": night.theme.id, "theme_category": night.theme.category}
        if night.looked_around:
            found.append(_event(VIEWED_THEME, night.at - 90, f"{night.story_id}-viewed", theme))
        story = {"story_id": night.story_id, **theme, "minutes": night.minutes, "plan_version": 1, "arm": "none"}
        found.append(_event(STORY_GENERATED, night.at, night.story_id, story))
        if night.outcome < _HEARD_TO_THE_END:
            end = _event(STORY_COMPLETED, night.at + night.minutes * 60, night.story_id, {**story, "completed": "all"})
            found.append(end)
        elif night.outcome < _STOPPED:
            end = _event(STORY_SKIPPED, night.at + night.minutes * 30, night.story_id, {**story, "completed": "part"})
            found.append(end)
    return found


def prediction(chance: random.Random, family: Family, now: int) -> dict[str, Any]:
    """What might be predicted of a family that pays. Made up, like everything here."""
    price = PRICES[family.tier]
    orders = (now - family.joined) // (30 * DAY) + 1
    churn = chance.uniform(0.55, 0.95) if family.silent_since else chance.uniform(0.03, 0.35)
    more = round((1 - churn) * 12, 2)
    return {
        "historic_number_of_orders": orders,
        "predicted_number_of_orders": more,
        "average_days_between_orders": 30.0,
        "average_order_value": price,
        "historic_clv": round(orders * price, 2),
        "predicted_clv": round(more * price, 2),
        "total_clv": round((orders + more) * price, 2),
        "churn_probability": round(churn, 4),
    }


def _family(chance: random.Random, number: int, joined: int, now: int) -> Family:
    rhythm = _drawn(chance, _RHYTHMS)
    fades = chance.random() < _FADES
    silence = int(chance.uniform(_SHORTEST_SILENCE, _LONGEST_SILENCE) * DAY)
    return Family(
        number=number,
        first_name=chance.choice(FIRST_NAMES),
        last_name=chance.choice(LAST_NAMES),
        place=chance.choice(PLACES),
        joined=joined,
        tier=_drawn(chance, _TIERS),
        children=chance.choice((1, 1, 2, 2, 3)),
        rhythm=rhythm,
        silent_since=now - silence if fades and now - silence > joined + DAY else None,
        favourite=chance.choice(THEMES),
        consent=_drawn(chance, _CONSENTS),
    )


def _drawn(chance: random.Random, weighed: tuple[tuple[Any, int], ...]) -> Any:  # noqa: ANN401 - of the table's kind
    left = chance.randrange(sum(weight for _, weight in weighed))
    for value, weight in weighed:
        left -= weight
        if left < 0:
            return value
    raise AssertionError


def _event(
    metric: str,
    at: int,
    unique_id: str,
    properties: dict[str, Any],
    *,
    value: float | None = None,
    currency: str | None = None,
) -> NewEvent:
    text = json.dumps(properties, separators=(",", ":"))
    return NewEvent(metric, None, at, unique_id, value, currency, text, backfill=True)
