"""Metrics. Scope ``metrics:read``; 10 calls per second, 150 per minute. They are born from events, never created."""

from collections.abc import Sequence

from aioklaviyo.calls import Caller, read
from aioklaviyo.filters import Filter
from aioklaviyo.models.metric import Metric, metric_from
from aioklaviyo.pagination import Listing
from aioklaviyo.resources.listing import listing

_PATH = "/api/metrics"


class Metrics:
    """``klaviyo.metrics``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def get(self, metric_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None) -> Metric:
        """One metric by its id.

        Args:
            metric_id: Six letters and digits.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        reply = await self._caller.send(read(_PATH, {"fields[metric]": fields}, identifier=metric_id), deadline_seconds)
        return reply.one(metric_from)

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Metric]:
        """All metrics, 200 per page; Klaviyo offers neither a page size nor an order.

        Args:
            filter: On ``integration.name`` or ``integration.category``.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return listing(
            self._caller,
            _PATH,
            metric_from,
            parameters={"fields[metric]": fields},
            where=filter,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )
