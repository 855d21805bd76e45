"""Which failures are repeated, for which calls, and what is raised in the end."""

import asyncio
from collections.abc import Sequence

import pytest
from typing_extensions import override

from aioklaviyo import (
    ConnectionFailed,
    CredentialsRejected,
    DeadlineExceeded,
    KlaviyoError,
    NoPacing,
    NotFound,
    OutcomeUnknown,
    Priority,
    RateLimited,
    RequestRejected,
    ServerUnavailable,
    UnexpectedResponse,
)
from aioklaviyo.pacing.model import NoSlotInTime, Slot
from aioklaviyo.rates import Charge
from client.client_calls import ANN, CREATED, KEYED, ONE, SAFE, UNSAFE, Kind, names
from client.client_server import (
    Connect,
    Garbage,
    PaperClock,
    Reply,
    Reset,
    Serve,
    Silence,
    Stalled,
    Step,
    Truncated,
    in_turn,
    nobody_listens,
    problem,
)

AMBIGUOUS: list[Step] = [
    *(Reply(status, problem(status)) for status in (408, 500, 502, 503, 504, 520, 524)),
    Reply(503, body=b"<html>"),
    Reset(),
    Garbage(b"what?\r\n\r\n"),
    Truncated(500, {"x": "y"}),
]
AMBIGUOUS_IDS = ["408", "500", "502", "503", "504", "520", "524", "503 html", "reset", "garbage", "truncated 500"]
# A server that never answers costs real time: little, but enough to connect and to send on a busy machine.
BRIEF_SECONDS = 1.0


@pytest.mark.parametrize("fault", AMBIGUOUS, ids=AMBIGUOUS_IDS)
@pytest.mark.parametrize("kind", **names(SAFE))
async def test_a_safe_call_survives_two_failures(
    serve: Serve, connect: Connect, clock: PaperClock, kind: Kind, fault: Step
) -> None:
    server = await serve(fault, fault, kind.good)
    client = await connect(server.url)
    await kind.run(client)
    assert len(server.received) == 3
    assert len({(r.method, r.target, r.body) for r in server.received}) == 1
    assert len(clock.sleeps) == 2
    assert clock.sleeps[0] <= 0.25
    assert clock.sleeps[1] <= 0.5


@pytest.mark.parametrize("fault", AMBIGUOUS, ids=AMBIGUOUS_IDS)
@pytest.mark.parametrize("kind", **names(UNSAFE))
async def test_an_unsafe_call_is_not_repeated_after_an_ambiguous_failure(
    serve: Serve, connect: Connect, clock: PaperClock, kind: Kind, fault: Step
) -> None:
    server = await serve(fault, kind.good)
    client = await connect(server.url)
    with pytest.raises(OutcomeUnknown) as caught:
        await kind.run(client)
    assert len(server.received) == 1
    assert caught.value.attempts == 1
    assert not caught.value.may_repeat
    assert clock.sleeps == []


@pytest.mark.parametrize("kind", **names([*SAFE, *UNSAFE]))
async def test_throttling_is_waited_out_for_every_call(
    serve: Serve, connect: Connect, clock: PaperClock, kind: Kind
) -> None:
    server = await serve(Reply(429, problem(429, "throttled"), {"Retry-After": "3"}), Reply(429), kind.good)
    client = await connect(server.url)
    await kind.run(client)
    assert len(server.received) == 3
    assert 3 <= clock.sleeps[0] <= 3.25


@pytest.mark.parametrize(
    "last", [Reply(429), Reply(429, headers={"Retry-After": "31"}), Reply(400), Reply(503), Reset()]
)
async def test_an_error_tells_whether_an_attempt_before_may_have_worked(
    serve: Serve, connect: Connect, last: Step
) -> None:
    server = await serve(Reset(), last, Reply(429), last)
    client = await connect(server.url, max_attempts=2)
    for may_be_done in (True, isinstance(last, Reset) or last == Reply(503)):
        with pytest.raises(KlaviyoError) as caught:
            await client.profiles.upsert(ANN)
        assert caught.value.record.may_be_done == may_be_done
        assert caught.value.attempts == 2
    with nobody_listens() as url, pytest.raises(ConnectionFailed) as failed:
        await (await connect(url)).profiles.upsert(ANN)
    assert not failed.value.record.may_be_done


