"""Evenings to plan for: written by hand, or drawn."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from dreamflow.families import ChildId
from dreamflow.stories import Listener, Night, Outcome, Theme, ThemeId, Wishes
from dreamflow.stories.rules.adaptive import Evening

LONDON = ZoneInfo("Europe/London")
TONIGHT = date(2026, 3, 10)
THEMES = tuple(
    Theme(ThemeId(id_), category, title, words)
    for id_, category, title, words in [
        ("ocean", "sea", "The Deep Blue Sea", ("ocean", "wave", "whale")),
        ("harbour", "sea", "The Little Harbour", ("boat", "ship")),
        ("forest", "woods", "The Quiet Forest", ("tree", "owl")),
        ("meadow", "woods", "Foxes in the Meadow", ("fox", "grass")),
        ("stars", "sky", "A Train to the Stars", ("star", "train", "moon")),
    ]
)


def listener(name: str, age: int) -> Listener:
    return Listener(ChildId(name.lower()), age, name)


MIA, BEN, ZOE = listener("Mia", 5), listener("Ben", 8), listener("Zoe", 3)


def at(hour: int, minute: int = 0, day: date = TONIGHT) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=LONDON)


def night(days_ago: int, theme: str = "ocean", **more: Any) -> Night:
    day = TONIGHT - timedelta(days=days_ago)
    told: dict[str, Any] = {"minutes": 7, "lead": MIA.id, "outcome": Outcome.COMPLETED, **more}
    return Night(evening=day, begun=at(19, 10, day), theme=ThemeId(theme), **told)


def evening(*history: Night, **more: Any) -> Evening:
    told: dict[str, Any] = {
        "local": at(19, 10),
        "date": TONIGHT,
        "listeners": (MIA,),
        "favourites": (),
        "wishes": Wishes(),
        "themes": THEMES,
        **more,
    }
    return Evening(history=history, **told)


themes = st.sampled_from([theme.id for theme in THEMES])
children = st.builds(
    lambda names, ages: tuple(listener(name, age) for name, age in zip(names, ages, strict=False)),
    st.permutations(["Mia", "Ben", "Zoe", "Ida"]),
    st.lists(st.integers(1, 16), min_size=1, max_size=4),
)
wishes = st.builds(
    Wishes,
    minutes=st.none() | st.integers(3, 20),
    theme=st.none() | themes,
    calmer=st.booleans(),
    unclear=st.booleans(),
)
histories = st.lists(
    st.builds(
        night,
        st.integers(0, 56),
        themes,
        minutes=st.integers(3, 20),
        lead=st.sampled_from(["mia", "ben", "zoe", "ida", "gone"]).map(ChildId),
        outcome=st.none() | st.sampled_from(Outcome),
    ),
    max_size=30,
).map(lambda nights: tuple(sorted(nights, key=lambda each: each.evening, reverse=True)))


@st.composite
def evenings(draw: st.DrawFn) -> Evening:
    local = at(0) + timedelta(minutes=draw(st.integers(0, 24 * 60 - 1)))
    return Evening(
        local=local,
        date=TONIGHT,
        listeners=draw(children),
        history=draw(histories),
        favourites=tuple(draw(st.lists(st.sampled_from(["sea", "woods", "sky"]), unique=True))),
        wishes=draw(wishes),
        themes=tuple(draw(st.lists(st.sampled_from(THEMES), min_size=1, unique=True))),
    )
