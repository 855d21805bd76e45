"""What sets flows going: events as they are stored. Who joins a group is announced by `members`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.new_events import Stored

TRIGGERED_TASK = "flow-triggered"
"""The task `{"flow": id, "events": [row, ...]}`: profiles may enter a flow because of events."""
CHUNK = 100
"""Profiles that one task lets enter, so that it is over soon."""
_ANYBODY = "SELECT 1 FROM link WHERE type = 'flow' AND relation = 'triggers' LIMIT 1"
_LISTENING = (
    "SELECT link.owner, link.target FROM link JOIN record ON record.type = 'flow' AND record.id = link.owner "
    "WHERE link.type = 'flow' AND link.relation = 'triggers' AND link.target IN (SELECT value FROM json_each(?)) "
    "AND json_extract(record.body, '$.status') IN ('live', 'manual') ORDER BY link.owner"
)


def note_triggers(connection: sqlite3.Connection, mint: Mint, stored: Sequence[Stored]) -> None:
    """Let flows know of the events that trigger them. History triggers none, nor does a flow itself."""
    if connection.execute(_ANYBODY).fetchone() is None:
        return
    rows: dict[str, list[int]] = {}
    for one in stored:
        if one.seq is not None and not one.event.backfill:
            rows.setdefault(one.metric.id, []).append(one.seq)
    for flow_id, metric_id in connection.execute(_LISTENING, (json.dumps(list(rows)),)).fetchall():
        events = rows[metric_id]
        for start in range(0, len(events), CHUNK):
            schedule(connection, mint, TRIGGERED_TASK, {"flow": flow_id, "events": events[start : start + CHUNK]})


def is_acting(status: str) -> bool:
    """Whether profiles enter a flow of this status. What a manual flow would send waits for somebody."""
    return status in {"live", "manual"}
