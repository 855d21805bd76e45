"""PostgreSQL, through psycopg in threads.

Writes run at READ COMMITTED, many to a commit. Other processes write at the same time: a function that reads a row and
then changes it locks the row first (`with_for_update`), and says beforehand what it is about (`Holding`). Where two
processes clash all the same, the server lets one of them go on; the other's function runs again.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, cast

from sqlalchemy import BigInteger, Connection, Engine, QueuePool, bindparam, create_engine, exc, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import make_url
from typing_extensions import override

from dreamflow.kit.db.grouped import READERS, GroupedDatabase
from dreamflow.kit.db.writer import Manners

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS: Final = 5
_SILENCE_MS: Final = 20_000  # of a server that owes an answer to the network's own questions; then it is gone
_KEEPALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}
_IDLE_IN_TRANSACTION: Final = "10s"  # a process that was stopped in the middle must not keep its locks
_APPLICATION: Final = "dreamflow"

_IN_ERROR: Final = 3  # libpq's PQTRANS_INERROR; psycopg is not there to be imported by those who use SQLite
_CLASHES: Final = frozenset({"40P01", "40001", "55P03"})  # deadlock, serialization, lock timeout

# One function call for each row of the list, from first to last.
_HOLD: Final = text("SELECT pg_advisory_xact_lock(wanted) FROM unnest(:keys) AS wanted").bindparams(
    bindparam("keys", type_=ARRAY(BigInteger))
)


class PostgresDatabase(GroupedDatabase):
    """One PostgreSQL database; any number of processes may use it.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/NAME`.
        durable: whether a write waits for the disk (`synchronous_commit`).
        lock_seconds: how long the writes of this process wait for another one's. The server needs a second to see a
            deadlock.

    Raises:
        ValueError: the URL is none of PostgreSQL's.
    """

    def __init__(self, url: str, *, durable: bool = True, lock_seconds: float = 5.0) -> None:
        writing = {
            "lock_timeout": _milliseconds(lock_seconds),
            "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION,
        }
        if not durable:
            writing["synchronous_commit"] = "off"
        super().__init__(
            _engine(url, connections=1, isolation="READ COMMITTED", settings=writing),
            _engine(
                url,
                connections=READERS,
                isolation="REPEATABLE READ",
                settings={"default_transaction_read_only": "on"},
            ),
            _Manners(lock_seconds),
        )


class _Manners(Manners):
    knows_when_refused = False

    def __init__(self, lock_seconds: float) -> None:
        self._lock_seconds = lock_seconds

    @override
    def hold(self, connection: Connection, keys: Sequence[int]) -> None:
        connection.execute(_HOLD, {"keys": list(keys)})

    @override
    def shorten_waits(self, connection: Connection, share: float) -> None:
        connection.execute(text(f"SET LOCAL lock_timeout = {_milliseconds(self._lock_seconds * share)}"))

    @override
    def is_undone(self, connection: Connection) -> bool:
        if connection.invalidated:
            return True
        driver = cast("psycopg.Connection", connection.connection.driver_connection)
        return driver.pgconn.transaction_status == _IN_ERROR

    @override
    def is_clash(self, error: Exception) -> bool:
        return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", None) in _CLASHES


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _engine(
    url: str, *, connections: int, isolation: Literal["READ COMMITTED", "REPEATABLE READ"], settings: dict[str, str]
) -> Engine:
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "postgresql":
        raise ValueError("not a URL of PostgreSQL: postgresql://USER:PASSWORD@HOST:PORT/NAME")
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        isolation_level=isolation,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "tcp_user_timeout": _SILENCE_MS,
            **_KEEPALIVE,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "application_name": _APPLICATION,
        },
    )
