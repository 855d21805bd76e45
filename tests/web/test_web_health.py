"""Alive, and ready."""

import asyncio

import pytest
from fastapi import FastAPI

from dreamflow.kit.db import DatabaseUnavailable
from dreamflow.kit.errors import Unavailable
from dreamflow.web import health
from dreamflow.web.health import Check, Readiness
from web.web_errors import client_of


def that_raises(error: Exception | None) -> Check:
    async def check() -> None:
        if error is not None:
            raise error

    return check


async def ask(path: str, readiness: Readiness) -> tuple[int, dict[str, str]]:
    app = FastAPI()
    app.include_router(health.router(readiness))
    async with client_of(app) as client:
        response = await client.get(path)
    return response.status_code, response.json()


@pytest.mark.parametrize("error", [None, Unavailable("Canary"), DatabaseUnavailable("Canary")])
async def test_a_process_that_answers_is_alive_whatever_it_leans_on(error: Exception | None) -> None:
    readiness = Readiness(that_raises(error))
    readiness.drain()
    assert await ask("/livez", readiness) == (200, {"status": "ok"})


async def test_a_house_whose_database_takes_writes_is_ready() -> None:
    assert await ask("/readyz", Readiness(that_raises(None))) == (200, {"status": "ok"})


@pytest.mark.parametrize("error", [Unavailable("Canary"), DatabaseUnavailable("Canary")])
async def test_a_house_whose_database_is_away_is_not_ready_and_does_not_say_why(error: Exception) -> None:
    assert await ask("/readyz", Readiness(that_raises(error))) == (503, {"status": "unready"})


async def test_every_part_that_is_required_counts_also_one_that_came_later() -> None:
    readiness = Readiness(that_raises(None))
    readiness.require(that_raises(Unavailable("Canary")))
    assert await ask("/readyz", readiness) == (503, {"status": "unready"})


async def test_a_part_that_does_not_say_in_time_does_not_work() -> None:
    async def silent() -> None:
        await asyncio.Event().wait()

    assert await ask("/readyz", Readiness(silent, patience_seconds=0.01)) == (503, {"status": "unready"})


async def test_a_house_that_is_going_to_end_says_so_before_it_asks_anybody() -> None:
    def asked() -> None:
        raise AssertionError("the database was asked")

    async def check() -> None:
        asked()

    readiness = Readiness(check)
    readiness.drain()
    assert await ask("/readyz", readiness) == (503, {"status": "draining"})
