"""Events that were accepted and become visible later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.routes.context import accepted
from klaviyo_emulator.routes.events import ARRIVAL, read_arrival
from klaviyo_emulator.state.acceptance import record_acceptance
from klaviyo_emulator.state.events import store_events
from klaviyo_emulator.state.profiles import ProfileError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.tasks import Task

_LOG = logging.getLogger("klaviyo_emulator")


def store_arrival(context: Context, connection: sqlite3.Connection, task: Task) -> None:
    """Store the events of one request. What has come to forbid it since is not told to anybody, as at Klaviyo."""
    mint = context.mint.at(task.due_us)
    connection.execute("SAVEPOINT arrival")
    try:
        stored = store_events(connection, mint, read_arrival(task.payload))
    except (ProfileError, Refusal) as error:
        connection.execute("ROLLBACK TO arrival")
        _LOG.debug("events that were accepted are dropped: %s", error)
    else:
        if task.payload.get("noted"):
            record_acceptance(connection, mint, task.payload["operation"], accepted(stored, ()))
    connection.execute("RELEASE arrival")


HANDLERS: Mapping[str, TaskHandler] = {ARRIVAL: store_arrival}
