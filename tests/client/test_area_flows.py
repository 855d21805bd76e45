"""Flows, their actions and messages over a real socket."""

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from aioklaviyo import InvalidRequest, Klaviyo, NewEvent, NotFound, OutcomeUnknown, ProfileRef, filters
from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.flow import FlowAction, flow_action_from, flow_from, flow_message_from
from aioklaviyo.models.flow_definition import (
    Anchor,
    BranchLinks,
    CatalogProperty,
    ChangeList,
    ConditionalSplit,
    ConditionalSplitData,
    DeleteProperty,
    EmailMessage,
    FlowDefinition,
    FlowFilter,
    FlowGroup,
    FlowProfileMetric,
    Link,
    ListTrigger,
    ListUpdate,
    ListUpdateData,
    LowInventoryTrigger,
    MetricProperty,
    MetricTrigger,
    NotInFlow,
    NotSent,
    ObjectDateTrigger,
    PriceDropTrigger,
    ProfileSample,
    PropertyDateTrigger,
    ReentryCriteria,
    SegmentTrigger,
    SendEmail,
    SendEmailData,
    SendWebhook,
    SendWebhookData,
    SetBoolean,
    SetDate,
    SetNumber,
    SetText,
    TimeDelay,
    TimeDelayData,
    Trigger,
    TriggerFilter,
    TriggerGroup,
    UpdateProfile,
    UpdateProfileData,
    WebhookMessage,
)
from aioklaviyo.models.segment import (
    FlowStart,
    InTheLast,
    NumericRangeFilter,
    ProfileProperty,
    StringFilter,
    custom_property,
)
from client.client_server import Connect, Reply, Reset, Serve
from client.emulated import Account, account, body_of, resources

CODE: dict[str, Any] = {"temporary_id": "code", "type": "code"}
FAMILIES = FlowFilter.all_of(ProfileProperty(property=custom_property("plan"), filter=StringFilter(value="family")))


async def _template_id(klaviyo: Klaviyo) -> str:
    attributes = {"name": "Night", "editor_type": "CODE", "html": "<p>Good night</p>"}
    made = await klaviyo.request(
        "POST", "/api/templates", json={"data": {"type": "template", "attributes": attributes}}
    )
    return made.document["data"]["id"]


def _mail(template_id: str, name: str = "mail") -> SendEmail:
    message = EmailMessage(
        name="Come back", template_id=template_id, subject_line="A story", from_email="n@example.org", from_label="N"
    )
    return SendEmail(temporary_id=name, data=SendEmailData(message=message))


async def _metric_id(here: Account) -> str:
    await here.klaviyo.events.create(NewEvent(metric="Read", profile=ProfileRef(email="ann@example.org")))
    return (await anext(here.klaviyo.metrics.list())).id


