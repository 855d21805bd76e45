"""What family use cases need."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from dreamflow.families.model import Child, Family, LedgerEntry
from dreamflow.identity import Account, ParentId
from dreamflow.kit.idempotency import RequestKey
from dreamflow.outbox import Envelope


class FamilyStore(Protocol):
    """Families, their children and their ledger. Each change commits together with its facts."""

    async def find(self, account: Account) -> Family | None:
        """The account's family, if it has one."""
        ...

    async def create(self, family: Family, entry: LedgerEntry, fact: Envelope) -> None:
        """Store a new family with its first consent.

        Raises:
            FamilyExists: the account has one.
        """
        ...

    async def change(
        self, parent: ParentId, step: Callable[[Family, LedgerEntry], tuple[Family, Envelope] | None]
    ) -> Family:
        """Apply a pure step to the family as it is now, given the entry for `service`; may be run again.

        A step that gives nothing leaves it so.
        """
        ...

    async def add_child(self, child: Child, fact: Envelope, key: RequestKey | None) -> Child:
        """Store a child; a repeated key gives the child it gave before.

        Raises:
            FamilyFull: there is room for no more.
            KeyReused: the key came before with other content.
        """
        ...

    async def children(self, parent: ParentId) -> tuple[Child, ...]:
        """All children, oldest entry first."""
        ...

    async def ledger(self, parents: Sequence[ParentId]) -> Mapping[ParentId, tuple[LedgerEntry, ...]]:
        """Every entry of these families, oldest first."""
        ...

    async def decide(
        self, parent: ParentId, step: Callable[[Sequence[LedgerEntry]], tuple[LedgerEntry, Envelope] | None]
    ) -> tuple[LedgerEntry, ...]:
        """Append to the ledger what a pure step decides from it as it is now; returns the ledger afterwards."""
        ...
