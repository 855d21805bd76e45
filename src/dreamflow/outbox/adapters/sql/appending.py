"""Facts into the journal, and what must leave because of them into the deliveries, with the change that caused them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from dreamflow.kit.db import gather
from dreamflow.outbox.adapters.sql.dialect import announce_appending
from dreamflow.outbox.adapters.sql.many import encode, insert_many
from dreamflow.outbox.adapters.sql.tables import deliveries, journal
from dreamflow.outbox.model import DeliveryKind, DeliveryState, Envelope, OutboundProfile, Outgoing
from dreamflow.outbox.rules.partitions import partition_of
from dreamflow.outbox.rules.timing import leaving_time

_RAISED: Final = {
    name: text(
        f"INSERT INTO streams (parent, last) SELECT key, {value} FROM {each} AS given WHERE true "  # noqa: S608 - our own
        "ON CONFLICT (parent) DO UPDATE SET last = streams.last + excluded.last RETURNING parent, last"
    )
    for name, value, each in (
        ("sqlite", "value", "json_each(:counts)"),
        ("postgresql", "value::int", "json_each_text(CAST(:counts AS json))"),
    )
}
"""Counts on, for each parent, in the order of the document."""


def append(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    """Write facts and what must leave because of them; call inside the transaction that caused them.

    They are written just before the commit, together with those of all callers that share it: what the same
    transaction reads does not show them.
    """
    if envelopes:
        gather(connection, _write, envelopes)


def _write(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    announce_appending(connection)
    numbers = _numbers(connection, envelopes)
    insert_many(connection, journal, [_entry(envelope) for envelope in envelopes])
    rows: list[dict[str, Any]] = []
    for envelope in envelopes:
        for place, outgoing in enumerate(envelope.outgoing):
            # What leaves is counted per parent: gaps in a common count would tell of facts that stay at home.
            numbers[envelope.parent] += 1
            rows.append(row_of(envelope, outgoing, place=place, number=numbers[envelope.parent]))
    insert_many(connection, deliveries, rows)


def _numbers(connection: Connection, envelopes: Sequence[Envelope]) -> dict[str, int]:
    """The last number of each parent so far. It holds the parents until the commit, always in the same order."""
    counts = Counter[str]()
    for envelope in envelopes:
        if envelope.outgoing:
            counts[envelope.parent] += len(envelope.outgoing)
    if not counts:
        return {}
    given = {"counts": encode(dict(sorted(counts.items())))}
    raised = connection.execute(_RAISED[connection.dialect.name], given).all()
    return {parent: last - counts[parent] for parent, last in raised}


def _entry(envelope: Envelope) -> dict[str, Any]:
    return {
        "id": envelope.id,
        "parent": envelope.parent,
        "type": envelope.type,
        "occurred_at": envelope.occurred_at,
        "facts": dict(envelope.facts),
        "simulated": envelope.simulated,
    }


def row_of(envelope: Envelope, outgoing: Outgoing, *, place: int, number: int) -> dict[str, Any]:
    """A delivery as it is stored.

    Args:
        envelope: the fact.
        outgoing: one of its outgoing forms.
        place: which of them.
        number: counts what leaves about one parent, from 1.
    """
    content = outgoing.content
    is_profile = isinstance(content, OutboundProfile)
    body = content.body()
    if not is_profile:
        body |= {"schema": content.schema_version, "seq": number}
    return {
        "id": envelope.id if place == 0 else f"{envelope.id}-{place}",
        "fact": envelope.id,
        "parent": envelope.parent,
        "number": number,
        "partition": partition_of(envelope.parent),
        "kind": (DeliveryKind.PROFILE if is_profile else DeliveryKind.EVENT).value,
        "name": "profile" if is_profile else content.metric,
        "body": encode(body),
        "identity": sorted(content.identity) if is_profile else [],
        "purpose": content.purpose,
        "ledger_entry": outgoing.ledger_entry,
        "occurred_at": leaving_time(envelope.occurred_at),
        "backfill": envelope.simulated,
        "state": DeliveryState.PENDING.value,  # SQLite's driver looks long at a member of an enum
    }
