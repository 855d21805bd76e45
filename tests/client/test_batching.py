"""Reads of single profiles that are answered together."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from aioklaviyo import (
    DeadlineExceeded,
    InvalidRequest,
    Klaviyo,
    Priority,
    Profile,
    ProfileAttributes,
    RequestRejected,
    ServerUnavailable,
)
from aioklaviyo.batching import MAX_FILTER_CHARACTERS, Gatherer, chunks
from client.client_server import Connect, Received, Reply, ScriptedServer, Serve, Silence, Step, problem, profile
from client.emulated import account

PAGE = 100


def asked(received: Received) -> list[str]:
    """The keys of a filter on external ids."""
    inner = received.query["filter"].removeprefix('any(external_id,["').removesuffix('"])')
    return inner.split('","')


def everybody(received: Received) -> Step:
    """Answers with a profile for each external id that does not begin with "no"."""
    data = [
        profile(f"id-{key}", external_id=key, properties={"list": [1]})
        for key in reversed(asked(received))
        if not key.startswith("no")
    ]
    return Reply(document={"data": data})


def many(client: Klaviyo, *keys: str, **more: Any) -> list["asyncio.Task[Profile | None]"]:
    return [asyncio.ensure_future(client.profiles.find(external_id=key, **more)) for key in keys]


async def never(_: object, __: float) -> dict[str, str]:
    raise AssertionError("nothing is to be read")


async def test_finds_at_the_same_time_are_one_request_and_each_gets_its_own(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    found = await asyncio.gather(*many(client, "a", "b", "no", "a", "c"))
    assert [one and one.id for one in found] == ["id-a", "id-b", None, "id-a", "id-c"]
    assert len(server.received) == 1
    assert asked(server.received[0]) == ["a", "b", "no", "c"]
    assert server.received[0].query["page[size]"] == "100"
    first, again = found[0], found[3]
    assert first is not None
    assert again is not None
    first.properties["list"].append(2)
    assert again.properties == {"list": [1]}


async def test_whoever_changes_a_profile_at_once_changes_nobody_elses(serve: Serve, connect: Connect) -> None:
    client = await connect((await serve(script=everybody)).url)
    seen: list[list[int]] = []

    async def change() -> None:
        found = await client.profiles.find(external_id="a")
        assert found is not None
        seen.append(list(found.properties["list"]))
        found.properties["list"].append(2)

    await asyncio.gather(change(), change(), change())
    assert seen == [[1]] * 3


async def test_more_than_a_page_are_several_requests_at_once(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    keys = [f"k{number}" for number in range(250)]
    found = await asyncio.gather(*many(client, *keys))
    assert [one and one.external_id for one in found] == keys
    assert sorted(len(asked(received)) for received in server.received) == [50, PAGE, PAGE]


async def test_long_keys_are_parted_before_the_url_grows_too_long(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    keys = [f"{number}-" + "ü" * 200 for number in range(12)]
    found = await asyncio.gather(*many(client, *keys))
    assert [one and one.external_id for one in found] == keys
    assert len(server.received) > 2
    assert all(len(received.target) < MAX_FILTER_CHARACTERS + 200 for received in server.received)
    assert [key for part in chunks(keys) for key in part] == keys
    assert chunks(["x" * 10_000]) == [["x" * 10_000]]


async def test_what_is_asked_for_differently_is_asked_for_apart(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    await asyncio.gather(
        *many(client, "a", "b"),
        *many(client, "c", fields=("email",)),
        *many(client, "d", fields=("external_id",)),
        *many(client, "e", additional_fields=("subscriptions",)),
    )
    shapes = {
        tuple(asked(r)): (r.query.get("fields[profile]"), r.query.get("additional-fields[profile]"))
        for r in server.received
    }
    assert shapes == {
        ("a", "b"): (None, None),
        ("c",): ("email,external_id", None),
        ("d",): ("external_id", None),
        ("e",): (None, "subscriptions"),
    }


async def until(server: ScriptedServer, count: int) -> None:
    while len(server.received) < count:
        server.arrival.clear()
        if len(server.received) < count:
            await server.arrival.wait()


async def test_whoever_came_first_may_leave_first(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    leader, other = many(client, "a", "b")
    await asyncio.sleep(0)
    leader.cancel()
    found = await other
    assert found is not None
    assert found.external_id == "b"
    assert asked(server.received[0]) == ["b"], "nobody waited for the other key any more"
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_leaving_while_the_page_is_read_fails_nobody(serve: Serve, connect: Connect) -> None:
    server = await serve(Silence())
    client = await connect(server.url, attempt_timeout_seconds=0.02, max_attempts=2)
    server._script = lambda received: Silence() if len(server.received) == 1 else everybody(received)
    leader, other = many(client, "a", "b")
    await until(server, 1)
    leader.cancel()
    found = await other
    assert found is not None
    assert found.external_id == "b"


async def test_when_nobody_waits_any_more_the_read_ends(serve: Serve, connect: Connect) -> None:
    server = await serve(Silence())
    client = await connect(server.url)
    tasks = many(client, "a", "b")
    await until(server, 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    while server.open_connections:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0)
    early = many(client, "c")
    await asyncio.sleep(0)
    early[0].cancel()
    await asyncio.gather(*early, return_exceptions=True)
    server._script = everybody
    found = await client.profiles.find(external_id="d")
    assert found is not None
    assert [asked(received) for received in server.received] == [["a", "b"], ["d"]]


async def test_each_keeps_a_deadline_of_its_own(serve: Serve, connect: Connect) -> None:
    server = await serve(Silence())
    client = await connect(server.url)
    (hasty,) = many(client, "a", deadline_seconds=0.02)
    (patient,) = many(client, "b", deadline_seconds=30)
    with pytest.raises(DeadlineExceeded) as caught:
        await hasty
    assert caught.value.path == "/api/profiles"
    assert not patient.done()
    patient.cancel()


async def test_the_haste_of_one_is_not_that_of_others(serve: Serve, connect: Connect) -> None:
    server = await serve(script=lambda received: Silence() if len(server.received) == 1 else everybody(received))
    client = await connect(server.url, attempt_timeout_seconds=0.05)
    patient, *_ = many(client, "a", deadline_seconds=30)
    hasty, *_ = many(client, "b", deadline_seconds=0.02)
    with pytest.raises(DeadlineExceeded):
        await hasty
    found = await patient
    assert found is not None
    assert found.external_id == "a"


async def test_an_error_reaches_everybody_as_one_of_their_own(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(503, problem(503)))
    client = await connect(server.url, max_attempts=1)
    errors = await asyncio.gather(*many(client, "a", "b", "a"), return_exceptions=True)
    assert all(isinstance(error, ServerUnavailable) for error in errors)
    assert len({id(error) for error in errors}) == 3
    assert len(server.received) == 1
    server._script = lambda _: Reply(400, problem(400))
    with pytest.raises(RequestRejected):
        await client.profiles.find(external_id="a")


async def test_nobody_is_refused_for_anothers_key(serve: Serve, connect: Connect) -> None:
    bad = {"k37"}

    def script(received: Received) -> Step:
        return Reply(400, problem(400)) if bad & set(asked(received)) else everybody(received)

    server = await serve(script=script)
    client = await connect(server.url)
    keys = [f"k{number}" for number in range(80)]
    outcomes = await asyncio.gather(*many(client, *keys, "k37", "k36"), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, RequestRejected)]
    found = [outcome.external_id for outcome in outcomes if isinstance(outcome, Profile)]
    assert Counter(found) == Counter([*keys, "k36"]) - Counter(bad)
    assert len(refused) == 2
    assert refused[0] is not refused[1]
    assert len(server.received) <= 15
    bad.update(keys)
    server.received.clear()
    outcomes = await asyncio.gather(*many(client, *keys), return_exceptions=True)
    assert all(isinstance(outcome, RequestRejected) for outcome in outcomes)
    assert len(server.received) == 3, "it is not for one key's sake"


async def test_a_view_with_other_options_asks_by_itself(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    quiet = client.with_options(priority=Priority.BACKGROUND)
    await asyncio.gather(client.profiles.find(external_id="a"), quiet.profiles.find(external_id="b"))
    assert sorted(asked(received) for received in server.received) == [["a"], ["b"]]


async def test_many_are_found_however_many(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    keys = [f"k{number}" for number in range(230)]
    found = await client.profiles.find_many(external_ids=(key for key in [*keys, "no", "k0"]))
    assert list(found) == keys
    assert all(found[key].external_id == key for key in keys)
    assert sorted(len(asked(received)) for received in server.received) == [31, PAGE, PAGE]
    assert await client.profiles.find_many(external_ids=[]) == {}
    assert len(server.received) == 3


async def test_the_first_failure_of_many_is_the_answer(serve: Serve, connect: Connect) -> None:
    server = await serve(script=lambda received: Reply(400, problem(400)) if "k0" in asked(received) else Silence())
    client = await connect(server.url)
    with pytest.raises(RequestRejected):
        await client.profiles.find_many(external_ids=[f"k{number}" for number in range(230)])
    busy = {task for task in asyncio.all_tasks() if "ScriptedServer" not in repr(task)}
    assert busy == {asyncio.current_task()}, "no page is read any more"


async def test_keys_whose_time_is_up_before_they_are_read_are_not_read(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    times = iter([0.0])
    gatherer = Gatherer[str](never, str, monotonic=lambda: next(times, 9.0), path="/api/profiles")
    with pytest.raises(DeadlineExceeded, match="before the read began"):
        await gatherer.get("a", deadline_seconds=5)
    client = await connect(server.url)
    with pytest.raises(TypeError, match="not one string"):
        await client.profiles.find_many(external_ids="abc")
    assert server.received == []


async def test_a_profile_that_does_not_show_the_key_is_found_all_the_same(serve: Serve, connect: Connect) -> None:
    """As where Klaviyo finds a profile by an address that is not its first."""

    def script(received: Received) -> Step:
        ids = {"first": "1", "second": "2", "further": "1", "other": "3"}
        found = {ids[key]: key for key in asked(received) if key in ids}
        shown = {"1": "first", "2": "second", "3": "elsewhere"}
        return Reply(document={"data": [profile(key, external_id=shown[key]) for key in found]})

    server = await serve(script=script)
    client = await connect(server.url)
    found = await client.profiles.find_many(external_ids=["nobody", "further", "second", "other", "none"])
    assert {key: one.id for key, one in found.items()} == {"further": "1", "second": "2", "other": "3"}
    assert [len(asked(received)) for received in server.received] == [5, 1, 1, 1, 1]
    alone = await client.profiles.find(external_id="further")
    assert alone is not None
    assert alone.id == "1"
    assert len(server.received) == 6


async def test_profiles_that_do_not_show_the_key_cost_few_requests_among_many_keys(
    serve: Serve, connect: Connect
) -> None:
    """Also where two keys are another's further addresses: Klaviyo lists a profile once."""

    def script(received: Received) -> Step:
        is_there = {"k20", "k77"} & set(asked(received))
        return Reply(document={"data": [profile("1", external_id="first")] if is_there else []})

    server = await serve(script=script)
    client = await connect(server.url)
    found = await client.profiles.find_many(external_ids=[f"k{number}" for number in range(100)])
    assert {key: one.id for key, one in found.items()} == {"k20": "1", "k77": "1"}
    assert found["k20"] is not found["k77"]
    assert len(server.received) <= 30