async def test_every_operation_of_flows_does_what_it_says() -> None:
    async with account() as here:
        flows = here.klaviyo.flows
        letters = await here.klaviyo.lists.create("Letters")
        definition = FlowDefinition(
            triggers=[ListTrigger(id=letters.id)],
            profile_filter=FAMILIES,
            actions=[
                TimeDelay(temporary_id="wait", data=TimeDelayData(value=2), links=Link(next="mail")),
                _mail(await _template_id(here.klaviyo)),
            ],
            entry_action_id="wait",
            reentry_criteria=ReentryCriteria(duration=1, unit="day"),
        )
        made = await flows.create("Welcome", definition, additional_fields=("definition",))
        assert (made.name, made.status, made.archived, made.trigger_type) == (
            "Welcome",
            "draft",
            False,
            "Added to List",
        )
        stored = FlowDefinition.model_validate(made.definition)
        assert (stored.triggers, stored.profile_filter) == (tuple(definition.triggers), FAMILIES)
        wait, mail = stored.actions
        assert isinstance(wait, TimeDelay)
        assert isinstance(mail, SendEmail)
        assert stored.entry_action_id == wait.id
        assert wait.links == Link(next=mail.id)
        assert wait.data == TimeDelayData(value=2)
        tag = await here.klaviyo.tags.create("Night")
        await here.klaviyo.tags.tag_flows(tag.id, [made.id])

        read = await flows.get(made.id, include=("flow-actions", "tags"), additional_fields=("definition",))
        assert read.definition == made.definition
        assert read.actions is not None
        assert {(action.id, action.type) for action in read.actions} == {
            (wait.id, "time-delay"),
            (mail.id, "send-email"),
        }
        assert [found.name for found in read.tags or ()] == ["Night"]
        plain = await flows.get(made.id, fields=("name",))
        assert (plain.name, plain.definition, plain.actions, plain.tags) == ("Welcome", None, None, None)
        assert [found.name async for found in flows.tags(made.id, fields=("name",))] == ["Night"]
        assert [found async for found in flows.tag_ids(made.id)] == [tag.id]

        wanted = filters.all_of(
            filters.equals("trigger_type", "Added to List"),
            filters.equals("archived", value=False),
            filters.greater_or_equal("created", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        )
        found = [flow async for flow in flows.list(filter=wanted, sort="-status", include=("tags",), page_size=50)]
        assert [(flow.id, [each.name for each in flow.tags or ()]) for flow in found] == [(made.id, ["Night"])]
        actions = flows.actions(made.id, filter=filters.equals("action_type", "SEND_EMAIL"), sort="-created")
        assert [action.id async for action in actions] == [mail.id]
        ids = [found async for found in flows.action_ids(made.id, sort="action_type", page_size=1)]
        assert ids == [mail.id, wait.id]
        assert [found async for found in here.klaviyo.lists.flow_trigger_ids(letters.id)] == [made.id]

        assert (await flows.update(made.id, status="live")).status == "live"
        assert (await flows.get(made.id)).status == "live"
        await flows.delete(made.id)
        with pytest.raises(NotFound):
            await flows.get(made.id)
        assert here.succeeded() >= resources("flows")
        here.check()


async def _read_action(here: Account, mail: FlowAction, flow_id: str) -> None:
    actions = here.klaviyo.flow_actions
    read = await actions.get(mail.id, include=("flow", "flow-messages"))
    assert read.flow is not None
    assert (read.flow.id, read.flow_id, read.flow.actions) == (flow_id, flow_id, None)
    assert read.messages is not None
    assert [message.channel for message in read.messages] == ["Email"]
    assert read.message_ids == tuple(message.id for message in read.messages)
    bare = await actions.get(mail.id)
    assert (bare.definition, bare.flow, bare.messages) == (mail.definition, None, None)
    assert await actions.flow_id(mail.id) == flow_id
    owner = await actions.flow(mail.id, fields=("name",))
    assert owner is not None
    assert (owner.id, owner.name) == (flow_id, "Night")


async def _read_message(here: Account, mail: FlowAction, template_id: str) -> None:
    actions, messages = here.klaviyo.flow_actions, here.klaviyo.flow_messages
    named = actions.messages(mail.id, filter=filters.equals("name", "Come back"), sort="-updated", page_size=50)
    (message_id,) = [message.id async for message in named]
    assert [found async for found in actions.message_ids(mail.id, sort="name")] == [message_id]
    message = await messages.get(message_id, include=("flow-action", "template"))
    assert message.action is not None
    assert (message.action.id, message.action.messages) == (mail.id, None)
    assert message.template is not None
    assert message.template.id != template_id, "Klaviyo copies it"
    assert message.template_id == message.template.id == await messages.template_id(message_id)
    template = await messages.template(message_id, fields=("name",))
    assert template is not None
    assert template.id == message.template_id
    assert message.action_id == await messages.action_id(message_id) == mail.id
    action = await messages.action(message_id)
    assert action is not None
    assert action.definition == mail.definition


async def test_every_operation_of_actions_and_messages_does_what_it_says() -> None:
    async with account() as here:
        actions = here.klaviyo.flow_actions
        template_id = await _template_id(here.klaviyo)
        empty = FlowDefinition(entry_action_id=None)
        flow = await here.klaviyo.flows.create("Night", empty)

        first = await actions.create(CODE, flow_id=flow.id)
        assert first.type == "code"
        mail = await actions.create(_mail(template_id), after=Anchor(action_id=first.id, type="code"))
        before = TimeDelay(temporary_id="wait", data=TimeDelayData(value=1, unit="hours"), links=Link(next=mail.id))
        wait = await actions.create(before, allow_live_action=False)
        order = {action.id: action.definition or {} async for action in here.klaviyo.flows.actions(flow.id)}
        assert [order[each.id]["links"] for each in (first, wait, mail)] == [
            {"next": wait.id},
            {"next": mail.id},
            {"next": None},
        ]

        await _read_action(here, mail, flow.id)
        await _read_message(here, mail, template_id)
        assert [found async for found in actions.messages(wait.id)] == []

        longer = TimeDelay(id=wait.id, data=TimeDelayData(value=3))
        changed = await actions.update(wait.id, longer)
        assert changed.definition is not None
        assert TimeDelay.model_validate(changed.definition).data == longer.data
        assert changed.definition["links"] == {"next": mail.id}
        await actions.delete(wait.id)
        with pytest.raises(NotFound):
            await actions.get(wait.id)
        with pytest.raises(NotFound):
            await here.klaviyo.flow_messages.get("NOPE01")
        assert here.succeeded() >= resources("flow_actions", "flow_messages")
        here.check()


async def test_an_action_comes_on_one_way_of_a_split() -> None:
    async with account() as here:
        split = ConditionalSplit(
            temporary_id="split",
            links=BranchLinks(next_if_true="code", next_if_false=None),
            data=ConditionalSplitData(profile_filter=FAMILIES),
        )
        definition = FlowDefinition(actions=[split, CODE], entry_action_id="split")
        flow = await here.klaviyo.flows.create("Two ways", definition)
        stored, code = FlowDefinition.model_validate(flow.definition).actions
        assert isinstance(stored, ConditionalSplit)
        assert not isinstance(code, ConditionalSplit)
        assert stored.id is not None
        no = Anchor(action_id=stored.id, type="conditional-split", way="next_if_false")
        branches = [{"branch_id": "1", "branch_filter": None}, {"branch_id": "2", "is_else": True}]
        many = {"temporary_id": "m", "type": "multi-branch-split", "data": {"name": "B", "branches": branches}}
        fork = await here.klaviyo.flow_actions.create(many, after=no)
        last = Anchor(action_id=fork.id, type="multi-branch-split", branch_id="2")
        inner = await here.klaviyo.flow_actions.create(CODE, after=last)
        read = await here.klaviyo.flow_actions.get(fork.id)
        assert read.definition is not None
        ways = [branch["links"].get("next") for branch in read.definition["data"]["branches"]]
        assert ways == [None, inner.id]
        changed = ConditionalSplit.model_validate((await here.klaviyo.flow_actions.get(stored.id)).definition)
        assert changed.links.next_if_false == fork.id
        here.check()


WEBHOOK = SendWebhook(
    temporary_id="a",
    data=SendWebhookData(message=WebhookMessage(url="https://example.org", headers={"X-Key": "secret"}, body="{}")),
)
PROFILE = UpdateProfile(
    temporary_id="a",
    data=UpdateProfileData(
        profile_operations=[
            SetText(property_key="plan", property_value="free"),
            SetBoolean(property_key="new", property_value=True, operator="create"),
            SetNumber(property_key="age", property_value=3),
            SetDate(property_key="since", property_value=dt.date(2026, 1, 2)),
            SetDate(property_key="seen", property_value="today"),
            ChangeList(property_key="books", property_value="Momo", property_operation="add"),
            DeleteProperty(property_key="old"),
        ]
    ),
)


@pytest.mark.parametrize("action", [WEBHOOK, PROFILE], ids=lambda action: action.type)
async def test_an_action_is_read_as_it_was_written(action: SendWebhook | UpdateProfile) -> None:
    async with account() as here:
        made = await here.klaviyo.flows.create("Night", FlowDefinition(actions=[action], entry_action_id="a"))
        (stored,) = FlowDefinition.model_validate(made.definition).actions
        assert isinstance(stored, type(action))
        if isinstance(stored, SendWebhook) and isinstance(action, SendWebhook):
            message = stored.data.message
            assert message.id is not None
            assert message.model_copy(update={"id": None}) == action.data.message
            assert "secret" not in repr(stored)
        else:
            assert stored.data == action.data.model_copy(update={"status": "draft"})
        here.check()


async def test_a_list_is_joined_and_left() -> None:
    async with account() as here:
        letters = await here.klaviyo.lists.create("Letters")
        data = ListUpdateData(name="Letters", on_execution=True, list_id=letters.id)
        action = ListUpdate(temporary_id="a", data=data)
        made = await here.klaviyo.flows.create("Join", FlowDefinition(actions=[action], entry_action_id="a"))
        (stored,) = FlowDefinition.model_validate(made.definition).actions
        assert isinstance(stored, ListUpdate)
        assert stored.data == data.model_copy(update={"status": "draft"})
        here.check()


DATED: dict[str, Any] = {"timedelta_value_before_date": 1, "trigger_time": dt.time(9), "timezone": "UTC"}
NOT_DEAR = CatalogProperty(
    type="price-drop-property", metric_id=None, field="price", filter=NumericRangeFilter(start=1, end=2)
)


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        (ListTrigger(), "Unconfigured"),
        (SegmentTrigger(), "Unconfigured"),
        (MetricTrigger(), "Unconfigured"),
        (PropertyDateTrigger(date_profile_property="Birthday", trigger_days=["friday"], **DATED), "Date Based"),
        (
            ObjectDateTrigger(
                custom_object_label="Pet",
                custom_object_property_id=1,
                object_type_id="x",
                object_type_relationship_id="y",
                **DATED,
            ),
            "Date Based",
        ),
        (PriceDropTrigger(trigger_filter=None, price_drop_amount_value=5, audience=["viewed"]), "Price Drop"),
        (
            LowInventoryTrigger(product_level="variant", trigger_filter=None, inventory_count=3, audience=["viewed"]),
            "Low Inventory",
        ),
    ],
)
async def test_every_trigger_is_read_as_it_was_written(trigger: Trigger, kind: str) -> None:
    async with account() as here:
        definition = FlowDefinition(triggers=[trigger], actions=[CODE], entry_action_id="code")
        made = await here.klaviyo.flows.create("Night", definition)
        assert made.trigger_type == kind
        assert FlowDefinition.model_validate(made.definition).triggers == (trigger,)
        here.check()


