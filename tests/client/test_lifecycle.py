"""Opening, closing, cancelling; and what a client may be made of."""

import asyncio
import inspect
import random
import re
import subprocess
import sys
from functools import cached_property
from typing import Any

import pytest

import aioklaviyo
from aioklaviyo import Api, DeadlineExceeded, Klaviyo, OutcomeUnknown
from client.client_calls import ANN, CREATED, ONE
from client.client_server import Connect, PaperClock, Reply, Serve, Silence, Stalled

PATIENCE = 20.0


AREAS = [name for name, made in vars(Api).items() if isinstance(made, cached_property)]


@pytest.mark.parametrize("area", AREAS)
def test_whatever_a_call_takes_or_gives_has_a_public_name(area: str) -> None:
    made = getattr(Klaviyo("pk_1"), area)
    calls = [call for name, call in inspect.getmembers(made, inspect.ismethod) if not name.startswith("_")]
    assert calls
    named = {name for call in calls for name in re.findall(r"aioklaviyo(?:\.\w+)+", str(inspect.signature(call)))}
    assert not [name for name in named if "._" in name]


@pytest.mark.parametrize("area", AREAS)
def test_an_area_is_imported_when_it_is_first_touched(area: str) -> None:
    client = Klaviyo("pk_1")
    assert area not in vars(client)
    assert getattr(client, area) is getattr(client, area)


def test_every_public_name_is_where_it_is_said_to_be() -> None:
    for name in aioklaviyo.__all__:
        assert getattr(aioklaviyo, name) is not None
    assert sorted([*aioklaviyo._HOME_OF, *aioklaviyo._MODULES, "__version__"]) == sorted(aioklaviyo.__all__)
    assert dir(aioklaviyo) == sorted(aioklaviyo.__all__)
    with pytest.raises(AttributeError, match="'aioklaviyo' has no attribute 'nothing'"):
        _ = aioklaviyo.nothing


def test_the_package_stands_alone() -> None:
    program = "import aioklaviyo, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "aioklaviyo" in printed
    assert not {"dreamflow", "klaviyo_emulator", "fastapi", "sqlalchemy", "stamina"} & set(printed)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"api_key": ""},
        {"api_key": "pk_sec\r\nret"},
        {"api_key": "pk_sécret"},
        {"api_key": "pk_secret", "access_token": "tok"},
        {"api_key": "pk_secret", "base_url": "a.klaviyo.com"},
        {"api_key": "pk_secret", "base_url": "ftp://a.klaviyo.com"},
        {"api_key": "pk_secret", "base_url": "https://"},
        {"api_key": "pk_secret", "base_url": "https://me:pw@a.klaviyo.com"},
        {"api_key": "pk_secret", "base_url": "https://a.klaviyo.com?x=1"},
        {"api_key": "pk_secret", "base_url": "https://a.klaviyo.com#x"},
        {"api_key": "pk_secret", "revision": "2026\n"},
        {"api_key": "pk_secret", "timeout_seconds": 0},
        {"api_key": "pk_secret", "attempt_timeout_seconds": float("inf")},
        {"api_key": "pk_secret", "connect_timeout_seconds": -1},
        {"api_key": "pk_secret", "max_attempts": 0},
        {"api_key": "pk_secret", "max_connections": 0},
        {"api_key": "pk_secret", "max_response_bytes": 0},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_without_quoting_the_key(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what is not in the message matters
        Klaviyo(**settings)  # pyright: ignore[reportArgumentType] - wrong on purpose
    assert "pk_" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_client_does_not_show_its_key() -> None:
    assert repr(Klaviyo("pk_secret")) == "Klaviyo(base_url='https://a.klaviyo.com')"


async def test_a_client_works_inside_its_block_only_and_can_be_opened_again(serve: Serve) -> None:
    server = await serve(ONE)
    client = Klaviyo("pk_1", base_url=server.url)
    with pytest.raises(RuntimeError, match="not open"):
        await client.profiles.get("01M1")
    for _ in range(2):
        async with client:
            await client.profiles.get("01M1")
            with pytest.raises(RuntimeError, match="already open"):
                await client.__aenter__()
    with pytest.raises(RuntimeError, match="not open"):
        await client.profiles.get("01M1")


async def test_calls_that_wait_when_the_client_is_closed_say_so_and_are_not_cancelled(serve: Serve) -> None:
    server = await serve(Silence())
    async with Klaviyo("pk_1", base_url=server.url, max_connections=1) as client:
        making = asyncio.create_task(client.profiles.create(ANN))
        await asyncio.wait_for(server.arrival.wait(), PATIENCE)
        reads = [asyncio.create_task(client.profiles.get(name)) for name in ("a", "a", "b")]
        waiting = [*reads, asyncio.create_task(client.profiles.create(ANN))]
        await asyncio.sleep(0.01)
    outcomes = await asyncio.gather(making, *waiting, return_exceptions=True)
    assert isinstance(outcomes[0], OutcomeUnknown)
    assert [type(outcome) for outcome in outcomes[1:]] == [RuntimeError] * 4
    assert "closed while a call was under way" in str(outcomes[1])
    assert len(server.received) == 1


async def test_a_client_belongs_to_one_event_loop(serve: Serve) -> None:
    server = await serve(ONE)
    async with Klaviyo("pk_1", base_url=server.url) as client:
        await client.profiles.get("01M1")

        def elsewhere() -> None:
            with pytest.raises(RuntimeError, match="another event loop"):
                asyncio.run(asyncio.wait_for(client.profiles.get("01M1"), PATIENCE))

        await asyncio.to_thread(elsewhere)
        await client.profiles.get("01M1")
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "options",
    [{"timeout_seconds": 0}, {"attempt_timeout_seconds": float("nan")}, {"max_attempts": 0}],
)
def test_a_view_with_options_that_make_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Klaviyo("pk_1").with_options(**options)


