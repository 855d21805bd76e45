"""One quota of an account: what was used of it, what is known of it, and when there is room. Pure state.

Its parts: the places in each window (``windows``), what somebody else uses (``foreign``), a pause that a 429 asked for,
and the even pace of those that do not hurry.
"""

import math
from dataclasses import dataclass

from aioklaviyo.pacing.foreign import Foreign, room
from aioklaviyo.pacing.headers import Limit, Told
from aioklaviyo.pacing.model import OVERTAKEN_AT_MOST, Priority
from aioklaviyo.pacing.windows import Window
from aioklaviyo.rates import Rate

PACED_SECONDS = 3_600
"""The even pace follows the longest window up to this. A day's quota is not spread: the work may be done in an hour."""
CATCH_UP_SECONDS = 0.5
"""How far the pace may lag and still catch up. More than answers differ in delay, or delays would add up."""
LONGEST_PAUSE_SECONDS = 86_400.0
"""No window is longer: a 429 that asks for more does not keep the others from trying again after a day."""
SCOUT_SECONDS = 0.02
"""No answer comes sooner, so the wait for the one that will tell the limits is at least this."""


def limits_of(rate: Rate) -> tuple[Limit, ...]:
    """The windows of a rate as Klaviyo states it, shortest first."""
    limits = (Limit(1, rate.burst), Limit(60, rate.steady))
    return limits if rate.daily is None else (*limits, Limit(86_400, rate.daily))


