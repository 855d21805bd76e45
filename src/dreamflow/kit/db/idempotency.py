"""Where idempotency keys are kept; see `kit.idempotency` for what they promise."""

from collections.abc import Callable

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, select

from dreamflow.kit.db.types import UtcDateTime
from dreamflow.kit.idempotency import KEPT_FOR, KeyReused, RequestKey

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
    connection.execute(delete(keys).where(keys.c.at < request.at - KEPT_FOR))
    row = connection.execute(
        select(keys.c.fingerprint, keys.c.result).where(keys.c.scope == request.scope, keys.c.key == request.key)
    ).one_or_none()
    if row is not None:
        if row.fingerprint != request.fingerprint:
            raise KeyReused("This Idempotency-Key was used before with another request. Use a new key.")
        return row.result, True
    result = effect()
    connection.execute(
        insert(keys).values(
            scope=request.scope, key=request.key, fingerprint=request.fingerprint, result=result, at=request.at
        )
    )
    return result, False
