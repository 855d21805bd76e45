"""What Klaviyo would predict of a profile, as whoever runs the emulator says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


def set_prediction(connection: sqlite3.Connection, profile: int, prediction: Mapping[str, Any] | None) -> None:
    """Say what is predicted of the profile in a row; None predicts nothing any more."""
    if prediction is None:
        connection.execute("DELETE FROM prediction WHERE profile = ?", (profile,))
        return
    connection.execute(
        "INSERT OR REPLACE INTO prediction (profile, body) VALUES (?, ?)",
        (profile, json.dumps(dict(prediction), separators=(",", ":"))),
    )


def find_prediction(connection: sqlite3.Connection, profile: int) -> dict[str, Any]:
    """What is predicted of the profile in a row; members that are missing are null."""
    row = connection.execute("SELECT body FROM prediction WHERE profile = ?", (profile,)).fetchone()
    return {} if row is None else json.loads(row[0])
