"""What an operator sees and does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dreamflow.outbox.model import DeliveryState, Letter, Requeued, WholeLetter


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event as the other side shows it; `at` in UTC."""

    metric: str
    parent: str
    at: datetime | None
    properties: Mapping[str, Any]


class Received(Protocol):
    """Reading back what arrived."""

    async def recent(self, limit: int) -> Sequence[ReceivedEvent]:
        """The newest events, newest first.

        Raises:
            MirrorUnavailable: the other side does not answer.
        """
        ...


class DeadLetters(Protocol):
    """What an operator sees and does about deliveries that ended badly."""

    async def letters(self, state: DeliveryState, limit: int, *, dropped: bool = False) -> Sequence[Letter]:
        """The newest in a state, newest first; of the dead ones only those that were dropped, or only the others."""
        ...

    async def letter(self, id_: str) -> WholeLetter:
        """All about one.

        Raises:
            UnknownDelivery: there is none with this id, or none any more.
        """
        ...

    async def dead(self, reason_like: str | None) -> Sequence[str]:
        """Ids of all that are dead and not dropped, oldest first; only those whose reason contains a text, if given."""
        ...

    async def requeue(self, ids: Sequence[str], now: datetime, *, as_new: bool, others_too: bool = False) -> Requeued:
        """Send again what is dead, after all that waits.

        Args:
            ids: which; all of them or none.
            now: for those that end as superseded.
            as_new: may trigger flows. Otherwise an event is only recorded.
            others_too: pass over ids that are not dead, or not any more.

        Raises:
            UnknownDelivery, NotDead: nothing was changed.
        """
        ...

    async def drop(self, ids: Sequence[str], reason: str, now: datetime) -> None:
        """Give up what is dead: it stays dead and counted, without its body. All of them or none.

        Raises:
            UnknownDelivery, NotDead: nothing was changed.
        """
        ...
