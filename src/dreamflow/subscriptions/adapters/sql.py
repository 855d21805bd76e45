"""Plans in SQL."""

from collections.abc import Callable, Sequence

from sqlalchemy import Column, Connection, MetaData, String, Table, insert
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from dreamflow.kit.db import Database, Holding, UtcDateTime
from dreamflow.outbox import Envelope
from dreamflow.subscriptions.errors import SubscriptionExists
from dreamflow.subscriptions.model import Subscription
from dreamflow.subscriptions.ports import SubscriptionStore

metadata = MetaData()
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("parent", String, primary_key=True),
    Column("tier", String, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)


class SqlSubscriptionStore(SubscriptionStore):
    """Plans of one database.

    Args:
        database: where they are.
        append: the journal's door.
    """

    def __init__(self, database: Database, append: Callable[[Connection, Sequence[Envelope]], None]) -> None:
        self._database = database
        self._append = append

    @override
    async def start(self, subscription: Subscription, fact: Envelope) -> None:
        def write(connection: Connection) -> None:
            try:
                connection.execute(
                    insert(subscriptions).values(
                        parent=subscription.parent, tier=subscription.tier, since=subscription.since
                    )
                )
            except IntegrityError:
                raise SubscriptionExists("This family has a plan already.") from None
            self._append(connection, [fact])

        await self._database.write(Holding((subscription.parent,), write))
