"""What a store needs of a database, whichever it is."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from dreamflow.kit.errors import DreamFlowError, Unavailable

T = TypeVar("T")


class DatabaseUnavailable(Unavailable):
    """The database refused: the disk is full, the file is locked or gone. Nothing was stored."""

    code = "database-unavailable"


class CommitUnknown(DatabaseUnavailable):
    """The database went away during the commit. It may have been stored."""

    code = "commit-unknown"


class SchemaTooNew(DreamFlowError):
    """The file was written by a newer version of the program; opening it could harm it."""

    code = "schema-too-new"


class SchemaTooOld(DreamFlowError):
    """The database has to be migrated first, which is the operator's decision."""

    code = "schema-too-old"


class Database(Protocol):
    """Runs functions in transactions.

    Both verbs raise `DatabaseUnavailable` when the database itself fails; whatever `fn` raises passes through
    and leaves no trace of its writes.
    """

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` on one consistent snapshot."""
        ...

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn`; when this returns, its effect is durable.

        Writes of this process run one after the other. Other processes' do too on SQLite; on PostgreSQL a function
        that changes what it has read locks it first, and is a `Holding` that names it. `fn` may run several times, and
        the last run counts. It never catches an error of the database and goes on: PostgreSQL has undone it all then.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was accepted and let go of every connection."""
        ...