async def test_one_connection_serves_many_calls(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(404), Reply(503), Reply(429), ONE)
    client = await connect(server.url)
    for _ in range(20):
        try:
            await client.profiles.get("01M1")
        except aioklaviyo.NotFound:
            continue
    assert server.connections == 1


async def test_many_calls_at_once_stay_within_the_pool(serve: Serve, connect: Connect) -> None:
    server = await serve(ONE)
    client = await connect(server.url, max_connections=3)
    found = await asyncio.gather(*(client.profiles.get(str(n)) for n in range(60)))
    assert len(found) == 60
    assert server.connections <= 3


@pytest.mark.parametrize("step", [Silence(), Stalled(200, {"data": {}})])
async def test_a_cancelled_call_gives_its_connection_back(
    serve: Serve, connect: Connect, step: Silence | Stalled
) -> None:
    server = await serve(step, ONE)
    client = await connect(server.url, max_connections=1)
    task = asyncio.create_task(client.profiles.get("01M1"))
    await asyncio.wait_for(server.arrival.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await client.profiles.get("01M1")).id
    assert len(server.received) == 2


async def test_a_call_cancelled_while_it_waits_stops_waiting(serve: Serve) -> None:
    server = await serve(Reply(429, headers={"Retry-After": "20"}))
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with Klaviyo("pk_1", base_url=server.url, sleep=sleep) as client:
        task = asyncio.create_task(client.profiles.create(ANN))
        await asyncio.wait_for(waiting.wait(), PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(server.received) == 1


async def test_a_callers_own_timeout_stays_a_timeout(serve: Serve, connect: Connect) -> None:
    server = await serve(Silence())
    client = await connect(server.url)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await client.profiles.get("01M1")


async def test_the_deadline_covers_reading_the_body(serve: Serve) -> None:
    server = await serve(Stalled(200, {"data": {}}))
    async with Klaviyo("pk_1", base_url=server.url) as client:
        began = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineExceeded):
            await client.profiles.get("01M1", deadline_seconds=1.0)
        assert asyncio.get_running_loop().time() - began < PATIENCE


async def test_waiting_for_the_pool_is_not_sending(serve: Serve, connect: Connect) -> None:
    server = await serve(Silence(), CREATED)
    client = await connect(server.url, max_connections=1, max_attempts=1)
    blocking = asyncio.create_task(client.profiles.create(ANN, deadline_seconds=2.0))
    await asyncio.wait_for(server.arrival.wait(), PATIENCE)
    with pytest.raises(aioklaviyo.ConnectionFailed):
        await client.profiles.create(ANN, deadline_seconds=0.2)
    with pytest.raises(OutcomeUnknown):
        await blocking
    assert len(server.received) == 1


async def test_the_same_seed_waits_the_same(serve: Serve) -> None:
    async def waits(seed: int) -> list[float]:
        clock = PaperClock()
        server = await serve(Reply(500), Reply(500), Reply(500), ONE)
        settings = {"sleep": clock.sleep, "monotonic": clock.monotonic, "rng": random.Random(seed)}
        async with Klaviyo("pk_1", base_url=server.url, **settings) as client:
            await client.profiles.get("01M1")
        return clock.sleeps

    assert await waits(1) == await waits(1) != await waits(2)


async def test_a_raw_call_shares_everything_but_the_models(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(200, {"data": [1]}, {"cf-ray": "8f"}), Reply(204))
    client = await connect(server.url)
    answered = await client.request("GET", "/api/lists/", params={"page[size]": 2, "filter": None, "sort": ("a", "b")})
    assert (answered.status, answered.document, answered.request_id) == (200, {"data": [1]}, "8f")
    assert server.received[0].target == "/api/lists/?page%5Bsize%5D=2&sort=a%2Cb"
    answered = await client.request("POST", "/api/lists", json={"data": {}})
    assert (answered.status, answered.document) == (204, None)
    assert server.received[1].json == {"data": {}}


async def test_absent_parameters_are_left_out_and_empty_text_is_sent(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(200, {"data": []}))
    client = await connect(server.url)
    await client.request("GET", "/api/lists", params={"a": None, "b": [], "c": (), "d": "", "e": 0, "f": ["", ""]})
    await anext(client.profiles.list(cursor=""), None)
    assert [r.target for r in server.received] == ["/api/lists?d=&e=0&f=%2C", "/api/profiles?page%5Bcursor%5D="]
