"""``RateLimit-*`` as Klaviyo sends them: ``RateLimit-Limit: 75, 75;w=1, 750;w=60`` and ``RateLimit-Remaining: 73``.

The list names every window. Its first number tells which of them ``Remaining`` counts: recorded answers mean the
shortest one, although the documentation says otherwise. Answers 429 and 401 have none of these headers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WINDOW = re.compile(r"\s*(\d{1,9})\s*;\s*w=(\d{1,9})\s*", re.ASCII)
_NUMBER = re.compile(r"\s*(\d{1,9})\s*", re.ASCII)
_LONGEST = 1_000
"""Characters of a header that are read: no honest one is as long."""


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """So many requests fit in each fixed window of so many seconds."""

    seconds: int
    requests: int


@dataclass(frozen=True, slots=True)
class Use:
    """How full a window was when the request arrived, that request included, whoever filled it."""

    limit: Limit
    used: int


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says of the limits."""

    limits: tuple[Limit, ...]
    """Shortest window first, one per length; empty when the header is absent or not understood."""
    use: Use | None


_NOTHING = Told((), None)


def told(headers: Mapping[str, str]) -> Told:
    """Read the headers of an answer. What is absent, or makes no sense, teaches nothing."""
    text = headers.get("RateLimit-Limit", "")
    if not text or len(text) > _LONGEST:
        return _NOTHING
    first, *described = text.split(",")
    found: list[Limit] = []
    for part in described:
        window = _WINDOW.fullmatch(part)
        if window is None or not int(window[1]) or not int(window[2]):
            return _NOTHING
        found.append(Limit(int(window[2]), int(window[1])))
    limits = tuple(sorted(found))
    if len({limit.seconds for limit in limits}) < len(limits):
        return _NOTHING
    return Told(limits, _use(limits, first, headers.get("RateLimit-Remaining", "")))


def _use(limits: tuple[Limit, ...], first: str, remaining: str) -> Use | None:
    number, left = _NUMBER.fullmatch(first), _NUMBER.fullmatch(remaining)
    if number is None or left is None:
        return None
    counted = next((limit for limit in limits if limit.requests == int(number[1])), None)
    if counted is None or int(left[1]) > counted.requests:
        return None
    return Use(counted, counted.requests - int(left[1]))
