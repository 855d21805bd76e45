"""Tags and their groups over a real socket."""

import pytest

from aioklaviyo import Klaviyo, NotFound, OutcomeUnknown, filters
from client.client_server import Connect, Reply, Reset, Serve
from client.emulated import account, resources


async def _campaign(klaviyo: Klaviyo, list_id: str) -> str:
    sender = {"from_label": "Kim", "from_email": "stories@example.org"}
    variation = {"name": "A", "details": {"channel": "email", "subject": "Hello", **sender}}
    attributes = {
        "definition": {"name": "Launch"},
        "audiences": [{"temporary_id": "a", "name": "Everybody", "included": [list_id], "excluded": []}],
        "messages": [{"audience_temporary_id": "a", "name": "Hello", "variations": [{"definition": variation}]}],
    }
    made = await klaviyo.request(
        "POST", "/api/campaigns", json={"data": {"type": "campaign", "attributes": attributes}}
    )
    return made.document["data"]["id"]


async def test_every_operation_of_tag_groups_does_what_it_says() -> None:
    async with account() as here:
        groups, tags = here.klaviyo.tag_groups, here.klaviyo.tags
        made = await groups.create("Season", exclusive=True)
        assert (made.name, made.exclusive, made.default) == ("Season", True, False)
        assert (await groups.create("Plain")).exclusive is False
        winter = await tags.create("Winter", tag_group_id=made.id)
        assert [tag.name async for tag in groups.tags(made.id, fields=("name",))] == ["Winter"]
        assert [tag async for tag in groups.tag_ids(made.id)] == [winter.id]
        await groups.update(made.id, name="Seasons")
        assert (await groups.get(made.id, fields=("name",))).name == "Seasons"
        wanted = filters.all_of(filters.equals("exclusive", value=True), filters.starts_with("name", "Sea"))
        found = groups.list(filter=wanted, sort="-name", page_size=25, fields=("name",))
        assert [group.id async for group in found] == [made.id]
        assert [group.default async for group in groups.list(filter=filters.equals("default", value=True))] == [True]
        await groups.delete(made.id)
        with pytest.raises(NotFound):
            await groups.get(made.id)
        with pytest.raises(NotFound):
            await tags.get(winter.id)
        assert here.succeeded() >= resources("tag_groups")
        here.check()


async def test_every_operation_of_tags_does_what_it_says() -> None:
    async with account() as here:
        tags = here.klaviyo.tags
        made = await tags.create("Sleep")
        assert made.name == "Sleep"
        group_id = await tags.tag_group_id(made.id)
        assert group_id is not None
        group = await tags.tag_group(made.id, fields=("name", "default"))
        assert group is not None
        assert (group.id, group.default) == (group_id, True)
        await tags.update(made.id, name="Rest")
        read = await tags.get(made.id, include=("tag-group",))
        assert (read.name, read.tag_group_id) == ("Rest", group_id)
        assert read.tag_group is not None
        assert read.tag_group.default is True
        listed = tags.list(filter=filters.contains("name", "es"), sort="name", include=("tag-group",), page_size=50)
        assert [tag.tag_group == read.tag_group async for tag in listed] == [True]
        plain = [tag async for tag in tags.list(fields=("name",))]
        assert [(tag.id, tag.tag_group) for tag in plain] == [(made.id, None)]
        assert [found async for found in tags.flow_ids(made.id)] == []
        letters = await here.klaviyo.lists.create("Letters")
        await tags.tag_lists(made.id, [letters.id])
        await tags.tag_lists(made.id, [letters.id])
        assert [found async for found in tags.list_ids(made.id)] == [letters.id]
        assert [tag.name async for tag in here.klaviyo.lists.tags(letters.id)] == ["Rest"]
        await tags.untag_lists(made.id, [letters.id])
        assert [found async for found in tags.list_ids(made.id)] == []
        flow = await here.klaviyo.flows.create("Night", {"triggers": [], "actions": [], "entry_action_id": None})
        await tags.tag_flows(made.id, [flow.id])
        assert [found async for found in tags.flow_ids(made.id)] == [flow.id]
        await tags.untag_flows(made.id, [flow.id])
        assert [found async for found in tags.flow_ids(made.id)] == []
        region = {"type": "profile-region", "in_region": True, "region": "united_states"}
        segment = await here.klaviyo.segments.create("There", {"condition_groups": [{"conditions": [region]}]})
        await tags.tag_segments(made.id, [segment.id])
        assert [found async for found in tags.segment_ids(made.id)] == [segment.id]
        await tags.untag_segments(made.id, [segment.id])
        assert [found async for found in tags.segment_ids(made.id)] == []
        campaign_id = await _campaign(here.klaviyo, letters.id)
        await tags.tag_campaigns(made.id, [campaign_id])
        assert [found async for found in tags.campaign_ids(made.id)] == [campaign_id]
        await tags.untag_campaigns(made.id, [campaign_id])
        assert [found async for found in tags.campaign_ids(made.id)] == []
        await tags.delete(made.id)
        with pytest.raises(NotFound):
            await tags.get(made.id)
        assert here.succeeded() >= resources("tags")
        here.check()


async def test_to_tag_nothing_sends_nothing() -> None:
    async with account() as here:
        tags = here.klaviyo.tags
        for call in (tags.tag_campaigns, tags.tag_flows, tags.tag_lists, tags.tag_segments):
            await call("nobody", [])
        for call in (tags.untag_campaigns, tags.untag_flows, tags.untag_lists, tags.untag_segments):
            await call("nobody", [])
        assert here.sent == []


async def test_to_put_a_tag_on_something_is_repeated(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(204))
    tags = (await connect(server.url)).tags
    for call in (tags.tag_campaigns, tags.tag_flows, tags.tag_lists, tags.tag_segments):
        await call("t", ["a"])
    assert [received.method for received in server.received] == ["POST"] * 5


async def test_to_make_a_tag_or_a_group_is_not_repeated(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset())
    client = await connect(server.url)
    for call in (client.tags.create("Sleep"), client.tag_groups.create("Season")):
        with pytest.raises(OutcomeUnknown):
            await call
    assert len(server.received) == 2