def even_window(limits: tuple[Limit, ...]) -> Limit | None:
    """The window that an even pace spreads requests over."""
    return max((limit for limit in limits if limit.seconds <= PACED_SECONDS), default=None)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What must be remembered of a request under way."""

    paced: bool
    window_seconds: int
    """Length of the shortest window, where all requests in it were counted from its beginning; else 0."""
    taken: int
    """How many requests had been sent, this one included."""
    occupied: int
    """How many of them could still count in the shortest window."""


class Gauge:
    """Counts the requests of one quota. Without limits, known or learnt, one at a time until an answer tells them."""

    def __init__(self, rate: Rate | None, *, share: float, now: float) -> None:
        self._share = share
        self._windows: list[Window] = []
        self._is_told = False
        self._in_flight = 0
        self._taken = 0
        self._since = now
        self._used_at = now
        self._paused_until = -math.inf
        self._even_until = -math.inf
        self._next_even = now
        self._even_at_latest = now
        self._even: Limit | None = None
        self._foreign = Foreign(60.0)
        self.know(rate)

    def know(self, rate: Rate | None) -> None:
        """Klaviyo states this rate. It may be heard late, where an earlier call named none; answers know better."""
        if rate is not None and not self._windows:
            self._adopt(limits_of(rate))

    def is_idle(self, now: float) -> bool:
        """Whether forgetting it would lose nothing that still matters."""
        longest = self._windows[-1].limit.seconds if self._windows else 0
        return not self._in_flight and now > max(self._paused_until, self._used_at + 2 * longest)

    def wait_seconds(self, now: float, priority: Priority, *, ahead: int = 0, paced_ahead: int = 0) -> float:
        """For how long there is no room, at least; 0 when a request may be sent now.

        Args:
            now: The present.
            priority: Whether it keeps the even pace.
            ahead: How many requests go first.
            paced_ahead: How many of those keep the even pace.
        """
        if not self._windows and not self._is_told:
            return SCOUT_SECONDS if self._in_flight or ahead else max(0.0, self._paused_until - now)
        wait = max(0.0, self._paused_until - now)
        for window in self._windows:
            blocked = window.wait_seconds(
                now, room=self._room(window.limit, now), in_flight=self._in_flight, ahead=ahead
            )
            wait = max(wait, blocked)
        if priority is Priority.BACKGROUND:
            return max(wait, self._next_even + paced_ahead * self._step_seconds(now) - now)
        return max(wait, min(self._next_even, self._even_until) - now)

    def take(self, now: float, priority: Priority) -> Ticket:
        """A request is sent. Only when there is no wait."""
        paced = priority is Priority.BACKGROUND or now < self._even_until
        step = self._step_seconds(now)
        if paced:
            self._next_even = max(self._next_even, now - CATCH_UP_SECONDS) + step
            self._even_at_latest = self._next_even + OVERTAKEN_AT_MOST * step
        else:
            # It takes the place of one that keeps the pace, or the windows would be full before they are over.
            self._next_even = max(self._next_even, min(self._next_even + step, self._even_at_latest))
        self._in_flight += 1
        self._taken += 1
        self._used_at = now
        if not self._windows:
            return Ticket(paced, 0, self._taken, self._in_flight)
        shortest = self._windows[0]
        seconds = shortest.limit.seconds if now - self._since >= shortest.limit.seconds else 0
        return Ticket(paced, seconds, self._taken, shortest.held(now) + self._in_flight)

    def give_back(self, ticket: Ticket, now: float) -> None:
        """It was not sent after all."""
        self._in_flight -= 1
        if ticket.paced:
            self._next_even -= self._step_seconds(now)

    def settle(self, ticket: Ticket, now: float, told: Told | None) -> None:
        """It was charged, or may have been; with what the answer told, when there was one."""
        self._in_flight -= 1
        self._used_at = now
        if told is not None:
            self._is_told = True
            self._adopt(told.limits)
        for window in self._windows:
            window.hold(now)
        if told is not None and told.use is not None and told.use.limit.seconds == ticket.window_seconds:
            own = ticket.occupied + self._taken - ticket.taken
            self._foreign.observe(now, window_seconds=told.use.limit.seconds, used=told.use.used, own=own)

    def throttle(self, now: float, retry_after_seconds: float) -> None:
        """It was refused with 429 and not charged; everybody waits as long as it was told to."""
        self._in_flight -= 1
        until = now + min(retry_after_seconds, LONGEST_PAUSE_SECONDS)
        if self._windows and until > self._paused_until:
            self._learn_from_pause(now, retry_after_seconds)
        self._paused_until = max(self._paused_until, until)
        # Afterwards, those that waited go one by one: all at once, they would meet the next refusal together.
        self._next_even = max(self._next_even, self._paused_until)
        shortest = self._windows[0].limit.seconds if self._windows else 1
        self._even_until = self._paused_until + shortest

    def fullness(self, now: float) -> float:
        """The used share of the window with the least room."""
        return max(
            ((window.held(now) + self._in_flight) / self._room(window.limit, now) for window in self._windows),
            default=0.0,
        )

    def _learn_from_pause(self, now: float, seconds: float) -> None:
        """A wait longer than the shortest window is the rest of a longer one, in whole seconds, rounded up."""
        longer = (window for window in self._windows[1:] if window.limit.seconds >= seconds)
        window = next(longer, None)
        if window is None or seconds <= self._windows[0].limit.seconds:
            return
        opened = now + seconds - 0.5 - window.limit.seconds
        if opened < self._since:
            return  # it may have been filled by ourselves, before this was counted
        foreign = window.limit.requests - window.answered_since(opened)
        if foreign > 0:
            self._foreign.met(now, per_second=foreign / window.limit.seconds)

    def _adopt(self, limits: tuple[Limit, ...]) -> None:
        """Follow these limits. A day's quota stays where they do not speak of one."""
        if not limits:
            return
        known = tuple(window.limit for window in self._windows)
        told_seconds = max(PACED_SECONDS, limits[-1].seconds)
        limits = (*limits, *(limit for limit in known if limit.seconds > told_seconds))
        if limits == known:
            return
        answered = self._windows[-1].answered() if self._windows else []
        self._windows = [Window(limit, answered) for limit in limits]
        self._even = even_window(limits)
        self._foreign.remember(2.0 * (self._even or limits[0]).seconds)

    def _room(self, limit: Limit, now: float) -> int:
        own = max(1, int(limit.requests * self._share))
        return min(own, room(limit.requests, limit.seconds, self._foreign.per_second(now)))

    def _step_seconds(self, now: float) -> float:
        return self._even.seconds / self._room(self._even, now) if self._even else 0.0
