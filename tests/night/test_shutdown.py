"""Ending on request: the door closes, what was accepted is kept, and nothing is left behind."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dreamflow.settings import IdentitySettings
from klaviyo_emulator.testing import RunningEmulator
from night_klaviyo import events_at
from night_process import ISSUER, app_process, settings_of, token
from world import LONDON, world

WHO = {"Authorization": f"Bearer {token()}"}
NAMED = {"contact_information": {"organization_name": "Slow Account"}}
ACCOUNT = {"data": [{"type": "account", "id": "SlowAc", "attributes": NAMED}]}
PROFILE = {"data": {"type": "profile", "id": "01", "attributes": {}}}  # what a family sends first is its profile


def ended(*command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "dreamflow", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class SlowKlaviyo:
    """Klaviyo that says when something is sent to it, and takes it when the test says so."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = asyncio.Event()
        self.takes_it = asyncio.Event()

    async def is_asked(self) -> None:
        await asyncio.wait_for(self.asked.wait(), 30)

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            self.asked.set()
            await self.takes_it.wait()
        return web.json_response(
            PROFILE if request.method == "POST" else ACCOUNT, content_type="application/vnd.api+json"
        )


@pytest.fixture
async def slow() -> AsyncGenerator[SlowKlaviyo]:
    klaviyo = SlowKlaviyo()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", klaviyo.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        klaviyo.url = str(server.make_url("")).rstrip("/")
        yield klaviyo
        klaviyo.takes_it.set()


@asynccontextmanager
async def opened(environment: dict[str, str]) -> AsyncGenerator[tuple[subprocess.Popen[str], str]]:
    """`app_process`, waited for in a thread: at its start the app asks Klaviyo, which answers from this loop."""
    with ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, app_process(environment))


async def sign_up(url: str) -> None:
    async with httpx2.AsyncClient(base_url=url, headers=WHO) as client:
        assert (await client.put("/api/v1/families/me", json=LONDON)).status_code == 201


async def delivered(state: Path) -> int:
    """How much the house remembers to have delivered."""
    async with world(state) as again:
        books = await again.house.deliveries.books()
    assert books.balanced
    return books.delivered


async def test_a_house_that_is_told_to_end_does_so_and_loses_nothing(tmp_path: Path, klaviyo: RunningEmulator) -> None:
    environment = settings_of(tmp_path, klaviyo.url)
    with app_process(environment) as (process, url):
        with httpx2.Client(base_url=url, headers=WHO) as client:
            assert client.put("/api/v1/families/me", json=LONDON).status_code == 201
            second = ended("serve", environment={**environment, "DREAMFLOW_HTTP__PORT": url.rsplit(":", 1)[1]})
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
    assert second.returncode == 2
    assert "Choose another port" in second.stderr

    async with world(tmp_path, klaviyo.url, identity=IdentitySettings(issuers=(ISSUER,))) as again:
        await again.deliver()
        books = await again.house.deliveries.books()
        assert books.delivered == books.accepted > 0
    assert [event.metric for event in await events_at(klaviyo.url)] == ["Signed Up"]


def test_with_an_empty_key_the_house_opens_without_klaviyo_and_ends(tmp_path: Path) -> None:
    environment = settings_of(tmp_path, "", DREAMFLOW_KLAVIYO__API_KEY="")
    with app_process(environment) as (process, url):
        with httpx2.Client(base_url=url, headers=WHO) as client:
            assert client.put("/api/v1/families/me", json=LONDON).status_code == 201
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


async def test_the_door_closes_first_and_the_last_send_is_finished(tmp_path: Path, slow: SlowKlaviyo) -> None:
    async with opened(settings_of(tmp_path, slow.url)) as (process, url):
        host, port = url.removeprefix("http://").split(":")
        waiting, line = await asyncio.open_connection(host, int(port))
        await sign_up(url)
        await slow.is_asked()
        process.send_signal(signal.SIGTERM)
        assert not await waiting.read(), "who had asked nothing yet is sent away when the door closes"
        line.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))
        slow.takes_it.set()
        assert await asyncio.to_thread(process.wait, 30) == 0
    assert await delivered(tmp_path) == 1


async def test_a_silent_klaviyo_does_not_hold_the_door_open(tmp_path: Path, slow: SlowKlaviyo) -> None:
    async with opened(settings_of(tmp_path, slow.url, DREAMFLOW_KLAVIYO__TIMEOUT_SECONDS="60")) as (process, url):
        await sign_up(url)
        await slow.is_asked()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    assert await delivered(tmp_path) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(tmp_path: Path, slow: SlowKlaviyo, second: signal.Signals) -> None:
    async with opened(settings_of(tmp_path, slow.url, DREAMFLOW_KLAVIYO__TIMEOUT_SECONDS="60")) as (process, url):
        await sign_up(url)
        await slow.is_asked()
        process.send_signal(signal.SIGTERM)
        await is_draining(url)
        process.send_signal(second)
        assert await asyncio.to_thread(process.wait, 3) == -second


async def test_a_worker_alone_delivers_what_the_app_accepted_and_tells_how_it_is(
    tmp_path: Path, slow: SlowKlaviyo
) -> None:
    environment = settings_of(tmp_path, slow.url, DREAMFLOW_WORKER__EMBEDDED="false", DREAMFLOW_WORKER__PORT="0")
    async with opened(environment) as (_, app_url):
        await sign_up(app_url)
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dreamflow", "worker", env=environment, stderr=asyncio.subprocess.PIPE
        )
        try:
            assert worker.stderr is not None
            assert b"Klaviyo account: Slow Account" in await asyncio.wait_for(worker.stderr.readline(), 30)
            url = (await asyncio.wait_for(worker.stderr.readline(), 30)).decode().split()[-1]
            await slow.is_asked()
            async with httpx2.AsyncClient(base_url=url) as client:
                assert (await client.get("/readyz")).json() == {"status": "ok"}
                shown = (await client.get("/metrics")).text.splitlines()
            assert 'dreamflow_outbox_leases{pool="delivery"} 64.0' in shown
            assert "dreamflow_outbox_unbalanced 0.0" in shown
            worker.send_signal(signal.SIGTERM)
            await is_draining(url)
            slow.takes_it.set()
            await asyncio.wait_for(worker.communicate(), 30)
            assert worker.returncode == 0
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
    assert await delivered(tmp_path) == 1


async def is_draining(url: str) -> None:
    """Wait until a process says that it is going to end."""
    async with asyncio.timeout(20), httpx2.AsyncClient(base_url=url) as client:
        while (await client.get("/readyz")).json() != {"status": "draining"}:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
