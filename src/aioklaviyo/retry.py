"""When a failed attempt is repeated, and how long to wait before: pure decisions, no clock and no I/O.

::

    fault          what happened                                 processed?   repeated
    THROTTLED      429                                           no           always, no sooner than Retry-After
    NOT_SENT       refused, unresolved, no connection in time    no           always
    UNAVAILABLE    5xx, 408                                      unknown      only a repeatable call
    LOST           reset, truncated                              unknown      only a repeatable call
    SILENT         no answer in time                             unknown      only a repeatable call
    UNREADABLE     2xx whose body is not JSON                    unknown      only a repeatable call
    OVERSIZED      2xx with more bytes than allowed              unknown      never: it would be as large again
    UNTRUSTED      the server's certificate is wrong             no           never: it would be as wrong again
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


class Fault(enum.Enum):
    """Why an attempt did not give an answer to return or to raise."""

    THROTTLED = "Klaviyo throttled the request"
    NOT_SENT = "No connection to Klaviyo"
    UNAVAILABLE = "Klaviyo is unavailable"
    LOST = "The connection to Klaviyo broke before a whole answer came"
    SILENT = "Klaviyo did not answer in time"
    UNREADABLE = "Klaviyo answered with a body that is not JSON"
    OVERSIZED = "Klaviyo answered with more bytes than max_response_bytes allows"
    UNTRUSTED = "The server's certificate is not trusted"

    @property
    def is_ambiguous(self) -> bool:
        """Whether Klaviyo may have done what was asked."""
        return self not in _KNOWN_NOT_PROCESSED

    @property
    def is_lasting(self) -> bool:
        """Whether another attempt would meet the same."""
        return self in (Fault.OVERSIZED, Fault.UNTRUSTED)


_KNOWN_NOT_PROCESSED = frozenset({Fault.THROTTLED, Fault.NOT_SENT, Fault.UNTRUSTED})


class Stop(enum.Enum):
    """Why there is no further attempt."""

    UNSAFE = "a repeat could do it twice"
    LASTING = "a repeat would meet the same"
    ATTEMPTS = "every attempt is used"
    DEADLINE = "the deadline leaves no time for another attempt"


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently; waits are drawn between 0 and a bound that doubles from base to cap."""

    max_attempts: int = 5
    backoff_base_seconds: float = 0.25
    backoff_cap_seconds: float = 8.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError("max_attempts must be at least 1")
        if not 0 <= self.backoff_base_seconds <= self.backoff_cap_seconds:
            raise ValueError("backoff_base_seconds must lie between 0 and backoff_cap_seconds")

    def backoff_bound_seconds(self, attempt: int) -> float:
        """Longest wait after this attempt (counted from 1)."""
        # The exponent is capped as well: 2**n overflows a float long before anybody stops counting attempts.
        return min(self.backoff_cap_seconds, self.backoff_base_seconds * 2 ** min(attempt - 1, 60))


def decide(
    policy: RetryPolicy,
    fault: Fault,
    *,
    attempt: int,
    is_repeatable: bool,
    remaining_seconds: float,
    retry_after_seconds: float | None,
    jitter: float,
) -> Wait | Stop:
    """Whether to wait and try again after ``fault``.

    Args:
        policy: The bounds.
        fault: What the attempt ran into.
        attempt: The attempt that just ended, counted from 1.
        is_repeatable: Whether doing the call twice has the effect of doing it once.
        remaining_seconds: What is left of the call's deadline.
        retry_after_seconds: What the server asked to wait, if it did.
        jitter: Uniform in [0, 1), drawn by the caller.
    """
    if fault.is_lasting:
        return Stop.LASTING
    if fault.is_ambiguous and not is_repeatable:
        return Stop.UNSAFE
    if attempt >= policy.max_attempts:
        return Stop.ATTEMPTS
    if retry_after_seconds is None:
        seconds = jitter * policy.backoff_bound_seconds(attempt)
    else:
        # Everybody throttled together is told the same second: spread them over the base interval after it.
        seconds = retry_after_seconds + jitter * policy.backoff_base_seconds
        if seconds >= remaining_seconds:
            seconds = retry_after_seconds
    if seconds >= remaining_seconds:
        return Stop.DEADLINE
    return Wait(seconds)


def retry_after_seconds(headers: Mapping[str, str], *, wall_clock_seconds: float) -> float | None:
    """``Retry-After`` as seconds from now: a number or an HTTP date; None when absent or not understood.

    A date is compared with the answer's own ``Date`` where it has one, so that a wrong local clock does not matter.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        # Bounded, because a thousand digits are not a wait: beyond any deadline is all that must be known.
        return min(float(text[:20]), 1e9)
    at_seconds = _http_date_seconds(text)
    if at_seconds is None:
        return None
    now_seconds = _http_date_seconds(headers.get("Date", ""))
    return max(0.0, at_seconds - (wall_clock_seconds if now_seconds is None else now_seconds))


def _http_date_seconds(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
