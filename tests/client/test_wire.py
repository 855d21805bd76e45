"""What goes over the wire, and where to."""

import datetime as dt

import aiohttp
import pytest

from aioklaviyo import (
    Klaviyo,
    LocationAttributes,
    NewEvent,
    NoPacing,
    NotFound,
    ProfileAttributes,
    ProfilePatch,
    ProfileRef,
    UnexpectedResponse,
    __version__,
    filters,
)
from client.client_server import JSON_API, Connect, PaperClock, Reply, Reset, Serve, profile

ONE_PROFILE = Reply(document={"data": profile(email="ann@example.org")})
ACCEPTED = Reply(202)


async def test_every_request_carries_credentials_revision_and_media_type(serve: Serve, connect: Connect) -> None:
    server = await serve(ONE_PROFILE)
    client = await connect(server.url)
    await client.profiles.get("01M1")
    headers = server.received[0].headers
    assert headers["authorization"] == "Klaviyo-API-Key pk_secret"
    assert headers["revision"] == "2026-10-15"
    assert headers["accept"] == JSON_API
    assert headers["user-agent"] == f"aioklaviyo/{__version__}"
    assert "content-type" not in headers


async def test_a_body_has_its_media_type_and_length(serve: Serve, connect: Connect) -> None:
    server = await serve(ACCEPTED)
    client = await connect(server.url, revision="2026-10-15")
    await client.events.create(NewEvent(metric="M", profile=ProfileRef(external_id="x"), unique_id="u"))
    headers = server.received[0].headers
    assert headers["content-type"] == JSON_API
    assert int(headers["content-length"]) == len(server.received[0].body)
    assert headers["revision"] == "2026-10-15"


async def test_an_access_token_is_a_bearer_token(serve: Serve) -> None:
    server = await serve(ONE_PROFILE)
    async with Klaviyo(access_token="tok", base_url=server.url) as client:
        await client.profiles.get("01M1")
    assert server.received[0].headers["authorization"] == "Bearer tok"


async def test_a_redirect_is_not_followed(serve: Serve, connect: Connect) -> None:
    elsewhere = await serve(ONE_PROFILE)
    for status in (301, 302, 303, 307, 308):
        server = await serve(Reply(status, headers={"Location": f"{elsewhere.url}/api/profiles/01M1"}))
        client = await connect(server.url)
        with pytest.raises(UnexpectedResponse) as caught:
            await client.profiles.get("01M1")
        assert caught.value.status == status
        assert len(server.received) == 1
    assert elsewhere.received == []


async def test_a_foreign_next_link_gives_its_cursor_only(serve: Serve, connect: Connect) -> None:
    foreign = await serve(ONE_PROFILE)
    link = f"{foreign.url}/api/profiles?page%5Bsize%5D=100&page%5Bcursor%5D=bmV4%2Bd%3D"
    server = await serve(
        Reply(document={"data": [profile("A")], "links": {"next": link}}),
        Reply(document={"data": [profile("B")], "links": {"next": None}}),
    )
    client = await connect(server.url)
    assert [p.id async for p in client.profiles.list(page_size=1)] == ["A", "B"]
    assert foreign.received == []
    assert server.received[1].query == {"page[size]": "1", "page[cursor]": "bmV4+d="}
    assert server.received[1].headers["authorization"] == "Klaviyo-API-Key pk_secret"


