"""Equal reads that share a request, over random histories of readers, writers and cancellations, in virtual time."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from aioklaviyo import DeadlineExceeded, KlaviyoError, RateLimited
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.operations import Need, Operation
from aioklaviyo.rates import L
from aioklaviyo.retry import Fault, RetryPolicy
from aioklaviyo.transport import Failure
from client.virtual_calls import Attempt, CountingPacing, ScriptedTransport, Step, SteppedLoop, answer, caller, stepped

READ = Operation("get_thing", "GET", "/api/things/{id}", L)
WRITE = Operation("update_thing", "PATCH", "/api/things/{id}", L, Need.NOTHING)
PATIENT = RetryPolicy(max_attempts=1_000)

Fate = Literal["good", "busy", "throttled", "lost", "silent"]


@dataclass(frozen=True)
class Actor:
    """Somebody who reads or writes."""

    reads: bool
    thing: str
    begins: float
    turns: int
    """Of the loop, after the moment of its beginning."""
    allowed: float
    leaves_after: float | None
    """When it is cancelled, after its beginning."""


def reader(begins: float, turns: int, allowed: float, leaves_after: float | None) -> Actor:
    """Somebody who reads the thing that everybody reads."""
    return Actor(reads=True, thing="a", begins=begins, turns=turns, allowed=allowed, leaves_after=leaves_after)


@dataclass
class Seen:
    """What somebody met."""

    actor: Actor
    writes_before: int
    """How many writes had ended when it began."""
    ended: float = 0.0
    result: Reply | KlaviyoError | None = None
    """None where it was cancelled."""


@dataclass
class Account:
    """Things whose version counts the writes that were done, one after the other."""

    fates: list[Fate]
    versions: dict[str, int] = field(default_factory=dict[str, int])

    def step(self, attempt: Attempt) -> Step:
        fate = self.fates.pop(0) if self.fates else "good"
        thing = attempt.path.rpartition("/")[2]
        if attempt.method == "PATCH":
            self.versions[thing] = self.versions.get(thing, 0) + 1
        match fate:
            case "busy":
                return Step(answer(503), 0.5)
            case "throttled":
                return Step(answer(429, Retry_After="3"), 0.5, asks_seconds=3)
            case "lost":
                return Step(Failure(Fault.LOST, "ServerDisconnectedError"), 0.5)
            case "silent":
                return Step(Failure(Fault.LOST, ""), 1e6)
            case _:
                # Read at once, answered late: what comes is as old as it may be.
                body = b'{"data":{"type":"thing","id":"%d"}}' % self.versions.get(thing, 0)
                return Step(answer(200, body), 0.25 if attempt.method == "PATCH" else 1.0)


MOMENTS = st.integers(0, 12).map(lambda quarters: quarters / 4)
ACTORS = st.builds(
    Actor,
    reads=st.sampled_from([True, True, True, False]),
    thing=st.sampled_from("aab"),
    begins=MOMENTS,
    turns=st.integers(0, 4),
    allowed=st.sampled_from([0.5, 0.55, 1.0, 2.25, 6.0, 40.0]),
    leaves_after=st.none() | MOMENTS,
)
FATES = st.lists(st.sampled_from(["good", "good", "busy", "throttled", "lost", "silent"]), max_size=8)


def history(actors: list[Actor], fates: list[Fate], policy: RetryPolicy = PATIENT) -> tuple[list[Seen], list[Attempt]]:
    async def act(actor: Actor, made: Caller, ended: list[str], seen: list[Seen]) -> None:
        await asyncio.sleep(actor.begins)
        for _ in range(actor.turns):
            await asyncio.sleep(0)
        now = asyncio.get_running_loop().time
        met = Seen(actor, ended.count(actor.thing))
        seen.append(met)
        operation = READ if actor.reads else WRITE
        try:
            met.result = await made.send(operation.call(actor.thing, data=None if actor.reads else {}), actor.allowed)
        except KlaviyoError as error:
            met.result = error
        finally:
            met.ended = now()
            if not actor.reads:
                ended.append(actor.thing)

    async def leave(task: asyncio.Task[None], actor: Actor) -> None:
        if actor.leaves_after is not None:
            await asyncio.sleep(actor.begins + actor.leaves_after)
            task.cancel()

    async def main(loop: SteppedLoop) -> tuple[list[Seen], list[Attempt]]:
        transport, pacing, seen = ScriptedTransport(Account(list(fates)).step), CountingPacing(), list[Seen]()
        made = caller(transport, pacing, policy=policy, attempt_timeout_seconds=4)
        ended: list[str] = []
        tasks = [asyncio.create_task(act(actor, made, ended, seen)) for actor in actors]
        leaving = [asyncio.create_task(leave(task, actor)) for task, actor in zip(tasks, actors, strict=True)]
        await asyncio.gather(*tasks, *leaving, return_exceptions=True)
        assert not transport.under_way
        assert not made._machinery.flights._flights
        assert all(len(slot.ends) == 1 for slot in pacing.slots)
        return seen, transport.attempts

    return stepped(main)


# Somebody comes in the very moment in which the last reader leaves.
@example([reader(0, 0, 6, 0.5), reader(0.5, 1, 6, None)], [])
@example([reader(0, 0, 6, 0.5), reader(0.5, 2, 6, None)], [])
# Somebody comes in the very moment in which a read fails for another's lack of time.
@example([reader(0, 0, 0.5, None), reader(0.5, 1, 6, None)], ["silent"])
@example([reader(0, 0, 0.5, None), reader(0.5, 2, 6, None)], ["silent"])
# The first gives up after an answer 503, and the second has time left.
@example([reader(0, 0, 0.55, None), reader(0, 0, 40, None)], ["busy"])
@settings(max_examples=200)
@given(actors=st.lists(ACTORS, min_size=1, max_size=7), fates=FATES)
def test_every_reader_keeps_its_own_time_and_sees_what_was_written(actors: list[Actor], fates: list[Fate]) -> None:
    seen, attempts = history(actors, fates)
    reads = [met for met in seen if met.actor.reads]
    event(f"shared: {len(reads) > sum(attempt.method == 'GET' for attempt in attempts)}")
    for met in seen:
        began, ends = met.actor.begins, met.actor.begins + met.actor.allowed
        assert met.ended <= ends + 1e-6
        if met.result is None:
            assert met.actor.leaves_after is not None, "cancelled by nobody"
            assert met.ended == began + met.actor.leaves_after
        elif isinstance(met.result, RateLimited):
            assert met.ended + (met.result.retry_after_seconds or 0.0) >= ends - 1e-6
        elif isinstance(met.result, DeadlineExceeded):
            assert met.ended >= ends - 1e-6
        elif isinstance(met.result, KlaviyoError):
            # Any other failure is repeated until the next wait, of 8 s at most, does not fit.
            assert met.ended + 8 >= ends
            assert met.result.may_repeat
        elif met.actor.reads:
            version = met.result.one(lambda resource: int(resource.id))
            assert version >= met.writes_before


@settings(max_examples=50)
@given(readers=st.integers(2, 30), fates=FATES)
def test_readers_that_come_together_cost_as_much_as_one(readers: int, fates: list[Fate]) -> None:
    alone, policy = reader(0, 0, 40, None), RetryPolicy(max_attempts=3)
    _, wanted = history([alone], fates, policy)
    seen, attempts = history([alone] * readers, fates, policy)
    assert len(attempts) == len(wanted)
    assert len({repr(met.result) if isinstance(met.result, KlaviyoError) else "read" for met in seen}) == 1


def test_who_comes_when_the_last_has_left_begins_a_read_that_others_join() -> None:
    first = reader(0, 0, 6, 0.5)
    for turns in range(5):
        second, third = (reader(begins, turns, 6, None) for begins in (0.5, 0.75))
        seen, attempts = history([first, second, third], [])
        assert [isinstance(met.result, Reply) for met in seen] == [False, True, True]
        # Either the second came in time to keep the first one's read going, or its own serves both.
        assert len(attempts) == (1 if attempts[0].outcome else 2)
