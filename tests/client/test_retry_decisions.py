"""The pure part of repeating: every decision, and how Retry-After is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioklaviyo.retry import Fault, RetryPolicy, Stop, Wait, decide, retry_after_seconds

NOW = 1_793_000_000.0
policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 12),
    backoff_base_seconds=st.floats(0, 2),
    backoff_cap_seconds=st.floats(2, 60),
)


@given(
    policy=policies,
    fault=st.sampled_from(Fault),
    attempt=st.integers(1, 2_000),
    is_repeatable=st.booleans(),
    remaining=st.floats(-5, 120),
    asked=st.none() | st.floats(0, 200),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_a_decision_keeps_every_promise(
    *,
    policy: RetryPolicy,
    fault: Fault,
    attempt: int,
    is_repeatable: bool,
    remaining: float,
    asked: float | None,
    jitter: float,
) -> None:
    decision = decide(
        policy,
        fault,
        attempt=attempt,
        is_repeatable=is_repeatable,
        remaining_seconds=remaining,
        retry_after_seconds=asked,
        jitter=jitter,
    )
    match decision:
        case Wait(seconds):
            assert attempt < policy.max_attempts
            assert is_repeatable or not fault.is_ambiguous
            assert not fault.is_lasting
            assert 0 <= seconds < remaining
            if asked is None:
                assert seconds <= policy.backoff_cap_seconds
            else:
                assert asked <= seconds <= asked + policy.backoff_base_seconds
        case Stop.UNSAFE:
            assert fault.is_ambiguous
            assert not is_repeatable
        case Stop.LASTING:
            assert fault in (Fault.OVERSIZED, Fault.UNTRUSTED)
        case Stop.ATTEMPTS:
            assert attempt >= policy.max_attempts
        case Stop.DEADLINE:
            assert remaining <= (policy.backoff_cap_seconds if asked is None else asked)


def test_the_bound_of_the_wait_doubles_up_to_its_cap() -> None:
    policy = RetryPolicy(max_attempts=9, backoff_base_seconds=0.5, backoff_cap_seconds=3.0)
    assert [policy.backoff_bound_seconds(n) for n in (1, 2, 3, 4, 5_000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_attempts": 0},
        {"backoff_base_seconds": -1.0},
        {"backoff_base_seconds": 9.0, "backoff_cap_seconds": 8.0},
        {"backoff_cap_seconds": float("nan")},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"max_attempts|backoff"):
        RetryPolicy(**settings)  # pyright: ignore[reportArgumentType] - one of them is an int


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("9" * 400, 1e9),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        (".", None),
        ("Wed, 99 Foo 2026", None),
        ("٣", None),
    ],
)
def test_retry_after_as_a_number_or_nonsense(text: str, seconds: float | None) -> None:
    assert retry_after_seconds({"Retry-After": text}, wall_clock_seconds=NOW) == seconds


def test_retry_after_as_a_date_counts_from_the_local_clock_without_a_date_header() -> None:
    headers = {"Retry-After": "Mon, 26 Oct 2026 08:53:30 GMT"}
    assert retry_after_seconds(headers, wall_clock_seconds=1_793_004_805.0) == 5.0


@given(st.text(max_size=60))
def test_retry_after_never_breaks(text: str) -> None:
    seconds = retry_after_seconds({"Retry-After": text, "Date": text}, wall_clock_seconds=NOW)
    assert seconds is None or 0 <= seconds <= 1e12
