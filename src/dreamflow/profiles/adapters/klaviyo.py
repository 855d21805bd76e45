"""Profile hints from Klaviyo, by external id."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from aioklaviyo import Klaviyo, KlaviyoError, filters
from dreamflow.identity import ParentId
from dreamflow.kit.errors import Unavailable
from dreamflow.profiles.ports import ProfileSource


class ProfileUnavailable(Unavailable):
    """Klaviyo gave no usable answer in time."""

    code = "profile-unavailable"


class KlaviyoProfiles(ProfileSource):
    """Reads one profile per question, properties only.

    Args:
        client: open for as long as this is used.
    """

    def __init__(self, client: Klaviyo) -> None:
        self._client = client

    @override
    async def properties(self, parent: ParentId, *, within_seconds: float) -> Mapping[str, Any] | None:
        listing = self._client.profiles.list(
            filter=filters.equals("external_id", parent),
            fields=("properties",),
            page_size=1,
            deadline_seconds=within_seconds,
        )
        try:
            async for profile in listing:
                return profile.properties
        except KlaviyoError as error:
            raise ProfileUnavailable("Klaviyo gave no usable answer in time.") from error
        return None
