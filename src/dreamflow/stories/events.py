"""What happened to a story, and the closed form of what leaves because of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from dreamflow.families import Purpose
from dreamflow.outbox import Envelope, OutboundEvent, OutboundProfile, Outgoing
from dreamflow.stories.model import PLAN_VERSION, Outcome, Story


class StoryEvent(OutboundEvent):
    """The fields every story event has; `story_id` is random and tells no time."""

    purpose = Purpose.PERSONAL_SUGGESTIONS
    story_id: str
    theme_id: str
    theme_category: str
    minutes: int
    plan_version: int
    arm: str


class StoryGenerated(StoryEvent):
    """A story was written and told."""

    metric = "Story Generated"


class StoryCompleted(StoryEvent):
    """A story was heard to its end."""

    metric = "Story Completed"
    completed: str


class StorySkipped(StoryEvent):
    """A story was stopped before its end."""

    metric = "Story Skipped"
    completed: str


class FamilyTaste(OutboundProfile):
    """Coarse, per family: how much is heard, and which kinds are liked."""

    purpose = Purpose.PERSONAL_SUGGESTIONS
    identity: ClassVar[frozenset[str]] = frozenset()
    stories_28d: str
    favourite_theme_categories: tuple[str, ...]


_OUTCOMES: Mapping[Outcome, tuple[type[StoryCompleted] | type[StorySkipped], str]] = {
    Outcome.COMPLETED: (StoryCompleted, "all"),
    Outcome.SKIPPED: (StorySkipped, "part"),
}


def story_generated(
    id_: str, story: Story, category: str, *, taste: FamilyTaste, ledger_entry: str | None, simulated: bool
) -> Envelope:
    """A story was told; it leaves only when a consent can be cited.

    The family's taste goes along each time, changed or not: nights also leave its window while the family is silent.
    """
    leaving = (StoryGenerated(**_fields(story, category)), taste)
    return Envelope(
        id=id_,
        parent=story.parent,
        type="stories.story_generated",
        occurred_at=story.created_at,
        facts={
            "story": story.id,
            "theme": story.plan.theme.value,
            "minutes": story.plan.minutes.value,
            "lead": story.plan.lead.value,
            "children": list(story.children),
            "arm": story.arm,
        },
        outgoing=() if ledger_entry is None else tuple(Outgoing(content, ledger_entry) for content in leaving),
        simulated=simulated,
    )


def story_ended(
    id_: str,
    story: Story,
    outcome: Outcome,
    at: datetime,
    category: str,
    *,
    ledger_entry: str | None,
    simulated: bool,
) -> Envelope:
    """How a night ended. `asleep` stays at home: nothing leaves, not even a sign that something was noted."""
    outgoing: tuple[Outgoing, ...] = ()
    if ledger_entry is not None and outcome in _OUTCOMES:
        form, completed = _OUTCOMES[outcome]
        outgoing = (Outgoing(form(**_fields(story, category), completed=completed), ledger_entry),)
    return Envelope(
        id=id_,
        parent=story.parent,
        type="stories.story_ended",
        occurred_at=at,
        facts={"story": story.id, "outcome": outcome},
        outgoing=outgoing,
        simulated=simulated,
    )


def _fields(story: Story, category: str) -> dict[str, Any]:
    return {
        "story_id": story.id,
        "theme_id": story.plan.theme.value,
        "theme_category": category,
        "minutes": story.plan.minutes.value,
        "plan_version": PLAN_VERSION,
        "arm": story.arm,
    }
