"""Lists over a real socket."""

import datetime as dt
from collections.abc import Awaitable, Callable

import pytest

from aioklaviyo import Klaviyo, NotFound, PayloadTooLarge, ProfileAttributes, filters
from aioklaviyo.resources.lists import MAX_MEMBERS_PER_CALL
from client.client_server import Connect, Reply, Serve
from client.emulated import account, resources


async def test_every_operation_of_lists_does_what_it_says() -> None:
    async with account() as here:
        lists, profiles = here.klaviyo.lists, here.klaviyo.profiles
        made = await lists.create("Letters", opt_in_process="double_opt_in")
        assert (made.name, made.opt_in_process) == ("Letters", "double_opt_in")
        ann = (await profiles.upsert(ProfileAttributes(email="ann@example.org"))).profile
        await lists.add_members(made.id, [ann.id])
        await lists.add_members(made.id, [])
        members = [
            member
            async for member in lists.members(
                made.id,
                filter=filters.any_of("email", ["ann@example.org"]),
                sort="-joined_group_at",
                page_size=100,
                additional_fields=("subscriptions",),
            )
        ]
        assert [member.id for member in members] == [ann.id]
        assert members[0].joined_group_at is not None
        assert members[0].subscriptions is not None
        assert [member async for member in lists.member_ids(made.id, page_size=1)] == [ann.id]
        read = await lists.get(made.id, additional_fields=("profile_count",), include=("tags", "flow-triggers"))
        assert (read.profile_count, read.tags, read.flow_triggers) == (1, (), ())
        assert (await lists.get(made.id)).tags is None
        await lists.remove_members(made.id, [ann.id])
        assert [member async for member in lists.members(made.id)] == []
        assert (await lists.update(made.id, name="Weekly letters")).name == "Weekly letters"
        since = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        wanted = filters.all_of(filters.equals("name", ["Weekly letters"]), filters.greater_than("created", since))
        found = [found async for found in lists.list(filter=wanted, sort="name", include=("tags",), page_size=10)]
        assert [entry.id for entry in found] == [made.id]
        assert [tag async for tag in lists.tags(made.id)] == [tag async for tag in lists.tag_ids(made.id)] == []
        assert [flow async for flow in lists.flow_triggers(made.id)] == []
        assert [flow async for flow in lists.flow_trigger_ids(made.id)] == []
        await lists.delete(made.id)
        with pytest.raises(NotFound):
            await lists.get(made.id)
        assert here.succeeded() >= resources("lists")
        here.check()


async def test_more_members_than_klaviyo_takes_at_once_cost_no_call(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(204))
    lists = (await connect(server.url)).lists
    crowd = [f"01M1{number:022}" for number in range(MAX_MEMBERS_PER_CALL + 1)]
    for change in (lists.add_members, lists.remove_members):
        with pytest.raises(PayloadTooLarge, match="at most 1,000") as caught:
            await change("Y6nRLr", crowd)
        assert caught.value.attempts == 0
        await change("Y6nRLr", crowd[1:])
    assert [len(request.json["data"]) for request in server.received] == [1_000, 1_000]


@pytest.mark.parametrize(
    "call",
    [
        lambda klaviyo: klaviyo.lists.add_members("Y6nRLr", "01M1"),
        lambda klaviyo: klaviyo.lists.remove_members("Y6nRLr", "01M1"),
        lambda klaviyo: klaviyo.tags.tag_lists("a-tag", "Y6nRLr"),
        lambda klaviyo: klaviyo.webhooks.create("W", "https://example.org", secret_key="s" * 16, topics="event:a.b"),
    ],
)
async def test_one_id_is_not_taken_for_its_letters(
    connect: Connect, call: Callable[[Klaviyo], Awaitable[object]]
) -> None:
    client = await connect("http://127.0.0.1:9")
    with pytest.raises(TypeError, match="must be a list, not one text"):
        await call(client)
