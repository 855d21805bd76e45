"""Listings: whole, resumable, and never in circles."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioklaviyo import Klaviyo, Profile, ServerUnavailable, UnexpectedResponse
from client.client_server import Connect, Received, Reply, ScriptedServer, Serve, profile


def pages(*sizes: int) -> dict[str, Reply]:
    """A listing of so many profiles per page, by cursor."""
    found: dict[str, Reply] = {}
    number = 0
    for index, size in enumerate(sizes):
        data = [profile(f"P{number + offset}") for offset in range(size)]
        number += size
        after = f"https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=c{index + 1}" if index + 1 < len(sizes) else None
        found["" if index == 0 else f"c{index}"] = Reply(document={"data": data, "links": {"next": after}})
    return found


async def served(serve: Serve, *sizes: int) -> ScriptedServer:
    found = pages(*sizes)
    return await serve(script=lambda received: found[received.query.get("page[cursor]", "")])


async def test_pages_come_one_at_a_time_and_can_be_resumed(serve: Serve, connect: Connect) -> None:
    server = await served(serve, 2, 0, 3)
    client = await connect(server.url)
    listing = client.profiles.list()
    assert server.received == []
    first = await anext(listing.pages())
    assert ([p.id for p in first.items], first.next_cursor) == (["P0", "P1"], "c1")
    assert len(server.received) == 1
    assert [p.id async for p in listing] == ["P0", "P1", "P2", "P3", "P4"]
    assert [len(page.items) async for page in client.profiles.list(cursor="c1").pages()] == [0, 3]
    assert [p async for p in listing] == []


async def test_after_a_failure_the_same_page_is_asked_for_again(serve: Serve, connect: Connect) -> None:
    found = pages(1, 1)
    answers = [found[""], Reply(503), found["c1"]]
    server = await serve(*answers)
    client = await connect(server.url, max_attempts=1)
    listing = client.profiles.list()
    assert (await anext(listing)).id == "P0"
    with pytest.raises(ServerUnavailable):
        await anext(listing)
    assert [p.id async for p in listing] == ["P1"]
    assert [r.query.get("page[cursor]") for r in server.received] == [None, "c1", "c1"]


@pytest.mark.parametrize(
    "document",
    [
        {"data": [], "links": {"next": "https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=c0"}},
        {"data": [], "links": {"next": "https://a.klaviyo.com/api/profiles"}},
        {"data": [], "links": {"next": "http://[broken?page[cursor]=x"}},
        {"data": [], "links": {"next": 7}},
        {"data": {}},
        {"data": [7]},
        {"data": [{"type": "profile"}]},
        {"data": [{"type": "profile", "id": "A", "attributes": {"created": "yesterday"}}]},
        [],
        7,
    ],
)
async def test_a_listing_that_makes_no_sense_is_told_as_such(serve: Serve, connect: Connect, document: object) -> None:
    server = await serve(Reply(document=document))
    client = await connect(server.url)
    with pytest.raises(UnexpectedResponse) as caught:
        await anext(client.profiles.list(cursor="c0"))
    assert caught.value.attempts == 1
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_listing_that_leads_in_a_circle_ends(serve: Serve, connect: Connect) -> None:
    def link(cursor: str) -> dict[str, str]:
        return {"next": f"https://a.klaviyo.com/api/profiles?page%5Bcursor%5D={cursor}"}

    server = await serve(
        Reply(document={"data": [profile("A")], "links": link("c1")}),
        Reply(document={"data": [profile("B")], "links": link("c2")}),
        Reply(document={"data": [profile("C")], "links": link("c1")}),
    )
    client = await connect(server.url)
    listing = client.profiles.list()
    assert [(await anext(listing)).id, (await anext(listing)).id] == ["A", "B"]
    with pytest.raises(UnexpectedResponse, match="already read"):
        await anext(listing)


async def test_every_listing_pages(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": [{"type": "x", "id": "1"}]}))
    client = await connect(server.url)
    assert [m.id async for m in client.metrics.list(fields=("name",))] == ["1"]
    assert [e.id async for e in client.events.list(page_size=1000, sort="datetime", include=("metric",))] == ["1"]
    assert [r.target for r in server.received] == [
        "/api/metrics?fields%5Bmetric%5D=name",
        "/api/events?include=metric&page%5Bsize%5D=1000&sort=datetime",
    ]


@settings(max_examples=25)
@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=6))
async def test_nothing_is_lost_or_doubled_over_any_paging(sizes: list[int]) -> None:
    found = pages(*sizes)

    def script(received: Received) -> Reply:
        return found[received.query.get("page[cursor]", "")]

    server = ScriptedServer(script)
    await server.start()
    try:
        async with Klaviyo("pk_1", base_url=server.url) as client:
            listed: list[Profile] = [p async for p in client.profiles.list()]
    finally:
        await server.stop()
    assert [p.id for p in listed] == [f"P{n}" for n in range(sum(sizes))]
    assert len(server.received) == len(sizes)
