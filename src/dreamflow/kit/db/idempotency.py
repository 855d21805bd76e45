"""Where idempotency keys are kept; see `kit.idempotency` for what they promise."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from dreamflow.kit.db.types import UtcDateTime
from dreamflow.kit.idempotency import KEPT_FOR, KeyReused, RequestKey

_FORGOTTEN_AT_ONCE: Final = 20

metadata = MetaData()
keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("result", String, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)


def once(connection: Connection, request: RequestKey | None, effect: Callable[[], str]) -> tuple[str, bool]:
    """Run an effect at most once per key; call inside the effect's write transaction.

    Args:
        connection: of the write transaction.
        request: the caller's key, or none: then the effect simply runs.
        effect: makes the change and returns the id of its result.

    Returns:
        The id of the result, and whether it is a repetition.

    Raises:
        KeyReused: the key came before with other content; the effect does not run.
    """
    if request is None:
        return effect(), False
    _forget_some(connection, request.at - KEPT_FOR)
    if not _claim(connection, request):
        mine = (keys.c.scope == request.scope, keys.c.key == request.key)
        row = connection.execute(select(keys.c.fingerprint, keys.c.result).where(*mine)).one()
        if row.fingerprint != request.fingerprint:
            raise KeyReused("This Idempotency-Key was used before with another request. Use a new key.")
        return row.result, True
    result = effect()
    connection.execute(
        update(keys).where(keys.c.scope == request.scope, keys.c.key == request.key).values(result=result)
    )
    return result, False


def _claim(connection: Connection, request: RequestKey) -> bool:
    """Whether the key is new, or old enough to be forgotten. Who comes second waits here for the first one's commit."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(keys).values(
        scope=request.scope, key=request.key, fingerprint=request.fingerprint, result="", at=request.at
    )
    claimed = added.on_conflict_do_update(
        index_elements=[keys.c.scope, keys.c.key],
        set_={"fingerprint": added.excluded.fingerprint, "result": "", "at": added.excluded.at},
        where=keys.c.at < request.at - KEPT_FOR,
    ).returning(keys.c.key)
    return connection.execute(claimed).first() is not None


def _forget_some(connection: Connection, before: datetime) -> None:
    """A few of the old ones, so that there are never many. Those that another process is forgetting are left to it."""
    old = select(keys.c.scope, keys.c.key).where(keys.c.at < before).limit(_FORGOTTEN_AT_ONCE)
    found = connection.execute(old.with_for_update(skip_locked=True)).all()
    if found:
        connection.execute(delete(keys).where(tuple_(keys.c.scope, keys.c.key).in_(list(map(tuple, found)))))
