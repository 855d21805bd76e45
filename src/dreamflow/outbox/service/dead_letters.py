"""What an operator does about deliveries that ended badly."""

from collections.abc import Sequence
from typing import Final

from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import FieldError, Invalid
from dreamflow.outbox.model import DeliveryState, Letter, Requeued, WholeLetter
from dreamflow.outbox.ports import DeadLetters

MOST_LISTED: Final = 10_000
LONGEST_REASON: Final = 200
_AT_ONCE: Final = 500
"""Letters in one transaction: those who write meanwhile wait for no longer than this takes."""


class DeadLetterService:
    """The operator's commands.

    Args:
        letters: where they are.
        clock: for when something ended.
    """

    def __init__(self, letters: DeadLetters, clock: Clock) -> None:
        self._letters = letters
        self._clock = clock

    async def listed(
        self, state: DeliveryState = DeliveryState.DEAD, *, limit: int = 50, dropped: bool = False
    ) -> Sequence[Letter]:
        """The newest in a state, newest first.

        Args:
            state: which; dead ones without those that were dropped.
            limit: at most so many, up to 10,000.
            dropped: the dead ones that were dropped, and only those.
        """
        return await self._letters.letters(state, min(limit, MOST_LISTED), dropped=dropped)

    async def shown(self, id_: str) -> WholeLetter:
        """All about one delivery.

        Raises:
            UnknownDelivery: there is none with this id.
        """
        return await self._letters.letter(id_)

    async def requeue(self, ids: Sequence[str], *, as_new: bool = False) -> Requeued:
        """Send dead letters again, after all that waits; consent is asked again before they go.

        An event is sent as backfill, so that no flow acts on what is long past. Of an old profile update only that goes
        which no newer one has said.

        Args:
            ids: which; all of them or none.
            as_new: let flows act on them.

        Raises:
            UnknownDelivery, NotDead: nothing was changed.
        """
        return await self._letters.requeue(ids, self._clock.now(), as_new=as_new)

    async def requeue_all(self, *, reason_like: str | None = None, as_new: bool = False) -> Requeued:
        """Send all dead letters again, or those whose reason contains a text; oldest first, in small transactions."""
        ids = await self._letters.dead(reason_like)
        sent = [
            await self._letters.requeue(some, self._clock.now(), as_new=as_new, others_too=True)
            for some in (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
        ]
        return Requeued(sum(each.waiting for each in sent), sum(each.superseded for each in sent))

    async def drop(self, ids: Sequence[str], reason: str) -> None:
        """Give dead letters up: they stay dead and counted, and what they said is deleted.

        Args:
            ids: which; all of them or none.
            reason: for whoever asks later, without names; 1 to 200 characters.

        Raises:
            Invalid: no reason, or too much of it.
            UnknownDelivery, NotDead: nothing was changed.
        """
        why = reason.strip()
        if not 1 <= len(why) <= LONGEST_REASON:
            raise Invalid(FieldError("/reason", f"Give a reason of 1 to {LONGEST_REASON} characters."))
        await self._letters.drop(ids, why, self._clock.now())
