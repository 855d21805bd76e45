"""A view of the parent's Klaviyo profile within a budget, or none: never an error, never a delay."""

import asyncio

import structlog

from dreamflow.identity import ParentId
from dreamflow.kit.errors import Unavailable
from dreamflow.profiles.model import ProfileView
from dreamflow.profiles.ports import ProfileSource
from dreamflow.profiles.rules import view_of

_log = structlog.get_logger()


class ProfileService:
    """Reads one profile per question.

    Args:
        source: where profiles are; none when Klaviyo is not configured.
        budget_seconds: the longest a story waits for a view.
    """

    def __init__(self, source: ProfileSource | None, *, budget_seconds: float) -> None:
        self._source = source
        self._budget_seconds = budget_seconds

    def unasked(self) -> ProfileView:
        """The view of a family that does not want Klaviyo to be asked."""
        return ProfileView("Klaviyo was not asked: personal suggestions are off")

    async def view(self, parent: ParentId) -> ProfileView:
        """What Klaviyo says now, or a view that says why there is none."""
        if self._source is None:
            return ProfileView("Klaviyo is not configured")
        try:
            # The source has the same limit; this one also holds when the source does not keep to it.
            async with asyncio.timeout(self._budget_seconds):
                properties = await self._source.properties(parent, within_seconds=self._budget_seconds)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with Klaviyo, the story still comes
            told = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
            _log.warning("profiles.no_view", cause=type(told).__name__)
            return ProfileView("Klaviyo did not answer in time")
        if properties is None:
            return ProfileView("Klaviyo does not know this family yet")
        return view_of(properties)