async def test_what_a_flow_asks_of_events_and_profiles_is_read_as_it_was_written() -> None:
    async with account() as here:
        metric_id = await _metric_id(here)
        story = MetricProperty(metric_id=metric_id, field="Kind", filter=StringFilter(value="story"))
        trigger = MetricTrigger(
            id=metric_id,
            trigger_filter=TriggerFilter.all_of(story),
        )
        asked = FlowFilter.all_of(
            FlowProfileMetric(metric_id=metric_id, timeframe_filter=FlowStart()),
            FlowGroup.any_of(FlowProfileMetric(metric_id=metric_id), ProfileSample(percentage=50)),
            NotSent(type="profile-not-sent-email"),
            NotInFlow(timeframe_filter=InTheLast(quantity=3)),
        )
        assert [len(group.conditions) for group in asked.condition_groups] == [1, 2, 1, 1]
        definition = FlowDefinition(triggers=[trigger], profile_filter=asked, actions=[CODE], entry_action_id="code")
        made = await here.klaviyo.flows.create("Night", definition)
        stored = FlowDefinition.model_validate(made.definition)
        assert (stored.triggers, stored.profile_filter) == ((trigger,), asked)
        assert [flow.id async for flow in here.klaviyo.flows.list(filter=filters.equals("trigger_type", "Metric"))]
        here.check()


