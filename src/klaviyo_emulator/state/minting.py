"""Ids of new rows: seeded, following the clock, never repeated when a file is opened again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import Clock, seconds, whole_seconds
from klaviyo_emulator.ids import short_id, ulid

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Mint:
    """Makes ids and tells the time. Used on the writer thread only, so that a seed gives one sequence."""

    chance: random.Random
    clock: Clock
    event_key: int
    account_id: str

    def now(self) -> int:
        """The present in whole seconds."""
        return whole_seconds(self.clock())

    def profile_id(self) -> str:
        """A new ULID of the present."""
        return ulid(self.chance, int(seconds(self.clock()) * 1000))

    def short_id(self) -> str:
        """Six new alphanumerics; the caller checks that they are free."""
        return short_id(self.chance)


def open_mint(connection: sqlite3.Connection, seed: int, clock: Clock) -> Mint:
    """The mint of a state. A state remembers its own key and account, and how often it was opened.

    The count is part of the seed: a file that is opened again goes on with other ids than before.
    """
    settings = {str(name): str(value) for name, value in connection.execute("SELECT name, value FROM setting")}
    first = random.Random(f"{seed}:account")  # noqa: S311 - ids are to be repeatable
    settings.setdefault("event_key", str(first.getrandbits(64)))
    settings.setdefault("account_id", short_id(first))
    settings["opened"] = str(int(settings.get("opened", "0")) + 1)
    connection.executemany("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", settings.items())
    return Mint(
        chance=random.Random(f"{seed}:{settings['opened']}"),  # noqa: S311 - as above
        clock=clock,
        event_key=int(settings["event_key"]),
        account_id=settings["account_id"],
    )
