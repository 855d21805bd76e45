"""Briefs for the writer's tests: a plain one to vary, and any at all."""

from collections.abc import Sequence

from hypothesis import strategies as st

from dreamflow.stories.model import Brief, ChildId, Listener, Memory, ThemeId

THEMES = ("quiet-water", "deep-forest", "wide-sky", "back-garden", "slow-journeys", "little-town")
NAMES = (
    "Ada", "Łukasz", "Şebnem", "Søren", "Анна", "李小龍", "さくら", "محمد", "נועה", "O'Neil", "Anne-Marie", "José",
    "Jose\u0301", "🦊", "👩‍🚀 Zo", "{lead}", "{children}", "{}", "100 %s", "%(name)s", "Kill", "The", "Lost", "A",
    "Jo!", "Bo?", "Mary  Ann", "$x", "\\1", "<b>", "J. P.", "Nguyễn", "அனு", "ไอ",
)  # fmt: skip


def listeners(*children: tuple[str, int]) -> tuple[Listener, ...]:
    return tuple(Listener(ChildId(f"child-{at}"), age, name) for at, (name, age) in enumerate(children))


def brief(
    *,
    children: Sequence[tuple[str, int]] = (("Ada", 4), ("Bo", 7)),
    theme: str = "deep-forest",
    minutes: int = 6,
    energy: tuple[int, int] = (4, 0),
    pace: int = 115,
    seed: int = 1,
    memory: Memory | None = None,
    language: str = "en",
) -> Brief:
    return Brief(
        listeners=listeners(*children),
        theme=ThemeId(theme),
        minutes=minutes,
        energy=energy,
        words_per_minute=pace,
        language=language,
        seed=seed,
        memory=memory or Memory(),
    )


_names = st.one_of(
    st.sampled_from(NAMES),
    st.text(st.characters(categories=("L", "M")), min_size=1, max_size=12),
)
_storylets = ("walk-time", "lamp-job", "act-gate", "breath-pal", "any-pockets", "nothing-known")


@st.composite
def briefs(draw: st.DrawFn) -> Brief:
    start = draw(st.integers(0, 5))
    count = draw(st.integers(1, 4))
    return brief(
        children=[(draw(_names), draw(st.integers(2, 12))) for _ in range(count)],
        theme=draw(st.sampled_from(THEMES)),
        minutes=draw(st.integers(3, 20)),
        energy=(start, draw(st.integers(0, start))),
        pace=draw(st.integers(100, 140)),
        seed=draw(st.integers(0, 2**63)),
        memory=Memory(
            shapes=tuple(draw(st.lists(st.sampled_from(("walk", "return", "lamps", "gone")), max_size=4))),
            places=tuple(draw(st.lists(st.sampled_from(("mill-pond", "old-oak", "kite-hill")), max_size=4))),
            companions=tuple(draw(st.lists(st.sampled_from(("mole", "hare", "hen")), max_size=4))),
            storylets=tuple(draw(st.lists(st.sampled_from(_storylets), max_size=6, unique=True))),
        ),
    )
