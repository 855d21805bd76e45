"""How much of a quota somebody else uses: another integration with the same account, or a person with a script.

Two things tell. An answer says how full the shortest window is: what is more than all of ours that can have fallen in
it is foreign for certain. And a 429 whose ``Retry-After`` names the end of a long window says that the window was full:
what was not ours was foreign. The first sees less than there is when answers are slow; the second is exact, and dear.
"""

import math

MARGIN = 2.0
"""Standard deviations of a Poisson stream that are kept free beyond its mean: of such a stream, one window in forty
holds more. Three would be one in seven hundred, but cost another twentieth of a small limit for good."""
SMALLEST_OWN_SHARE = 0.1
"""Of a limit; so much is ours however much somebody else uses."""
SEEN_SHARE = 0.85
"""How much of what somebody else uses shows in answers, about. What comes in a window after our last answer in it does
not show, nor what hides behind calls of ours that may have fallen in the window before. Found by simulation with a
foreign user of three tenths: where windows are small (15 in 6 s) it spares him nearly every 429, in others a few."""
DISTRUST = 0.05
"""Observed time that is made up, without foreign requests, so that a first glimpse is not taken for the whole."""
HALF_LIFE = 10.0
"""How often the memory passes until half of what a 429 taught is forgotten, so that a user who left is noticed."""
NOBODY = 0.5
"""Fewer requests within the memory are none. A reserve is rounded up, so the last trace of somebody, which fades but
never ends, would cost one of every window for hours; and fewer than one in two windows are not worth it."""


class Foreign:
    """The estimated rate of requests that are not ours. Pure state: the present is passed in.

    Args:
        memory_seconds: What was seen so long ago counts a third of what is seen now.
    """

    __slots__ = ("_bucket_opened", "_excess", "_memory_seconds", "_met_at", "_met_rate", "_seconds", "_worst")

    def __init__(self, memory_seconds: float) -> None:
        self._memory_seconds = memory_seconds
        self._bucket_opened = -math.inf
        self._worst = 0
        self._excess = 0.0
        self._seconds = 0.0
        self._met_rate = 0.0
        self._met_at = 0.0

    def remember(self, memory_seconds: float) -> None:
        """The long window has another length than was thought."""
        self._memory_seconds = memory_seconds

    def observe(self, now: float, *, window_seconds: float, used: int, own: int) -> None:
        """An answer told that a window held ``used`` requests; ``own`` of them at most were ours.

        The highest excess within one window's length counts once, with the time it stands for.
        """
        if now - self._bucket_opened >= window_seconds:
            if self._bucket_opened > -math.inf:
                kept = math.exp((self._bucket_opened - now) / self._memory_seconds)
                self._excess = (self._excess + self._worst) * kept
                self._seconds = (self._seconds + window_seconds) * kept
            self._bucket_opened = now
            self._worst = 0
        self._worst = max(self._worst, used - own)

    def met(self, now: float, *, per_second: float) -> None:
        """A 429 told how much there was in a whole window."""
        if per_second >= self._met(now):
            self._met_rate, self._met_at = per_second, now

    def per_second(self, now: float) -> float:
        """The rate to reckon with."""
        seen = (self._excess + self._worst) / (self._seconds + DISTRUST * self._memory_seconds)
        rate = max(seen / SEEN_SHARE, self._met(now))
        return rate if rate * self._memory_seconds >= NOBODY else 0.0

    def _met(self, now: float) -> float:
        if not self._met_rate:
            return 0.0
        return self._met_rate * 0.5 ** ((now - self._met_at) / (HALF_LIFE * self._memory_seconds))


def room(limit: int, seconds: float, foreign_per_second: float) -> int:
    """How many of a window's requests may be ours, so that somebody else's fit beside them."""
    if not foreign_per_second:
        return limit
    expected = foreign_per_second * seconds
    reserve = math.ceil(expected + MARGIN * math.sqrt(expected))
    return max(limit - reserve, math.ceil(limit * SMALLEST_OWN_SHARE), 1)
