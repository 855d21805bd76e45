"""Is the process alive, and is it ready for work? Klaviyo, Redis or Kafka being down does not make it unready."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from fastapi import APIRouter, Response, status
from pydantic import BaseModel

from dreamflow.kit.errors import Unavailable

Check = Callable[[], Awaitable[None]]
"""Returns when a part works; raises `Unavailable` when it does not."""

PATIENCE_SECONDS: Final = 3.0
"""A part that takes longer to say whether it works does not."""


class Health(BaseModel):
    """The answer of a health check."""

    status: Literal["ok", "unready", "draining"]


class Readiness:
    """Whether a process should get work from outside.

    Args:
        checks: parts that have to work.
        patience_seconds: how long all of them may take together.
    """

    def __init__(self, *checks: Check, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._checks = list(checks)
        self._patience = patience_seconds
        self.is_draining = False
        """Whether the process is going to end."""

    def require(self, check: Check) -> None:
        """From now on this part has to work, too."""
        self._checks.append(check)

    def drain(self) -> None:
        """The process is going to end: no more work, please. What comes all the same is served while it can be."""
        self.is_draining = True

    async def look(self) -> Health:
        """Ask every part."""
        if self.is_draining:
            return Health(status="draining")
        try:
            async with asyncio.timeout(self._patience):
                for check in self._checks:
                    await check()
        except (Unavailable, TimeoutError):
            return Health(status="unready")
        return Health(status="ok")


def router(readiness: Readiness) -> APIRouter:
    """`/livez` and `/readyz`."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez", operation_id="live", summary="The process answers")
    async def live() -> Health:
        return Health(status="ok")

    @routes.get(
        "/readyz",
        operation_id="ready",
        summary="The process takes work: the database takes writes, and delivery goes on where it is part of it",
        responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"model": Health, "description": "Not now"}},
    )
    async def is_ready(response: Response) -> Health:
        health = await readiness.look()
        if health.status != "ok":
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return health

    return routes
