"""What Klaviyo says it has received: read back through its own API."""

from collections.abc import Sequence
from datetime import UTC
from itertools import islice

from typing_extensions import override

from aioklaviyo import Event, Klaviyo, KlaviyoError
from dreamflow.outbox.errors import MirrorUnavailable
from dreamflow.outbox.ports import Received, ReceivedEvent

_DEADLINE_SECONDS = 3.0
_UNKNOWN = "?"


class KlaviyoReceived(Received):
    """The newest events of one Klaviyo account.

    Args:
        client: open for as long as this is used.
    """

    def __init__(self, client: Klaviyo) -> None:
        self._client = client

    @override
    async def recent(self, limit: int) -> Sequence[ReceivedEvent]:
        listing = self._client.events.list(
            sort="-datetime", include=("metric", "profile"), page_size=limit, deadline_seconds=_DEADLINE_SECONDS
        )
        try:
            page = await anext(listing.pages())
        except KlaviyoError as error:
            raise MirrorUnavailable("Klaviyo cannot be read right now.") from error
        return [_received(event) for event in islice(page.items, limit)]


def _received(event: Event) -> ReceivedEvent:
    properties = {name: value for name, value in event.event_properties.items() if not name.startswith("$")}
    return ReceivedEvent(
        metric=(event.metric and event.metric.name) or _UNKNOWN,
        parent=(event.profile and event.profile.external_id) or _UNKNOWN,
        at=event.datetime and event.datetime.astimezone(UTC),
        properties=properties,
    )
