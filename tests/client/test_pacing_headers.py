"""What the headers of an answer teach: Klaviyo's own form, and nothing that makes no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioklaviyo.pacing.headers import Limit, Told, Use, told


def test_the_recorded_form_names_every_window_and_counts_the_first() -> None:
    headers = {"RateLimit-Limit": "75, 75;w=1, 750;w=60", "RateLimit-Remaining": "73", "RateLimit-Reset": "0"}
    assert told(headers) == Told((Limit(1, 75), Limit(60, 750)), Use(Limit(1, 75), 2))


def test_windows_come_shortest_first_in_whatever_order_they_are_named() -> None:
    headers = {"RateLimit-Limit": "225, 225;w=86400, 1;w=1, 2;w=60", "RateLimit-Remaining": "200"}
    assert told(headers) == Told((Limit(1, 1), Limit(60, 2), Limit(86_400, 225)), Use(Limit(86_400, 225), 25))


def test_of_two_windows_with_one_limit_the_shorter_is_counted() -> None:
    found = told({"RateLimit-Limit": "15, 15;w=60, 15;w=1", "RateLimit-Remaining": "15"})
    assert found.use == Use(Limit(1, 15), 0)


@pytest.mark.parametrize("remaining", ["", "many", "11", "-1"])
def test_limits_are_learnt_where_the_use_is_not_told(remaining: str) -> None:
    assert told({"RateLimit-Limit": "10, 10;w=1", "RateLimit-Remaining": remaining}) == Told((Limit(1, 10),), None)


@pytest.mark.parametrize("first", ["", "12", "x"])
def test_a_first_number_that_is_no_windows_limit_counts_nothing(first: str) -> None:
    assert told({"RateLimit-Limit": f"{first}, 10;w=1", "RateLimit-Remaining": "3"}) == Told((Limit(1, 10),), None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10, 10",
        "10, 10;w=0",
        "10, 0;w=1",
        "10, 10;w=1, 20;w=1",
        "10, 10;w=1, x",
        "10, ١٠;w=1",
        "1, 1;w=1" + " " * 999,
    ],
)
def test_nonsense_teaches_nothing(text: str) -> None:
    assert told({"RateLimit-Limit": text, "RateLimit-Remaining": "1"}) == Told((), None)


def test_a_header_is_read_up_to_a_thousand_characters() -> None:
    text = "1, 1;w=1".ljust(1_000)
    assert told({"RateLimit-Limit": text}).limits == (Limit(1, 1),)
    assert told({"RateLimit-Limit": text + " "}) == Told((), None)


def test_an_answer_without_the_headers_teaches_nothing() -> None:
    assert told({}) == Told((), None)


@given(st.text(max_size=60), st.text(max_size=10))
def test_reading_never_breaks(limit: str, remaining: str) -> None:
    for window in told({"RateLimit-Limit": limit, "RateLimit-Remaining": remaining}).limits:
        assert window.requests > 0
        assert window.seconds > 0
