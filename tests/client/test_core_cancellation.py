"""Calls that are cancelled at every turn of the loop: nothing stays held, and nobody else is harmed."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from aioklaviyo import Klaviyo
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.operations import Call, Operation
from aioklaviyo.pacing.local import LocalPacing
from aioklaviyo.pacing.model import Pacing
from aioklaviyo.rates import XS
from aioklaviyo.retry import Fault
from aioklaviyo.transport import Failure
from client.client_server import Connect, Received, Serve, profile
from client.client_server import Reply as Answered
from client.virtual_calls import CountingPacing, ScriptedTransport, Step, SteppedLoop, answer, caller, stepped

READ = Operation("get_thing", "GET", "/api/things/{id}", XS)
CREATE = Operation("create_thing", "POST", "/api/things", XS)

GOOD = Step(answer(200, b'{"data":{"type":"thing","id":"1"}}'), 0.1, acts=True)
BUSY = Step(answer(503, Retry_After="1"), 0.1)
THROTTLED = Step(answer(429, Retry_After="1"), 0.1)
UNSENT = Step(Failure(Fault.NOT_SENT, "ClientConnectorError"), 0.1)
SILENT = Step(Failure(Fault.LOST, ""), 1e6)


@dataclass(frozen=True)
class Scene:
    """Calls that begin together; all of them come to a good end if nobody is cancelled."""

    name: str
    calls: tuple[Call, ...]
    script: tuple[Step, ...] = (GOOD,)

    @override
    def __str__(self) -> str:
        return self.name


SCENES = [
    Scene("a read", (READ.call("1"),)),
    Scene("a write", (CREATE.call(data={}),)),
    Scene("a read that is repeated", (READ.call("1"),), (BUSY, SILENT, GOOD)),
    Scene("a write that is repeated", (CREATE.call(data={}),), (THROTTLED, UNSENT, GOOD)),
    Scene("a read that others share", (READ.call("1"),) * 3),
    Scene("a read that others share and that is repeated", (READ.call("1"),) * 3, (BUSY, THROTTLED, GOOD)),
    Scene("reads that wait for each other's slots", tuple(READ.call(str(number)) for number in range(3))),
    Scene("reads and a write", (READ.call("1"), CREATE.call(data={}), READ.call("1"))),
]


@dataclass
class Stage:
    """A scene as it is played, and what must be true of it when it is over."""

    scene: Scene
    pacing: Pacing
    transport: ScriptedTransport
    caller: Caller
    tasks: list[asyncio.Task[Reply]] = field(default_factory=list[asyncio.Task[Reply]])

    def begin(self) -> None:
        self.tasks = [asyncio.create_task(self.caller.send(call)) for call in self.scene.calls]

    def check_nothing_is_held(self) -> None:
        assert not self.transport.under_way
        assert not self.caller._machinery.flights._flights
        if isinstance(self.pacing, CountingPacing):
            assert all(len(slot.ends) == 1 for slot in self.pacing.slots)
        elif isinstance(self.pacing, LocalPacing):
            assert not self.pacing._queue
            # After so long, only what is in flight still matters.
            assert all(gauge.is_idle(math.inf) for gauge in self.pacing._gauges.values())


def counting() -> Pacing:
    return CountingPacing((0.5, 0.0))


def local() -> Pacing:
    loop = asyncio.get_running_loop()
    return LocalPacing(monotonic=loop.time, sleep=asyncio.sleep)


def stage(scene: Scene, pacing: Callable[[], Pacing]) -> Stage:
    made, transport = pacing(), ScriptedTransport(scene.script)
    return Stage(scene, made, transport, caller(transport, made, attempt_timeout_seconds=2.0))


def turns_of(scene: Scene, pacing: Callable[[], Pacing]) -> int:
    """How many turns of the loop the scene takes."""

    async def main(loop: SteppedLoop) -> int:
        on = stage(scene, pacing)
        on.begin()
        assert all(reply.call in scene.calls for reply in await asyncio.gather(*on.tasks))
        return loop.turns

    return stepped(main)


def cancel(scene: Scene, pacing: Callable[[], Pacing], victim: int, turns: range) -> None:
    """Play the scene, and cancel one of its calls at these turns."""

    async def main(loop: SteppedLoop) -> None:
        on = stage(scene, pacing)
        on.begin()
        was_under_way: list[bool] = []
        loop.plan = dict.fromkeys(turns, lambda: was_under_way.append(on.tasks[victim].cancel()))
        others = [task for task in on.tasks if task is not on.tasks[victim]]
        await asyncio.wait([on.tasks[victim]])
        if was_under_way and was_under_way[0]:
            assert on.tasks[victim].cancelled()
        if not others and len(turns) == 1:
            # At once, not some time later: whoever cancels a call may close the client next.
            on.check_nothing_is_held()
        for reply in await asyncio.gather(*others):
            assert reply.call in scene.calls
        loop.plan = {}
        for call in {call.operation_id: call for call in scene.calls}.values():
            assert await on.caller.send(call)
        on.check_nothing_is_held()

    stepped(main)


@pytest.mark.parametrize("pacing", [counting, local])
@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_call_can_be_cancelled_at_any_moment(scene: Scene, pacing: Callable[[], Pacing]) -> None:
    turns = turns_of(scene, pacing)
    assert turns > 3
    for victim in range(len(scene.calls)):
        for turn in range(1, turns + 1):
            cancel(scene, pacing, victim, range(turn, turn + 1))


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_call_can_be_cancelled_while_it_is_being_cancelled(scene: Scene) -> None:
    for turn in range(1, turns_of(scene, local) + 1):
        cancel(scene, local, 0, range(turn, turn + 3))


async def test_no_connection_is_used_again_in_the_middle_of_an_answer(serve: Serve, connect: Connect) -> None:
    def echo(received: Received) -> Answered:
        return Answered(document={"data": profile(received.path.rpartition("/")[2], title="x" * 100_000)})

    server = await serve(script=echo)
    client = await connect(server.url, max_connections=1)
    for turns in range(60):
        cancelled = asyncio.create_task(client.profiles.get(f"cancelled-{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert _held_connections(client) == 0
        assert (await client.profiles.get(f"next-{turns}")).id == f"next-{turns}"
    asked = {received.path.rpartition("/")[2] for received in server.received}
    # Some were cancelled before anything was sent, and some after.
    assert {"cancelled-0", "cancelled-59"} & asked == {"cancelled-59"}


def _held_connections(client: Klaviyo) -> int:
    session = client._transport._session
    assert session is not None
    assert session.connector is not None
    return len(session.connector._acquired)