@pytest.mark.parametrize("kind", **names([*SAFE, *UNSAFE]))
async def test_a_refused_connection_is_repeatable_for_every_call(
    connect: Connect, clock: PaperClock, kind: Kind
) -> None:
    with nobody_listens() as url, pytest.raises(ConnectionFailed) as caught:
        await kind.run(await connect(url))
    assert caught.value.attempts == 5
    assert caught.value.status is None
    assert caught.value.may_repeat
    assert len(clock.sleeps) == 4


async def test_a_retry_after_beyond_the_deadline_is_told_at_once(
    serve: Serve, connect: Connect, clock: PaperClock
) -> None:
    server = await serve(Reply(429, problem(429, "throttled"), {"Retry-After": "31"}))
    client = await connect(server.url)
    with pytest.raises(RateLimited) as caught:
        await client.profiles.get("01M1")
    assert caught.value.retry_after_seconds == 31
    assert caught.value.may_repeat
    assert caught.value.errors[0].code == "throttled"
    assert clock.sleeps == []
    assert len(server.received) == 1


async def test_a_retry_after_may_be_a_date_and_is_measured_by_the_servers_own_clock(
    serve: Serve, connect: Connect, clock: PaperClock
) -> None:
    headers = {"Retry-After": "Sun, 01 Nov 2020 00:00:07 GMT", "Date": "Sun, 01 Nov 2020 00:00:00 GMT"}
    server = await serve(Reply(429, headers=headers), ONE)
    client = await connect(server.url)
    await client.profiles.get("01M1")
    assert 7 <= clock.sleeps[0] <= 7.25


async def test_a_retry_after_is_honoured_on_503_too(serve: Serve, connect: Connect, clock: PaperClock) -> None:
    server = await serve(Reply(503, headers={"Retry-After": "2"}), ONE)
    client = await connect(server.url)
    await client.profiles.get("01M1")
    assert 2 <= clock.sleeps[0] <= 2.25


async def test_every_attempt_throttled_ends_as_rate_limited(serve: Serve, connect: Connect, clock: PaperClock) -> None:
    server = await serve(Reply(429))
    client = await connect(server.url, max_attempts=3)
    with pytest.raises(RateLimited) as caught:
        await client.profiles.create(ANN)
    assert (caught.value.attempts, caught.value.retry_after_seconds) == (3, None)
    assert len(server.received) == 3


async def test_every_attempt_unavailable_ends_as_server_unavailable(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(503, problem(503), {"cf-ray": "8f-VIE"}))
    client = await connect(server.url)
    with pytest.raises(ServerUnavailable) as caught:
        await client.profiles.get("01M1")
    assert (caught.value.attempts, caught.value.status, caught.value.request_id) == (5, 503, "8f-VIE")


async def test_a_broken_connection_every_time_ends_as_connection_failed(serve: Serve, connect: Connect) -> None:
    server = await serve(Truncated(200, {"data": {}}))
    client = await connect(server.url, max_attempts=2)
    with pytest.raises(ConnectionFailed) as caught:
        await client.profiles.get("01M1")
    assert caught.value.status == 200


async def test_a_body_that_is_not_json_is_read_again_and_then_told(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(200, body=b"<html>"), Reply(200), ONE)
    client = await connect(server.url)
    assert (await client.profiles.get("01M1")).id
    server = await serve(Reply(200, body=b"<html>"))
    client = await connect(server.url)
    with pytest.raises(UnexpectedResponse) as caught:
        await client.profiles.get("01M1")
    assert caught.value.attempts == 5


