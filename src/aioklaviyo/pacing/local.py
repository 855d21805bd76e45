"""Keeping the pace within one process."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aioklaviyo.pacing.gauge import Gauge, Ticket
from aioklaviyo.pacing.headers import told
from aioklaviyo.pacing.model import FREE, NoSlotInTime, Priority, Slot
from aioklaviyo.pacing.queue import Queue
from aioklaviyo.rates import Charge

_SHORTEST_SLEEP_SECONDS = 1e-4
_SWEEP_SECONDS = 60.0


class LocalPacing:
    """Keeps Klaviyo's rate limits for all calls of this process and one account.

    Starts from the limits that Klaviyo states, and follows those that its answers tell. Never more requests than a
    limit fall in one of Klaviyo's windows, wherever those begin (see ``windows``); what somebody else uses of the
    account's limits is left to him once it is noticed (see ``foreign``). Quotas that were not used for twice their
    longest window are forgotten, so memory is bounded by what is used.

    One object may serve several clients with the same account; clients of different accounts need one each.
    Not for use from several threads.

    Args:
        share: The part of each limit to use at most, greater than 0 and up to 1.
        monotonic: Seconds that never go back.
        sleep: Waits for seconds of that clock.
    """

    def __init__(
        self,
        *,
        share: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError("share must be greater than 0 and at most 1")
        self._share = share
        self._monotonic = monotonic
        self._sleep = sleep
        self._gauges: dict[str, Gauge] = {}
        self._swept_at = monotonic()
        self._queue = Queue()
        self._changed = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None
        self._looks_at = 0.0

    async def slot(self, charges: Sequence[Charge], *, priority: Priority, within_seconds: float) -> Slot:
        """Wait for a place in the windows of every charge: all of them, or none.

        Raises:
            NoSlotInTime: At once when the wait that is known already does not fit; later when more came in between.
        """
        if not charges:
            return FREE
        now = self._monotonic()
        self._forget_a_closed_loop()
        self._sweep(now)
        lane = tuple(dict.fromkeys(charge.key for charge in charges))
        for charge in charges:
            gauge = self._gauges.get(charge.key)
            if gauge is None:
                self._gauges[charge.key] = Gauge(charge.rate, share=self._share, now=now)
            else:
                gauge.know(charge.rate)
        wait = self._wait_seconds(lane, now, priority, in_line=True)
        if wait > max(0.0, within_seconds):
            raise NoSlotInTime(wait)
        if not self._queue and wait <= 0:
            return self._take(lane, now, priority)
        return await self._wait(lane, priority, now + within_seconds)

    async def _wait(self, lane: tuple[str, ...], priority: Priority, ends_at: float) -> Slot:
        waiter = self._queue.join(lane, priority, ends_at, asyncio.get_running_loop().create_future())
        self.look_again()
        try:
            return await waiter.slot
        except asyncio.CancelledError:
            if not self._queue.leave(waiter) and not waiter.slot.cancelled() and waiter.slot.exception() is None:
                waiter.slot.result().give_back()  # handed over in the same moment
            raise

    def look_again(self) -> None:
        """Something changed for those who wait: serve who can go, and see that somebody looks after the others."""
        seconds = self._hand_out() if self._queue else None
        if seconds is None:
            return
        if self._dispatcher is None or self._dispatcher.done():
            self._changed = asyncio.Event()
            self._dispatcher = asyncio.get_running_loop().create_task(self._dispatch(), name="aioklaviyo pacing")
        elif self._monotonic() + seconds < self._looks_at:
            self._changed.set()

    async def _dispatch(self) -> None:
        try:
            while (seconds := self._hand_out()) is not None:
                self._changed.clear()
                seconds = max(seconds, _SHORTEST_SLEEP_SECONDS)
                self._looks_at = self._monotonic() + seconds
                await doze(self._sleep(seconds), self._changed)
        except asyncio.CancelledError:
            for waiter in self._queue.clear():
                waiter.slot.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the clock, nobody may wait for ever
            for waiter in self._queue.clear():
                waiter.slot.set_exception(error)

    def _hand_out(self) -> float | None:
        """Give slots to all who can go; how long until the next can, or gives up. None when nobody is left."""
        now = self._monotonic()
        for waiter in self._queue.late(now):
            if not waiter.slot.done():
                waiter.slot.set_exception(NoSlotInTime(self._wait_seconds(waiter.lane, now, waiter.priority)))
        while self._queue:
            soonest = self._queue.next_end() - now
            for waiter in self._queue.heads():
                if waiter.slot.done():  # cancelled in this very moment
                    self._queue.leave(waiter)
                    break
                priority = Priority.INTERACTIVE if self._queue.is_due(waiter) else waiter.priority
                wait = self._wait_seconds(waiter.lane, now, priority)
                if wait <= 0:
                    self._queue.go(waiter)
                    waiter.slot.set_result(self._take(waiter.lane, now, waiter.priority))
                    break
                soonest = min(soonest, wait)
            else:
                return soonest
        return None

    def _wait_seconds(self, lane: tuple[str, ...], now: float, priority: Priority, *, in_line: bool = False) -> float:
        """How long all quotas of a lane keep a call waiting, at least: behind those in line, or as the next."""
        wait = 0.0
        for key in lane:
            urgent = self._queue.waiting(key, Priority.INTERACTIVE) if in_line else 0
            paced = self._queue.waiting(key, Priority.BACKGROUND) if in_line and priority else 0
            wait = max(wait, self._gauges[key].wait_seconds(now, priority, ahead=urgent + paced, paced_ahead=paced))
        return wait

    def _take(self, lane: tuple[str, ...], now: float, priority: Priority) -> Slot:
        taken = [(self._gauges[key], self._gauges[key].take(now, priority)) for key in lane]
        return _LocalSlot(taken, self._monotonic, self.look_again)

    def _forget_a_closed_loop(self) -> None:
        """Whoever waited in a loop that was closed without ending its tasks waits no longer, and cannot be told."""
        if self._dispatcher is not None and self._dispatcher.get_loop().is_closed():
            self._dispatcher = None
            self._queue.clear()

    def _sweep(self, now: float) -> None:
        """Forget quotas that nobody used for long, now and then."""
        if now - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = now
        waited_for = {key for waiter in self._queue.heads() for key in waiter.lane}
        for key in [key for key, gauge in self._gauges.items() if key not in waited_for and gauge.is_idle(now)]:
            del self._gauges[key]


class _LocalSlot:
    """A place in the windows of one or more quotas."""

    __slots__ = ("_changed", "_monotonic", "_taken")

    def __init__(
        self,
        taken: list[tuple[Gauge, Ticket]],
        monotonic: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._taken = taken
        self._monotonic = monotonic
        self._changed = changed

    def settle(self, *, headers: Mapping[str, str] | None, retry_after_seconds: float | None) -> None:
        """See ``Slot.settle``.

        The headers of a call with several charges speak of the first. Its 429 does not say which of them was full: the
        fullest by our count, and the others are taken to have been charged.
        """
        now = self._monotonic()
        taken, self._taken = self._taken, []
        throttled = None
        if retry_after_seconds is not None and taken:
            throttled = max((gauge for gauge, _ in taken), key=lambda gauge: gauge.fullness(now))
            throttled.throttle(now, retry_after_seconds)
        told_limits = None if headers is None else told(headers)
        for gauge, ticket in taken:
            if gauge is not throttled:
                gauge.settle(ticket, now, told_limits)
                told_limits = None
        self._changed()

    def give_back(self) -> None:
        """See ``Slot.give_back``."""
        now = self._monotonic()
        taken, self._taken = self._taken, []
        for gauge, ticket in taken:
            gauge.give_back(ticket, now)
        self._changed()


async def doze(sleep: Awaitable[object], changed: asyncio.Event) -> None:
    """Wait until a sleep ends or an event is set, whichever comes first; what the sleep raises is raised."""
    sleeping = asyncio.ensure_future(sleep)
    changing = asyncio.ensure_future(changed.wait())
    try:
        await asyncio.wait((sleeping, changing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        changing.cancel()
        sleeping.cancel()
    if sleeping.done():
        sleeping.result()
