"""Which schema a database has, and which it should have, without the machinery that migrates it."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection, inspect, text

from dreamflow.kit.db.database import SchemaTooNew, SchemaTooOld

_TABLE: Final = "alembic_version"
_CURRENT: Final = text("SELECT version_num FROM alembic_version")


@dataclass(frozen=True, slots=True)
class Revisions:
    """Two schemas by their names.

    Attributes:
        current: that of the database; none when there is nothing in it.
        head: that of this version of the program.
    """

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to migrate."""
        return self.current == self.head


def revisions(connection: Connection, scripts: str) -> Revisions:
    """Which schema a database has, and which it should have.

    Args:
        connection: to the database.
        scripts: where the history lives, e.g. "dreamflow:migrations".

    Raises:
        SchemaTooNew: the database has a revision this version does not know.
    """
    known = history(scripts)
    current = _current(connection)
    if current is not None and current not in known:
        raise SchemaTooNew(
            f"The database has schema {current}, which this version does not know. "
            "Start the version that wrote it, or a newer one. The database was not changed."
        )
    return Revisions(current, known[-1])


def require_current(connection: Connection, scripts: str) -> None:
    """See that a database has the schema of this version, and change nothing.

    Raises:
        SchemaTooNew: see `revisions`.
        SchemaTooOld: it was not migrated yet.
    """
    if not revisions(connection, scripts).is_current:
        raise SchemaTooOld("The database has not the schema of this version yet. Run `dreamflow db upgrade` first.")


def history(scripts: str) -> tuple[str, ...]:
    """All revisions, oldest first. A script is named for its revision, `0002_delivery.py`, and there are no branches.

    Args:
        scripts: as Alembic names them, "package:folder".
    """
    package, _, folder = scripts.partition(":")
    names = (each.name for each in (files(package) / folder / "versions").iterdir())
    return tuple(sorted(name.partition("_")[0] for name in names if name.endswith(".py")))


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_TABLE):
        return None
    return connection.execute(_CURRENT).scalar_one_or_none()
