"""Flows through the official SDK: every operation, accepted and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator_specification import Checker
from emulator_wire import NOON_SECONDS, SPECIFICATION, error_of
from flow_bodies import (
    delay,
    email,
    event_filter,
    flow_body,
    flow_definition,
    linked,
    new_flow,
    new_metric,
    new_template,
    property_filter,
    split,
    webhook,
)
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException
from people_bodies import document, identifiers, new_list, to_one

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator_wire import Served

AT = "/data/attributes/definition"


def pointer_of(running: Served, body: Any) -> str:
    return error_of(running.wire.post("/api/flows", body), 400)["source"]["pointer"]


def actions_of(flow: Any) -> list[dict[str, Any]]:
    return flow["attributes"]["definition"]["actions"]


def insertion(definition: Any, *, flow: str | None = None, anchor: Any = None, **attributes: Any) -> Any:
    more = {} if anchor is None else {"anchor-action": {"data": anchor}}
    return document("flow-action", {"definition": definition, **more, **attributes}, to_one("flow", "flow", flow))


def anchor_at(action: Any, **links: Any) -> Any:
    definition = {"type": action["type"], "links": links}
    return {"type": "flow-action", "id": action["id"], "attributes": {"definition": definition}}


def definition_of(running: Served, flow_id: str) -> Any:
    read = running.sdk().Flows.get_flow(flow_id, additional_fields_flow=["definition"]).data
    return read.attributes.definition.to_dict() if read.attributes.definition else None


def test_a_flow_is_made_with_ids_in_place_of_temporary_ones(free: Served) -> None:
    flows = free.sdk().Flows
    template = new_template(free)
    metric_id = new_metric(free)
    trigger = {"type": "metric", "id": metric_id, "trigger_filter": event_filter(metric_id, "Kind", "story")}
    body = flow_body(
        delay("wait", "mail"),
        email("mail", template),
        trigger=trigger,
        profile_filter=property_filter("Plan", "family"),
        reentry_criteria={"duration": 1, "unit": "day"},
    )
    created = flows.create_flow(body).data
    assert len(created.id) == 6
    made = created.attributes
    assert (made.name, made.status, made.archived, made.trigger_type) == ("A flow", "draft", False, "Metric")
    assert int(made.created.timestamp()) == NOON_SECONDS
    definition = made.definition.to_dict()
    wait, mail = definition["actions"]
    assert definition["entry_action_id"] == wait["id"]
    assert wait["links"] == {"next": mail["id"]}
    assert "temporary_id" not in wait | mail
    assert wait["data"] == {"unit": "days", "value": 1, "timezone": "profile"}
    message = mail["data"]["message"]
    assert message["template_id"] != template
    assert (message["smart_sending_enabled"], message["transactional"]) == (False, False)
    assert definition["triggers"] == [trigger]
    assert definition["profile_filter"] == body["data"]["attributes"]["definition"]["profile_filter"]
    assert definition["reentry_criteria"] == {"duration": 1, "unit": "day"}
    assert definition_of(free, created.id) == definition


def test_a_flow_changes_status_with_all_its_actions_and_goes(free: Served) -> None:
    flows = free.sdk().Flows
    flow = new_flow(free, delay("wait", "mail"), email("mail", new_template(free)), live=False)
    free.clock.advance(5)
    for status in ("live", "manual", "draft"):
        changed = flows.update_flow(flow["id"], document("flow", {"status": status}, id=flow["id"])).data
        assert changed.attributes.status == status
        assert [action["data"].get("status") for action in definition_of(free, flow["id"])["actions"]] == [None, status]
    assert int(changed.attributes.updated.timestamp()) == NOON_SECONDS + 5
    with pytest.raises(BadRequestException, match="draft, manual, live"):
        flows.update_flow(flow["id"], document("flow", {"status": "on"}, id=flow["id"]))
    wait, mail = actions_of(flow)
    flows.delete_flow(flow["id"])
    with pytest.raises(NotFoundException):
        flows.get_flow(flow["id"])
    for action in (wait, mail):
        with pytest.raises(NotFoundException):
            flows.get_flow_action(action["id"])
    with pytest.raises(NotFoundException):
        flows.get_flow_message(mail["data"]["message"]["id"])
    with pytest.raises(NotFoundException):
        free.sdk().Templates.get_template(mail["data"]["message"]["template_id"])


def test_flows_are_found_and_sorted(free: Served) -> None:
    flows = free.sdk().Flows
    list_id = new_list(free)
    ids = {}
    for name, trigger, live in (("B", None, True), ("C", {"type": "list", "id": list_id}, False), ("A", None, False)):
        ids[name] = new_flow(free, linked("code", "code"), name=name, trigger=trigger, live=live)["id"]
        free.clock.advance(1)

    def names(**query: Any) -> list[str]:
        return [one.attributes.name for one in flows.get_flows(**query).data]

    assert names(sort="name") == ["A", "B", "C"]
    assert names(sort="-created") == ["A", "C", "B"]
    assert names(sort="trigger_type")[0] == "C"
    assert names(filter='equals(status,"live")') == ["B"]
    assert names(filter='equals(trigger_type,"Added to List")') == ["C"]
    assert names(filter="equals(archived,false)", sort="name") == ["A", "B", "C"]
    assert names(filter='starts-with(name,"A")') == ["A"]
    assert names(filter=f'any(id,["{ids["B"]}","NOPE01"])') == ["B"]
    assert names(filter="greater-than(created,2026-11-20T12:00:01.5Z)") == ["A"]
    first = flows.get_flows(sort="name", page_size=2)
    assert [one.attributes.name for one in flows.get_flows(sort="name", page_cursor=first.links.next).data] == ["C"]
    with pytest.raises(BadRequestException):
        flows.get_flows(filter='contains(status,"live")')
    lists = free.sdk().Lists
    assert lists.get_flows_triggered_by_list(list_id).data[0].id == ids["C"]
    assert lists.get_ids_for_flows_triggered_by_list(list_id).data[0].id == ids["C"]


def test_tags_of_a_flow(free: Served) -> None:
    sdk = free.sdk()
    flow_id = new_flow(free, linked("code", "code"), live=False)["id"]
    tag_id = sdk.Tags.create_tag(document("tag", {"name": "night"})).data.id
    sdk.Tags.tag_flows(tag_id, identifiers("flow", flow_id))
    read = sdk.Flows.get_flow(flow_id, include=["tags", "flow-actions"])
    assert [one.id for one in read.data.relationships.tags.data] == [tag_id]
    assert {one["type"] if isinstance(one, dict) else one.to_dict()["type"] for one in read.included} == {
        "tag",
        "flow-action",
    }
    assert sdk.Flows.get_tags_for_flow(flow_id).data[0].attributes.name == "night"
    assert sdk.Flows.get_tag_ids_for_flow(flow_id).data[0].id == tag_id
    assert sdk.Tags.get_flow_ids_for_tag(tag_id).data[0].id == flow_id
    sdk.Flows.delete_flow(flow_id)
    assert sdk.Tags.get_flow_ids_for_tag(tag_id).data == []


def test_actions_and_messages_are_resources(free: Served) -> None:
    flows = free.sdk().Flows
    flow = new_flow(free, delay("wait", "mail"), email("mail", new_template(free)), live=False)
    wait, mail = actions_of(flow)
    message_id = mail["data"]["message"]["id"]
    action = flows.get_flow_action(mail["id"], include=["flow", "flow-messages"])
    assert action.data.attributes.definition == mail
    assert action.data.relationships.flow.data.id == flow["id"]
    assert len(action.included) == 2
    message = flows.get_flow_message(message_id, include=["flow-action", "template"])
    assert message.data.attributes.channel == "Email"
    assert message.data.attributes.definition == mail["data"]["message"]
    assert len(message.included) == 2
    assert {one.id for one in flows.get_actions_for_flow(flow["id"]).data} == {wait["id"], mail["id"]}
    assert [one.id for one in flows.get_action_ids_for_flow(flow["id"], sort="action_type").data] == [
        mail["id"],
        wait["id"],
    ]
    named = flows.get_actions_for_flow(flow["id"], filter='equals(action_type,"SEND_EMAIL")')
    assert [one.id for one in named.data] == [mail["id"]]
    drafts = flows.get_actions_for_flow(flow["id"], filter='equals(status,"draft")')
    assert [one.id for one in drafts.data] == [mail["id"]]
    assert flows.get_flow_for_flow_action(mail["id"]).data.id == flow["id"]
    assert flows.get_flow_id_for_flow_action(mail["id"]).data.id == flow["id"]
    assert flows.get_flow_action_messages(mail["id"], filter='equals(name,"Come back")').data[0].id == message_id
    assert flows.get_flow_action_messages(wait["id"]).data == []
    assert flows.get_message_ids_for_flow_action(mail["id"]).data[0].id == message_id
    assert flows.get_action_for_flow_message(message_id).data.id == mail["id"]
    assert flows.get_action_id_for_flow_message(message_id).data.id == mail["id"]
    template = flows.get_template_for_flow_message(message_id).data
    assert template.id == mail["data"]["message"]["template_id"]
    assert template.attributes.html == "<p>Good night, {{ first_name }}</p>"
    assert flows.get_template_id_for_flow_message(message_id).data.id == template.id
    assert free.sdk().Templates.get_templates(filter=f'any(id,["{template.id}"])').data == []
    with pytest.raises(ApiException, match="409"):
        free.sdk().Templates.delete_template(template.id)


@pytest.mark.parametrize(
    "call",
    [
        lambda flows: flows.get_flow("NOPE01"),
        lambda flows: flows.update_flow("NOPE01", document("flow", {"status": "live"}, id="NOPE01")),
        lambda flows: flows.delete_flow("NOPE01"),
        lambda flows: flows.get_actions_for_flow("NOPE01"),
        lambda flows: flows.get_action_ids_for_flow("NOPE01"),
        lambda flows: flows.get_tags_for_flow("NOPE01"),
        lambda flows: flows.get_tag_ids_for_flow("NOPE01"),
        lambda flows: flows.get_flow_action("12345678"),
        lambda flows: flows.update_flow_action(
            "12345678", document("flow-action", {"definition": delay("wait")}, id="12345678")
        ),
        lambda flows: flows.delete_flow_action("12345678"),
        lambda flows: flows.get_flow_for_flow_action("12345678"),
        lambda flows: flows.get_flow_id_for_flow_action("12345678"),
        lambda flows: flows.get_flow_action_messages("12345678"),
        lambda flows: flows.get_message_ids_for_flow_action("12345678"),
        lambda flows: flows.get_flow_message("NOPE01"),
        lambda flows: flows.get_action_for_flow_message("NOPE01"),
        lambda flows: flows.get_action_id_for_flow_message("NOPE01"),
        lambda flows: flows.get_template_for_flow_message("NOPE01"),
        lambda flows: flows.get_template_id_for_flow_message("NOPE01"),
    ],
)
def test_what_does_not_exist_is_not_found(free: Served, call: Callable[[Any], Any]) -> None:
    with pytest.raises(NotFoundException, match=r"with id (NOPE01|12345678) not found"):
        call(free.sdk().Flows)


def test_an_id_that_no_action_can_have_is_malformed(free: Served) -> None:
    with pytest.raises(BadRequestException, match="Invalid Flow Action ID: 'NOPE01'"):
        free.sdk().Flows.get_flow_action("NOPE01")


def test_an_action_is_changed(free: Served) -> None:
    flows = free.sdk().Flows
    flow = new_flow(free, delay("wait", "mail"), email("mail", new_template(free)), live=False)
    wait, mail = actions_of(flow)
    longer = {"id": wait["id"], "type": "time-delay", "data": {"unit": "hours", "value": 3}}
    changed = flows.update_flow_action(wait["id"], document("flow-action", {"definition": longer}, id=wait["id"]))
    assert changed.data.attributes.definition["data"] == {"unit": "hours", "value": 3, "timezone": "profile"}
    assert changed.data.attributes.definition["links"] == {"next": mail["id"]}
    other = new_template(free, "<p>Other</p>")
    subject = {"subject_line": "New", "template_id": other, "name": "New"}
    definition = {"id": mail["id"], "type": "send-email", "data": {"message": subject, "status": "live"}}
    message_id = mail["data"]["message"]["id"]
    flows.update_flow_action(mail["id"], document("flow-action", {"definition": definition}, id=mail["id"]))
    message = flows.get_flow_message(message_id).data.attributes.definition
    assert (message["id"], message["subject_line"]) == (message_id, "New")
    assert message["template_id"] not in {other, mail["data"]["message"]["template_id"]}
    assert flows.get_template_for_flow_message(message_id).data.attributes.html == "<p>Other</p>"
    kept = {"id": mail["id"], "type": "send-email", "data": {"message": message, "status": "live"}}
    flows.update_flow_action(mail["id"], document("flow-action", {"definition": kept}, id=mail["id"]))
    assert flows.get_template_id_for_flow_message(message_id).data.id == message["template_id"]
    for wrong, pointer in (
        ({**kept, "type": "send-sms", "data": {"message": {"body": "x"}}}, f"{AT}/type"),
        ({**kept, "id": wait["id"]}, f"{AT}/id"),
        ({**kept, "links": {"next": wait["id"]}}, f"{AT}/links"),
        ({**kept, "links": {"next": "12345678"}}, f"{AT}/links/next"),
        ({**kept, "data": {"message": {**message, "template_id": "NOPE01"}}}, f"{AT}/data/message/template_id"),
    ):
        body = document("flow-action", {"definition": wrong}, id=mail["id"])
        with pytest.raises(BadRequestException, match=f"pointer='{pointer}'"):
            flows.update_flow_action(mail["id"], body)
    assert definition_of(free, flow["id"])["actions"][1] == kept | {"links": {"next": None}}


def test_an_action_is_taken_out(free: Served) -> None:
    flows = free.sdk().Flows
    flow = new_flow(
        free,
        delay("first", "split"),
        split("split", "yes", "no", profile_filter=property_filter("Plan", "family")),
        linked("code", "yes", "end"),
        linked("code", "no", "only no"),
        linked("code", "only no", "end"),
        delay("end"),
        live=False,
    )
    first, fork, yes, _, _, end = actions_of(flow)
    flows.delete_flow_action(first["id"])
    assert definition_of(free, flow["id"])["entry_action_id"] == fork["id"]
    flows.delete_flow_action(fork["id"])
    left = definition_of(free, flow["id"])
    assert left["entry_action_id"] == yes["id"]
    assert [action["id"] for action in left["actions"]] == [yes["id"], end["id"]]
    flows.delete_flow_action(end["id"])
    assert definition_of(free, flow["id"])["actions"] == [{**yes, "links": {"next": None}}]
    flows.delete_flow_action(yes["id"])
    assert definition_of(free, flow["id"])["entry_action_id"] is None


def test_an_action_is_put_in(free: Served) -> None:
    flows = free.sdk().Flows
    flow = new_flow(free, live=False)
    first = flows.create_flow_action(insertion({"temporary_id": "a", "type": "code"}, flow=flow["id"])).data
    fork = new_flow(free, split("s", "x", None, profile_filter=None), linked("code", "x"), live=False)
    at_fork, leaf = actions_of(fork)
    no = flows.create_flow_action(
        insertion({"temporary_id": "n", "type": "code"}, anchor=anchor_at(at_fork, next_if_true="x", next_if_false="n"))
    ).data
    assert definition_of(free, fork["id"])["actions"][0]["links"] == {
        "next_if_true": leaf["id"],
        "next_if_false": no.id,
    }
    mail = email("m", new_template(free))
    mail["data"]["status"] = "live"
    del mail["links"]
    anchor = {
        "type": "flow-action",
        "id": first.id,
        "attributes": {"definition": {"type": "code", "links": {"next": "m"}}},
    }
    last = flows.create_flow_action(insertion(mail, anchor=anchor)).data
    assert last.attributes.definition["data"]["status"] == "draft"
    branches = [{"branch_id": "1", "branch_filter": None}, {"branch_id": "2", "is_else": True}]
    between = {"temporary_id": "b", "type": "multi-branch-split", "data": {"name": "B", "branches": branches}}
    anchor["attributes"]["definition"]["links"]["next"] = "b"
    middle = flows.create_flow_action(insertion(between, anchor=anchor)).data
    assert [one["links"]["next"] for one in middle.attributes.definition["data"]["branches"]] == [last.id, last.id]
    before = flows.create_flow_action(insertion(delay("d", first.id))).data
    definition = definition_of(free, flow["id"])
    assert definition["entry_action_id"] == before.id
    assert [action["id"] for action in definition["actions"]] == [first.id, last.id, middle.id, before.id]
    at_branch = {
        "type": "flow-action",
        "id": middle.id,
        "attributes": {
            "definition": {
                "type": "multi-branch-split",
                "data": {"branches": [{"branch_id": "2", "links": {"next": "e"}}]},
            }
        },
    }
    inner = flows.create_flow_action(insertion({"temporary_id": "e", "type": "code"}, anchor=at_branch)).data
    assert [one["links"]["next"] for one in definition_of(free, flow["id"])["actions"][2]["data"]["branches"]] == [
        last.id,
        inner.id,
    ]


def test_an_action_needs_a_place(free: Served) -> None:
    flows = free.sdk().Flows
    flow = new_flow(free, linked("code", "code"))
    (code,) = actions_of(flow)
    new = {"temporary_id": "n", "type": "code"}
    wait = {"temporary_id": "n", "type": "time-delay", "data": {"value": 1}}
    anchor = anchor_at(code, next="n")
    for body, pointer in (
        (insertion(new), "/data/attributes"),
        (insertion(new, flow=flow["id"], anchor=anchor), "/data/attributes"),
        (insertion(new, flow=flow["id"]), "/data/relationships/flow/data/id"),
        (insertion(new, flow="NOPE01"), "/data/relationships/flow/data/id"),
        (insertion({**new, "links": {"next": "12345678"}}), f"{AT}/links/next"),
        (insertion({"type": "code"}, anchor=anchor), f"{AT}/temporary_id"),
        (insertion({**new, "id": "1"}, anchor=anchor), f"{AT}/id"),
        (insertion(split("n", None, None, profile_filter=None), anchor=anchor), f"{AT}/type"),
        (insertion(wait, anchor=anchor), "/data/attributes/allow_live_action"),
        (insertion(new, anchor={**anchor, "id": "12345678"}), "/data/attributes/anchor-action/data/id"),
        (
            insertion(new, anchor=anchor_at(code, next="other")),
            "/data/attributes/anchor-action/data/attributes/definition/links",
        ),
        (
            insertion(new, anchor=anchor_at(code, sideways="n")),
            "/data/attributes/anchor-action/data/attributes/definition/links/sideways",
        ),
        (
            insertion(new, anchor=anchor_at(code, next_if_true="n")),
            "/data/attributes/anchor-action/data/attributes/definition/links",
        ),
        (
            insertion(new, anchor=anchor_at({**code, "links": None})),
            "/data/attributes/anchor-action/data/attributes/definition/links",
        ),
        (
            insertion(new, anchor=anchor_at({**code, "type": "send-email"}, next="n")),
            "/data/attributes/anchor-action/data/attributes/definition/type",
        ),
    ):
        with pytest.raises(BadRequestException, match=f"pointer='{pointer}'"):
            flows.create_flow_action(body)
    assert len(definition_of(free, flow["id"])["actions"]) == 1
    created = flows.create_flow_action(insertion(wait, anchor=anchor, allow_live_action=True)).data
    assert definition_of(free, flow["id"])["actions"][0]["links"] == {"next": created.id}


EVERY_ACTION = [
    linked("send-sms", "a", None, {"message": {"body": "x"}}),
    linked("send-mobile-push", "a", None, {"message": {"title": "t", "body": "x", "push_type": "standard"}}),
    linked("send-whatsapp", "a", None, {"message": {"name": "w"}, "status": "draft"}),
    linked("send-webhook", "a", None, {"message": {"url": "https://example.org", "headers": {"a": "b"}}}),
    linked(
        "send-internal-alert",
        "a",
        None,
        {"message": {"from_email": None, "from_label": None, "to_emails": ["a@x.org"], "subject_line": "s"}},
    ),
    delay("a", secondary_value=3, timezone="Europe/Berlin", delay_until_time="08:30:00"),
    linked("countdown-delay", "a", None, {"unit": "weeks", "value": 2}),
    linked("target-date", "a", None, {"target_time": "08:00:00", "target_days": ["friday"]}),
    linked("back-in-stock-delay", "a"),
    split("a", None, None, profile_filter=property_filter("Plan", "family")),
    split("a", None, None, kind="action-output-split", action_output_filter=None),
    split("a", None, None, kind="trigger-split", trigger_filter=None, trigger_id="x", trigger_type="metric"),
    linked("update-profile", "a", None, {"profile_operations": [{"operator": "delete", "property_key": "x"}]}),
    linked("list-update", "a", None, {"name": "L", "on_execution": None, "list_id": None}),
    linked("internal-service", "a", None, {"service_configuration": {"service_method_type": "unknown"}}),
    linked("code", "a", None, {"anything": ["goes"]}),
    {
        "temporary_id": "a",
        "type": "multi-branch-split",
        "data": {"name": "B", "branches": [{"branch_id": "1", "is_else": True}]},
    },
    linked(
        "ab-test",
        "a",
        None,
        {
            "main_action": {"type": "send-sms", "data": {"message": {"body": "x"}}},
            "current_experiment": {
                "variations": [{"type": "send-sms", "data": {"message": {"body": "y"}}}],
                "winner_metric": "unique-opens",
            },
        },
    ),
    linked(
        "content-experiment",
        "a",
        None,
        {"main_action": {"type": "send-mobile-push", "data": {"message": {"body": "x"}}}},
    ),
    email("a", None),
]


@pytest.mark.parametrize("action", EVERY_ACTION, ids=lambda action: action["type"])
def test_every_action_is_taken_and_given_back(free: Served, action: Any) -> None:
    created = free.sdk().Flows.create_flow(flow_body(action)).data
    (stored,) = created.attributes.definition.to_dict()["actions"]
    assert stored["type"] == action["type"]
    assert created.attributes.trigger_type == "Unconfigured"
    assert free.sdk().Flows.get_flow_action(stored["id"]).data.attributes.definition == stored


def test_the_messages_of_an_experiment_are_resources_too(free: Served) -> None:
    template = new_template(free)
    tested = {name: {**email(name, template), "links": None} for name in ("main", "other")}
    experiment = {"main_action": tested["main"], "current_experiment": {"variations": [tested["other"]]}}
    (stored,) = actions_of(new_flow(free, linked("ab-test", "a", None, experiment), live=False))
    main, other = stored["data"]["main_action"], stored["data"]["current_experiment"]["variations"][0]
    assert "temporary_id" not in main | other
    assert main["id"] != other["id"]
    messages = free.sdk().Flows.get_flow_action_messages(stored["id"]).data
    assert {one.id for one in messages} == {one["data"]["message"]["id"] for one in (main, other)}


def test_what_is_named_and_gone_keeps_no_action_from_being_taken_out(free: Served) -> None:
    list_id = new_list(free)
    joining = linked("list-update", "join", "end", {"name": "L", "on_execution": True, "list_id": list_id})
    flow = new_flow(free, joining, linked("code", "end"), live=False)
    assert free.wire.send("DELETE", f"/api/lists/{list_id}").status_code == 204
    free.sdk().Flows.delete_flow_action(actions_of(flow)[1]["id"])
    assert definition_of(free, flow["id"])["actions"][0]["links"] == {"next": None}


DATED = {"timedelta_value_before_date": 1, "trigger_time": "09:00:00", "timezone": "UTC"}


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ({"type": "list", "id": None}, "Unconfigured"),
        (
            {"type": "date", "date_field_type": "profile-property", "date_profile_property": "Birthday", **DATED},
            "Date Based",
        ),
        (
            {
                "type": "date",
                "date_field_type": "custom-object",
                "custom_object_label": "Pet",
                "custom_object_property_id": 1,
                "object_type_id": "x",
                "object_type_relationship_id": "y",
                **DATED,
            },
            "Date Based",
        ),
        ({"type": "price-drop", "trigger_filter": None, "price_drop_amount_value": 5, "audience": []}, "Price Drop"),
        (
            {
                "type": "low-inventory",
                "product_level": "variant",
                "trigger_filter": None,
                "inventory_count": 3,
                "audience": ["viewed"],
            },
            "Low Inventory",
        ),
    ],
)
def test_every_trigger_is_taken(free: Served, trigger: Any, kind: str) -> None:
    created = free.sdk().Flows.create_flow(flow_body(linked("code", "a"), trigger=trigger)).data
    assert created.attributes.trigger_type == kind


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        (flow_definition(linked("code", "a"), linked("code", "b")), "/actions/1"),
        (flow_definition(linked("code", "a", "b"), linked("code", "b", "a")), "/actions/1/links"),
        (flow_definition(linked("code", "a", "nowhere")), "/actions/0/links/next"),
        (flow_definition(split("a", None, "nowhere", profile_filter=None)), "/actions/0/links/next_if_false"),
        (flow_definition(linked("code", "a"), linked("code", "a")), "/actions/1/temporary_id"),
        (flow_definition({"type": "code"} | {"temporary_id": ""}), "/actions/0/temporary_id"),
        (flow_definition(linked("code", "a", id="12345678")), "/actions/0/id"),
        ({**flow_definition(linked("code", "a")), "entry_action_id": "b"}, "/entry_action_id"),
        ({**flow_definition(linked("code", "a")), "entry_action_id": None}, "/entry_action_id"),
        (flow_definition(linked("dance", "a")), "/actions/0/type"),
        (flow_definition({"temporary_id": "a"}), "/actions/0/type"),
        (flow_definition(linked("code", "a", sideways=1)), "/actions/0/sideways"),
        (flow_definition(delay("a", value="1")), "/actions/0/data/value"),
        (flow_definition(delay("a", value=-1)), "/actions/0/data/value"),
        (flow_definition(delay("a", secondary_value=61)), "/actions/0/data/secondary_value"),
        (flow_definition(delay("a", unit="weeks")), "/actions/0/data/unit"),
        (flow_definition(delay("a", timezone="Mars/Olympus")), "/actions/0/data/timezone"),
        (flow_definition(delay("a", delay_until_time="25:00")), "/actions/0/data/delay_until_time"),
        (flow_definition(delay("a", delay_until_weekdays=["Funday"])), "/actions/0/data/delay_until_weekdays/0"),
        (flow_definition(linked("time-delay", "a")), "/actions/0/data"),
        (flow_definition(email("a", "NOPE01")), "/actions/0/data/message/template_id"),
        (flow_definition(email("a", None, mood="good")), "/actions/0/data/message/mood"),
        (flow_definition(linked("send-webhook", "a", None, {"message": {}})), "/actions/0/data/message/url"),
        (
            flow_definition(linked("list-update", "a", None, {"name": "L", "on_execution": True, "list_id": "NOPE01"})),
            "/actions/0/data/list_id",
        ),
        (
            flow_definition(linked("ab-test", "a", None, {"main_action": {"type": "code"}})),
            "/actions/0/data/main_action/type",
        ),
        (
            flow_definition(linked("update-profile", "a", None, {"profile_operations": [{"operator": "guess"}]})),
            "/actions/0/data/profile_operations/0/operator",
        ),
        (
            flow_definition(split("a", None, None, profile_filter={"condition_groups": [{"conditions": []}]})),
            "/actions/0/data/profile_filter/condition_groups/0/conditions",
        ),
        (flow_definition(trigger={"type": "list", "id": "NOPE01"}), "/triggers/0/id"),
        (flow_definition(trigger={"type": "segment", "id": "NOPE01"}), "/triggers/0/id"),
        (flow_definition(trigger={"type": "metric", "id": "NOPE01"}), "/triggers/0/id"),
        (flow_definition(trigger={"type": "wish"}), "/triggers/0/type"),
        (flow_definition(trigger={"type": "date"}), "/triggers/0/date_field_type"),
        (flow_definition(trigger={"id": "x"}), "/triggers/0/type"),
        ({**flow_definition(), "triggers": [{"type": "list"}, {"type": "list"}]}, "/triggers/1"),
        (flow_definition(reentry_criteria={"duration": 1, "unit": "year"}), "/reentry_criteria/unit"),
        (flow_definition(reentry_criteria={"duration": -1, "unit": "day"}), "/reentry_criteria/duration"),
        (
            flow_definition(profile_filter=event_filter("NOPE01", "Kind", "story")),
            "/profile_filter/condition_groups/0/conditions/0/metric_id",
        ),
        (
            flow_definition(profile_filter={"condition_groups": [{"conditions": [{"type": "luck"}]}]}),
            "/profile_filter/condition_groups/0/conditions/0/type",
        ),
        (
            flow_definition(
                profile_filter={"condition_groups": [{"conditions": [{"type": "profile-sample", "percentage": 101}]}]}
            ),
            "/profile_filter/condition_groups/0/conditions/0/percentage",
        ),
        (
            flow_definition(
                profile_filter={
                    "condition_groups": [
                        {
                            "conditions": [
                                {
                                    "type": "profile-group-membership",
                                    "is_member": False,
                                    "group_ids": ["NOPE01"],
                                }
                            ]
                        }
                    ]
                }
            ),
            "/profile_filter/condition_groups/0/conditions/0/group_ids/0",
        ),
    ],
)
def test_what_is_wrong_in_a_definition_is_named(free: Served, definition: Any, pointer: str) -> None:
    body = document("flow", {"name": "A flow", "definition": definition})
    assert pointer_of(free, body) == f"{AT}{pointer}"
    assert free.wire.get("/api/flows").json()["data"] == []


def test_a_flow_needs_a_name(free: Served) -> None:
    with pytest.raises(BadRequestException, match="/data/attributes/name"):
        free.sdk().Flows.create_flow(flow_body(name=" "))


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the specification is not here")
def test_answers_are_as_specified(free: Served) -> None:
    checker = Checker()
    wire = free.wire
    metric_id = new_metric(free)
    body = flow_body(
        delay("wait", "split"),
        split("split", "mail", "tell", profile_filter=property_filter("Plan", "family")),
        email("mail", new_template(free)),
        webhook("tell", "https://example.org"),
        trigger={"type": "metric", "id": metric_id},
        profile_filter=property_filter("Plan", "family"),
        reentry_criteria={"duration": 1, "unit": "alltime"},
    )
    flow = checker.check("create_flow", wire.post("/api/flows", body), body)["data"]
    mail = actions_of(flow)[2]
    message_id = mail["data"]["message"]["id"]
    for operation, path in (
        ("get_flows", "/api/flows?include=flow-actions,tags"),
        ("get_flow", f"/api/flows/{flow['id']}?additional-fields[flow]=definition&include=flow-actions"),
        ("get_actions_for_flow", f"/api/flows/{flow['id']}/flow-actions"),
        ("get_action_ids_for_flow", f"/api/flows/{flow['id']}/relationships/flow-actions"),
        ("get_tags_for_flow", f"/api/flows/{flow['id']}/tags"),
        ("get_tag_ids_for_flow", f"/api/flows/{flow['id']}/relationships/tags"),
        ("get_flow_action", f"/api/flow-actions/{mail['id']}?include=flow,flow-messages"),
        ("get_flow_for_flow_action", f"/api/flow-actions/{mail['id']}/flow"),
        ("get_flow_id_for_flow_action", f"/api/flow-actions/{mail['id']}/relationships/flow"),
        ("get_flow_action_messages", f"/api/flow-actions/{mail['id']}/flow-messages"),
        ("get_message_ids_for_flow_action", f"/api/flow-actions/{mail['id']}/relationships/flow-messages"),
        ("get_flow_message", f"/api/flow-messages/{message_id}?include=flow-action,template"),
        ("get_action_for_flow_message", f"/api/flow-messages/{message_id}/flow-action"),
        ("get_action_id_for_flow_message", f"/api/flow-messages/{message_id}/relationships/flow-action"),
        ("get_template_for_flow_message", f"/api/flow-messages/{message_id}/template"),
        ("get_template_id_for_flow_message", f"/api/flow-messages/{message_id}/relationships/template"),
    ):
        checker.check(operation, wire.get(path))
    changed = document("flow-action", {"definition": mail}, id=mail["id"])
    checker.check("update_flow_action", wire.send("PATCH", f"/api/flow-actions/{mail['id']}", changed), changed)
    live = document("flow", {"status": "live"}, id=flow["id"])
    checker.check("update_flow", wire.send("PATCH", f"/api/flows/{flow['id']}", live), live)
    checker.check("delete_flow_action", wire.send("DELETE", f"/api/flow-actions/{mail['id']}"))
    checker.check("delete_flow", wire.send("DELETE", f"/api/flows/{flow['id']}"))
    assert len(checker.seen) == 21