async def test_exactly_one_identifier_is_needed(serve: Serve, connect: Connect) -> None:
    server = await serve(script=everybody)
    client = await connect(server.url)
    wrongs: list[dict[str, Any]] = [{}, {"email": "a@b.c", "id": "01M1"}, {"email": ""}, {"external_id": "\ud83d"}]
    for wrong in wrongs:
        with pytest.raises(InvalidRequest):
            await client.profiles.find(**wrong)
    with pytest.raises(InvalidRequest):
        await client.profiles.find(email="a@b.c", deadline_seconds=0)
    with pytest.raises(InvalidRequest):
        await client.profiles.find_many(emails=["a@b.c"], ids=["01M1"])
    with pytest.raises(InvalidRequest):
        await client.profiles.find_many(emails=["a@b.c", ""])
    assert server.received == []


async def test_profiles_are_found_by_every_identifier() -> None:
    async with account() as here:
        profiles = here.klaviyo.profiles
        ann = await profiles.create(
            ProfileAttributes(email="ann@example.org", phone_number="+15005550006", external_id="a,\"b'\\")
        )
        bob = await profiles.create(ProfileAttributes(email="bob@example.org"))
        here.sent.clear()
        found = await asyncio.gather(
            profiles.find(email="Ann@Example.org"),
            profiles.find(email="ann@example.org"),
            profiles.find(email="nobody@example.org"),
            profiles.find(phone_number="+15005550006"),
            profiles.find(external_id="a,\"b'\\"),
            profiles.find(id=ann.id, fields=("first_name",)),
        )
        assert [one and one.id for one in found] == [ann.id, ann.id, None, ann.id, ann.id, ann.id]
        assert len(here.sent) == 4
        named = await profiles.find_many(
            emails=["bob@example.org", "ann@example.org", "ANN@example.org", "no@example.org"]
        )
        assert {email: one.id for email, one in named.items()} == {
            "bob@example.org": bob.id,
            "ann@example.org": ann.id,
            "ANN@example.org": ann.id,
        }
        assert len({id(one) for one in named.values()}) == 3
        here.check()