def test_filters_of_the_catalogue_are_json() -> None:
    asked = TriggerFilter.all_of(TriggerGroup.any_of(NOT_DEAR))
    trigger = PriceDropTrigger(trigger_filter=asked, price_drop_amount_value=5, audience=["viewed"])
    condition = {
        "type": "price-drop-property",
        "metric_id": None,
        "field": "price",
        "filter": {"type": "numeric", "operator": "between", "start": 1, "end": 2},
    }
    assert trigger.wire()["trigger_filter"] == {"condition_groups": [{"conditions": [condition]}]}


async def test_a_definition_may_be_plain_json() -> None:
    async with account() as here:
        raw: dict[str, Any] = {"triggers": [], "actions": [CODE], "entry_action_id": "code"}
        made = await here.klaviyo.flows.create("Night", raw)
        assert body_of(here.sent[0]) == {"data": {"type": "flow", "attributes": {"name": "Night", "definition": raw}}}
        assert made.definition is not None
        assert made.definition["actions"][0]["type"] == "code"
        here.check()


def test_what_is_not_known_here_stays_as_it_is() -> None:
    raw: dict[str, Any] = {
        "triggers": [{"type": "moon", "phase": "full"}],
        "profile_filter": {"condition_groups": [{"conditions": [{"type": "profile-mood"}]}]},
        "actions": [{"id": "1", "type": "dance"}, {"id": "2", "type": "time-delay", "data": {"unit": "moons"}}],
        "entry_action_id": "1",
    }
    assert FlowDefinition.model_validate(raw).wire() == raw
    with pytest.raises(ValidationError):
        ProfileSample(percentage=101)


