"""Two ways of counting, one truth: what ``Gauge`` does in Python and ``windows.lua`` in Redis, step by step.

They are meant to agree in everything but these, which the test leaves out: shares of a limit and waits behind others
in line (only Gauge), who goes first among processes and leases (only the script). And when an answer tells longer
windows than were known, the one may remember a request that the other has forgotten.
"""

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from aioklaviyo.pacing.gauge import Gauge, limits_of
from aioklaviyo.pacing.headers import told
from aioklaviyo.pacing.model import Priority
from aioklaviyo.rates import Rate
from client import virtual_redis
from client.virtual_redis import VirtualRedis
from dreamflow.bench.client.limits import virtual_time
from dreamflow.bench.client.limits.redis_process import RedisProcess

if TYPE_CHECKING:
    from aioklaviyo.pacing import gauge, shared_windows

pytestmark = pytest.mark.redis

_HAIR = 1e-4
"""Moments nearer than this to a wait's end are not compared: one of them rounds up."""


class Both:
    """One quota, counted twice."""

    def __init__(self, server: VirtualRedis, rate: Rate | None, key: str) -> None:
        self._server = server
        self._key = key
        self._limits = () if rate is None else limits_of(rate)
        self._windows = virtual_redis.shared_windows(server)
        self._gauge = Gauge(rate, share=1.0, now=self._now)
        self._held: list[tuple[gauge.Ticket, shared_windows.Ticket]] = []
        self.taken = 0

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def take(self, priority: Priority, _: int, __: float, ___: dict[str, str] | None) -> None:
        wait = self._gauge.wait_seconds(self._now, priority)
        taken = await self._windows.take(
            self._key, self._limits, is_background=priority is Priority.BACKGROUND, lease_seconds=60, count=1
        )
        # Which process goes first is not a matter of one gauge.
        for name in self._server.redis.keys("*:known"):
            self._server.redis.hdel(name, "urgent_until", "patient_until", "overtaken")
        if not taken.tickets:
            assert wait == pytest.approx(taken.wait_seconds, abs=_HAIR)
        elif wait < _HAIR:
            ticket = self._gauge.take(self._now, priority)
            (other,) = taken.tickets
            assert (ticket.paced, ticket.window_seconds) == (other.is_paced, other.window_seconds)
            if ticket.window_seconds:
                assert ticket.occupied - ticket.taken == other.occupied - other.taken
            assert self._gauge.fullness(self._now) == pytest.approx(other.fullness)
            self._held.append((ticket, other))
            self.taken += 1
        else:
            pytest.fail(f"the script has a place, the gauge none for {wait} s")

    async def settle(self, _: Priority, which: int, __: float, headers: dict[str, str] | None) -> None:
        if self._held:
            ticket, other = self._held.pop(which % len(self._held))
            known = None if headers is None else told(headers)
            self._gauge.settle(ticket, self._now, known)
            await self._windows.tell([self._windows.settled(self._key, self._limits, other, known)])

    async def throttle(self, _: Priority, which: int, seconds: float, __: dict[str, str] | None) -> None:
        if self._held:
            other = self._held.pop(which % len(self._held))[1]
            self._gauge.throttle(self._now, seconds)
            await self._windows.tell([self._windows.throttled(self._key, self._limits, other, seconds)])

    async def give_back(self, _: Priority, which: int, __: float, ___: dict[str, str] | None) -> None:
        if self._held:
            ticket, other = self._held.pop(which % len(self._held))
            self._gauge.give_back(ticket, self._now)
            await self._windows.tell([self._windows.given_back(self._key, self._limits, other)])


def answers_of(burst: int, steady: int, seconds: int) -> st.SearchStrategy[dict[str, str]]:
    """Headers that name these limits, with more or less left."""
    return st.integers(0, burst).map(
        lambda left: {
            "RateLimit-Limit": f"{burst}, {burst};w=1, {steady};w={seconds}",
            "RateLimit-Remaining": str(left),
        }
    )


usual = answers_of(5, 20, 6)
steps = st.tuples(
    st.sampled_from([Both.take] * 6 + [Both.settle] * 4 + [Both.throttle, Both.give_back]),
    st.sampled_from(Priority),
    st.integers(0, 9),
    st.sampled_from([0.0, 1.0, 3.0, 5.0]),
    st.one_of(usual, usual, usual, answers_of(2, 9, 6), st.none(), st.just(dict[str, str]())),
    st.sampled_from([0.0, 0.0, 0.1, 0.37, 1.03]),
)

Script: TypeAlias = list[tuple[Any, Priority, int, float, dict[str, str] | None, float]]


def plain(step: Any, priority: Priority, pause: float = 0.0, seconds: float = 0.0) -> Script:
    return [(step, priority, 0, seconds, None, pause)]


CALL = plain(Both.take, Priority.INTERACTIVE) + plain(Both.settle, Priority.INTERACTIVE, 0.25)
PACED = plain(Both.take, Priority.BACKGROUND)
A_FLOOD_THAT_OVERTAKES = PACED + CALL * 14 + PACED


def answered(left: int, pause: float) -> Script:
    """A call, told so many requests are left of 5 in a second."""
    told_left = {"RateLimit-Limit": "5, 5;w=1, 20;w=6", "RateLimit-Remaining": str(left)}
    return [*plain(Both.take, Priority.INTERACTIVE), (Both.settle, Priority.INTERACTIVE, 0, 0.0, told_left, pause)]


A_GLIMPSE = answered(4, 1.1) + answered(3, 1.1) + answered(4, 6) * 8 + PACED * 2
A_PAUSE_THAT_TELLS_OF_OTHERS = (
    CALL * 15 + plain(Both.take, Priority.INTERACTIVE) + plain(Both.throttle, Priority.INTERACTIVE, 58, 57) + PACED * 2
)


# A failure is told as it was met: to make it shorter takes minutes.
@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@example(rate=Rate(5, 30), script=A_FLOOD_THAT_OVERTAKES)
@example(rate=None, script=A_GLIMPSE)
@example(rate=Rate(5, 20), script=A_PAUSE_THAT_TELLS_OF_OTHERS)
@given(
    rate=st.sampled_from([None, Rate(3, 12), Rate(5, 20), Rate(5, 30, 40)]),
    script=st.lists(steps, min_size=30, max_size=70),
)
def test_the_script_in_redis_counts_as_one_process_does(
    redis_of_the_session: RedisProcess,
    rate: Rate | None,
    script: Script,
) -> None:
    async def play() -> None:
        server = VirtualRedis(redis_of_the_session.url, delay=(0, 0))
        server.redis.flushdb()
        both = Both(server, rate, "k")
        await both.take(Priority.INTERACTIVE, 0, 0.0, None)  # both count from the first
        for step, priority, which, seconds, answer, pause in script:
            await step(both, priority, which, seconds, answer)
            await asyncio.sleep(pause)
        await server.aclose()

    virtual_time.run(play())
