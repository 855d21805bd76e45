"""From tonight's facts to tonight's plan, each choice with its reasons.

The parent's wishes always win. Then comes the family's own history, then hints from Klaviyo, then the hour and
the ages. Nothing here learns or draws lots yet: the experiment arm is "none".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median_low
from typing import Final

from dreamflow.stories.model import (
    CALMEST,
    LONGEST_MINUTES,
    SHORTEST_MINUTES,
    ChildId,
    Chosen,
    Fact,
    Listener,
    Night,
    Novelty,
    Outcome,
    Plan,
    Reason,
    Theme,
    ThemeId,
    Wishes,
)
from dreamflow.stories.rules import siblings, taste
from dreamflow.stories.rules.evening import BANDS, band_of, is_late, start_energy
from dreamflow.stories.rules.taste import Tally

ARM: Final = "none"

_LATE_SHARE: Final = 0.7
_RESTLESS_SHARE: Final = 0.8
_RESTLESS_SKIPS, _RESTLESS_NIGHTS = 2, 5
_ENOUGH_NIGHTS: Final = 3
_REST_NIGHTS: Final = 2  # a theme heard this recently has a rest
_HINT_WEIGHT: Final = 0.15  # a hint counts less than two finished nights


@dataclass(frozen=True, slots=True)
class Evening:
    """What is known when the story is asked for.

    Attributes:
        local: now, in the family's zone.
        date: the evening it belongs to.
        listeners: the children present, at least one.
        history: earlier nights, newest first.
        favourites: theme categories Klaviyo names; empty when it may not be used.
        wishes: what the parent asked for.
        themes: what the pack offers, at least one.
    """

    local: datetime
    date: date
    listeners: tuple[Listener, ...]
    history: tuple[Night, ...]
    favourites: tuple[str, ...]
    wishes: Wishes
    themes: tuple[Theme, ...]


def plan(evening: Evening) -> Plan:
    """Choose every field of tonight's plan."""
    nights = taste.recent(evening.history, evening.date)
    lead = siblings.lead(evening.listeners, evening.history)
    theme = _theme(evening, nights)
    return Plan(
        theme=theme,
        minutes=_minutes(evening, nights),
        energy=_energy(evening),
        pacing=_pacing(evening.listeners),
        lead=Chosen(lead.value.id, lead.reasons),
        companions=_companions(evening.listeners, lead.value),
        novelty=_novelty(theme.value, nights),
    )


def _minutes(evening: Evening, nights: Sequence[Night]) -> Chosen[int]:
    if evening.wishes.minutes is not None:
        asked = evening.wishes.minutes
        return Chosen(asked, (Reason(f"You asked for {asked} minutes.", Fact("wish.minutes", str(asked))),))
    age = siblings.reading_age(evening.listeners)
    suited = BANDS[band_of(age)].minutes
    lately = nights[:_RESTLESS_NIGHTS]
    skipped = sum(night.outcome is Outcome.SKIPPED for night in lately)
    # Late nights were cut short on purpose; they say nothing about what suits the family.
    usual = [night.minutes for night in nights if night.outcome in taste.FINISHED and not is_late(night.begun.time())]
    if len(usual) >= _ENOUGH_NIGHTS:
        base = median_low(usual)
        reasons = [
            Reason(f"Stories of about {base} minutes suit your evenings.", Fact("history.minutes", _nights(len(usual))))
        ]
        if base < suited and not skipped:
            base += 1
            reasons.append(
                Reason(
                    "None was stopped early lately, so it may be a minute longer.",
                    Fact("history.skipped", f"0 of {len(lately)}"),
                )
            )
    else:
        base = suited
        reasons = [Reason(f"About {base} minutes suit the youngest listener.", Fact("children.youngest", f"age {age}"))]
    minutes = float(base)
    if is_late(evening.local.time()):
        minutes *= _LATE_SHARE
        reasons.append(Reason("It is late, so the story is shorter.", Fact("clock.evening", _hour(evening))))
    if skipped >= _RESTLESS_SKIPS:
        minutes *= _RESTLESS_SHARE
        reasons.append(
            Reason(
                "Some stories lately were stopped early, so this one is shorter.", Fact("history.skipped", str(skipped))
            )
        )
    return Chosen(min(LONGEST_MINUTES, max(SHORTEST_MINUTES, round(minutes))), tuple(reasons))


