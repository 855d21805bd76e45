"""SIGTERM while families are being served: no request is lost, and the worker leaves nothing behind."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from dreamflow.bootstrap import connected, upgrade
from dreamflow.settings import DatabaseSettings, Settings
from klaviyo_emulator.testing import RunningEmulator
from night_process import app_process, settings_of, token
from world import LONDON

CLIENTS = 8
ENOUGH = 25
"""Stories that are told before the house is asked to end."""
LEFT_BEHIND = {
    "workers": "SELECT count(*) FROM workers",
    "leases": "SELECT count(*) FROM leases WHERE owner IS NOT NULL",
    "batches": "SELECT count(*) FROM batches WHERE open AND owner IS NOT NULL",
}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a house with a database of its own, which has its schema."""
    url = SecretStr(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    settings = Settings(state_dir=tmp_path, database=DatabaseSettings(url=url))
    await upgrade(settings)
    return settings


class Visits:
    """What callers of a house met with, until it no longer let them in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: list[int] = []
        self.refusals: list[str] = []
        self.health: list[str] = []
        self.enough = asyncio.Event()

    async def stories(self, client: httpx2.AsyncClient) -> None:
        answer = await client.post("/api/v1/stories", json={})
        self.statuses.append(answer.status_code)
        if len(self.statuses) >= ENOUGH:
            self.enough.set()

    async def readiness(self, client: httpx2.AsyncClient) -> None:
        self.health.append((await client.get("/readyz")).json()["status"])

    async def repeat(self, visit: Callable[[httpx2.AsyncClient], Awaitable[None]]) -> None:
        headers = {"Authorization": f"Bearer {token()}"}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30) as client:
            while True:
                try:
                    await visit(client)
                except httpx2.TransportError as error:
                    self.refusals.append(type(error).__name__)
                    return


async def count(settings: Settings, query: str) -> int:
    def read(connection: Connection) -> int:
        return connection.execute(text(query)).scalar_one()

    async with connected(settings) as database:
        return await database.read(read)


async def test_every_request_is_answered_or_was_never_let_in(
    database: Settings, klaviyo: RunningEmulator, tmp_path: Path
) -> None:
    url = database.database.url
    more = {} if url is None else {"DREAMFLOW_DATABASE__URL": url.get_secret_value()}
    with ExitStack() as stack:
        environment = settings_of(tmp_path, klaviyo.url, **more)
        process, where = await asyncio.to_thread(stack.enter_context, app_process(environment))
        async with httpx2.AsyncClient(base_url=where, headers={"Authorization": f"Bearer {token()}"}) as client:
            assert (await client.put("/api/v1/families/me", json=LONDON)).status_code == 201
            assert (await client.post("/api/v1/families/me/children", json={"name": "Ada", "age": 5})).is_success
            given = await client.put("/api/v1/families/me/consents/personal_suggestions", json={"granted": True})
            assert given.status_code == 200
        visits = Visits(where)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(visits.repeat(visits.stories))
            tasks.create_task(visits.repeat(visits.readiness))
            await visits.enough.wait()
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert await asyncio.to_thread(process.wait, 20) == 0
            assert time.monotonic() - began < 10
    assert set(visits.statuses) == {201}
    assert len(visits.statuses) == await count(database, "SELECT count(*) FROM stories")
    assert len(visits.refusals) == CLIENTS + 1, "everybody meets a closed door in the end"
    assert visits.health[-1] == "draining", "who asks is told before the door closes"
    assert {name: await count(database, query) for name, query in LEFT_BEHIND.items()} == dict.fromkeys(LEFT_BEHIND, 0)
