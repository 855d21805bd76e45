"""Events. Scopes ``events:read`` and ``events:write``."""

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Literal, TypeAlias

from aioklaviyo.bulk import BulkResult, Progress
from aioklaviyo.filters import Filter
from aioklaviyo.models.event import Event, event_from
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.models.new_event import NewEvent
from aioklaviyo.models.profile import Profile, ProfileExtra, profile_from
from aioklaviyo.operations import Operation, Query
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XL, M
from aioklaviyo.resources.area import Area
from aioklaviyo.resources.event_batch import batch_call, create_call
from aioklaviyo.resources.event_sending import EventSender

LIST = Operation("get_events", "GET", "/api/events", XL)
GET = Operation("get_event", "GET", "/api/events/{id}", M)
METRIC = Operation("get_metric_for_event", "GET", "/api/events/{id}/metric", XL)
METRIC_ID = Operation("get_metric_id_for_event", "GET", "/api/events/{id}/relationships/metric", XL)
PROFILE = Operation("get_profile_for_event", "GET", "/api/events/{id}/profile", XL)
PROFILE_ID = Operation("get_profile_id_for_event", "GET", "/api/events/{id}/relationships/profile", XL)

EventInclude: TypeAlias = Literal["attributions", "metric", "profile"]
EventSort: TypeAlias = Literal["datetime", "-datetime", "timestamp", "-timestamp"]


class Events(Area):
    """``klaviyo.events``."""

    async def create(self, event: NewEvent, *, deadline_seconds: float | None = None) -> None:
        """Submit one event. Klaviyo answers when it is validated; it is readable some minutes later.

        With a ``unique_id`` the call is repeated after failures, because Klaviyo drops the repeat. Without one, or
        where the profile's ``patch`` appends, it is not, once it may have been accepted.

        Args:
            event: What happened.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No answer came and the event has no ``unique_id``.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(create_call(event), deadline_seconds)

    async def bulk_create(self, events: Sequence[NewEvent], *, deadline_seconds: float | None = None) -> None:
        """Submit up to 1,000 events in one request, grouped by profile. An empty batch sends nothing.

        Klaviyo processes all of a batch or, where it holds a ``unique_id`` twice for the same profile and metric,
        nothing. Such a batch is refused here. After an attempt without an answer the call is not repeated: a batch
        that was processed may be refused for ever when sent again. Repeat its events one by one with ``create``, or
        leave all of that to ``send_all``.

        Args:
            events: What happened.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Two events of the batch are the same to Klaviyo.
            PayloadTooLarge: More than 1,000 events or 5 MB.
            OutcomeUnknown: No answer came.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if events:
            await self._done(batch_call(events), deadline_seconds)

    async def send_all(
        self,
        events: Iterable[NewEvent] | AsyncIterable[NewEvent],
        *,
        progress: Progress[NewEvent] | None = None,
        max_in_flight: int = 4,
    ) -> BulkResult[NewEvent]:
        """Submit any number of events, cut by 1,000 and by 5 MB; calls let interactive ones go first.

        No event is lost for another's fault, and each is in one place of the result. A refused batch is taken apart
        until it is known which events are to blame. Of a batch without an answer, the events with a ``unique_id`` are
        sent again one by one, and the others are ``unknown``. An event that repeats another of its batch (the same
        profile, metric and ``unique_id``, or without one the same ``time`` to the second) is a duplicate: Klaviyo
        would keep the first. Where that depends on whether two profiles are one, it goes into a later batch.

        ``sent`` counts what Klaviyo accepted; it drops a repeat of an event that it has from elsewhere in silence.

        Args:
            events: What happened; they may be produced while others are sent.
            progress: Told of the result so far after every batch.
            max_in_flight: How many batches are under way at most. No event is in an earlier batch than one of the same
                profile before it, but batches under way together may overtake each other.

        Raises:
            BulkStopped: The credentials were refused.
            ValueError: ``max_in_flight`` is less than 1.
        """
        return await EventSender(self._caller).send_all(events, max_in_flight=max_in_flight, progress=progress)

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
        return await self._one(GET.call(event_id, query=_shape(include, fields)), event_from, deadline_seconds)

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
        return self._list(
            LIST,
            parse=event_from,
            query=_shape(include, fields),
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def metric(
        self, event_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Metric | None:
        """The metric of an event; None where there is none any more.

        Args:
            event_id: Klaviyo's id.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such event.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        return await self._related(
            METRIC.call(event_id, query={"fields[metric]": fields}), metric_from, deadline_seconds
        )

    async def metric_id(self, event_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(METRIC_ID.call(event_id), deadline_seconds)

    async def profile(
        self,
        event_id: str,
        *,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Profile | None:
        """The profile of an event.

        Args:
            event_id: Klaviyo's id.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such event.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"additional-fields[profile]": additional_fields, "fields[profile]": fields}
        return await self._related(PROFILE.call(event_id, query=query), profile_from, deadline_seconds)

    async def profile_id(self, event_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(PROFILE_ID.call(event_id), deadline_seconds)


def _shape(include: Sequence[str], fields: Sequence[str]) -> Query:
    return {"fields[event]": fields, "include": include}