def test_an_unknown_flow_action_or_message_can_be_read() -> None:
    odd: dict[str, Any] = {"status": "resting", "trigger_type": "Moon", "definition": {"type": 7}, "mood": 1}
    assert flow_from(Resource("flow", "F", odd, {})).status == "resting"
    action = flow_action_from(Resource("flow-action", "1", odd, {}))
    assert (action.type, action.flow_id, action.message_ids, action.messages) == (None, None, (), None)
    assert flow_action_from(Resource("flow-action", "1", {}, {})).type is None
    message = flow_message_from(Resource("flow-message", "M", {**odd, "channel": "Pigeon"}, {}))
    assert (message.channel, message.action, message.template) == ("Pigeon", None, None)


def test_included_resources_that_name_each_other_end() -> None:
    included: dict[tuple[str, str], Resource] = {}
    to = {
        "flow": {"data": {"type": "flow", "id": "F"}},
        "flow-messages": {"data": [{"type": "flow-message", "id": "M"}]},
    }
    included["flow", "F"] = Resource(
        "flow", "F", {}, {"flow-actions": {"data": [{"type": "flow-action", "id": "1"}]}}, included
    )
    included["flow-action", "1"] = Resource("flow-action", "1", {}, to, included)
    back: dict[str, Any] = {"flow-action": {"data": {"type": "flow-action", "id": "1"}}}
    included["flow-message", "M"] = Resource("flow-message", "M", {}, back, included)
    flow = flow_from(included["flow", "F"])
    assert flow.actions is not None
    assert [(action.flow_id, action.flow, action.message_ids) for action in flow.actions] == [("F", None, ("M",))]
    message = flow_message_from(included["flow-message", "M"])
    assert message.action is not None
    assert message.action.messages is None


async def test_a_place_that_is_not_one_is_refused_before_sending() -> None:
    async with account() as here:
        anchor = Anchor(action_id="1", type="code")
        create = here.klaviyo.flow_actions.create
        nameless = TimeDelay(data=TimeDelayData(value=1))
        for call, pointer in (
            (create(CODE, after=anchor, flow_id="F"), "/data/relationships/flow"),
            (create({"type": "code"}, after=anchor), "/data/attributes/definition/temporary_id"),
            (create(nameless, after=anchor), "/data/attributes/definition/temporary_id"),
        ):
            with pytest.raises(InvalidRequest) as caught:
                await call
            assert caught.value.errors[0].pointer == pointer
        assert here.sent == []


async def test_to_create_is_not_repeated_and_to_change_is(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset())
    client = await connect(server.url)
    for call in (
        client.flows.create("Night", FlowDefinition(entry_action_id=None)),
        client.flow_actions.create(CODE, flow_id="F"),
    ):
        with pytest.raises(OutcomeUnknown):
            await call
    assert len(server.received) == 2
    again = await serve(
        Reset(), Reply(document={"data": {"type": "flow", "id": "F", "attributes": {"status": "live"}}})
    )
    assert (await (await connect(again.url)).flows.update("F", status="live")).status == "live"
    assert len(again.received) == 2
