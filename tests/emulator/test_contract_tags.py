"""Every operation of tags and tag groups, driven by the official SDK: what it accepts and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import campaign_body
from openapi_client.exceptions import ApiException

if TYPE_CHECKING:
    from emulator_wire import Served


def tag_body(name: Any = "Sleep", group: str | None = None, tag_id: str | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "tag", "attributes": {"name": name}}
    if tag_id is not None:
        data["id"] = tag_id
    if group is not None:
        data["relationships"] = {"tag-group": {"data": {"type": "tag-group", "id": group}}}
    return {"data": data}


def group_body(name: str, group_id: str | None = None, **attributes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "tag-group", "attributes": {"name": name, **attributes}}
    if group_id is not None:
        data["id"] = group_id
    return {"data": data}


def ids_body(kind: str, *ids: str) -> dict[str, Any]:
    return {"data": [{"type": kind, "id": one} for one in ids]}


def make_list(served: Served, name: str = "Readers") -> str:
    body = {"data": {"type": "list", "attributes": {"name": name}}}
    return served.wire.post("/api/lists", body).json()["data"]["id"]


def refused(status: int, call: Any, *arguments: Any, **options: Any) -> None:
    with pytest.raises(ApiException) as caught:
        call(*arguments, **options)
    assert caught.value.status == status


def test_a_tag_lives_in_a_group(free: Served) -> None:
    tags = free.sdk().Tags
    (default,) = tags.get_tag_groups().data
    assert default.attributes.default
    made = tags.create_tag(tag_body("Sleep")).data
    assert tags.get_tag(made.id).data.attributes.name == "Sleep"
    assert tags.get_tag_group_for_tag(made.id).data.id == default.id
    assert tags.get_tag_group_id_for_tag(made.id).data.id == default.id
    assert [tag.id for tag in tags.get_tags_for_tag_group(default.id).data] == [made.id]
    assert [tag.id for tag in tags.get_tag_ids_for_tag_group(default.id).data] == [made.id]
    assert tags.update_tag(made.id, tag_body("Rest", tag_id=made.id)) is None
    assert [tag.attributes.name for tag in tags.get_tags(filter='starts-with(name,"Re")').data] == ["Rest"]
    assert [one.id for one in tags.get_tags(include=["tag-group"]).included] == [default.id]
    assert tags.delete_tag(made.id) is None
    assert tags.get_tags().data == []


def test_groups_are_made_renamed_and_deleted_with_their_tags(free: Served) -> None:
    tags = free.sdk().Tags
    group = tags.create_tag_group(group_body("Season", exclusive=True)).data
    assert tags.get_tag_group(group.id).data.attributes.exclusive
    assert tags.update_tag_group(group.id, group_body("Seasons", group.id)) is None
    assert tags.get_tag_group(group.id).data.attributes.name == "Seasons"
    inside = tags.create_tag(tag_body("Winter", group.id)).data
    assert tags.delete_tag_group(group.id) is None
    refused(404, tags.get_tag, inside.id)


@pytest.mark.parametrize("plural", ["lists", "segments", "flows", "campaigns"])
def test_what_does_not_exist_is_not_tagged(free: Served, plural: str) -> None:
    tags = free.sdk().Tags
    tag = tags.create_tag(tag_body()).data.id
    kind = plural.removesuffix("s")
    refused(404, getattr(tags, f"tag_{plural}"), tag, ids_body(kind, "NOPE01"))
    refused(404, getattr(tags, f"get_{kind}_ids_for_tag"), "nobody")
    refused(404, getattr(tags, f"remove_tag_from_{plural}"), "nobody", ids_body(kind, "NOPE01"))
    assert getattr(tags, f"get_{kind}_ids_for_tag")(tag).data == []
    assert getattr(tags, f"remove_tag_from_{plural}")(tag, ids_body(kind, "NOPE01")) is None


def test_a_list_is_tagged_and_untagged(free: Served) -> None:
    tags, lists = free.sdk().Tags, free.sdk().Lists
    tag, readers = tags.create_tag(tag_body()).data.id, make_list(free)
    assert tags.tag_lists(tag, ids_body("list", readers)) is None
    assert [one.id for one in tags.get_list_ids_for_tag(tag).data] == [readers]
    assert [one.id for one in lists.get_tags_for_list(readers).data] == [tag]
    assert tags.remove_tag_from_lists(tag, ids_body("list", readers)) is None
    assert tags.get_list_ids_for_tag(tag).data == []


def test_of_an_exclusive_group_a_list_has_one_tag(free: Served) -> None:
    tags = free.sdk().Tags
    group = tags.create_tag_group(group_body("Season", exclusive=True)).data.id
    winter, summer = (tags.create_tag(tag_body(name, group)).data.id for name in ("Winter", "Summer"))
    readers = make_list(free)
    tags.tag_lists(winter, ids_body("list", readers))
    tags.tag_lists(summer, ids_body("list", readers))
    assert tags.get_list_ids_for_tag(winter).data == []
    assert [one.id for one in tags.get_list_ids_for_tag(summer).data] == [readers]


def test_of_an_exclusive_group_a_new_campaign_has_one_tag(free: Served) -> None:
    tags = free.sdk().Tags
    group = tags.create_tag_group(group_body("Season", exclusive=True)).data.id
    seasons = [tags.create_tag(tag_body(name, group)).data.id for name in ("Winter", "Summer")]
    campaign = free.sdk().Campaigns.create_campaign(campaign_body([make_list(free)], tags=seasons)).data.id
    assert [one.id for one in free.sdk().Campaigns.get_tags_for_campaign(campaign).data] == seasons[1:]


def test_deleting_a_list_takes_it_from_its_tags(free: Served) -> None:
    tags = free.sdk().Tags
    tag, readers = tags.create_tag(tag_body()).data.id, make_list(free)
    tags.tag_lists(tag, ids_body("list", readers))
    free.sdk().Lists.delete_list(readers)
    assert tags.get_list_ids_for_tag(tag).data == []


def test_what_cannot_be(free: Served) -> None:
    tags = free.sdk().Tags
    (default,) = tags.get_tag_groups().data
    tag = tags.create_tag(tag_body("Sleep")).data.id
    refused(400, tags.create_tag, tag_body("Sleep"))
    refused(400, tags.create_tag, tag_body(" "))
    refused(404, tags.create_tag, tag_body("Other", "nobody"))
    refused(400, tags.update_tag, tag, tag_body("Other", tag_id="another"))
    refused(404, tags.update_tag, "nobody", tag_body("Other", tag_id="nobody"))
    refused(404, tags.delete_tag, "nobody")
    refused(400, tags.get_tags, filter='equals(id,"x")')
    refused(400, tags.create_tag_group, group_body("Tags"))
    refused(404, tags.get_tag_group, "nobody")
    refused(404, tags.update_tag_group, "nobody", group_body("New", "nobody"))
    refused(400, tags.delete_tag_group, default.id)
    refused(404, tags.get_tag_group_for_tag, "nobody")
    refused(404, tags.get_tag_group_id_for_tag, "nobody")
    refused(404, tags.get_tags_for_tag_group, "nobody")
    refused(404, tags.get_tag_ids_for_tag_group, "nobody")
    refused(400, tags.get_tag_groups, sort="color")


def test_there_are_500_tags_at_most(free: Served) -> None:
    for number in range(500):
        assert free.wire.post("/api/tags", tag_body(f"Tag {number}")).status_code == 201
    refused(400, free.sdk().Tags.create_tag, tag_body("One too many"))
    assert len(free.wire.all_pages("/api/tags")) == 500


def test_there_are_50_groups_at_most(free: Served) -> None:
    for number in range(49):
        assert free.wire.post("/api/tag-groups", group_body(f"Group {number}")).status_code == 201
    refused(400, free.sdk().Tags.create_tag_group, group_body("One too many"))
    assert len(free.wire.all_pages("/api/tag-groups")) == 50, "the default one among them"


def test_a_list_has_100_tags_at_most(free: Served) -> None:
    readers = make_list(free)
    made = [free.wire.post("/api/tags", tag_body(f"Tag {number}")).json()["data"]["id"] for number in range(101)]
    for tag in [*made[:100], made[0]]:
        assert free.wire.post(f"/api/tags/{tag}/relationships/lists", ids_body("list", readers)).status_code == 204
    refused(400, free.sdk().Tags.tag_lists, made[100], ids_body("list", readers))
    assert len(free.sdk().Lists.get_tags_for_list(readers).data) == 100