async def test_silence_is_repeated_for_a_safe_call(serve: Serve, connect: Connect) -> None:
    async def received_after(step: Step) -> int:
        server = await serve(step, ONE)
        client = await connect(server.url, attempt_timeout_seconds=BRIEF_SECONDS)
        assert (await client.profiles.get("01M1")).id
        return len(server.received)

    received = await asyncio.gather(received_after(Silence()), received_after(Stalled(200, {"data": {}})))
    assert received == [2, 2]


async def test_silence_until_the_end_is_a_deadline_for_a_safe_call(serve: Serve, connect: Connect) -> None:
    server = await serve(Silence())
    client = await connect(server.url, max_attempts=2, attempt_timeout_seconds=BRIEF_SECONDS)
    with pytest.raises(DeadlineExceeded) as caught:
        await client.events.create(KEYED)
    assert (caught.value.attempts, caught.value.may_repeat) == (2, True)


async def test_silence_leaves_the_outcome_of_an_unsafe_call_unknown(serve: Serve, connect: Connect) -> None:
    server = await serve(Silence())
    client = await connect(server.url)
    calls = [kind.run(client, deadline_seconds=BRIEF_SECONDS) for kind in UNSAFE]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    kinds = [kind.name for kind in UNSAFE]
    assert {name: type(outcome) for name, outcome in zip(kinds, outcomes, strict=True)} == dict.fromkeys(
        kinds, OutcomeUnknown
    )
    assert len(server.received) == len(UNSAFE)


@pytest.mark.parametrize("step", [Truncated(201, {"data": {}}), Reply(201, body=b"<html>"), Reply(201)])
async def test_a_profile_created_behind_an_unreadable_answer_is_an_unknown_outcome(
    serve: Serve, connect: Connect, step: Step
) -> None:
    server = await serve(step, CREATED)
    client = await connect(server.url)
    with pytest.raises(OutcomeUnknown) as caught:
        await client.profiles.create(ANN)
    assert caught.value.status == 201
    assert len(server.received) == 1


@pytest.mark.parametrize("step", [Truncated(202), Reply(202, body=b"\xff\x00"), Reply(200), Reply(204)])
@pytest.mark.parametrize("kind", [kind for kind in [*SAFE, *UNSAFE] if not kind.reads_body], ids=lambda k: k.name)
async def test_an_accepted_event_is_accepted_whatever_the_body(
    serve: Serve, connect: Connect, kind: Kind, step: Step
) -> None:
    server = await serve(step)
    client = await connect(server.url)
    await kind.run(client)
    assert len(server.received) == 1


async def test_a_stalled_body_behind_an_accepted_event_takes_nothing_away(serve: Serve, connect: Connect) -> None:
    server = await serve(Stalled(202, {"a": "b"}))
    client = await connect(server.url)
    await client.events.bulk_create([KEYED], deadline_seconds=BRIEF_SECONDS)
    assert len(server.received) == 1


REFUSALS: dict[int, type[KlaviyoError]] = {
    400: RequestRejected,
    401: CredentialsRejected,
    403: CredentialsRejected,
    404: NotFound,
    410: RequestRejected,
}


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("kind", **names([*SAFE, *UNSAFE]))
async def test_a_refusal_is_final(serve: Serve, connect: Connect, kind: Kind, status: int) -> None:
    server = await serve(Reply(status, problem(status)), kind.good)
    client = await connect(server.url)
    with pytest.raises(REFUSALS[status]) as caught:
        await kind.run(client)
    assert (caught.value.status, caught.value.attempts, caught.value.may_repeat) == (status, 1, False)
    assert len(server.received) == 1


async def test_a_refusal_whose_body_is_lost_is_still_a_refusal(serve: Serve, connect: Connect) -> None:
    server = await serve(Truncated(404, problem(404)))
    client = await connect(server.url)
    with pytest.raises(NotFound) as caught:
        await client.profiles.create(ANN)
    assert caught.value.errors == ()


async def test_no_wait_is_begun_that_the_deadline_cannot_hold(
    serve: Serve, connect: Connect, clock: PaperClock
) -> None:
    server = await serve(Reply(500))
    client = await connect(server.url, backoff_base_seconds=2.0, max_attempts=50)
    with pytest.raises(ServerUnavailable):
        await client.profiles.get("01M1", deadline_seconds=5.0)
    assert sum(clock.sleeps) < 5


