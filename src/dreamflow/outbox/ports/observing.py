"""Who is told of what happens in delivery."""

from typing import Protocol

from typing_extensions import override

from dreamflow.outbox.model import Books, DeliveryState, Lane


class Observer(Protocol):
    """Told of what happens in delivery, for metrics."""

    def tried(self, lane: Lane, outcome: str) -> None:
        """A request had this outcome: the name of its `Answer`."""
        ...

    def ended(self, lane: Lane, state: DeliveryState, count: int) -> None:
        """So many deliveries ended."""
        ...

    def died(self, reason: str) -> None:
        """One of those that ended is a dead letter, for this reason."""
        ...

    def locked_out(self, *, is_locked: bool) -> None:
        """The other side's door is locked, or open again."""
        ...

    def balanced(self, books: Books) -> None:
        """The books were looked at; `books.balanced` says whether all is where it should be."""
        ...


class Unobserved(Observer):
    """Nobody looks."""

    @override
    def tried(self, lane: Lane, outcome: str) -> None:
        pass

    @override
    def ended(self, lane: Lane, state: DeliveryState, count: int) -> None:
        pass

    @override
    def died(self, reason: str) -> None:
        pass

    @override
    def locked_out(self, *, is_locked: bool) -> None:
        pass

    @override
    def balanced(self, books: Books) -> None:
        pass
