"""Whole calls over random scripts on a real socket: nothing promised about repeating is broken, nothing is left open.

``test_core_properties`` plays many more of them, without sockets.
"""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from aioklaviyo import (
    ConnectionFailed,
    Klaviyo,
    KlaviyoError,
    NoPacing,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    ServerUnavailable,
    UnexpectedResponse,
)
from client.client_calls import SAFE, UNSAFE, Kind
from client.client_server import (
    Garbage,
    PaperClock,
    Received,
    Reply,
    Reset,
    ScriptedServer,
    Step,
    Truncated,
    in_turn,
    problem,
)

throttled = st.builds(
    lambda seconds: Reply(429, problem(429), {} if seconds is None else {"Retry-After": str(seconds)}),
    st.none() | st.integers(0, 12),
)
ambiguous = st.sampled_from([Reply(500), Reply(503, problem(503)), Reply(504), Reset(), Garbage(b"?"), Truncated(500)])
final = st.sampled_from([Reply(400, problem(400)), Reply(302), Reply(404)])
GOOD = "good"
scripts = st.lists(throttled | ambiguous | st.just(GOOD) | final, min_size=1, max_size=8)


def is_throttled(step: Step) -> bool:
    return isinstance(step, Reply) and step.status == 429


def is_ambiguous(step: Step) -> bool:
    return not isinstance(step, Reply) or step.status >= 500


@settings(max_examples=30)
@given(
    kind=st.sampled_from([*SAFE, *UNSAFE]),
    script=scripts,
    allowed=st.floats(0.5, 30),
    max_attempts=st.integers(1, 6),
    seed=st.integers(0, 2**32),
)
def test_promises_hold_over_any_script(
    kind: Kind, script: list[Step | str], allowed: float, max_attempts: int, seed: int
) -> None:
    steps: list[Step] = [kind.good if isinstance(step, str) else step for step in script]
    asyncio.run(_play(kind, steps, allowed, max_attempts, seed))


async def _play(kind: Kind, steps: list[Step], allowed: float, max_attempts: int, seed: int) -> None:
    played: list[Step] = []
    answer = in_turn(*steps)

    def remember(received: Received) -> Step:
        played.append(answer(received))
        return played[-1]

    clock, error = PaperClock(), None
    server = ScriptedServer(remember)
    await server.start()
    client = Klaviyo(
        "pk_1",
        base_url=server.url,
        max_attempts=max_attempts,
        rng=random.Random(seed),
        sleep=clock.sleep,
        monotonic=clock.monotonic,
        pacing=NoPacing(),
    )
    try:
        async with client:
            try:
                await kind.run(client, deadline_seconds=allowed)
            except KlaviyoError as caught:
                error = caught
            session = client._transport._session
            assert session is not None
            assert session.connector is not None
            assert not session.connector._acquired, "a connection was not given back"
        assert session.closed
    finally:
        await server.stop()
    assert server.open_connections == 0

    assert sum(clock.sleeps) < allowed
    assert 1 <= len(played) <= max_attempts
    assert len(clock.sleeps) == len(played) - 1
    for slept, step in zip(clock.sleeps, played, strict=False):
        if isinstance(step, Reply) and "Retry-After" in step.headers:
            assert slept >= int(step.headers["Retry-After"])
    assert all(is_throttled(step) or (is_ambiguous(step) and kind in SAFE) for step in played[:-1])
    if error is None and isinstance(played[-1], Reply) and played[-1].status == 404:
        # What an attempt without an answer was to delete is gone.
        assert kind.name == "raw DELETE"
        assert any(map(is_ambiguous, played[:-1]))
    else:
        _check_ending(kind, played[-1], error)
    if error is not None:
        assert error.attempts == len(played)


def _check_ending(kind: Kind, last: Step, error: KlaviyoError | None) -> None:
    if is_throttled(last):
        assert isinstance(error, RateLimited)
    elif is_ambiguous(last):
        expected = (ServerUnavailable, ConnectionFailed) if kind in SAFE else OutcomeUnknown
        assert isinstance(error, expected)
    elif last is kind.good:
        assert error is None
    else:
        assert isinstance(error, (RequestRejected, UnexpectedResponse))
