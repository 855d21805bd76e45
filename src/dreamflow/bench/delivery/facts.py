"""Facts to deliver, in the closed forms that stories have."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from dreamflow.kit.ids import SeededIds
from dreamflow.outbox import Envelope, Outgoing
from dreamflow.stories.events import FamilyTaste, StoryGenerated
from dreamflow.stories.model import PLAN_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamflow.bench.delivery.house import Known

_FIRST: Final = datetime(2026, 11, 20, 18, tzinfo=UTC)
_THEMES: Final = (
    ("lighthouse", "sea"),
    ("night-train", "journeys"),
    ("owl-post", "forest"),
    ("snow-lantern", "winter"),
)


def facts(count: int, families: Sequence[Known], seed: int, *, updates: float = 0.0) -> Iterator[Envelope]:
    """Stories told, one event each, of families that are drawn; as they are asked for.

    Args:
        count: how many.
        families: whose.
        seed: of what is drawn and of all ids; the same seed gives the same facts.
        updates: the share that has a profile update too. Its `stories_28d` is the number of the fact, from 0.
    """
    draw = random.Random(seed)  # noqa: S311 - to be repeated
    ids = SeededIds(seed)
    for number in range(count):
        family = families[draw.randrange(len(families))]
        yield story_told(ids, family, number, with_update=draw.random() < updates)


def story_told(ids: SeededIds, family: Known, number: int, *, with_update: bool = False) -> Envelope:
    """One fact."""
    theme, category = _THEMES[number % len(_THEMES)]
    event = StoryGenerated(
        story_id=ids.new(),
        theme_id=theme,
        theme_category=category,
        minutes=5 + number % 11,
        plan_version=PLAN_VERSION,
        arm="none",
    )
    outgoing = [Outgoing(event, family.suggestions)]
    if with_update:
        taste = FamilyTaste(stories_28d=str(number), favourite_theme_categories=(category,))
        outgoing.append(Outgoing(taste, family.suggestions))
    return Envelope(
        id=ids.new(),
        parent=family.parent,
        type="stories.story_generated",
        occurred_at=_FIRST + timedelta(seconds=number),
        facts={"story": event.story_id, "theme": theme},
        outgoing=tuple(outgoing),
    )
