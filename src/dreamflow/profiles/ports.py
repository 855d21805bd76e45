"""What profile views need."""

from collections.abc import Mapping
from typing import Any, Protocol

from dreamflow.identity import ParentId


class ProfileSource(Protocol):
    """Whoever holds the mirror."""

    async def properties(self, parent: ParentId, *, within_seconds: float) -> Mapping[str, Any] | None:
        """The custom properties of the profile with this external id; none when there is no such profile.

        Raises:
            Unavailable: no usable answer in time, for whatever reason.
        """
        ...
