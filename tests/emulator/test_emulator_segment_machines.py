"""The two machines that segments are evaluated with: regular expressions that end, and funnels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from emulator_wire import REPEATABLE
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_emulator.segments.funnel import completes
from klaviyo_emulator.segments.regex import MAXIMUM_PATTERN, Regex, RegexError

if TYPE_CHECKING:
    from segment_world import Json


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        ("", ["", "x"], []),
        ("abc", ["abc", "xabcx"], ["ab", ""]),
        ("^ab", ["abc"], ["xab"]),
        ("ab$", ["xab"], ["abc"]),
        ("^$", [""], ["x"]),
        ("$^", [""], ["x"]),
        ("a|^b$|", ["", "c"], []),
        (r"^\d{3}-\w+\s?$", ["123-x", "123-x "], ["12-x", "1234-x", "123-"]),
        (r"^[^@\s]+@[a-z.]+\.(com|org)$", ["a@b.org"], ["a@b.net", "@b.org", "a b@c.org"]),
        (r"[]x-z\-\d]", ["]", "y", "-", "5"], ["w"]),
        (r"[a-]", ["-"], ["b"]),
        (r"^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
        (r"^a{2,}$", ["aa", "aaaaa"], ["a"]),
        (r"^(?:a?b)*c+?$", ["c", "abbcc"], ["a", "ab"]),
        (r"\x41\u00e9\t\.", ["Aé\t."], ["A"]),
        ("(?i)^äb[c-d]$", ["ÄBD", "äbc"], ["ab"]),
        (".", ["x"], ["\n", ""]),
        (r"\D\W\S", ["a-b"], ["1-b"]),
    ],
)
def test_regular_expressions(pattern: str, found: list[str], missed: list[str]) -> None:
    regex = Regex(pattern)
    assert [text for text in (*found, *missed) if regex.is_in(text)] == found


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "a)", "[", "[]", "[b-a]", r"[\d-a", "*a", "a**", "a{2}{3}", "a{x}", "a{3,2}", "a{", "a{,3}",
        r"\b", r"\1", r"(?=a)", r"(?P<n>a)", "\\", r"\x4", "a{600}", "(" * 30, "a{99}{99}", "(a{99}){99}",
        "x" * (MAXIMUM_PATTERN + 1),
    ],
)  # fmt: skip
def test_other_regular_expressions_are_refused(pattern: str) -> None:
    with pytest.raises(RegexError):
        Regex(pattern)


def test_no_pattern_takes_for_ever() -> None:
    for pattern in ("^(a+)+$", "^(a|a)*$", "^(.*a){12}$", "(a?){100}a{100}b", "^(((a*)*)*)*b"):
        assert not Regex(pattern).is_in("a" * 3000 + "!")
    Regex("(?:((){999}){999}){999}")


@settings(REPEATABLE, max_examples=200)
@given(
    pattern=st.recursive(
        st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\d", "^", "$", ""]),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{1,}", "*?"])).map(
                lambda pair: f"(?:{pair[0]}){pair[1]}"
            ),
        ),
        max_leaves=6,
    ),
    texts=st.lists(st.text("ab1 ", max_size=5), min_size=1, max_size=6),
)
def test_regular_expressions_agree_with_pythons(pattern: str, texts: list[str]) -> None:
    # Python's `$` holds before a last line end too; there are none here.
    theirs, ours = re.compile(pattern, re.ASCII), Regex(pattern)
    for candidate in texts:
        assert ours.is_in(candidate) == bool(theirs.search(candidate)), candidate


@settings(REPEATABLE, max_examples=200)
@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), max_size=7),
    rest=st.lists(st.booleans(), max_size=2),
    window=st.none() | st.integers(0, 5),
)
def test_funnels_agree_with_trying_every_choice_of_events(
    rows: list[tuple[int, int]], rest: list[bool], window: int | None
) -> None:
    wanted = [True, *rest]
    events = [(time, seq, metric) for seq, (time, metric) in enumerate(rows) if metric < len(wanted)]
    assert completes(events, wanted, window) == _some_choice(sorted(events), wanted, window, 0, [])


@pytest.mark.parametrize("window", [None, 1000])
def test_no_funnel_takes_for_ever(window: int | None) -> None:
    rows = [(second, second, second % 2) for second in range(20_000)]
    assert not completes(rows, [True, False], window), "each first step is followed by what must not happen"
    assert not completes([(time, seq, 0) for time, seq, _ in rows], [True, True], window)
    assert completes([*rows, (20_000, 20_000, 0)], [True, False], window)


def _some_choice(
    events: list[tuple[int, int, int]], wanted: list[bool], window: int | None, index: int, chosen: list[Json]
) -> bool:
    """Try every event for every wanted step; look at the gaps when all are chosen."""
    if index < len(wanted):
        if not wanted[index]:
            return _some_choice(events, wanted, window, index + 1, [*chosen, None])
        return any(
            _some_choice(events, wanted, window, index + 1, [*chosen, event])
            for event in events
            if event[2] == index and all(other is None or other[:2] < event[:2] for other in chosen)
        )
    start = chosen[0][0]
    end = float("inf") if window is None else start + window
    if any(event is not None and event[0] > end for event in chosen):
        return False
    for place, event in enumerate(chosen):
        if event is None:
            before = max(other[:2] for other in chosen[:place] if other is not None)
            after = min((other[:2] for other in chosen[place:] if other is not None), default=(end, 99))
            if any(other[2] == place and before < other[:2] < after for other in events):
                return False
    return True
