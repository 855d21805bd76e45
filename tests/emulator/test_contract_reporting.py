"""Reports through the official SDK: what became of messages, how segments grew, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator_specification import Checker
from emulator_wire import SPECIFICATION, bulk_body, error_of, event_attributes
from flow_bodies import email, new_flow, new_metric, new_template, outbox, property_filter, track
from openapi_client.exceptions import BadRequestException
from people_bodies import document, identifiers, new_profile, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator_wire import Served

ORDERED = "Placed Order"
TODAY = {"key": "today"}
EVERYTHING = [
    "recipients", "delivered", "delivery_rate", "opens", "opens_unique", "open_rate", "clicks", "clicks_unique",
    "click_rate", "click_to_open_rate", "bounced", "bounce_rate", "failed", "failed_rate", "bounced_or_failed",
    "bounced_or_failed_rate", "unsubscribes", "unsubscribe_uniques", "unsubscribe_rate", "spam_complaints",
    "spam_complaint_rate", "conversions", "conversion_uniques", "conversion_rate", "conversion_value",
    "revenue_per_recipient", "average_order_value", "message_segment_count_sum", "text_message_credit_usage_amount",
    "text_message_roi", "text_message_spend",
]  # fmt: skip


def question(kind: str, *statistics: str, timeframe: Any = None, **more: Any) -> Any:
    attributes = {"statistics": list(statistics), "timeframe": TODAY if timeframe is None else timeframe, **more}
    return document(f"{kind}-report", attributes)


def act(running: Served, mail: Any, action: str, **body: Any) -> None:
    answer = running.wire.client.post(f"/__emulator__/outbox/{mail['id']}/{action}", json=body)
    assert answer.status_code == 200, answer.text


def open_all(running: Served, *addresses: str, clicked: bool = False) -> None:
    for mail in outbox(running):
        if mail["to"] in addresses:
            act(running, mail, "open")
            if clicked:
                act(running, mail, "click", url="https://example.org")


def report(kind: str, name: str, running: Served, body: Any) -> list[dict[str, Any]]:
    return getattr(running.sdk().Reporting, f"query_{kind}_{name}")(body).data.to_dict()["attributes"]["results"]


def klaviyo_event(name: str, **properties: Any) -> Any:
    attributes = event_attributes(name, properties)
    attributes["metric"]["data"]["attributes"]["service"] = "klaviyo"
    return attributes


@pytest.fixture
def told(free: Served) -> tuple[Served, str, str, str]:
    """A flow that sent mail to four, of whom two opened it, one clicked, and one ordered something."""
    order = new_metric(free, ORDERED)
    flow = new_flow(
        free, email("mail", new_template(free)), trigger={"type": "metric", "id": new_metric(free)}, name="Night"
    )
    people = [f"{name}@example.org" for name in ("a", "b", "c", "d")]
    for address in people:
        track(free, address)
    settle(free)
    open_all(free, people[0], people[1])
    open_all(free, people[0], clicked=True)
    track(free, people[0], ORDERED, value=30.0)
    track(free, people[0], ORDERED, value=10.0, unique_id="second")
    track(free, people[3], ORDERED, value=99.0)
    settle(free)
    return free, flow["id"], flow["attributes"]["definition"]["actions"][0]["data"]["message"]["id"], order


def test_a_flow_is_measured(told: tuple[Served, str, str, str]) -> None:
    free, flow, message, order = told
    body = question("flow-values", *EVERYTHING, conversion_metric_id=order)
    answer = free.sdk().Reporting.query_flow_values(body)
    (result,) = answer.data.to_dict()["attributes"]["results"]
    assert result["groupings"] == {"flow_id": flow, "flow_message_id": message, "send_channel": "email"}
    nothing = dict.fromkeys(EVERYTHING, 0.0)
    assert result["statistics"] == nothing | {
        "recipients": 4.0,
        "delivered": 4.0,
        "delivery_rate": 1.0,
        "opens": 3.0,
        "opens_unique": 2.0,
        "open_rate": 0.5,
        "clicks": 1.0,
        "clicks_unique": 1.0,
        "click_rate": 0.25,
        "click_to_open_rate": 0.5,
        "conversions": 2.0,
        "conversion_uniques": 1.0,
        "conversion_rate": 0.25,
        "conversion_value": 40.0,
        "revenue_per_recipient": 10.0,
        "average_order_value": 20.0,
    }
    assert [one.id for one in answer.data.relationships.flows.data] == [flow]
    assert [one.id for one in answer.data.relationships.flow_messages.data] == [message]


def test_groups_and_filters(told: tuple[Served, str, str, str]) -> None:
    free, flow, message, order = told
    sdk = free.sdk()
    tags = [sdk.Tags.create_tag(document("tag", {"name": name})).data.id for name in ("one", "two")]
    for tag in tags:
        sdk.Tags.tag_flows(tag, identifiers("flow", flow))

    def groups(**more: Any) -> list[Any]:
        body = question("flow-values", "delivered", conversion_metric_id=order, **more)
        return [one["groupings"] for one in report("flow", "values", free, body)]

    by = ["flow_id", "flow_message_id", "flow_name", "flow_message_name", "tag_name", "variation"]
    expected = {"flow_id": flow, "flow_message_id": message, "flow_name": "Night", "flow_message_name": "Come back"}
    assert groups(group_by=by) == [{**expected, "tag_name": name, "variation": None} for name in ("one", "two")]
    assert len(groups(filter=f'and(equals(flow_id,"{flow}"),contains-any(send_channel,["email","sms"]))')) == 1
    assert len(groups(filter='equals(flow_name,"Night")')) == 1
    assert groups(filter='equals(flow_name,"Day")') == []
    assert len(groups(filter='contains-any(tag_name,["one","other"])')) == 1
    assert len(groups(filter='contains-all(tag_name,["one","two"])')) == 1
    assert groups(filter='contains-all(tag_name,["one","other"])') == []


def test_only_the_timeframe_counts(told: tuple[Served, str, str, str]) -> None:
    free, flow, _, order = told

    def delivered(timeframe: Any) -> list[float]:
        body = question("flow-values", "delivered", timeframe=timeframe, conversion_metric_id=order)
        return [one["statistics"]["delivered"] for one in report("flow", "values", free, body)]

    assert delivered({"start": "2026-11-20T00:00:00+05:00", "end": "2026-11-21T00:00:00Z"}) == [4.0]
    assert delivered({"start": "2026-11-20T13:00:00Z", "end": "2026-11-21T00:00:00Z"}) == []
    assert delivered({"key": "yesterday"}) == []
    free.clock.advance(86_400)
    assert delivered({"key": "yesterday"}) == [4.0]
    assert delivered({"key": "today"}) == []
    for key in ("this_week", "this_month", "this_year", "last_7_days", "last_30_days", "last_3_months"):
        assert delivered({"key": key}) == [4.0], key
    for key in ("last_90_days", "last_365_days", "last_12_months"):
        assert delivered({"key": key}) == [4.0], key
    free.clock.advance(40 * 86_400)
    assert delivered({"key": "last_year"}) == []
    assert delivered({"key": "last_week"}) == []
    assert delivered({"key": "last_month"}) == [4.0]
    free.clock.advance(10 * 86_400)
    assert delivered({"key": "last_year"}) == [4.0]
    assert flow


def test_a_conversion_belongs_to_the_last_touch_of_five_days(told: tuple[Served, str, str, str]) -> None:
    free, _, message, order = told
    other = new_flow(
        free, email("mail", new_template(free)), trigger={"type": "metric", "id": new_metric(free, "Other")}
    )
    track(free, "a@example.org", "Other")
    settle(free)
    (mail,) = [mail for mail in outbox(free) if mail["origin"]["$flow"] == other["id"] and mail["to"][0] == "a"]
    free.clock.advance(60)
    act(free, mail, "open")
    free.clock.advance(60)
    track(free, "a@example.org", ORDERED, value=1.0)
    track(free, "b@example.org", ORDERED, value=2.0)
    free.clock.advance(5 * 86_400)
    track(free, "b@example.org", ORDERED, value=4.0)
    settle(free)
    body = question("flow-values", "conversion_value", timeframe={"key": "last_30_days"}, conversion_metric_id=order)
    values = {
        one["groupings"]["flow_message_id"]: one["statistics"]["conversion_value"]
        for one in report("flow", "values", free, body)
    }
    assert values.pop(message) == 42.0
    assert list(values.values()) == [1.0]


def test_a_flow_has_a_series(told: tuple[Served, str, str, str]) -> None:
    free, _, _, order = told
    timeframe = {"start": "2026-11-19T00:00:00Z", "end": "2026-11-22T00:00:00Z"}
    body = question(
        "flow-series", "delivered", "open_rate", timeframe=timeframe, interval="daily", conversion_metric_id=order
    )
    answer = free.sdk().Reporting.query_flow_series(body).data.attributes
    assert [moment.day for moment in answer.date_times] == [19, 20, 21]
    (result,) = answer.results
    assert result.statistics == {"delivered": [0.0, 4.0, 0.0], "open_rate": [0.0, 0.5, 0.0]}
    hourly = question("flow-series", "opens", interval="hourly", conversion_metric_id=order)
    assert report("flow", "series", free, hourly)[0]["statistics"]["opens"][12] == 3.0
    for interval, count in (("weekly", 52), ("monthly", 13)):
        yearly = {"start": "2025-12-01T00:00:00Z", "end": "2026-11-30T00:00:00Z"}
        if interval == "monthly":
            yearly = {"key": "last_12_months"}
        body = question("flow-series", "opens", timeframe=yearly, interval=interval, conversion_metric_id=order)
        assert len(report("flow", "series", free, body)[0]["statistics"]["opens"]) == count


def test_a_campaign_is_measured(free: Served) -> None:
    order = new_metric(free, ORDERED)
    origin = {"$campaign": "CAMPAIGN", "$message": "MESSAGE", "$variation": "V", "$campaign_channel": "email"}
    people = [{"data": {"type": "profile", "attributes": {"email": f"{name}@example.org"}}} for name in "abcd"]
    received = klaviyo_event("Received Email", **origin)
    told = [
        (people[0], [received, klaviyo_event("Clicked Email", **origin)]),
        (people[1], [received, klaviyo_event("Unsubscribed from Email Marketing", **origin)]),
        (people[2], [received, klaviyo_event("Marked Email as Spam", **origin)]),
        (people[3], [klaviyo_event("Bounced Email", **origin)]),
    ]
    assert free.wire.post("/api/event-bulk-create-jobs", bulk_body(*told)).status_code == 202
    settle(free)
    body = question("campaign-values", *EVERYTHING, conversion_metric_id=order)
    answer = free.sdk().Reporting.query_campaign_values(body)
    (result,) = answer.data.to_dict()["attributes"]["results"]
    assert result["groupings"] == {"campaign_id": "CAMPAIGN", "campaign_message_id": "MESSAGE", "send_channel": "email"}
    found = result["statistics"]
    assert (found["recipients"], found["delivered"], found["delivery_rate"]) == (4.0, 3.0, 0.75)
    assert (found["bounced"], found["bounce_rate"], found["bounced_or_failed_rate"]) == (1.0, 0.25, 0.25)
    assert found["unsubscribe_rate"] == found["spam_complaint_rate"] == found["click_rate"] == 1 / 3
    assert (found["click_to_open_rate"], found["unsubscribes"], found["spam_complaints"]) == (0.0, 1.0, 1.0)
    assert [one.id for one in answer.data.relationships.campaigns.data] == ["CAMPAIGN"]
    by = ["campaign_id", "campaign_message_id", "group", "variation"]
    grouped = question("campaign-values", "clicks", conversion_metric_id=order, group_by=by)
    assert report("campaign", "values", free, grouped)[0]["groupings"] == {
        "campaign_id": "CAMPAIGN",
        "campaign_message_id": "MESSAGE",
        "group": None,
        "variation": "V",
    }


def test_many_groups_come_in_pages(free: Served) -> None:
    order = new_metric(free, ORDERED)
    profile = {"data": {"type": "profile", "attributes": {"email": "kim@example.org"}}}
    for first in (0, 501):
        told = [
            klaviyo_event("Received Email", **{"$flow": "F", "$message": f"M{number:04}"}) | {"unique_id": str(number)}
            for number in range(first, first + 501)
        ]
        assert free.wire.post("/api/event-bulk-create-jobs", bulk_body((profile, told))).status_code == 202
    settle(free)
    reporting = free.sdk().Reporting
    body = question("flow-values", "delivered", conversion_metric_id=order)
    first = reporting.query_flow_values(body)
    following = free.wire.post("/api/flow-values-reports", body).json()["links"]["next"]
    assert len(first.data.attributes.results) == 1000
    rest = reporting.query_flow_values(body, page_cursor=following.partition("page_cursor=")[2])
    assert [one.groupings["flow_message_id"] for one in rest.data.attributes.results] == ["M1000", "M1001"]
    last = free.wire.post(following.removeprefix("https://a.klaviyo.com"), body).json()["links"]
    assert last["next"] is None
    assert last["prev"] is not None
    with pytest.raises(BadRequestException, match="Invalid page cursor"):
        reporting.query_flow_values(body, page_cursor="nowhere")


def test_a_segment_is_counted(free: Served) -> None:
    body = document("segment", {"name": "Families", "definition": property_filter("Plan", "family")})
    segments = [free.wire.post("/api/segments", body).json()["data"]["id"] for _ in range(2)]
    settle(free)
    kim = new_profile(free, properties={"Plan": "family"})
    for name in ("lou", "max"):
        new_profile(free, f"{name}@example.org", properties={"Plan": "family"})
    every = ["total_members", "members_added", "members_removed", "net_members_changed"]
    only_first = f'equals(segment_id,"{segments[0]}")'
    values = question("segment-values", *every, filter=only_first)
    assert report("segment", "values", free, values) == [
        {
            "groupings": {"segment_id": segments[0]},
            "statistics": dict(zip(every, (3.0, 3.0, 0.0, 3.0), strict=True)),
        }
    ]
    free.clock.advance(86_400)
    change = document("profile", {"properties": {"Plan": "solo"}}, id=kim)
    assert free.wire.send("PATCH", f"/api/profiles/{kim}", change).status_code == 200
    both = question("segment-values", *every, filter=f'any(segment_id,["{segments[0]}","{segments[1]}"])')
    assert [list(one["statistics"].values()) for one in report("segment", "values", free, both)] == [
        [2.0, 0.0, 1.0, -1.0],
        [2.0, 0.0, 1.0, -1.0],
    ]
    timeframe = {"start": "2026-11-19T00:00:00Z", "end": "2026-11-23T00:00:00Z"}
    series = question("segment-series", *every, timeframe=timeframe, interval="daily", filter=only_first)
    answer = free.sdk().Reporting.query_segment_series(series).data.attributes
    assert [moment.day for moment in answer.date_times] == [19, 20, 21, 22]
    assert answer.results[0].statistics == {
        "total_members": [0.0, 3.0, 2.0, 2.0],
        "members_added": [0.0, 3.0, 0.0, 0.0],
        "members_removed": [0.0, 0.0, 1.0, 0.0],
        "net_members_changed": [0.0, 3.0, -1.0, 0.0],
    }


def test_forms_have_nothing_to_report(free: Served) -> None:
    reporting = free.sdk().Reporting
    assert reporting.query_form_values(question("form-values", "submits")).data.attributes.results == []
    series = reporting.query_form_series(question("form-series", "submits", interval="hourly")).data.attributes
    assert series.results == []
    assert len(series.date_times) == 24
    for body in (question("form-values", "submits", group_by=["form_version_id"]), question("form-values")):
        with pytest.raises(BadRequestException):
            reporting.query_form_values(body)
    with pytest.raises(BadRequestException, match="at most 7 days"):
        reporting.query_form_series(
            question("form-series", "submits", interval="hourly", timeframe={"key": "last_30_days"})
        )


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"statistics": []}, "statistics"),
        ({"timeframe": {}}, "timeframe"),
        ({"timeframe": {"key": "today", "start": "2026-01-01T00:00:00Z"}}, "timeframe"),
        ({"timeframe": {"start": "2026-01-01T00:00:00Z"}}, "timeframe"),
        ({"timeframe": {"start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}, "timeframe/end"),
        ({"timeframe": {"start": "2025-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}}, "timeframe"),
        ({"conversion_metric_id": "NOPE01"}, "conversion_metric_id"),
        ({"group_by": ["flow_id"]}, "group_by"),
        ({"filter": 'equals(color,"red")'}, "filter"),
        ({"filter": 'contains-all(flow_id,["a"])'}, "filter"),
        ({"filter": 'equals(send_channel,"pigeon")'}, "filter"),
        ({"filter": 'equals(flow_id,"a"),contains-any(flow_id,["b"])'}, "filter"),
        ({"filter": f"contains-any(flow_id,{[str(number) for number in range(101)]})"}, "filter"),
        ({"filter": "equals(flow_id"}, "filter"),
    ],
)
def test_what_is_wrong_in_a_question_is_named(free: Served, change: Any, pointer: str) -> None:
    body = question("flow-values", "opens", conversion_metric_id=new_metric(free))
    body["data"]["attributes"] |= change
    error = error_of(free.wire.post("/api/flow-values-reports", body), 400)
    assert error["source"]["pointer"] == f"/data/attributes/{pointer}"


@pytest.mark.parametrize(
    "call",
    [
        lambda reporting: reporting.query_campaign_values(
            question("campaign-values", "opens", conversion_metric_id="NOPE01")
        ),
        lambda reporting: reporting.query_flow_series(
            question("flow-series", "opens", conversion_metric_id="NOPE01", interval="daily")
        ),
        lambda reporting: reporting.query_segment_values(
            question("segment-values", "total_members", filter='contains-any(segment_id,["a"])')
        ),
        lambda reporting: reporting.query_segment_series(
            question(
                "segment-series",
                "total_members",
                interval="monthly",
                timeframe={"start": "2023-05-31T00:00:00Z", "end": "2023-06-30T00:00:00Z"},
            )
        ),
    ],
)
def test_every_report_refuses_something(free: Served, call: Callable[[Any], Any]) -> None:
    with pytest.raises(BadRequestException):
        call(free.sdk().Reporting)


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the specification is not here")
def test_answers_are_as_specified(told: tuple[Served, str, str, str]) -> None:
    free, _, _, order = told
    checker = Checker()
    conversion = {"conversion_metric_id": order}
    for kind, statistic, more in (
        ("campaign-values", "opens", conversion),
        ("flow-values", "opens", conversion),
        ("flow-series", "opens", {**conversion, "interval": "daily"}),
        ("segment-values", "total_members", {}),
        ("segment-series", "total_members", {"interval": "daily"}),
        ("form-values", "submits", {}),
        ("form-series", "submits", {"interval": "daily"}),
    ):
        body = question(kind, statistic, **more)
        answer = free.wire.post(f"/api/{kind}-reports", body)
        document_ = checker.check(f"query_{kind.replace('-', '_')}", answer, body)
        assert "links" not in document_["data"]
    assert len(checker.seen) == 7
