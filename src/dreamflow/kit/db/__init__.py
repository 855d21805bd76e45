"""The database as two verbs: `read(fn)` and `write(fn)`.

`fn` is a plain function over a SQLAlchemy Core connection. It may be run again after a failure, so it has no
effect outside the connection. Services never see a connection: stores pass functions.
"""

from dreamflow.kit.db.database import CommitUnknown, Database, DatabaseUnavailable, SchemaTooNew, SchemaTooOld
from dreamflow.kit.db.gathering import gather
from dreamflow.kit.db.holding import Holding
from dreamflow.kit.db.idempotency import once
from dreamflow.kit.db.migrate import migrate
from dreamflow.kit.db.postgres import PostgresDatabase
from dreamflow.kit.db.readiness import require_ready
from dreamflow.kit.db.refusals import refusal_reason
from dreamflow.kit.db.revisions import Revisions, require_current, revisions
from dreamflow.kit.db.sqlite import SqliteDatabase
from dreamflow.kit.db.types import UtcDateTime

__all__ = [
    "CommitUnknown",
    "Database",
    "DatabaseUnavailable",
    "Holding",
    "PostgresDatabase",
    "Revisions",
    "SchemaTooNew",
    "SchemaTooOld",
    "SqliteDatabase",
    "UtcDateTime",
    "gather",
    "migrate",
    "once",
    "refusal_reason",
    "require_current",
    "require_ready",
    "revisions",
]
