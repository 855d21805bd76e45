"""Batched reads: keys that are asked for at about the same time are read together.

A key waits for others for two milliseconds, or until there are enough. Equal keys share one place. Each caller keeps a
deadline and a cancellation of its own; what is read goes on while anybody waits for it.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import quote

from aioklaviyo import filters
from aioklaviyo.errors import CallRecord, DeadlineExceeded, KlaviyoError, RequestRejected

V = TypeVar("V")

_Found: TypeAlias = dict[str, V | RequestRejected]
"""Values by their keys, or why Klaviyo refuses one."""

GATHER_SECONDS = 0.002
"""How long the first key waits for others."""
MAX_KEYS = 100
"""How many profiles Klaviyo puts on a page."""
MAX_FILTER_CHARACTERS = 6_000
"""How long the encoded filter may be: URLs are cut off by somebody on the way above 8,000."""


def weight_of(key: str) -> int:
    """How many characters of a URL a key takes within a list of values, its comma included."""
    return len(quote(filters.equals("x", key).expression, safe="")) - _FRAME + len("%2C")


_FRAME = len(quote("equals(x,)", safe=""))


def chunks(keys: Iterable[str]) -> list[list[str]]:
    """Keys in their order, as many together as one page may be asked for."""
    made: list[list[str]] = []
    weight = 0
    for key in keys:
        more = weight_of(key)
        if not made or len(made[-1]) >= MAX_KEYS or weight + more > MAX_FILTER_CHARACTERS:
            made.append([])
            weight = 0
        made[-1].append(key)
        weight += more
    return made


@dataclass(slots=True)
class _Gathering(Generic[V]):
    """The keys of one read, before it is sent and while it is under way."""

    waiting: dict[str, int] = field(default_factory=dict[str, int])
    """How many callers wait for each key."""
    weight: int = 0
    ends_at: float = 0.0
    """The latest deadline of who waits."""
    is_full: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nobody else is waited for."""


class Gatherer(Generic[V]):
    """Gathers the keys of one kind of read.

    Args:
        read: Reads values by their keys within so many seconds; what is not there is left out.
        own: Makes a value that shares nothing with another's.
        monotonic: The client's clock.
        path: Of the read, to name it in errors.
    """

    def __init__(
        self,
        read: Callable[[Sequence[str], float], Awaitable[Mapping[str, V]]],
        own: Callable[[V], V],
        *,
        monotonic: Callable[[], float],
        path: str,
    ) -> None:
        self._read = read
        self._own = own
        self._monotonic = monotonic
        self._path = path
        self._open: tuple[_Gathering[V], asyncio.Task[_Found[V]]] | None = None

    async def get(self, key: str, *, deadline_seconds: float) -> V | None:
        """The value of a key; None where there is none.

        Raises:
            DeadlineExceeded: Time ran out while the read was under way.
            RequestRejected: Klaviyo refuses this key, or none of the keys is to blame.
            KlaviyoError: What the read raises; each caller gets a copy of its own.
        """
        gathering, task = self._join(key, self._monotonic() + deadline_seconds)
        try:
            async with asyncio.timeout(deadline_seconds):
                values = await asyncio.shield(task)
        except TimeoutError:
            raise DeadlineExceeded("Time ran out while the read was under way", CallRecord("GET", self._path)) from None
        except KlaviyoError as error:
            # An exception holds the stack it went through; two tasks must not write to the same one.
            raise copy.copy(error) from None
        finally:
            await self._leave(gathering, task, key)
        value = values.get(key)
        if isinstance(value, RequestRejected):
            raise copy.copy(value)
        # The last one takes the value itself: those before might change it while others have not got theirs.
        return self._own(value) if value is not None and key in gathering.waiting else value

    def _join(self, key: str, ends_at: float) -> tuple[_Gathering[V], asyncio.Task[_Found[V]]]:
        weight = weight_of(key)
        if self._open is not None:
            gathering, _ = self._open
            if key not in gathering.waiting and gathering.weight + weight > MAX_FILTER_CHARACTERS:
                self._close(gathering)
        if self._open is None:
            gathering = _Gathering[V]()
            task = asyncio.ensure_future(self._run(gathering))
            task.add_done_callback(_look_at)
            self._open = gathering, task
        gathering, task = self._open
        if key not in gathering.waiting:
            gathering.waiting[key] = 0
            gathering.weight += weight
        gathering.waiting[key] += 1
        gathering.ends_at = max(gathering.ends_at, ends_at)
        if len(gathering.waiting) >= MAX_KEYS:
            self._close(gathering)
        return gathering, task

    async def _run(self, gathering: _Gathering[V]) -> "_Found[V]":
        timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._close, gathering)
        try:
            await gathering.is_full.wait()
        finally:
            timer.cancel()
            self._close(gathering)
        found: _Found[V] = {}
        suspects = list(gathering.waiting)
        refusal = await self._refusal(suspects, gathering, found)
        # Nobody is refused for another's key: it is looked for by halves, as long as one of them is taken.
        while refusal is not None and len(suspects) > 1:
            first, second = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
            of_first = await self._refusal(first, gathering, found)
            of_second = await self._refusal(second, gathering, found)
            if of_first is not None and of_second is not None:
                break
            suspects, refusal = (second, of_second) if of_first is None else (first, of_first)
        if refusal is not None:
            found |= dict.fromkeys(suspects, refusal)
        return found

    async def _refusal(
        self, keys: Sequence[str], gathering: _Gathering[V], found: "_Found[V]"
    ) -> RequestRejected | None:
        """Read these keys into ``found``; why Klaviyo refuses that, where it does."""
        remaining = gathering.ends_at - self._monotonic()
        if remaining <= 0:
            raise DeadlineExceeded("Time ran out before the read began", CallRecord("GET", self._path))
        try:
            found.update(await self._read(keys, remaining))
        except RequestRejected as error:
            return error
        return None

    def _close(self, gathering: _Gathering[V]) -> None:
        """Take in nobody else, and let the read go."""
        if self._open is not None and self._open[0] is gathering:
            self._open = None
        gathering.is_full.set()

    async def _leave(self, gathering: _Gathering[V], task: "asyncio.Task[_Found[V]]", key: str) -> None:
        gathering.waiting[key] -= 1
        if not gathering.waiting[key]:
            del gathering.waiting[key]
            gathering.weight -= weight_of(key)
        if not gathering.waiting and not task.done():
            # Nobody wants it any more. Its connection is given back before its last caller goes on.
            self._close(gathering)
            task.cancel()
            await asyncio.wait([task])


def _look_at(task: "asyncio.Task[_Found[V]]") -> None:
    if not task.cancelled():
        # Looked at, so that an error nobody waited for is not reported as forgotten.
        task.exception()
