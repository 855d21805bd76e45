"""Published keys over a real socket: rotation, trouble, and how often the issuer is asked."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from dreamflow.identity import IdentityService, InvalidToken, IssuerConfig
from dreamflow.identity.adapters.jwks import AiohttpJwks
from dreamflow.kit.clock import ManualClock
from identity.identity_forge import (
    ABSENT,
    AUDIENCE,
    ES_KEY,
    KID,
    NOW,
    OTHER_ES_KEY,
    RS_KEY,
    claims,
    config,
    ec_jwk,
    es256,
    header,
    honest,
    jws,
    rs256,
    rsa_jwk,
)
from identity.identity_keyserver import KeyServer, breaks_off, publishes, says, streams_ten_megabytes

OLD, NEW = ec_jwk(ES_KEY), ec_jwk(OTHER_ES_KEY, kid="evening-2")
NEW_TOKEN = jws(header(kid="evening-2"), claims(exp=int(NOW.timestamp()) + 10**6), es256(OTHER_ES_KEY))
OLD_TOKEN = honest(exp=int(NOW.timestamp()) + 10**6)


class World:
    """A house that asks a key server, and the hand on its clock."""

    def __init__(self, server: KeyServer, keys: AiohttpJwks, clock: ManualClock) -> None:
        self.server, self.keys, self.clock = server, keys, clock
        self.issuer = config(jwks_url=server.url)
        self.service = IdentityService([self.issuer], keys, clock)

    def wait(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def lets_in(self, token: str) -> bool:
        try:
            await self.service.verify(token)
        except InvalidToken:
            return False
        return True

    async def renewed(self) -> None:
        """Until what runs behind the requests is done."""
        for task in asyncio.all_tasks():
            if task.get_name() == "identity.jwks":
                await asyncio.wait((task,))


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    async with KeyServer().running() as running:
        running.behaviour = publishes(OLD)
        yield running


@pytest.fixture
async def world(server: KeyServer) -> AsyncIterator[World]:
    clock = ManualClock(NOW)
    async with AiohttpJwks(clock, monotonic=lambda: clock.now().timestamp(), timeout_seconds=0.2) as keys:
        yield World(server, keys, clock)


async def test_keys_are_fetched_once_and_then_kept(world: World) -> None:
    for _ in range(20):
        assert await world.lets_in(OLD_TOKEN)
    assert world.server.asked == 1


async def test_many_at_once_share_one_fetch(world: World) -> None:
    world.server.hold()
    waiting = [asyncio.create_task(world.lets_in(OLD_TOKEN)) for _ in range(50)]
    await world.server.heard.wait()
    waiting[0].cancel()  # whoever started the fetch may go away without harming the others
    world.server.release()
    assert all(await asyncio.gather(*waiting[1:]))
    assert world.server.asked == 1


async def test_ten_thousand_unknown_keys_are_one_fetch(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.wait(31)
    forged = OLD_TOKEN.partition(".")[2]
    for n in range(10_000):
        head = jws(header(kid=f"guess-{n}"), {}, lambda _: b"").partition(".")[0]
        assert not await world.lets_in(f"{head}.{forged}")
    assert world.server.asked == 2


async def test_ten_thousand_unknown_keys_against_a_dead_endpoint_are_one_fetch(world: World) -> None:
    world.server.behaviour = says("", 500)
    results = [await world.lets_in(jws(header(kid=f"guess-{n}"), claims(), lambda _: b"x")) for n in range(1000)]
    together = await asyncio.gather(*(world.lets_in(OLD_TOKEN) for _ in range(1000)))
    assert not any(results)
    assert not any(together)
    assert world.server.asked == 1


@pytest.mark.parametrize(
    "token",
    [
        jws(header(alg="HS256"), claims(), lambda _: b"x"),
        jws(header(kid=ABSENT), claims(), lambda _: b"x"),
        jws(header(), claims(iss="https://storm.example"), lambda _: b"x"),
        jws(header(jku="https://attacker.example/jwks", kid="theirs"), claims(), es256(OTHER_ES_KEY)),
    ],
    ids=["other algorithm", "no kid", "unknown issuer", "own key address"],
)
async def test_a_token_that_cannot_pass_asks_nobody(world: World, token: str) -> None:
    assert not await world.lets_in(token)
    assert world.server.asked == 0


async def test_a_key_rotated_mid_flight_is_found(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.wait(31)
    world.server.behaviour = publishes(OLD, NEW)
    assert await world.lets_in(NEW_TOKEN)
    assert await world.lets_in(OLD_TOKEN)
    assert world.server.asked == 2


async def test_a_key_rotated_within_the_cooldown_waits_for_its_end(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.server.behaviour = publishes(NEW)
    world.wait(29)
    assert not await world.lets_in(NEW_TOKEN)
    world.wait(1)
    assert await world.lets_in(NEW_TOKEN)


async def test_a_withdrawn_key_is_forgotten_with_the_next_set(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.server.behaviour = publishes(NEW)
    world.wait(601)
    assert not await world.lets_in(OLD_TOKEN)
    assert await world.lets_in(NEW_TOKEN)


async def test_an_emptied_set_is_obeyed_and_noted(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.server.behaviour = publishes()
    world.wait(601)
    with capture_logs() as lines:
        assert not await world.lets_in(OLD_TOKEN)
    assert lines == [
        {"event": "identity.jwks_without_usable_key", "issuer": world.issuer.issuer, "log_level": "warning"}
    ]


async def test_an_ageing_set_is_renewed_behind_the_requests(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.wait(481)
    world.server.hold()
    assert await world.lets_in(OLD_TOKEN)  # although the endpoint does not answer
    world.server.release()
    await world.renewed()
    assert world.server.asked == 2
    world.wait(470)
    assert await world.lets_in(OLD_TOKEN)
    assert world.server.asked == 2


TROUBLE = {
    "500": (says("", 500), "identity.jwks_unavailable"),
    "404": (says("{}", 404), "identity.jwks_unavailable"),
    "204": (says("", 204), "identity.jwks_unavailable"),
    "redirect": (says("", 302, {"Location": "/elsewhere"}), "identity.jwks_unavailable"),
    "10 MB": (says(b" " * 10 * 2**20), "identity.jwks_unavailable"),
    "10 MB without a length": (streams_ten_megabytes, "identity.jwks_unavailable"),
    "broken off": (breaks_off, "identity.jwks_unavailable"),
    "compressed nonsense": (says("no gzip", headers={"Content-Encoding": "gzip"}), "identity.jwks_unavailable"),
    "a page": (says("<html>sign in</html>"), "identity.jwks_unreadable"),
    "empty": (says(""), "identity.jwks_unreadable"),
    "not UTF-8": (says(b"\xff\xfe"), "identity.jwks_unreadable"),
    "a list": (says("[]"), "identity.jwks_unreadable"),
    "null": (says("null"), "identity.jwks_unreadable"),
    "no keys member": (says('{"error": "busy"}'), "identity.jwks_unreadable"),
    "keys an object": (says('{"keys": {}}'), "identity.jwks_unreadable"),
    "keys twice": (says('{"keys": [], "keys": []}'), "identity.jwks_unreadable"),
    "nested deeply": (says("[" * 100_000), "identity.jwks_unreadable"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_trouble_at_the_endpoint_keeps_the_last_good_set(world: World, trouble: str) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.server.behaviour, event = TROUBLE[trouble]
    world.wait(601)
    with capture_logs() as lines:
        assert await world.lets_in(OLD_TOKEN)
    assert lines == [{"event": event, "issuer": world.issuer.issuer, "log_level": "warning"}]
    assert world.server.asked == 2
    assert world.server.elsewhere == 0


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_trouble_from_the_start_is_a_refusal(world: World, trouble: str) -> None:
    world.server.behaviour, _ = TROUBLE[trouble]
    assert not await world.lets_in(OLD_TOKEN)
    world.server.behaviour = publishes(OLD)
    assert not await world.lets_in(OLD_TOKEN)
    world.wait(30)
    assert await world.lets_in(OLD_TOKEN)


async def test_a_slow_endpoint_is_waited_for_once(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.server.hold()
    world.wait(601)
    assert await world.lets_in(OLD_TOKEN)  # waits for the whole time-out
    world.wait(31)
    started = asyncio.get_running_loop().time()
    assert await world.lets_in(OLD_TOKEN)  # tries again behind
    assert asyncio.get_running_loop().time() - started < 0.1
    await world.renewed()
    assert world.server.asked == 3


async def test_an_endpoint_that_is_back_after_a_long_pause_is_asked_before_use(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.server.behaviour = says("", 500)
    world.wait(601)
    assert await world.lets_in(OLD_TOKEN)
    world.server.behaviour = publishes(NEW)
    world.wait(3600)
    assert not await world.lets_in(OLD_TOKEN)


async def test_the_last_good_set_serves_for_a_day_and_no_longer(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    world.server.behaviour = says("", 500)
    world.wait(24 * 3600)
    assert await world.lets_in(OLD_TOKEN)
    world.wait(1)
    assert not await world.lets_in(OLD_TOKEN)
    world.wait(30)
    assert not await world.lets_in(OLD_TOKEN)


async def test_nobody_listens_at_all(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen: connections are refused
        issuer = config(jwks_url=f"http://127.0.0.1:{taken.getsockname()[1]}/jwks")
        service = IdentityService([issuer], world.keys, world.clock)
        with capture_logs() as lines, pytest.raises(InvalidToken):
            await service.verify(OLD_TOKEN)
    assert [line["event"] for line in lines] == ["identity.jwks_unavailable"]


async def test_a_wall_clock_set_back_does_not_make_keys_young(server: KeyServer) -> None:
    clock, steady = ManualClock(NOW), iter(range(0, 10**6, 700))
    async with AiohttpJwks(clock, monotonic=lambda: float(next(steady))) as keys:
        await keys.keys_of(config(jwks_url=server.url), KID)
        clock.advance(timedelta(days=-1))
        await keys.keys_of(config(jwks_url=server.url), KID)
    assert server.asked == 2


async def test_a_machine_that_slept_asks_again(server: KeyServer) -> None:
    clock, steady = ManualClock(NOW), [0.0]
    async with AiohttpJwks(clock, monotonic=lambda: steady[0]) as keys:
        await keys.keys_of(config(jwks_url=server.url), KID)
        steady[0] = 31  # the steady clock stood still for most of two days
        clock.advance(timedelta(days=2))
        server.behaviour = says("", 500)
        assert (await keys.keys_of(config(jwks_url=server.url), KID)).find(KID) is None
    assert server.asked == 2


async def test_two_issuers_do_not_share_keys(world: World) -> None:
    other = IssuerConfig("https://moon.example", AUDIENCE, jwks_url=world.server.url, algorithm="RS256")
    world.server.behaviour = publishes(OLD, rsa_jwk(RS_KEY, kid="moon"))
    service = IdentityService([world.issuer, other], world.keys, world.clock)
    assert await service.verify(OLD_TOKEN)
    assert await service.verify(jws(header(alg="RS256", kid="moon"), claims(iss=other.issuer), rs256(RS_KEY)))
    with pytest.raises(InvalidToken):
        await service.verify(honest(iss=other.issuer))
    assert world.server.asked == 2


async def test_an_issuer_without_an_address_has_no_keys_here(world: World) -> None:
    fixed = config(jwks_url=None, public_jwks={"keys": [OLD]})
    assert (await world.keys.keys_of(fixed, KID)).find(KID) is None


async def test_nothing_but_a_plain_question_is_sent(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    sent = {name.lower() for name in world.server.headers[0]}
    assert sent == {"host", "accept", "accept-encoding", "user-agent"}


async def test_after_closing_held_keys_stay_and_nothing_is_asked(world: World) -> None:
    assert await world.lets_in(OLD_TOKEN)
    await world.keys.aclose()
    world.wait(601)
    assert await world.lets_in(OLD_TOKEN)
    assert world.server.asked == 1


async def test_closing_ends_a_fetch_under_way(world: World) -> None:
    world.server.hold()
    waiting = asyncio.create_task(world.lets_in(OLD_TOKEN))
    await world.server.heard.wait()
    await world.keys.aclose()
    assert not await waiting


async def test_closing_before_use_is_fine() -> None:
    await AiohttpJwks(ManualClock(NOW)).aclose()
