"""The emulator: a state, and the application that answers from it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from klaviyo_emulator.app import TYPES, build_app
from klaviyo_emulator.background.courier import Courier, settle
from klaviyo_emulator.background.pump import Pump
from klaviyo_emulator.background.registry import HANDLERS
from klaviyo_emulator.clock import AdjustableClock
from klaviyo_emulator.config import EmulatorConfig
from klaviyo_emulator.control.deck import Deck, open_account
from klaviyo_emulator.instruments import make_instruments
from klaviyo_emulator.jsonapi import Linker
from klaviyo_emulator.routes.context import Context
from klaviyo_emulator.state.database import Database, StateUnavailableError
from klaviyo_emulator.state.schema import StateError

if TYPE_CHECKING:
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

    Opening raises `StateError` for a file that is newer than this program, not a state, or not to be written to.
    """

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        given = config or EmulatorConfig()
        clock = AdjustableClock(given.clock)
        self.config = replace(given, clock=clock)
        self._database = Database(self.config.database)
        try:
            mint = self._database.write(lambda connection: open_account(connection, self.config)).result()
        except BaseException as error:
            self._database.close()
            if isinstance(error, sqlite3.Error | StateUnavailableError):
                raise StateError(f"cannot open the state in {given.database}: {error}") from error
            raise
        self._mint = mint
        context = Context(self.config, self._database, mint, Linker(self.config.public_base), TYPES)
        self.context = context
        """What its routes are given."""
        self.pump = Pump(context, HANDLERS)
        """What is due without a request. The application runs it before each request, a server also in between."""
        self.instruments = make_instruments(self.config, clock)
        """What it is held by: its clock, rate windows, faults, and the log of requests."""
        self.courier = Courier(context, self.instruments.faults)
        """Sends webhooks. A server lets it; an application that is called without one sends when it is settled."""
        self.app: Starlette = build_app(Deck(context, self.pump, self.instruments, self.courier))
        """The ASGI application."""

    @property
    def account_id(self) -> str:
        """The account's id, which is also its public key. It changes when another state is loaded."""
        return self._mint.account_id

    def counts(self) -> Counts:
        """What is stored now. Waits for the state; callable from any thread."""
        return self._database.read(_count).result()

    async def settle(self) -> None:
        """Wait until everything that is due by now has happened, webhooks and all. Callable from any event loop."""
        await settle(self.pump, self.courier)

    def close(self) -> None:
        """Finish what is under way and close the state. May be called twice."""
        self.courier.close()
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
