"""Equal reads that are under way together, through the client and on their own."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from aioklaviyo import (
    CallRecord,
    DeadlineExceeded,
    Klaviyo,
    NotFound,
    OutcomeUnknown,
    Priority,
    Profile,
    ProfileAttributes,
    RateLimited,
)
from aioklaviyo.sharing import Flights
from client.client_server import Connect, Held, Received, Reply, Reset, Serve, problem, profile


class Gate:
    """Answers wait until they are let go."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.started = 0
        self.cancelled = 0

    async def read(self) -> str:
        self.started += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "read"


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def joined(flights: Flights[str], gate: Gate, count: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(flights.join("key", gate.read)) for _ in range(count)]
    await turns()
    return tasks


async def test_equal_reads_share_one() -> None:
    flights, gate = Flights[str](), Gate()
    tasks = await joined(flights, gate, 20)
    gate.open.set()
    assert await asyncio.gather(*tasks) == ["read"] * 20
    assert gate.started == 1


async def test_who_leaves_first_fails_nobody() -> None:
    flights, gate = Flights[str](), Gate()
    first, second, third = await joined(flights, gate, 3)
    first.cancel()
    third.cancel()
    await turns()
    gate.open.set()
    assert await second == "read"
    assert (first.cancelled(), third.cancelled(), gate.started, gate.cancelled) == (True, True, 1, 0)


async def test_a_read_that_nobody_waits_for_ends() -> None:
    flights, gate = Flights[str](), Gate()
    tasks = await joined(flights, gate, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert gate.cancelled == 1
    assert not flights.is_under_way("key")


async def test_a_read_after_a_write_does_not_join_one_from_before() -> None:
    flights, gate = Flights[str](), Gate()
    [before] = await joined(flights, gate, 1)
    flights.wrote()
    [after] = await joined(flights, gate, 1)
    gate.open.set()
    assert await asyncio.gather(before, after) == ["read", "read"]
    assert gate.started == 2


async def test_each_waiter_gets_an_error_of_its_own() -> None:
    async def fail() -> str:
        await asyncio.sleep(0)
        raise DeadlineExceeded("Time ran out", CallRecord("GET", "/api/x"))

    flights = Flights[str]()
    errors = await asyncio.gather(*(flights.join("key", fail) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in errors] == [DeadlineExceeded] * 3
    assert len({id(error) for error in errors}) == 3
    assert {str(error) for error in errors} == {"Time ran out; GET /api/x; 0 attempts"}


ANN = profile(email="ann@example.org", properties={"toys": ["bear"]})


async def test_equal_reads_of_a_client_cost_one_request(serve: Serve, connect: Connect) -> None:
    open_gate = asyncio.Event()
    server = await serve(Held(open_gate, Reply(document={"data": ANN})))
    client = await connect(server.url)
    tasks = [asyncio.create_task(client.profiles.get("01M1")) for _ in range(10)]
    await server.arrival.wait()
    open_gate.set()
    found = await asyncio.gather(*tasks)
    assert len(server.received) == 1
    # What one does to its answer is nothing to the others.
    found[0].properties["toys"].append("owl")
    assert [made.properties for made in found[1:]] == [{"toys": ["bear"]}] * 9


@pytest.mark.parametrize(
    "other",
    [
        lambda client: client.profiles.get("01M2"),
        lambda client: client.profiles.get("01M1", fields=("email",)),
        lambda client: client.with_options(priority=Priority.BACKGROUND).profiles.get("01M1"),
        lambda client: client.with_options(shares_reads=False).profiles.get("01M1"),
    ],
)
async def test_reads_that_differ_are_not_shared(
    serve: Serve, connect: Connect, other: Callable[[Klaviyo], Awaitable[object]]
) -> None:
    open_gate = asyncio.Event()
    server = await serve(Held(open_gate, Reply(document={"data": ANN})))
    client = await connect(server.url)
    open_gate.set()
    await asyncio.gather(client.profiles.get("01M1"), other(client))
    assert len(server.received) == 2


async def test_a_read_that_is_not_repeated_does_not_answer_for_one_that_is(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(document={"data": ANN}))
    client = await connect(server.url)
    raw = asyncio.ensure_future(client.request("GET", "/api/profiles/01M1", is_repeatable=False))
    typed = asyncio.ensure_future(client.profiles.get("01M1"))
    outcome, read = await asyncio.gather(raw, typed, return_exceptions=True)
    assert (isinstance(outcome, OutcomeUnknown), isinstance(read, Profile)) == (True, True)


async def test_who_reads_after_a_write_sees_it(serve: Serve, connect: Connect) -> None:
    held = [asyncio.Event(), asyncio.Event()]
    reads: list[Received] = []

    def script(received: Received) -> Reply | Held:
        if received.method == "PATCH":
            return Reply(document={"data": ANN})
        reads.append(received)
        return Held(held[len(reads) - 1], Reply(document={"data": profile(title=f"read {len(reads)}")}))

    server = await serve(script=script)
    client = await connect(server.url)
    before = asyncio.create_task(client.profiles.get("01M1"))
    await server.arrival.wait()
    await client.profiles.update("01M1", ProfileAttributes(title="Dr"))
    after = asyncio.create_task(client.profiles.get("01M1"))
    for gate in held:
        gate.set()
    assert [(await task).title for task in (before, after)] == ["read 1", "read 2"]


async def test_a_shorter_deadline_of_another_is_not_ours(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(429, headers={"Retry-After": "5"}), Reply(document={"data": ANN}))
    client = await connect(server.url)
    hasty = asyncio.create_task(client.profiles.get("01M1", deadline_seconds=1))
    patient = asyncio.create_task(client.profiles.get("01M1", deadline_seconds=60))
    with pytest.raises(RateLimited):
        await hasty
    assert (await patient).email == "ann@example.org"
    assert len(server.received) == 2


async def test_who_has_less_time_than_the_read_stops_waiting(serve: Serve, connect: Connect) -> None:
    open_gate = asyncio.Event()
    server = await serve(Held(open_gate, Reply(document={"data": ANN})))
    client = await connect(server.url)
    patient = asyncio.create_task(client.profiles.get("01M1", deadline_seconds=60))
    await server.arrival.wait()
    with pytest.raises(DeadlineExceeded, match="an equal read"):
        await client.profiles.get("01M1", deadline_seconds=0.01)
    open_gate.set()
    assert (await patient).email == "ann@example.org"


async def test_a_refusal_is_everybodys(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(404, problem(404, "not_found")))
    client = await connect(server.url)
    results = await asyncio.gather(*(client.profiles.get("01M1") for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [NotFound] * 5
    assert len(server.received) == 1
