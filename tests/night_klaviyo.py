"""Looking into Klaviyo from outside, over its own API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aioklaviyo import Klaviyo, Profile


@dataclass(frozen=True)
class Seen:
    """An event as Klaviyo shows it."""

    metric: str
    external_id: str
    at: datetime
    unique_id: str
    properties: dict[str, Any]


async def events_at(url: str) -> list[Seen]:
    """Every event of the account."""
    async with Klaviyo(api_key="pk_test", base_url=url) as client:
        seen: list[Seen] = []
        async for event in client.events.list(include=("metric", "profile"), page_size=1000):
            assert event.metric is not None
            assert event.profile is not None
            assert event.datetime is not None
            seen.append(
                Seen(
                    str(event.metric.name),
                    str(event.profile.external_id),
                    event.datetime,
                    str(event.unique_id),
                    dict(event.event_properties),
                )
            )
        return seen


async def profiles_at(url: str) -> dict[str, Profile]:
    """Every profile of the account, by external id."""
    async with Klaviyo(api_key="pk_test", base_url=url) as client:
        return {str(profile.external_id): profile async for profile in client.profiles.list(page_size=100)}
