"""Alive, and ready."""

import httpx2
import pytest
from fastapi import FastAPI

from dreamflow.kit.db import DatabaseUnavailable
from dreamflow.kit.errors import Unavailable
from dreamflow.web import health


async def ask(path: str, error: Exception | None) -> httpx2.Response:
    async def ready() -> None:
        if error is not None:
            raise error

    app = FastAPI()
    app.include_router(health.router(ready))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        return await client.get(path)


@pytest.mark.parametrize("error", [None, Unavailable("Canary"), DatabaseUnavailable("Canary")])
async def test_a_process_that_answers_is_alive_whatever_it_leans_on(error: Exception | None) -> None:
    response = await ask("/livez", error)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_a_house_whose_database_takes_writes_is_ready() -> None:
    response = await ask("/readyz", None)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("error", [Unavailable("Canary"), DatabaseUnavailable("Canary")])
async def test_a_house_whose_database_is_away_is_not_ready_and_does_not_say_why(error: Exception) -> None:
    response = await ask("/readyz", error)
    assert (response.status_code, response.json()) == (503, {"status": "unready"})
