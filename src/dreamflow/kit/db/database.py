"""What a store needs of a database, whichever it is."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from dreamflow.kit.errors import DreamFlowError, Unavailable

T = TypeVar("T")


class DatabaseUnavailable(Unavailable):
    """The database refused: the disk is full, the file is locked or gone. Nothing was stored."""

    code = "database-unavailable"


class SchemaTooNew(DreamFlowError):
    """The file was written by a newer version of the program; opening it could harm it."""

    code = "schema-too-new"


class Database(Protocol):
    """Runs functions in transactions.

    Both verbs raise `DatabaseUnavailable` when the database itself fails; whatever `fn` raises passes through
    and leaves no trace of its writes.
    """

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` on one consistent snapshot."""
        ...

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` serially with all other writes; when this returns, its effect is durable."""
        ...

    async def aclose(self) -> None:
        """Finish what was accepted and let go of every connection."""
        ...
