"""Families, children and the consent ledger in SQL."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from dreamflow.families.errors import FamilyExists, FamilyFull
from dreamflow.families.model import Child, Family, LedgerEntry, Purpose
from dreamflow.families.ports import FamilyStore
from dreamflow.families.rules import MOST_CHILDREN, in_force
from dreamflow.identity import Account, ParentId
from dreamflow.kit.db import Database, Holding, UtcDateTime, once
from dreamflow.kit.idempotency import RequestKey
from dreamflow.outbox import Envelope

Append = Callable[[Connection, Sequence[Envelope]], None]
"""Writes facts into the journal inside the caller's transaction; `bootstrap` hands it in."""

metadata = MetaData()
families = Table(
    "families",
    metadata,
    Column("parent", String, primary_key=True),
    Column("issuer", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("email", String, nullable=True),
    Column("time_zone", String, nullable=False),
    Column("locale", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("simulated", Boolean, nullable=False),
    UniqueConstraint("issuer", "subject", name="one_family_per_account"),
)
children = Table(
    "children",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("parent", String, ForeignKey("families.parent"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("age", Integer, nullable=False),
    Column("noted_on", Date, nullable=False),
)
ledger = Table(
    "consent_ledger",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("parent", String, ForeignKey("families.parent"), nullable=False, index=True),
    Column("purpose", String, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("text_version", String, nullable=False),
    Column("text_sha256", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("channel", String, nullable=False),
)


class SqlFamilyStore(FamilyStore):
    """Families of one database.

    Args:
        database: where they are.
        append: the journal's door.
    """

    def __init__(self, database: Database, append: Append) -> None:
        self._database = database
        self._append = append

    @override
    async def find(self, account: Account) -> Family | None:
        query = select(families).where(families.c.issuer == account.issuer, families.c.subject == account.subject)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _family(row)

    @override
    async def create(self, family: Family, entry: LedgerEntry, fact: Envelope) -> None:
        def write(connection: Connection) -> None:
            try:
                connection.execute(
                    insert(families).values(
                        parent=family.parent,
                        issuer=family.account.issuer,
                        subject=family.account.subject,
                        email=family.email,
                        time_zone=family.time_zone,
                        locale=family.locale,
                        created_at=family.created_at,
                        simulated=family.simulated,
                    )
                )
            except IntegrityError:
                raise FamilyExists("This account has a family already. Change it instead.") from None
            _insert_entry(connection, family.parent, entry)
            self._append(connection, [fact])

        await self._database.write(Holding((family.account.issuer + " " + family.account.subject,), write))

    @override
    async def change(
        self, parent: ParentId, step: Callable[[Family, LedgerEntry], tuple[Family, Envelope] | None]
    ) -> Family:
        def write(connection: Connection) -> Family:
            now = _family(_hold(connection, parent))
            change = step(now, in_force(_entries(connection, [parent])[parent])[Purpose.SERVICE])
            if change is None:
                return now
            after, fact = change
            connection.execute(
                update(families)
                .where(families.c.parent == parent)
                .values(time_zone=after.time_zone, locale=after.locale, email=after.email)
            )
            self._append(connection, [fact])
            return after

        return await self._database.write(Holding((parent,), write))

    @override
    async def add_child(self, child: Child, fact: Envelope, key: RequestKey | None) -> Child:
        parent = ParentId(fact.parent)

        def add(connection: Connection) -> str:
            _hold(connection, parent)
            mine = select(func.count()).select_from(children).where(children.c.parent == parent)
            if connection.execute(mine).scalar_one() >= MOST_CHILDREN:
                raise FamilyFull(f"A family has at most {MOST_CHILDREN} children here.")
            connection.execute(
                insert(children).values(
                    id=child.id, parent=parent, name=child.name, age=child.age, noted_on=child.noted_on
                )
            )
            self._append(connection, [fact])
            return child.id

        def write(connection: Connection) -> Child:
            stored, _ = once(connection, key, lambda: add(connection))
            return _child(connection.execute(select(children).where(children.c.id == stored)).one())

        return await self._database.write(Holding((parent,), write))

    @override
    async def children(self, parent: ParentId) -> tuple[Child, ...]:
        query = select(children).where(children.c.parent == parent).order_by(children.c.number)
        return await self._database.read(lambda connection: tuple(map(_child, connection.execute(query))))

    @override
    async def ledger(self, parents: Sequence[ParentId]) -> Mapping[ParentId, tuple[LedgerEntry, ...]]:
        return await self._database.read(lambda connection: _entries(connection, parents))

    @override
    async def decide(
        self, parent: ParentId, step: Callable[[Sequence[LedgerEntry]], tuple[LedgerEntry, Envelope] | None]
    ) -> tuple[LedgerEntry, ...]:
        def write(connection: Connection) -> tuple[LedgerEntry, ...]:
            _hold(connection, parent)
            before = _entries(connection, [parent])[parent]
            decision = step(before)
            if decision is None:
                return before
            entry, fact = decision
            _insert_entry(connection, parent, entry)
            self._append(connection, [fact])
            return (*before, entry)

        return await self._database.write(Holding((parent,), write))


def _hold(connection: Connection, parent: ParentId) -> Row[Any]:
    """The family as it is, and stays until the commit: whoever else wants to change something of it waits."""
    # Not its key: rows that refer to it may be added meanwhile.
    query = select(families).where(families.c.parent == parent).with_for_update(key_share=True)
    return connection.execute(query).one()


def _insert_entry(connection: Connection, parent: ParentId, entry: LedgerEntry) -> None:
    connection.execute(
        insert(ledger).values(
            id=entry.id,
            parent=parent,
            purpose=entry.purpose,
            granted=entry.granted,
            text_version=entry.text_version,
            text_sha256=entry.text_sha256,
            at=entry.at,
            channel=entry.channel,
        )
    )


def _entries(connection: Connection, parents: Sequence[ParentId]) -> dict[ParentId, tuple[LedgerEntry, ...]]:
    found: dict[ParentId, tuple[LedgerEntry, ...]] = dict.fromkeys(parents, ())
    query = select(ledger).where(ledger.c.parent.in_(parents)).order_by(ledger.c.number)
    for row in connection.execute(query):
        entry = LedgerEntry(
            row.id, Purpose(row.purpose), row.granted, row.text_version, row.text_sha256, row.at, row.channel
        )
        found[row.parent] = (*found[row.parent], entry)
    return found


def _family(row: Row[Any]) -> Family:
    return Family(
        parent=ParentId(row.parent),
        account=Account(row.issuer, row.subject),
        email=row.email,
        time_zone=row.time_zone,
        locale=row.locale,
        created_at=row.created_at,
        simulated=row.simulated,
    )


def _child(row: Row[Any]) -> Child:
    return Child(row.id, row.name, row.age, row.noted_on)
