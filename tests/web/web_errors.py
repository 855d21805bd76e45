"""A small house with every way to fail, behind the real middleware and the real problem documents."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

import httpx2
from fastapi import FastAPI, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from dreamflow.kit.ids import SeededIds
from dreamflow.web import middleware, problems

CANARY = "Canary-Zoë"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    age: int
    name: str = Field(max_length=5)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=5)
    age: int = Field(ge=1, le=16)
    granted: bool
    outcome: Literal["completed", "skipped"]
    at: datetime
    children: list[Inner]
    ratio: float = 0.5


class Failing:
    """What the next request runs into."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __call__(self) -> None:
        if self.error is not None:
            raise self.error


def app_that(
    failing: Failing, monotonic: Callable[[], float] = lambda: 0.0, page: problems.Page | None = None
) -> FastAPI:
    app = FastAPI()
    problems.install(app, page)
    app.add_middleware(middleware.Envelope, ids=SeededIds(1), monotonic=monotonic)

    @app.get("/api/v1/things/{thing}")
    async def thing(
        thing: int,
        limit: Annotated[int, Query(ge=1, le=10)] = 1,
        idempotency_key: Annotated[str | None, Header(max_length=3)] = None,
    ) -> dict[str, int]:
        failing()
        return {"thing": thing}

    @app.get("/evening")
    async def evening() -> dict[str, str]:
        failing()
        return {}

    @app.post("/api/v1/things")
    async def make(body: Body) -> dict[str, Any]:
        return {"stored": body.name}

    @app.get("/api/v1/begun")
    async def begun() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"begun"
            failing()

        return StreamingResponse(parts())

    return app


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    # What the app lets through would reach the server's own log: here it reaches the test.
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