async def test_query_parameters_survive_as_they_are(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": []}))
    client = await connect(server.url)
    expression = filters.all_of(
        filters.equals("email", 'o\'neil +"x"\\@example.org'),
        filters.greater_than("updated", dt.datetime(2026, 11, 1, tzinfo=dt.UTC)),
    )
    listing = client.profiles.list(
        filter=expression,
        sort="-updated",
        page_size=50,
        additional_fields=("subscriptions", "predictive_analytics"),
        fields=("email", "location.city"),
    )
    assert [p async for p in listing] == []
    assert server.received[0].query == {
        "filter": expression.expression,
        "sort": "-updated",
        "page[size]": "50",
        "additional-fields[profile]": "subscriptions,predictive_analytics",
        "fields[profile]": "email,location.city",
    }
    assert "+" not in server.received[0].target


async def test_an_id_is_one_segment_whatever_it_holds(serve: Serve, connect: Connect) -> None:
    server = await serve(ONE_PROFILE)
    client = await connect(server.url)
    await client.profiles.get("../x?y#z /ü:::")
    assert server.received[0].path == "/api/profiles/../x?y#z /ü:::"
    assert server.received[0].target.count("/") == 3


async def test_create_sends_what_is_set_and_null_and_nothing_else(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(201, {"data": profile(email="ann@example.org")}))
    client = await connect(server.url)
    await client.profiles.create(
        ProfileAttributes(
            email="ann@example.org",
            title=None,
            location=LocationAttributes(city="Wien", latitude=48.2),
            properties={"plan": "free", "old": None, "list": [1, 2.5, True]},
        ),
        additional_fields=("subscriptions",),
    )
    received = server.received[0]
    assert (received.method, received.path) == ("POST", "/api/profiles")
    assert received.query == {"additional-fields[profile]": "subscriptions"}
    assert received.json == {
        "data": {
            "type": "profile",
            "attributes": {
                "email": "ann@example.org",
                "title": None,
                "location": {"city": "Wien", "latitude": 48.2},
                "properties": {"plan": "free", "old": None, "list": [1, 2.5, True]},
            },
        }
    }


async def test_update_and_upsert_carry_id_and_patch(serve: Serve, connect: Connect) -> None:
    server = await serve(ONE_PROFILE)
    client = await connect(server.url)
    patch = ProfilePatch(append={"skus": "1"}, unappend={"old": ["2"]}, unset=("gone",))
    await client.profiles.update("01M1", patch=patch)
    await client.profiles.upsert(
        ProfileAttributes(first_name="Ann"), profile_id="01M1", patch=ProfilePatch(unset=("a",))
    )
    update, upsert = server.received
    assert (update.method, update.path) == ("PATCH", "/api/profiles/01M1")
    assert update.json["data"] == {
        "type": "profile",
        "id": "01M1",
        "attributes": {},
        "meta": {"patch_properties": {"append": {"skus": "1"}, "unappend": {"old": ["2"]}, "unset": ["gone"]}},
    }
    assert (upsert.method, upsert.path) == ("POST", "/api/profile-import")
    assert upsert.json["data"] == {
        "type": "profile",
        "id": "01M1",
        "attributes": {"first_name": "Ann"},
        "meta": {"patch_properties": {"unset": ["a"]}},
    }


async def test_an_event_carries_its_key_its_time_and_whose_it_is(serve: Serve, connect: Connect) -> None:
    server = await serve(ACCEPTED)
    client = await connect(server.url)
    vienna = dt.timezone(dt.timedelta(hours=1))
    await client.events.create(
        NewEvent(
            metric="Story Generated",
            profile=ProfileRef(id="01M1", email="ann@example.org", kx="k", properties={"tier": "plus"}),
            properties={"minutes": 8, "ü": ["é"]},
            time=dt.datetime(2026, 11, 1, 19, 10, tzinfo=vienna),
            value=1.5,
            value_currency="EUR",
            unique_id="night-1",
            backfill=True,
        )
    )
    assert server.received[0].path == "/api/events"
    assert server.received[0].json == {
        "data": {
            "type": "event",
            "attributes": {
                "metric": {"data": {"type": "metric", "attributes": {"name": "Story Generated"}}},
                "properties": {"minutes": 8, "ü": ["é"]},
                "time": "2026-11-01T19:10:00+01:00",
                "value": 1.5,
                "value_currency": "EUR",
                "unique_id": "night-1",
                "backfill": True,
                "profile": {
                    "data": {
                        "type": "profile",
                        "id": "01M1",
                        "attributes": {"email": "ann@example.org", "_kx": "k", "properties": {"tier": "plus"}},
                    }
                },
            },
        }
    }


async def test_a_prefix_of_the_base_url_is_kept(serve: Serve, connect: Connect) -> None:
    server = await serve(ONE_PROFILE)
    client = await connect(f"{server.url}/klaviyo/")
    await client.profiles.get("01M1")
    assert server.received[0].path == "/klaviyo/api/profiles/01M1"


async def test_a_lent_session_is_used_and_left_open(serve: Serve) -> None:
    server = await serve(ONE_PROFILE, Reply(404))
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}, raise_for_status=True) as session:
        async with Klaviyo(api_key="pk_1", base_url=server.url, session=session) as client:
            await client.profiles.get("01M1")
            with pytest.raises(NotFound):
                await client.profiles.get("01M2")
        assert not session.closed
    assert server.received[0].headers["x-mine"] == "1"
    assert server.received[0].headers["authorization"] == "Klaviyo-API-Key pk_1"


async def test_a_lent_session_repeats_nothing_by_itself(serve: Serve) -> None:
    # aiohttp repeats a GET or a DELETE on a connection that broke; a deletion that was done would then not be found.
    seen: list[str] = []

    async def note(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        seen.append(request.method)
        return await handler(request)

    server = await serve(ONE_PROFILE, Reset(), Reply(404))
    clock = PaperClock()
    async with (
        aiohttp.ClientSession(middlewares=(note,)) as session,
        Klaviyo(api_key="pk_1", base_url=server.url, session=session, sleep=clock.sleep, pacing=NoPacing()) as client,
    ):
        await client.profiles.get("01M1")
        await client.lists.delete("Y6nRLr")
    assert [received.method for received in server.received] == seen == ["GET", "DELETE", "DELETE"]


async def test_a_large_body_arrives_whole(serve: Serve, connect: Connect) -> None:
    server = await serve(ACCEPTED)
    client = await connect(server.url)
    text = "ß" * 2_000_000
    await client.events.create(
        NewEvent(metric="M", profile=ProfileRef(external_id="x"), properties={"t": text}, unique_id="u")
    )
    assert server.received[0].json["data"]["attributes"]["properties"] == {"t": text}
