"""The outbox in SQL, the same on SQLite and PostgreSQL."""

from dreamflow.outbox.adapters.sql.appending import append
from dreamflow.outbox.adapters.sql.dead_letters import SqlDeadLetters
from dreamflow.outbox.adapters.sql.deliveries import SqlDeliveries
from dreamflow.outbox.adapters.sql.journal_cursors import SqlJournal, Subscriber
from dreamflow.outbox.adapters.sql.leasing import SqlLeases
from dreamflow.outbox.adapters.sql.retention import SqlSettled
from dreamflow.outbox.adapters.sql.schedule import SqlSchedule, schedule
from dreamflow.outbox.adapters.sql.standing import Standing, standing_of
from dreamflow.outbox.adapters.sql.tables import deliveries, journal, metadata

__all__ = [
    "SqlDeadLetters",
    "SqlDeliveries",
    "SqlJournal",
    "SqlLeases",
    "SqlSchedule",
    "SqlSettled",
    "Standing",
    "Subscriber",
    "append",
    "deliveries",
    "journal",
    "metadata",
    "schedule",
    "standing_of",
]
