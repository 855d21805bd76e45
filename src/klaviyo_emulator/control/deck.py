"""What the control API and the inspector hold an emulator by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from klaviyo_emulator.background.courier import settle
from klaviyo_emulator.routes.freshness import refresh_stale
from klaviyo_emulator.state import images
from klaviyo_emulator.state.account import furnish
from klaviyo_emulator.state.minting import Agenda, Mint, open_mint

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.background.courier import Courier
    from klaviyo_emulator.background.pump import Pump
    from klaviyo_emulator.config import EmulatorConfig
    from klaviyo_emulator.instruments import Instruments
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.database import Work


@dataclass(frozen=True, slots=True)
class Deck:
    """One emulator, from above."""

    context: Context
    pump: Pump
    instruments: Instruments
    courier: Courier
    started: float = field(default_factory=monotonic)
    """When it was made, by the machine's monotonic clock."""

    @property
    def uptime_seconds(self) -> int:
        """How long it has been there, by the machine's clock."""
        return int(monotonic() - self.started)

    async def catch_up(self) -> None:
        """Do what is due by now, but do not wait for webhooks that are under way."""
        await self.pump.run()

    async def refresh_segments(self, segment_id: str | None = None) -> None:
        """Bring a segment up to date before somebody looks at it, or all of them."""
        await refresh_stale(self.context, segment_id)

    async def settle(self) -> None:
        """Wait until everything that is due by now has happened, webhooks and all."""
        await settle(self.pump, self.courier)

    async def reset(self) -> None:
        """Make it as it was at its first start, with the account id that it has."""
        self.instruments.restart()
        await self._replace(images.clear)

    async def load(self, image: bytes) -> None:
        """Put a copy in the place of the state. Raises StateError, and then nothing has changed."""
        await self._replace(lambda connection: images.load(connection, image))

    async def dump(self) -> bytes:
        """A copy of the state."""
        return await self.context.read(images.dump)

    async def reseed(self, seed: int) -> None:
        """Begin all chance anew: from here on the same seed gives the same ids, and the same faults happen."""

        def work(_connection: sqlite3.Connection) -> None:
            self.context.mint.chance.seed(f"{seed}:reseeded")

        self.instruments.reseed(seed)
        await self.context.write(work)

    async def _replace(self, work: Work[None]) -> None:
        mint = self.context.mint
        before = replace(mint, agenda=Agenda(mint.agenda.earliest_us), posts=Agenda(mint.posts.earliest_us))

        def change(connection: sqlite3.Connection) -> None:
            work(connection)
            # Here and not after the commit, so that requests of the same transaction get ids of the new state.
            mint.follow(open_account(connection, self.instruments.config))

        try:
            await self.context.write(change)
        except BaseException:
            mint.follow(before)
            raise


def open_account(connection: sqlite3.Connection, config: EmulatorConfig) -> Mint:
    """Open the account of a state, which is furnished if it is new."""
    mint = open_mint(connection, config.seed, config.clock)
    furnish(connection, mint)
    return mint
