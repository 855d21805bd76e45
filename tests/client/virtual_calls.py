"""Calls in virtual time: a transport that plays a script, and a pace-keeper that counts its slots. No sockets."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from multidict import CIMultiDict, CIMultiDictProxy
from typing_extensions import override

from aioklaviyo.calls import Caller, Machinery, Options
from aioklaviyo.pacing.model import NoSlotInTime, Pacing, Priority
from aioklaviyo.rates import Charge
from aioklaviyo.retry import Fault, RetryPolicy
from aioklaviyo.sharing import Flights
from aioklaviyo.telemetry import Telemetry
from aioklaviyo.transport import Answer, Failure, Transport
from dreamflow.bench.client.limits.virtual_time import VirtualLoop

T = TypeVar("T")

EPOCH = 1_793_000_000.0
"""What the wall clock shows when virtual time begins."""
TELEMETRY = Telemetry()


@dataclass(frozen=True)
class Step:
    """What becomes of one attempt."""

    outcome: Answer | Failure
    seconds: float = 0.0
    """How long it takes. Where the attempt has less time, it ends in silence."""
    acts: bool = False
    """Whether Klaviyo does what was asked before it ends so."""
    asks_seconds: float | None = None
    """What its answer says to wait."""


@dataclass
class Attempt:
    """One request, as the transport saw it."""

    method: str
    path: str
    query: str
    body: bytes | None
    timeout_seconds: float
    began: float
    step: Step
    outcome: Answer | Failure | None = None
    """None as long as it is under way, and for ever where it was cancelled."""
    ended: float | None = None

    @property
    def status(self) -> int | None:
        """Of its answer."""
        return self.outcome.status if isinstance(self.outcome, Answer) else None

    @property
    def fault(self) -> Fault | None:
        """Of its failure."""
        return self.outcome.fault if isinstance(self.outcome, Failure) else None

    @property
    def goes_on_at(self) -> float:
        """The earliest moment of another attempt, by what the answer asked."""
        assert self.ended is not None
        asked = self.step.asks_seconds if self.outcome is self.step.outcome else None
        return self.ended + (asked or 0.0)


Script = Callable[["Attempt"], Step]


class ScriptedTransport:
    """Stands in for ``Transport``: the same ``attempt``, in virtual time."""

    def __init__(self, script: Script | Iterable[Step]) -> None:
        self._script = script if callable(script) else _in_turn(script)
        self.attempts: list[Attempt] = []
        self.under_way = 0

    async def attempt(
        self, method: str, path: str, query: str, body: bytes | None, *, timeout_seconds: float
    ) -> Answer | Failure:
        assert timeout_seconds > 0
        now = asyncio.get_running_loop().time
        seen = Attempt(method, path, query, body, timeout_seconds, now(), Step(Failure(Fault.LOST, "")))
        seen.step = self._script(seen)
        self.attempts.append(seen)
        self.under_way += 1
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.sleep(seen.step.seconds)
            seen.outcome = seen.step.outcome
        except TimeoutError:
            seen.outcome = Failure(Fault.SILENT, "TimeoutError")
        finally:
            try:
                # Giving back a connection may take a turn.
                await asyncio.sleep(0)
            finally:
                self.under_way -= 1
                seen.ended = now()
        return seen.outcome


def _in_turn(steps: Iterable[Step]) -> Script:
    """The steps in order, the last one for ever."""
    left = list(steps)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@dataclass
class CountedSlot:
    """A slot that knows how often it was ended, and how."""

    charges: tuple[Charge, ...]
    ends: list[str] = field(default_factory=list)
    told: Mapping[str, str] | float | None = None

    def settle(self, *, headers: Mapping[str, str] | None, retry_after_seconds: float | None) -> None:
        assert headers is None or retry_after_seconds is None
        self.ends.append("settled")
        self.told = headers if retry_after_seconds is None else retry_after_seconds

    def give_back(self) -> None:
        self.ends.append("given back")


class CountingPacing:
    """Gives a slot after the next of these waits, the last one for ever."""

    def __init__(self, waits: Sequence[float] = (0.0,)) -> None:
        self._waits = list(waits)
        self.slots: list[CountedSlot] = []
        self.refused = 0

    async def slot(self, charges: Sequence[Charge], *, priority: Priority, within_seconds: float) -> CountedSlot:
        wait = self._waits.pop(0) if len(self._waits) > 1 else self._waits[0]
        if wait > within_seconds:
            self.refused += 1
            raise NoSlotInTime(wait)
        if wait:
            await asyncio.sleep(wait)
        self.slots.append(CountedSlot(tuple(charges)))
        return self.slots[-1]


class SteppedLoop(VirtualLoop):
    """Virtual time, and something to do at a chosen turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0
        self.plan: dict[int, Callable[[], object]] = {}

    @override
    def jump(self, seconds: float) -> None:
        # Called once a turn, before what is ready runs.
        self.turns += 1
        act = self.plan.get(self.turns)
        if act is None:
            super().jump(seconds)
        else:
            act()


def stepped(main: Callable[[SteppedLoop], Coroutine[Any, Any, T]]) -> T:
    """Run something to its end in virtual time; whoever is still busy afterwards is an error."""
    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        loop = cast("SteppedLoop", runner.get_loop())
        result = runner.run(main(loop))
        assert not asyncio.all_tasks(loop), "somebody is still busy"
        return result


def caller(
    transport: ScriptedTransport,
    pacing: Pacing,
    *,
    policy: RetryPolicy | None = None,
    timeout_seconds: float = 30.0,
    attempt_timeout_seconds: float = 10.0,
    shares_reads: bool = True,
    seed: int = 7,
) -> Caller:
    """A caller over these, on the running loop's time."""
    loop = asyncio.get_running_loop()
    machinery = Machinery(
        cast("Transport", transport),
        pacing,
        Flights(),
        TELEMETRY,
        random.Random(seed),
        asyncio.sleep,
        loop.time,
        lambda: EPOCH + loop.time(),
    )
    options = Options(
        policy or RetryPolicy(), timeout_seconds, attempt_timeout_seconds, Priority.INTERACTIVE, shares_reads
    )
    return Caller(machinery, options)


def headers(**named: str) -> Mapping[str, str]:
    """Headers of an answer; underscores stand for hyphens."""
    return CIMultiDictProxy(CIMultiDict({name.replace("_", "-"): value for name, value in named.items()}))


def answer(status: int, body: bytes = b"", *, defect: Fault | None = None, **named: str) -> Answer:
    """An answer as the transport gives it."""
    return Answer(status, headers(**named), body, defect)
