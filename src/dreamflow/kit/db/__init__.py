"""The database as two verbs: `read(fn)` and `write(fn)`.

`fn` is a plain function over a SQLAlchemy Core connection. It may be run again after a failure, so it has no
effect outside the connection. Services never see a connection: stores pass functions.
"""

from dreamflow.kit.db.database import Database, DatabaseUnavailable, SchemaTooNew
from dreamflow.kit.db.idempotency import once
from dreamflow.kit.db.migrate import migrate
from dreamflow.kit.db.sqlite import SqliteDatabase
from dreamflow.kit.db.types import UtcDateTime

__all__ = ["Database", "DatabaseUnavailable", "SchemaTooNew", "SqliteDatabase", "UtcDateTime", "migrate", "once"]
