"""The windows that processes share in a Redis: one script, asked and told over one connection at a time.

Each quota of an account is two keys, ``aioklaviyo:{<account>:<quota>}:known`` and ``...:calls``; both names are
digests, so that nothing about anybody can be read from them. The script is in ``windows.lua``; it does what ``gauge``
does in one process, by the clock of the server.
"""

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from aioklaviyo.pacing import foreign, gauge, model, windows
from aioklaviyo.pacing.headers import Limit, Told

if TYPE_CHECKING:
    from redis.asyncio import Redis

LEASE_SECONDS = 60.0
"""A request whose end nobody told is taken to have been answered after so long, or when its time ran out."""

STEP_BACK_SECONDS = 1.0
"""A server's clock that was put back by more than this is corrected; less is waited for."""

Argument: TypeAlias = str | int | float


class TroubleError(Exception):
    """Redis is away, slow or answers nonsense. The text is the name of what happened, never an address."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What must be remembered of a request under way."""

    number: int
    """Names the request among those of its quota."""
    window_seconds: int
    taken: int
    occupied: int
    is_paced: bool
    fullness: float
    """The used share of the window with the least room, this request included, when it was sent."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to asking for places: so many were given, and for so long there is no other, at least."""

    tickets: Sequence[Ticket]
    wait_seconds: float
    step_seconds: float
    """Between two requests of the even pace."""


class SharedWindows:
    """The windows of one account in a Redis."""

    def __init__(self, redis: "Redis", *, account: str, timeout_seconds: float) -> None:
        self._redis = redis
        self._account = _digest(account)
        self._timeout_seconds = timeout_seconds
        self._script = _script()
        self._sha = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()

    async def take(
        self, key: str, limits: Sequence[Limit], *, is_background: bool, lease_seconds: float, count: int
    ) -> Taken:
        """Ask for up to ``count`` places.

        Raises:
            TroubleError: Nobody knows whether any was given; their leases will end them.
        """
        act = self._act(key, "take", _written(limits), int(is_background), min(lease_seconds, LEASE_SECONDS), count)
        answer = (await self._run([act]))[0]
        try:
            given, wait, step, before, shortest, occupied, paced, fullness = map(float, cast("list[Any]", answer))
        except (TypeError, ValueError):
            raise TroubleError("nonsense") from None
        if not (0 <= given <= count and 0 <= wait < math.inf and 0 <= step < math.inf):
            raise TroubleError("nonsense")
        last = int(before + given)
        tickets = [
            Ticket(number, int(shortest), last, int(occupied), bool(paced), fullness)
            for number in range(int(before) + 1, last + 1)
        ]
        return Taken(tickets, wait, step)

    def settled(self, key: str, limits: Sequence[Limit], ticket: Ticket, told: Told | None) -> list[Argument]:
        """What to tell of a request that was charged; for ``tell``."""
        use = None if told is None else told.use
        written = "" if told is None else _written(told.limits) or "-"
        return self._act(
            key,
            "settle",
            _written(limits),
            ticket.number,
            written,
            0 if use is None else use.limit.seconds,
            0 if use is None else use.used,
            ticket.window_seconds,
            ticket.taken,
            ticket.occupied,
        )

    def throttled(
        self, key: str, limits: Sequence[Limit], ticket: Ticket, retry_after_seconds: float
    ) -> list[Argument]:
        """What to tell of a request that was refused with 429."""
        return self._act(
            key, "throttle", _written(limits), ticket.number, min(retry_after_seconds, gauge.LONGEST_PAUSE_SECONDS)
        )

    def given_back(self, key: str, limits: Sequence[Limit], ticket: Ticket) -> list[Argument]:
        """What to tell of a request that was not sent."""
        return self._act(key, "give_back", _written(limits), ticket.number, int(ticket.is_paced))

    async def tell(self, acts: Sequence[list[Argument]]) -> None:
        """Tell how requests ended, all in one round trip.

        Raises:
            TroubleError: Perhaps it knows, perhaps not; then their leases will end them.
        """
        await self._run(acts)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _act(self, key: str, act: str, limits: str, *more: Argument) -> list[Argument]:
        quota = f"aioklaviyo:{{{self._account}:{_digest(key)}}}"
        return [2, f"{quota}:known", f"{quota}:calls", act, limits, *more]

    async def _run(self, acts: Sequence[list[Argument]]) -> list[object]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answers = await self._evaluate(acts)
                if any(_is_unknown_script(answer) for answer in answers):
                    # A Redis that was started anew: it knew none of them.
                    await cast("Awaitable[object]", self._redis.script_load(self._script))
                    answers = await self._evaluate(acts)
        except Exception as error:  # noqa: BLE001 - redis-py's, the system's or a timeout: the answer is the same
            raise TroubleError(type(error).__name__) from None
        for answer in answers:
            if isinstance(answer, Exception):
                raise TroubleError(type(answer).__name__)
        return answers

    async def _evaluate(self, acts: Sequence[list[Argument]]) -> list[object]:
        pipeline = self._redis.pipeline(transaction=False)
        execute: Callable[..., object] = cast("Any", pipeline).execute_command
        for act in acts:
            execute("EVALSHA", self._sha, *act)
        return cast("list[object]", await pipeline.execute(raise_on_error=False))


def _is_unknown_script(answer: object) -> bool:
    return type(answer).__name__ == "NoScriptError"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _written(limits: Sequence[Limit]) -> str:
    return " ".join(f"{limit.seconds}:{limit.requests}" for limit in limits)


def _script() -> str:
    """The script, with the numbers that it shares with the other modules before it."""
    numbers = {
        "DRIFT": windows.DRIFT,
        "MARGIN": foreign.MARGIN,
        "OWN_SHARE": foreign.SMALLEST_OWN_SHARE,
        "SEEN_SHARE": foreign.SEEN_SHARE,
        "DISTRUST": foreign.DISTRUST,
        "HALF_LIFE": foreign.HALF_LIFE,
        "NOBODY": foreign.NOBODY,
        "PACED_SECONDS": gauge.PACED_SECONDS,
        "CATCH_UP": gauge.CATCH_UP_SECONDS,
        "SCOUT": gauge.SCOUT_SECONDS,
        "OVERTAKEN": model.OVERTAKEN_AT_MOST,
        "LEASE": LEASE_SECONDS,
        "STEP_BACK": STEP_BACK_SECONDS,
    }
    text = resources.files("aioklaviyo.pacing").joinpath("windows.lua").read_text(encoding="utf-8")
    return "".join(f"local {name} = {value}\n" for name, value in numbers.items()) + text
