"""Segments that set flows going: their members are brought up to date time and again while such a flow is live.

Nothing else notices that the time alone made a profile a member. Whoever reads a segment brings it up to date too;
both announce who entered, and who is announced once is a member from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.state import links
from klaviyo_emulator.state.flow_triggers import is_acting
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.state.segments import SEGMENT, is_processing, refresh_segment
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Record

WATCH_TASK = "flow-segment"
"""The task `{"segment": id, "silently": bool}`: look who entered a segment; silently, it is no news who did."""
EVERY_MS = 600_000
"""Ten emulated minutes from one look to the next."""
_WATCHED = "SELECT 1 FROM task WHERE kind = ? AND json_extract(payload, '$.segment') = ?"
_LISTENING = (
    "SELECT json_extract(record.body, '$.status') FROM link JOIN record ON record.type = 'flow' "
    "AND record.id = link.owner WHERE link.type = 'flow' AND link.relation = 'triggers' AND link.target = ?"
)


def watch_segments(connection: sqlite3.Connection, mint: Mint, flow: Record) -> None:
    """Begin to look at the segment that triggers a flow, if it is live now. Who is in it by then is no news."""
    if not is_acting(flow.body["status"]):
        return
    for target in links.ids(connection, links.targets(Relationship("flow", flow.id, "triggers"))):
        segment = find_record(connection, SEGMENT, target)
        if segment is None or connection.execute(_WATCHED, (WATCH_TASK, target)).fetchone() is not None:
            continue
        if is_processing(segment, mint.now_us()):
            payload = {SEGMENT: target, "silently": True}
            schedule(connection, mint, WATCH_TASK, payload, since_us=int(segment.body["ready_us"]))
        else:
            look(connection, mint, segment, silently=True)
            schedule(connection, mint, WATCH_TASK, {SEGMENT: target, "silently": False}, after_ms=EVERY_MS)


def watched_segment(connection: sqlite3.Connection, segment_id: str) -> Record | None:
    """The segment, if there is a flow that profiles enter because of it."""
    waiting = any(is_acting(row[0]) for row in connection.execute(_LISTENING, (segment_id,)))
    return find_record(connection, SEGMENT, segment_id) if waiting else None


def look(connection: sqlite3.Connection, mint: Mint, segment: Record, *, silently: bool) -> None:
    """Bring a segment up to date; unless `silently`, flows hear of those who entered it."""
    refresh_segment(connection, mint, segment, silently=silently)
