"""Is the process alive, and is it ready for work? Klaviyo being down does not make it unready."""

from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter, Response, status
from pydantic import BaseModel

from dreamflow.kit.errors import Unavailable

Check = Callable[[], Awaitable[None]]
"""Returns when a part works; raises `Unavailable` when it does not."""


class Health(BaseModel):
    """The answer of a health check."""

    status: Literal["ok", "unready"]


def router(ready: Check) -> APIRouter:
    """`/livez` and `/readyz`."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez", operation_id="live", summary="The process answers")
    async def live() -> Health:
        return Health(status="ok")

    @routes.get("/readyz", operation_id="ready", summary="The database takes writes")
    async def is_ready(response: Response) -> Health:
        try:
            await ready()
        except Unavailable:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
            return Health(status="unready")
        return Health(status="ok")

    return routes
