"""SQLite in one file.

Why one writer: under SQLite's default begin, concurrent read-modify-writes lose updates silently, and one fsync per
transaction caps the rate. All writes run under `BEGIN IMMEDIATE` with `synchronous=FULL`, many to a commit.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from typing_extensions import override

from dreamflow.kit.db.grouped import READERS, GroupedDatabase
from dreamflow.kit.db.writer import Manners
from dreamflow.kit.private_file import drafted

_CHECKPOINT_PAGES: Final = 8_000  # 32 MB of write-ahead log: at every third commit a page would be written twice
_CACHE_KIB: Final = 32_000  # what a commit has changed stays in memory until its end
_READ_CACHE_KIB: Final = 2_000
_BUSY_TIMEOUT_SECONDS: Final = 10.0  # for another process on the same file


class SqliteDatabase(GroupedDatabase):
    """One SQLite file in WAL mode.

    Several processes may open the same file; each has its own writer thread and they take turns.

    Args:
        path: the file; made when it is missing, readable by its owner only.
        durable: whether a write waits for the disk; only a file that is thrown away after a crash can do without.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        _create(path)
        super().__init__(
            _engine(path, begin="BEGIN IMMEDIATE", connections=1, durable=durable),
            _engine(path, begin="BEGIN", connections=READERS, durable=durable),
            _Manners(),
        )


class _Manners(Manners):
    """There is one writer at a time: nothing has to be held, and nothing clashes."""

    knows_when_refused = True

    @override
    def hold(self, connection: Connection, keys: Sequence[int]) -> None:
        pass

    @override
    def shorten_waits(self, connection: Connection, share: float) -> None:
        pass

    @override
    def is_undone(self, connection: Connection) -> bool:
        # Some errors roll back by themselves: a full disk, a failing one.
        return not cast("sqlite3.Connection", connection.connection.driver_connection).in_transaction

    @override
    def is_clash(self, error: Exception) -> bool:
        return False


def _create(path: Path) -> None:
    """Make an empty database in WAL mode that only its owner may read: children's names will be in it.

    It is made aside and linked into place: processes that start at once would refuse each other the switch to WAL.
    An existing file is not opened here, because closing it would drop the locks that SQLite holds on it.
    """
    if path.exists():
        return
    with drafted(path) as draft, closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _engine(path: Path, *, begin: str, connections: int, durable: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB if connections == 1 else _READ_CACHE_KIB}")
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # a failed statement must not put a child's name into a log
    )

    def emit_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", emit_begin)
    return engine
