"""Keeping the pace together with other processes, through a Redis."""

import asyncio
import math
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from aioklaviyo.pacing.gauge import limits_of
from aioklaviyo.pacing.headers import Limit, told
from aioklaviyo.pacing.local import LocalPacing, doze
from aioklaviyo.pacing.model import FREE, NoSlotInTime, Priority, Slot
from aioklaviyo.pacing.queue import Queue, Waiter
from aioklaviyo.pacing.shared_windows import Argument, SharedWindows, Taken, Ticket, TroubleError
from aioklaviyo.rates import Charge

if TYPE_CHECKING:
    from redis.asyncio import Redis

_ASK_AGAIN_SECONDS = 1.0
"""Others may have given something back, or learnt something: ask at least so often."""
_SHORTEST_SLEEP_SECONDS = 1e-3
_PROBE_SECONDS = 1.0
"""While Redis is in trouble, one call in so many seconds tries it."""
_AT_ONCE = 50
"""Places asked for in one round trip."""


class RedisPacing:
    """Keeps Klaviyo's rate limits for all processes that name the same account and the same Redis.

    It promises what ``LocalPacing`` does, over all of them: places are counted in Redis by its clock; pauses, learnt
    limits and the room left to others are shared, and so is the even pace. Interactive calls go before background ones,
    of whichever process. Places of a process that died are free again a minute later. Each call costs a round trip
    before it and shares one after it; a call with several charges costs one for each.

    When Redis is absent, slow or answers nonsense, **interactive calls go on, and background calls wait**: each process
    then lets its interactive calls have ``share_without_redis`` of each limit by its own count, and background calls
    try Redis again every second until their time has run out (``NoSlotInTime``). So up to ten processes with the
    default share stay within the limits together.

    Args:
        url: As in ``redis://localhost:6379/0``.
        account: Any name of the Klaviyo account, the same in all processes; only a digest of it reaches Redis.
        timeout_seconds: How long Redis may take to answer.
        share_without_redis: The part of each limit that this process may use without Redis.
        monotonic: Seconds that never go back.
        sleep: Waits for seconds of that clock.

    Raises:
        ModuleNotFoundError: The package ``redis`` is not installed; it comes with the extra ``aioklaviyo[redis]``.
    """

    def __init__(
        self,
        url: str,
        *,
        account: str,
        timeout_seconds: float = 0.25,
        share_without_redis: float = 0.1,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._windows = SharedWindows(_connected(url), account=account, timeout_seconds=timeout_seconds)
        self._alone = LocalPacing(share=share_without_redis, monotonic=monotonic, sleep=sleep)
        self._monotonic = monotonic
        self._sleep = sleep
        self._lines: dict[tuple[str, ...], _Line] = {}
        self._trouble_until = -math.inf
        self._untold: list[list[Argument]] = []
        self._teller: asyncio.Task[None] | None = None

    async def slot(self, charges: Sequence[Charge], *, priority: Priority, within_seconds: float) -> Slot:
        """Wait for a place in the windows of every charge: all of them, or none.

        Raises:
            NoSlotInTime: As soon as it is known that there is none in time.
        """
        if not charges:
            return FREE
        now = self._monotonic()
        ends_at = now + within_seconds
        lane = tuple(dict.fromkeys(charge.key for charge in charges))
        line = self._lines.get(lane)
        if line is None:
            self._lines[lane] = line = _Line(lane)
        line.know(charges)
        if (wait := line.wait_seconds(now, priority)) > max(0.0, within_seconds):
            raise NoSlotInTime(wait)
        waiter = line.queue.join(lane, priority, ends_at, asyncio.get_running_loop().create_future())
        self._attend(line, waiter)
        try:
            return await waiter.slot
        except _WithoutRedisError:
            within_seconds = ends_at - self._monotonic()
            return await self._alone.slot(charges, priority=priority, within_seconds=within_seconds)
        except asyncio.CancelledError:
            if not line.queue.leave(waiter) and not waiter.slot.cancelled() and waiter.slot.exception() is None:
                waiter.slot.result().give_back()  # handed over in the same moment
            raise

    async def aclose(self) -> None:
        """Tell Redis the rest and close the connections. Whoever still waits gets ``NoSlotInTime``."""
        lines = list(self._lines.values())
        for line in lines:
            if line.server is not None:
                line.server.cancel()
        await asyncio.gather(*(line.server for line in lines if line.server is not None), return_exceptions=True)
        if self._teller is not None:
            await self._teller
        await self._windows.aclose()

    def tell(self, act: list[Argument]) -> None:
        """Let Redis know how a request ended, soon; nobody waits for that."""
        self._untold.append(act)
        if self._teller is None or self._teller.done():
            self._teller = asyncio.get_running_loop().create_task(self._tell(), name="aioklaviyo pacing, telling")

    async def _tell(self) -> None:
        while self._untold:
            acts, self._untold = self._untold, []
            try:
                await self._windows.tell(acts)
            except TroubleError:
                self._be_in_trouble()  # their leases will end them
        for line in self._lines.values():
            line.changed.set()

    def _be_in_trouble(self) -> None:
        self._trouble_until = self._monotonic() + _PROBE_SECONDS

    def _attend(self, line: "_Line", waiter: Waiter) -> None:
        """See that somebody looks after those in line, and soon when it is a first one."""
        if line.server is None or line.server.done():
            line.server = asyncio.get_running_loop().create_task(self._serve(line), name="aioklaviyo pacing")
        elif waiter in line.queue.heads():
            line.changed.set()

    async def _serve(self, line: "_Line") -> None:
        wait = 0.0
        try:
            while self._refuse_late(line, 0.0):
                line.changed.clear()
                wait = await self._serve_first(line)
                if wait and self._refuse_late(line, wait):
                    seconds = min(wait, _ASK_AGAIN_SECONDS, line.queue.next_end() - self._monotonic())
                    await doze(self._sleep(max(seconds, _SHORTEST_SLEEP_SECONDS)), line.changed)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the clock, nobody may wait for ever
            for waiter in line.queue.clear():
                waiter.slot.set_exception(error)
        finally:
            for waiter in line.queue.clear():
                if not waiter.slot.done():
                    waiter.slot.set_exception(NoSlotInTime(wait))
            if self._lines.get(line.lane) is line:
                del self._lines[line.lane]

    def _refuse_late(self, line: "_Line", wait_seconds: float) -> bool:
        """Refuse those for whom there is no place in time; whether there are others."""
        for waiter in line.queue.late(self._monotonic() + wait_seconds):
            if not waiter.slot.done():
                waiter.slot.set_exception(NoSlotInTime(wait_seconds))
        return bool(line.queue)

    async def _serve_first(self, line: "_Line") -> float:
        """Try for the first in line; for how long there is no place for anybody, at least."""
        now = self._monotonic()
        if now < self._trouble_until:
            if line.queue.first(line.lane, Priority.INTERACTIVE, 1):
                self._send_alone(line)
                return 0.0
            return self._trouble_until - now
        if self._trouble_until > -math.inf:
            self._be_in_trouble()  # unless this call finds that it is over; meanwhile nobody else tries
        waits: list[float] = []
        try:
            for priority in [waiter.priority for waiter in line.queue.heads()]:
                if not line.queue.first(line.lane, priority, 1):
                    continue  # cancelled while it was asked for others
                wait = await self._ask(line, priority)
                self._trouble_until = -math.inf
                if not wait:
                    return 0.0
                waits.append(wait)
        except TroubleError:
            self._be_in_trouble()
        return min(waits, default=0.0)

    def _send_alone(self, line: "_Line") -> None:
        """Let all interactive calls in line go on without Redis."""
        for waiter in line.queue.first(line.lane, Priority.INTERACTIVE, sys.maxsize):
            line.queue.go(waiter)
            if not waiter.slot.done():
                waiter.slot.set_exception(_WithoutRedisError())

    async def _ask(self, line: "_Line", priority: Priority) -> float:
        """Ask for places for the first in line, and hand them over; how long they must wait if there is none."""
        # One by one where the turn may change after each, and where the answer may not come.
        is_single = len(line.queue.heads()) > 1 or len(line.lane) > 1 or self._trouble_until > -math.inf
        waiters = line.queue.first(line.lane, priority, 1 if is_single else _AT_ONCE)
        lease_seconds = max(0.0, max(waiter.ends_at for waiter in waiters) - self._monotonic())
        held: list[tuple[str, Ticket]] = []
        taken = Taken((), 0.0, 0.0)
        for key in line.lane:
            try:
                taken = await self._windows.take(
                    key,
                    line.limits[key],
                    is_background=priority is Priority.BACKGROUND,
                    lease_seconds=lease_seconds,
                    count=len(waiters),
                )
            except TroubleError:
                self._let_go(line, held)
                raise
            if not taken.tickets:
                self._let_go(line, held)
                line.learn(self._monotonic(), priority, taken)
                return max(taken.wait_seconds, _SHORTEST_SLEEP_SECONDS)
            held.extend((key, ticket) for ticket in taken.tickets)
        slots = [held] if len(line.lane) > 1 else [[one] for one in held]
        for places in slots:
            self._hand_over(line, priority, places)
        return 0.0

    def _hand_over(self, line: "_Line", priority: Priority, places: list[tuple[str, Ticket]]) -> None:
        while first := line.queue.first(line.lane, priority, 1):
            line.queue.go(first[0])
            if not first[0].slot.done():  # else it was cancelled in this very moment
                first[0].slot.set_result(_SharedSlot(self.tell, self._windows, line.limits, places))
                return
        self._let_go(line, places)

    def _let_go(self, line: "_Line", places: list[tuple[str, Ticket]]) -> None:
        _SharedSlot(self.tell, self._windows, line.limits, places).give_back()


class _WithoutRedisError(Exception):
    """This call goes on by the count of this process alone."""


class _Line:
    """The calls of this process that are charged alike and wait."""

    def __init__(self, lane: tuple[str, ...]) -> None:
        self.lane = lane
        self.limits: dict[str, tuple[Limit, ...]] = dict.fromkeys(lane, ())
        self.queue = Queue()
        self.changed = asyncio.Event()
        self.server: asyncio.Task[None] | None = None
        self._even_at = -math.inf
        self._step_seconds = 0.0

    def know(self, charges: Sequence[Charge]) -> None:
        """Klaviyo states these rates; a call that does not name one takes nothing away."""
        for charge in charges:
            if charge.rate is not None:
                self.limits[charge.key] = limits_of(charge.rate)

    def learn(self, now: float, priority: Priority, taken: Taken) -> None:
        """There was no place."""
        if priority is Priority.BACKGROUND:
            self._even_at, self._step_seconds = now + taken.wait_seconds, taken.step_seconds

    def wait_seconds(self, now: float, priority: Priority) -> float:
        """How long a call that comes now waits, at least, as far as that is known."""
        if priority is not Priority.BACKGROUND:
            return 0.0
        ahead = sum(self.queue.waiting(key, priority) for key in self.lane[:1])
        return max(0.0, self._even_at + ahead * self._step_seconds - now) if ahead else 0.0


class _SharedSlot:
    """A place in the windows of one or more quotas."""

    __slots__ = ("_limits", "_places", "_tell", "_windows")

    def __init__(
        self,
        tell: Callable[[list[Argument]], None],
        windows: SharedWindows,
        limits: Mapping[str, tuple[Limit, ...]],
        places: list[tuple[str, Ticket]],
    ) -> None:
        self._tell = tell
        self._windows = windows
        self._limits = limits
        self._places = places

    def settle(self, *, headers: Mapping[str, str] | None, retry_after_seconds: float | None) -> None:
        """See ``Slot.settle``.

        The headers of a call with several charges speak of the first. Its 429 does not say which of them was full: the
        fullest by our count, and the others are taken to have been charged.
        """
        places, self._places = self._places, []
        throttled = None
        if retry_after_seconds is not None:
            throttled = max(places, key=lambda place: place[1].fullness, default=None)
        known = None if headers is None else told(headers)
        for place in places:
            key, ticket = place
            limits = self._limits[key]
            if place is throttled and retry_after_seconds is not None:
                self._tell(self._windows.throttled(key, limits, ticket, retry_after_seconds))
            else:
                self._tell(self._windows.settled(key, limits, ticket, known))
                known = None

    def give_back(self) -> None:
        """See ``Slot.give_back``."""
        places, self._places = self._places, []
        for key, ticket in places:
            self._tell(self._windows.given_back(key, self._limits[key], ticket))


def _connected(url: str) -> "Redis":
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - an extra that most do not need
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ModuleNotFoundError("RedisPacing needs the package redis: pip install 'aioklaviyo[redis]'") from None
    # Repeating is decided here: while Redis does not answer, interactive calls have something better to do.
    connect: Callable[..., Redis] = cast("Any", Redis).from_url
    return connect(url, retry=Retry(NoBackoff(), 0))
