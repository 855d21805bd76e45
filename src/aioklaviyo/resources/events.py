"""Events. Scopes ``events:read`` and ``events:write``.

Per account: create and list 350 calls per second, 3,500 per minute; get and bulk create 10 per second, 150 per minute.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from aioklaviyo.calls import Call, Caller, Need, encoded, read
from aioklaviyo.filters import Filter
from aioklaviyo.models.event import Event, NewEvent, event_from
from aioklaviyo.pagination import Listing
from aioklaviyo.resources.event_batch import BATCH_PATH, encoded_batch
from aioklaviyo.resources.listing import listing

_PATH = "/api/events"

EventInclude: TypeAlias = Literal["attributions", "metric", "profile"]
EventSort: TypeAlias = Literal["datetime", "-datetime", "timestamp", "-timestamp"]


class Events:
    """``klaviyo.events``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def create(self, event: NewEvent, *, deadline_seconds: float | None = None) -> None:
        """Submit one event. Klaviyo answers when it is validated; it is readable some minutes later.

        With a ``unique_id`` the call is repeated after failures, because Klaviyo drops the repeat. Without one it is
        not, once it may have been accepted.

        Args:
            event: What happened.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No answer came and the event has no ``unique_id``.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes = event.wire_attributes()
        attributes["profile"] = {"data": event.profile.wire()}
        call = Call(
            "POST",
            _PATH,
            body=encoded("POST", _PATH, {"data": {"type": "event", "attributes": attributes}}),
            is_repeatable=event.unique_id is not None,
            need=Need.NOTHING,
        )
        await self._caller.send(call, deadline_seconds)

    async def bulk_create(self, events: Sequence[NewEvent], *, deadline_seconds: float | None = None) -> None:
        """Submit up to 1,000 events in one request, grouped by profile. An empty batch sends nothing.

        Klaviyo processes all of a batch or, where it holds a ``unique_id`` twice for the same profile and metric,
        nothing. Such a batch is refused here. After an attempt without an answer the call is not repeated: a batch
        that was processed may be refused for ever when sent again. Repeat its events one by one with ``create``.

        Args:
            events: What happened.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Two events of the batch are the same to Klaviyo.
            PayloadTooLarge: More than 1,000 events or 5 MB.
            OutcomeUnknown: No answer came.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if not events:
            return
        call = Call("POST", BATCH_PATH, body=encoded_batch(events), need=Need.NOTHING)
        await self._caller.send(call, deadline_seconds)

    async def get(
        self,
        event_id: str,
        *,
        include: Sequence[EventInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Event:
        """One event by Klaviyo's id.

        Args:
            event_id: Klaviyo's id, not the ``unique_id``. A malformed one is refused with 400, not 404.
            include: What to resolve to objects on the event.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = read(_PATH, _shape(include, fields), identifier=event_id)
        return (await self._caller.send(call, deadline_seconds)).one(event_from)

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: EventSort | None = None,
        include: Sequence[EventInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Event]:
        """Events, page after page.

        Args:
            filter: On metric_id, profile_id, datetime, timestamp; ``has("profile")``, ``has("metric")``.
            sort: By time, descending with a leading minus.
            include: What to resolve to objects on each event.
            page_size: 1 to 1,000; Klaviyo's default is 200.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return listing(
            self._caller,
            _PATH,
            event_from,
            parameters=_shape(include, fields),
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )


def _shape(include: Sequence[str], fields: Sequence[str]) -> dict[str, Sequence[str]]:
    return {"fields[event]": fields, "include": include}