async def test_a_wait_that_takes_longer_than_asked_ends_at_the_deadline(
    serve: Serve, connect: Connect, clock: PaperClock
) -> None:
    async def oversleep(seconds: float) -> None:
        await clock.sleep(seconds * 100)

    server = await serve(Reply(429, headers={"Retry-After": "1"}), CREATED)
    client = await connect(server.url, sleep=oversleep)
    with pytest.raises(DeadlineExceeded) as caught:
        await client.profiles.create(ANN)
    assert (caught.value.attempts, len(server.received)) == (1, 1)


async def test_a_deadline_must_be_a_time_that_comes(serve: Serve, connect: Connect) -> None:
    server = await serve(ONE)
    client = await connect(server.url)
    for deadline in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="deadline_seconds"):
            await client.profiles.get("01M1", deadline_seconds=deadline)
    assert server.received == []


async def test_whether_an_upsert_created_is_unknown_after_an_attempt_without_an_answer(
    serve: Serve, connect: Connect
) -> None:
    answers = [
        ([CREATED], True),
        ([ONE], False),
        ([Reply(429), ONE], False),
        ([Reset(), ONE], None),
        ([Reset(), CREATED], True),
        ([Reply(202, CREATED.document)], None),
    ]
    for steps, created in answers:
        server = await serve(script=in_turn(*steps))
        client = await connect(server.url)
        assert (await client.profiles.upsert(ANN)).created is created


async def test_too_many_bytes_are_refused_without_reading_them_all(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(200, {"data": "x" * 5_000}))
    client = await connect(server.url, max_response_bytes=1_000)
    with pytest.raises(UnexpectedResponse) as caught:
        await client.profiles.get("01M1")
    assert caught.value.attempts == 1
    with pytest.raises(OutcomeUnknown):
        await client.profiles.create(ANN)


async def test_a_compressed_body_that_is_not_is_a_broken_answer(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(200, body=b"not gzip at all", headers={"Content-Encoding": "gzip"}), ONE)
    client = await connect(server.url)
    assert (await client.profiles.get("01M1")).id


async def test_a_deletion_whose_first_attempt_may_have_worked_has_worked(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(404, problem(404, "not_found")))
    client = await connect(server.url)
    await client.lists.delete("Y6nRLr")
    assert len(server.received) == 2


async def test_a_deletion_of_what_is_not_there_says_so(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(429, headers={"Retry-After": "1"}), Reply(404, problem(404, "not_found")))
    client = await connect(server.url)
    with pytest.raises(NotFound):
        await client.lists.delete("Y6nRLr")


async def test_members_that_cannot_be_removed_from_no_list_are_no_success(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(404, problem(404, "not_found")))
    client = await connect(server.url)
    with pytest.raises(NotFound):
        await client.lists.remove_members("Y6nRLr", ["01M1"])


async def test_a_call_that_the_limit_leaves_no_time_for_is_not_sent(serve: Serve, connect: Connect) -> None:
    class Full(NoPacing):
        @override
        async def slot(self, charges: Sequence[Charge], *, priority: Priority, within_seconds: float) -> Slot:
            raise NoSlotInTime(40.0)

    server = await serve(ONE)
    client = await connect(server.url, pacing=Full())
    with pytest.raises(RateLimited, match="Not sent") as caught:
        await client.profiles.get("01M1")
    assert (caught.value.attempts, caught.value.retry_after_seconds, caught.value.may_repeat) == (0, 40.0, True)
    assert server.received == []


async def test_a_client_keeps_the_limits_by_itself(serve: Serve, connect: Connect, clock: PaperClock) -> None:
    server = await serve(Reply(document={"data": [{"type": "account", "id": "A"}]}))
    client = await connect(server.url, pacing=None)
    for _ in range(4):
        await client.accounts.get()
    # One per second, on paper.
    assert clock.now - 1_000.0 >= 3.0
    assert len(server.received) == 4
