"""An emulator in trouble, with its witness, and what can be asked of both."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from dreamflow.bench.client.trouble import witness
from dreamflow.bench.client.trouble.plan import faults
from dreamflow.bench.subject import started

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

_PAGE = 1000
_CONTROL = "/__emulator__"


@dataclass(frozen=True, slots=True)
class Sent:
    """What the witness says of a request."""

    marker: str
    status: int | None
    is_readable: bool

    @property
    def is_ambiguous(self) -> bool:
        """Whether its sender cannot know what came of it: no answer, one that tells nothing, or one that is cut."""
        if self.status is None or self.status >= 500:  # noqa: PLR2004 - the server's errors
            return True
        return not self.is_readable


class Scene:
    """Asks the emulator and the witness."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def begin_trouble(self) -> None:
        """From now on requests go wrong."""
        async with self._session.put(f"{self.url}{_CONTROL}/faults", json={"faults": faults()}) as response:
            response.raise_for_status()

    async def end_trouble(self) -> Counter[str]:
        """From now on none does; answers how often which kind of fault has happened."""
        told = await self._read(f"{_CONTROL}/faults")
        async with self._session.delete(f"{self.url}{_CONTROL}/faults") as response:
            response.raise_for_status()
        happened: Counter[str] = Counter()
        for fault in told["faults"]:
            happened[fault["kind"]] += fault["happened"]
        return happened

    async def requests(self) -> int:
        """How many have come so far."""
        return (await self._read(f"{_CONTROL}/health"))["requests"]

    async def sent(self) -> Sequence[Sent]:
        """Every writing request with a marker, in order of arrival."""
        seen = (await self._read(witness.PATH))["seen"]
        return [Sent(one["marker"], one["status"], one["is_readable"]) for one in seen]

    async def stored_events(self) -> Counter[str]:
        """How often an event was stored, by unique id."""
        found: Counter[str] = Counter()
        after = 0
        while after is not None:
            page = await self._read(f"{_CONTROL}/acceptance?limit={_PAGE}&after={after}")
            for row in page["acceptance"]:
                found.update(unique for _, _, unique, what in row.get("events", ()) if what == "stored")
            after = page["next"]
        return found

    async def _read(self, path: str) -> dict[str, Any]:
        async with self._session.get(f"{self.url}{path}") as response:
            response.raise_for_status()
            return await response.json()


@asynccontextmanager
async def scene(seed: int) -> AsyncGenerator[Scene]:
    """An emulator with a witness in a process of its own, without trouble at first, until the block ends."""
    with started("dreamflow.bench.client.trouble.witness", "--seed", str(seed)) as subject:
        async with aiohttp.ClientSession() as session:
            yield Scene(subject.url, session)
