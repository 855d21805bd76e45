"""Lists through the official SDK: every operation, accepted and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import NOON_SECONDS, Served
from openapi_client.exceptions import BadRequestException, NotFoundException
from people_bodies import document, events_of, identifiers, new_list, new_profile

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_list_is_made_read_changed_and_deleted(free: Served) -> None:
    lists = free.sdk().Lists
    created = lists.create_list(document("list", {"name": "Parents", "opt_in_process": "double_opt_in"})).data
    assert len(created.id) == 6
    assert created.attributes.opt_in_process == "double_opt_in"
    assert int(created.attributes.created.timestamp()) == NOON_SECONDS
    free.clock.advance(5)
    changed = lists.update_list(created.id, document("list", {"name": "Families"}, id=created.id)).data
    assert (changed.attributes.name, changed.attributes.opt_in_process) == ("Families", "double_opt_in")
    assert int(changed.attributes.updated.timestamp()) == NOON_SECONDS + 5
    assert lists.get_list(created.id).data.attributes.name == "Families"
    lists.delete_list(created.id)
    with pytest.raises(NotFoundException):
        lists.get_list(created.id)


def test_the_account_says_how_to_opt_in(free: Served) -> None:
    created = free.sdk().Lists.create_list(document("list", {"name": "Parents"})).data
    assert created.attributes.opt_in_process == "single_opt_in"


def test_lists_are_found_and_sorted(free: Served) -> None:
    lists = free.sdk().Lists
    ids = {}
    for name in ("B", "C", "A"):
        ids[name] = new_list(free, name)
        free.clock.advance(1)

    def names(**query: Any) -> list[str]:
        return [one.attributes.name for one in lists.get_lists(**query).data]

    assert names(sort="name") == ["A", "B", "C"]
    assert names(sort="-created") == ["A", "C", "B"]
    assert names(filter="equals(name,['B','C'])", sort="name") == ["B", "C"]
    assert names(filter=f'any(id,["{ids["A"]}"])') == ["A"]
    assert names(filter="greater-than(created,2026-11-20T12:00:01.5Z)") == ["A"]
    first = lists.get_lists(sort="name", page_size=2)
    assert [one.attributes.name for one in lists.get_lists(sort="name", page_cursor=first.links.next).data] == ["C"]
    with pytest.raises(BadRequestException):
        lists.get_lists(filter='contains(name,"A")')


def test_tags_and_flows_of_a_list_and_its_count(free: Served) -> None:
    sdk = free.sdk()
    list_id = new_list(free)
    tag_id = sdk.Tags.create_tag(document("tag", {"name": "spring"})).data.id
    sdk.Tags.tag_lists(tag_id, identifiers("list", list_id))
    sdk.Lists.add_profiles_to_list(list_id, identifiers("profile", new_profile(free)))
    read = sdk.Lists.get_list(list_id, include=["tags", "flow-triggers"], additional_fields_list=["profile_count"])
    assert read.data.attributes.profile_count == 1
    assert [one.id for one in read.data.relationships.tags.data] == [tag_id]
    assert read.data.relationships.flow_triggers.data == []
    assert [item["attributes"]["name"] for item in as_dictionaries(read.included)] == ["spring"]
    assert sdk.Lists.get_tags_for_list(list_id).data[0].attributes.name == "spring"
    assert sdk.Lists.get_tag_ids_for_list(list_id).data[0].id == tag_id
    assert sdk.Lists.get_flows_triggered_by_list(list_id).data == []
    assert sdk.Lists.get_ids_for_flows_triggered_by_list(list_id).data == []
    sdk.Lists.delete_list(list_id)
    assert sdk.Tags.get_list_ids_for_tag(tag_id).data == []


def as_dictionaries(included: list[Any]) -> list[dict[str, Any]]:
    return [item if isinstance(item, dict) else item.to_dict() for item in included]


@pytest.mark.parametrize(
    "call",
    [
        lambda lists: lists.get_list("NOPE01"),
        lambda lists: lists.update_list("NOPE01", document("list", {"name": "x"}, id="NOPE01")),
        lambda lists: lists.delete_list("NOPE01"),
        lambda lists: lists.get_profiles_for_list("NOPE01"),
        lambda lists: lists.get_profile_ids_for_list("NOPE01"),
        lambda lists: lists.add_profiles_to_list("NOPE01", identifiers("profile")),
        lambda lists: lists.remove_profiles_from_list("NOPE01", identifiers("profile")),
        lambda lists: lists.get_tags_for_list("NOPE01"),
        lambda lists: lists.get_tag_ids_for_list("NOPE01"),
        lambda lists: lists.get_flows_triggered_by_list("NOPE01"),
        lambda lists: lists.get_ids_for_flows_triggered_by_list("NOPE01"),
    ],
)
def test_an_unknown_list_is_not_found(free: Served, call: Callable[[Any], Any]) -> None:
    with pytest.raises(NotFoundException, match="List with id NOPE01 not found"):
        call(free.sdk().Lists)


def test_a_name_is_needed(free: Served) -> None:
    lists = free.sdk().Lists
    with pytest.raises(BadRequestException, match="/data/attributes/name"):
        lists.create_list(document("list", {"name": " "}))
    list_id = new_list(free)
    with pytest.raises(BadRequestException, match="/data/attributes/name"):
        lists.update_list(list_id, document("list", {"name": ""}, id=list_id))
    with pytest.raises(BadRequestException, match="/data/id"):
        lists.update_list(list_id, document("list", {"name": "x"}, id="OTHER1"))


def test_members_come_and_go_and_consent_stays(free: Served) -> None:
    sdk = free.sdk()
    list_id = new_list(free)
    kim, lee = new_profile(free, "kim@example.org"), new_profile(free, "lee@example.org")
    sdk.Lists.add_profiles_to_list(list_id, identifiers("profile", kim, kim))
    free.clock.advance(10)
    sdk.Lists.add_profiles_to_list(list_id, identifiers("profile", kim, lee))
    found = sdk.Lists.get_profiles_for_list(
        list_id, sort="-joined_group_at", additional_fields_profile=["subscriptions"]
    ).data
    assert [one.attributes.email for one in found] == ["lee@example.org", "kim@example.org"]
    assert int(found[1].attributes.joined_group_at.timestamp()) == NOON_SECONDS
    assert found[1].attributes.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"
    assert [one.id for one in sdk.Profiles.get_lists_for_profile(lee).data] == [list_id]
    assert [one.id for one in sdk.Profiles.get_list_ids_for_profile(lee).data] == [list_id]
    assert events_of(free) == [
        ("Subscribed to List", {"List": "Parents", "$event_id": events_of(free)[0][1]["$event_id"]}),
        ("Subscribed to List", {"List": "Parents", "$event_id": events_of(free)[1][1]["$event_id"]}),
    ]
    sdk.Lists.remove_profiles_from_list(list_id, identifiers("profile", kim))
    sdk.Lists.remove_profiles_from_list(list_id, identifiers("profile", kim))
    assert [one.id for one in sdk.Lists.get_profile_ids_for_list(list_id).data] == [lee]
    assert len(events_of(free)) == 2


def test_members_are_filtered_and_paged(free: Served) -> None:
    lists = free.sdk().Lists
    list_id = new_list(free)
    ids = []
    for number in range(5):
        ids.append(new_profile(free, f"p{number}@example.org", phone_number=f"+4915112345{number}0"))
        lists.add_profiles_to_list(list_id, identifiers("profile", ids[-1]))
        free.clock.advance(1)
    new_profile(free, "stranger@example.org")

    def emails(**query: Any) -> list[str]:
        return [one.attributes.email[:2] for one in lists.get_profiles_for_list(list_id, **query).data]

    assert emails() == ["p0", "p1", "p2", "p3", "p4"]
    assert emails(filter="any(email,['p1@example.org','stranger@example.org'])") == ["p1"]
    assert emails(filter="equals(phone_number,['+49151123453%0'])".replace("%", "")) == ["p3"]
    since = "2026-11-20T12:00:02Z"
    assert emails(filter=f"greater-or-equal(joined_group_at,{since})") == ["p2", "p3", "p4"]
    assert emails(filter=f"less-than(joined_group_at,{since})", sort="-joined_group_at") == ["p1", "p0"]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = lists.get_profile_ids_for_list(list_id, sort="-joined_group_at", page_size=2, page_cursor=cursor)
        seen += [one.id for one in page.data]
        cursor = page.links.next
        if cursor is None:
            break
    assert seen == ids[::-1]
    back = lists.get_profile_ids_for_list(
        list_id, sort="-joined_group_at", page_size=2, page_cursor=page.links.prev
    ).data
    assert [one.id for one in back] == [ids[2], ids[1]]
    with pytest.raises(BadRequestException, match="Invalid page cursor"):
        lists.get_profiles_for_list(list_id, page_cursor="bmV4dDo6am9pbmVkX2dyb3VwX2F0OjoxOjp4")
    with pytest.raises(BadRequestException):
        lists.get_profiles_for_list(list_id, sort="email")


def test_members_are_found_by_push_token_and_exchange_id(free: Served) -> None:
    list_id = new_list(free)
    kim, lee = new_profile(free), new_profile(free, "lee@example.org")
    free.sdk().Lists.add_profiles_to_list(list_id, identifiers("profile", kim, lee))
    free.wire.post("/api/profile-import", document("profile", {"email": "lee@example.org", "_kx": "k.x"}))
    owner = {"data": {"type": "profile", "id": kim, "attributes": {}}}
    token = {"token": "T1", "platform": "ios", "vendor": "apns", "profile": owner}
    assert free.wire.post("/api/push-tokens", document("push-token", token)).status_code == 202
    lists = free.sdk().Lists
    assert [one.id for one in lists.get_profiles_for_list(list_id, filter="equals(push_token,['T1'])").data] == [kim]
    assert [one.id for one in lists.get_profiles_for_list(list_id, filter="equals(_kx,'k.x')").data] == [lee]


def test_unknown_and_too_many_members_change_nothing(free: Served) -> None:
    lists = free.sdk().Lists
    list_id, kim = new_list(free), new_profile(free)
    with pytest.raises(NotFoundException, match="Profile with id 01NOPE not found"):
        lists.add_profiles_to_list(list_id, identifiers("profile", kim, "01NOPE"))
    with pytest.raises(NotFoundException):
        lists.remove_profiles_from_list(list_id, identifiers("profile", "01NOPE"))
    with pytest.raises(BadRequestException, match="1000 profiles"):
        lists.add_profiles_to_list(list_id, identifiers("profile", *(f"p{number}" for number in range(1001))))
    assert lists.get_profile_ids_for_list(list_id).data == []


def test_a_deleted_list_leaves_its_members(free: Served) -> None:
    sdk = free.sdk()
    list_id, kim = new_list(free), new_profile(free)
    sdk.Lists.add_profiles_to_list(list_id, identifiers("profile", kim))
    sdk.Lists.delete_list(list_id)
    assert sdk.Profiles.get_lists_for_profile(kim).data == []
    assert sdk.Profiles.get_profile(kim).data.id == kim
