"""Events that Klaviyo records by itself: mail received, lists joined, consent given and withdrawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.events import store_events
from klaviyo_emulator.state.new_events import NewEvent, NewEvents
from klaviyo_emulator.state.profiles import ProfileChange

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from klaviyo_emulator.state.minting import Mint

SERVICE = "klaviyo"
"""The integration of Klaviyo's own metrics."""


def record_event(
    connection: sqlite3.Connection,
    mint: Mint,
    profile_id: str,
    metric: str,
    properties: Mapping[str, Any],
    *,
    at: int | None = None,
) -> None:
    """Store an event of one of Klaviyo's own metrics, at `at` (whole seconds) or now. It has a unique id of its own."""
    record_events(connection, mint, metric, [(profile_id, properties)], at=at)


def record_events(
    connection: sqlite3.Connection,
    mint: Mint,
    metric: str,
    entries: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    at: int | None = None,
    backfill: bool = False,
) -> None:
    """The same for many profiles, given by their ids with the properties of each. No flow acts on a `backfill`."""
    time = mint.now() if at is None else at
    stored: list[NewEvents] = []
    for profile_id, properties in entries:
        event = NewEvent(
            metric=metric,
            service=SERVICE,
            time=time,
            unique_id=mint.uuid(),
            value=None,
            currency=None,
            properties=json.dumps(dict(properties), separators=(",", ":")),
            backfill=backfill,
        )
        stored.append(NewEvents(ProfileChange(id=profile_id), [event]))
    store_events(connection, mint, stored)