def _energy(evening: Evening) -> Chosen[tuple[int, int]]:
    start = start_energy(evening.local.time())
    reasons = [
        Reason(
            "The hour says how lively a story may begin; it always ends in quiet.",
            Fact("clock.evening", _hour(evening)),
        )
    ]
    if evening.wishes.calmer:
        start = max(1, start - 1)
        reasons.append(Reason("You asked for a calmer start.", Fact("wish.calmer", "yes")))
    return Chosen((start, CALMEST), tuple(reasons))


def _pacing(listeners: Sequence[Listener]) -> Chosen[int]:
    age = siblings.reading_age(listeners)
    pace = BANDS[band_of(age)].words_per_minute
    return Chosen(
        pace,
        (
            Reason(
                "The reading pace fits the youngest listener and slows down.", Fact("children.youngest", f"age {age}")
            ),
        ),
    )


def _companions(listeners: Sequence[Listener], lead: Listener) -> Chosen[tuple[ChildId, ...]]:
    others = tuple(listener.id for listener in listeners if listener.id != lead.id)
    text = "Everyone in the room is in the story." if others else "Nobody else is listening tonight."
    return Chosen(others, (Reason(text, Fact("children.present", str(len(listeners)))),))


def _theme(evening: Evening, nights: Sequence[Night]) -> Chosen[ThemeId]:
    if evening.wishes.theme is not None:
        theme = evening.wishes.theme
        return Chosen(theme, (Reason("You wished for this world.", Fact("wish.theme", theme)),))
    tallies = taste.tallies(nights)
    resting = {night.theme for night in nights[:_REST_NIGHTS]}
    rested = [theme for theme in evening.themes if theme.id not in resting] or list(evening.themes)
    heard_last = {night.theme: position for position, night in reversed(list(enumerate(nights)))}

    def rank(theme: Theme) -> tuple[float, int, str]:
        liked = tallies.get(theme.id, Tally()).score + (_HINT_WEIGHT if theme.category in evening.favourites else 0)
        # Among equals: what was not heard for longest, then the alphabet, so that the choice can be replayed.
        return (-liked, -heard_last.get(theme.id, len(nights)), theme.id)

    chosen = min(rested, key=rank)
    return Chosen(chosen.id, _theme_reasons(chosen, tallies.get(chosen.id), evening, nights, resting))


def _theme_reasons(
    theme: Theme, tally: Tally | None, evening: Evening, nights: Sequence[Night], resting: set[ThemeId]
) -> tuple[Reason, ...]:
    reasons: list[Reason] = []
    heard = sum(night.theme == theme.id for night in nights)
    if tally is not None:
        known = tally.finished + tally.skipped
        reasons.append(
            Reason(
                f"Stories in this world that were heard out or ended in sleep: {tally.finished} of {known}.",
                Fact(f"history.theme.{theme.id}", f"{tally.finished} of {known}"),
            )
        )
    elif heard:
        reasons.append(
            Reason(
                "You know this world; how those evenings ended was not noted.",
                Fact(f"history.theme.{theme.id}", _nights(heard)),
            )
        )
    else:
        reasons.append(
            Reason("Your family has not been here in four weeks.", Fact(f"history.theme.{theme.id}", _nights(heard)))
        )
    if theme.category in evening.favourites:
        reasons.append(
            Reason(
                "Klaviyo lists this kind of story among your favourites.", Fact("klaviyo.favourites", theme.category)
            )
        )
    if evening.wishes.unclear:
        reasons.append(
            Reason("We did not understand your wish; the world is as planned.", Fact("wish.words", "not understood"))
        )
    if resting and theme.id not in resting:
        reasons.append(
            Reason("The worlds of the last nights have a rest.", Fact("history.resting", ", ".join(sorted(resting))))
        )
    return tuple(reasons)


def _novelty(theme: ThemeId, nights: Sequence[Night]) -> Chosen[Novelty]:
    heard = sum(night.theme == theme for night in nights)
    fact = Fact(f"history.theme.{theme}", _nights(heard))
    if heard:
        return Chosen(Novelty.FAMILIAR, (Reason("A known world with a new evening in it.", fact),))
    return Chosen(Novelty.FRESH, (Reason("A world that you have not heard in four weeks.", fact),))


def _nights(count: int) -> str:
    return "1 night" if count == 1 else f"{count} nights"


def _hour(evening: Evening) -> str:
    return evening.local.strftime("%H:%M")
