"""The emulator: a state, and the application that answers from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from klaviyo_emulator.app import TYPES, build_app
from klaviyo_emulator.background.pump import Pump
from klaviyo_emulator.background.registry import HANDLERS
from klaviyo_emulator.config import EmulatorConfig
from klaviyo_emulator.jsonapi import Linker
from klaviyo_emulator.routes.context import Context
from klaviyo_emulator.state.account import furnish
from klaviyo_emulator.state.database import Database
from klaviyo_emulator.state.minting import Mint, open_mint

if TYPE_CHECKING:
    import sqlite3
    from types import TracebackType

    from starlette.applications import Starlette


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of each kind are stored."""

    profiles: int
    metrics: int
    events: int


class Emulator:
    """A Klaviyo account on this machine. Also a context manager, which closes it.

    Opening raises `StateError` for a file that is newer than this program, or not a state.
    """

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self.config = config or EmulatorConfig()
        self._database = Database(self.config.database)
        try:
            mint = self._database.write(self._open).result()
        except BaseException:
            self._database.close()
            raise
        self.account_id: str = mint.account_id
        """The account's id, which is also its public key."""
        context = Context(self.config, self._database, mint, Linker(self.config.public_base), TYPES)
        self.pump = Pump(context, HANDLERS)
        """What is due without a request. The application runs it before each request, a server also in between."""
        self.app: Starlette = build_app(context, self.pump)
        """The ASGI application."""

    def _open(self, connection: sqlite3.Connection) -> Mint:
        mint = open_mint(connection, self.config.seed, self.config.clock)
        furnish(connection, mint)
        return mint

    def counts(self) -> Counts:
        """What is stored now. Waits for the state; callable from any thread."""
        return self._database.read(_count).result()

    def close(self) -> None:
        """Finish what is under way and close the state. May be called twice."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _count(connection: sqlite3.Connection) -> Counts:
    sql = "SELECT (SELECT count(*) FROM profile), (SELECT count(*) FROM metric), (SELECT count(*) FROM event)"
    return Counts(*connection.execute(sql).fetchone())
