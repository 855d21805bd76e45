"""What follows from events, whoever stored them: called once in the transaction that stores them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from klaviyo_emulator.state.flow_triggers import note_triggers
from klaviyo_emulator.state.webhooks import note_events

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.new_events import Stored

Reaction = Callable[["sqlite3.Connection", "Mint", Sequence["Stored"]], None]
"""Must cost next to nothing when nobody waits for the events; what takes time is a task of its own."""

REACTIONS: tuple[Reaction, ...] = (note_events, note_triggers)


def on_events(connection: sqlite3.Connection, mint: Mint, stored: Sequence[Stored]) -> None:
    """Let everybody react to events; those that were dropped as repetitions have no row."""
    if any(one.seq is not None for one in stored):
        for react in REACTIONS:
            react(connection, mint, stored)
