"""Running tasks whose time has come: before each request, and between requests while the emulator is served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.state.tasks import Task, earliest_due, finish, next_due

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.routes.context import Context

_BATCH = 100
_LOG = logging.getLogger("klaviyo_emulator")

TaskHandler = Callable[["Context", "sqlite3.Connection", Task], None]
"""Does a task, on the writer thread, within a savepoint of its own."""


@dataclass(frozen=True, slots=True)
class Pump:
    """Runs due tasks, each kind by its handler. A task that fails is logged, and leaves nothing behind."""

    context: Context
    handlers: Mapping[str, TaskHandler]

    @property
    def is_due(self) -> bool:
        """Whether there may be something to run. Costs no look at the state."""
        return self.seconds_to_next() == 0

    def seconds_to_next(self) -> float | None:
        """How long nothing is due, by the emulator's clock; None when nothing is planned."""
        earliest = self.context.mint.agenda.earliest_us
        return None if earliest is None else max(0, earliest - self.context.mint.now_us()) / 1_000_000

    async def run(self) -> None:
        """Run everything that is due, and what becomes due by it."""
        agenda = self.context.mint.agenda
        while self.is_due:
            # Told only now that it is stored: until then whoever comes waits, and sees what was due done.
            agenda.settle(*await self.context.write(self._run_batch))

    def _run_batch(self, connection: sqlite3.Connection) -> tuple[int | None, int]:
        """When the next one is due, and how often something had been planned by then."""
        now_us = self.context.mint.now_us()
        for _ in range(_BATCH):
            # One at a time, because it may plan another one that is due before the next.
            task = next_due(connection, now_us)
            if task is None:
                break
            connection.execute("SAVEPOINT task")
            try:
                self.handlers[task.kind](self.context, connection, task)
            except Exception:  # noqa: BLE001 - one task's fault must not stop the others
                _LOG.exception("task %s %.200s failed", task.kind, task.payload)
                connection.execute("ROLLBACK TO task")
            connection.execute("RELEASE task")
            finish(connection, task)
        return earliest_due(connection), self.context.mint.agenda.noticed
