"""Ending on request: the door closes, what was accepted is kept, and nothing is left behind."""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2

from dreamflow.settings import IdentitySettings
from klaviyo_emulator.testing import RunningEmulator
from night_klaviyo import events_at
from night_process import ISSUER, app_process, settings_of, token
from world import LONDON, world

WHO = {"Authorization": f"Bearer {token()}"}


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


async def test_a_house_that_is_told_to_end_does_so_and_loses_nothing(tmp_path: Path, klaviyo: RunningEmulator) -> None:
    environment = settings_of(tmp_path, klaviyo.url)
    with app_process(environment) as (process, url):
        with httpx2.Client(base_url=url, headers=WHO) as client:
            assert client.put("/api/v1/families/me", json=LONDON).status_code == 201
            beside = ended("worker", environment=environment)
            second = ended("serve", environment={**environment, "DREAMFLOW_HTTP__PORT": url.rsplit(":", 1)[1]})
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
    assert (beside.returncode, second.returncode) == (2, 2)
    assert "Another process delivers for this database already" in beside.stderr
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


async def test_a_silent_klaviyo_does_not_hold_the_door_open(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # accepts connections in the kernel and never answers
        environment = settings_of(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with app_process(environment) as (process, url):
            with httpx2.Client(base_url=url, headers=WHO) as client:
                assert client.put("/api/v1/families/me", json=LONDON).status_code == 201
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 10) == 0


def test_a_worker_alone_delivers_what_the_app_accepted(tmp_path: Path, klaviyo: RunningEmulator) -> None:
    environment = settings_of(tmp_path, klaviyo.url, DREAMFLOW_WORKER__EMBEDDED="false")
    with app_process(environment) as (_, url), httpx2.Client(base_url=url, headers=WHO) as client:
        assert client.put("/api/v1/families/me", json=LONDON).status_code == 201
        with subprocess.Popen(
            [sys.executable, "-m", "dreamflow", "worker"], env=environment, stderr=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stderr is not None
            assert "Emulated Account" in worker.stderr.readline()
            while not asyncio.run(events_at(klaviyo.url)):
                assert worker.poll() is None
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
