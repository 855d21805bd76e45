"""Reports over a real socket."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioklaviyo import InvalidRequest, Klaviyo, NoPacing, RequestRejected, UnexpectedResponse, filters
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import Rate
from aioklaviyo.resources import reports as stated
from client.client_server import Connect, Reply, Reset, Serve, problem
from client.emulated import Account, account, body_of, operations_of, resources

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
MORNING = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ORDERED = "Placed Order"


async def every(listing: Listing[Any]) -> list[Any]:
    return [found async for found in listing]


def happened(metric: str, **properties: Any) -> dict[str, Any]:
    named = {"data": {"type": "metric", "attributes": {"name": metric, "service": "klaviyo"}}}
    return {"type": "event", "attributes": {"metric": named, "properties": properties}}


async def tell(here: Account, *people: list[dict[str, Any]]) -> None:
    """What happened to how many people."""
    entries = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": {"type": "profile", "attributes": {"email": f"reader{index}@example.org"}}},
                "events": {"data": events},
            },
        }
        for index, events in enumerate(people)
    ]
    attributes = {"events-bulk-create": {"data": entries}}
    body = {"data": {"type": "event-bulk-create-job", "attributes": attributes}}
    await here.klaviyo.request("POST", "/api/event-bulk-create-jobs", json=body)
    here.emulator.advance(seconds=1)


async def order_metric(here: Account) -> str:
    await tell(here, [happened(ORDERED)])
    found = (await here.klaviyo.request("GET", "/api/metrics")).document["data"]
    return next(metric["id"] for metric in found if metric["attributes"]["name"] == ORDERED)


async def new_segment(here: Account) -> str:
    condition = {
        "type": "profile-property",
        "property": "properties['Plan']",
        "filter": {"type": "string", "operator": "equals", "value": "family"},
    }
    attributes = {"name": "Families", "definition": {"condition_groups": [{"conditions": [condition]}]}}
    body = {"data": {"type": "segment", "attributes": attributes}}
    return (await here.klaviyo.request("POST", "/api/segments", json=body)).document["data"]["id"]


async def new_family(here: Account) -> None:
    attributes = {"email": "family@example.org", "properties": {"Plan": "family"}}
    await here.klaviyo.request(
        "POST", "/api/profiles", json={"data": {"type": "profile", "attributes": attributes}}, is_repeatable=False
    )


async def test_every_report_says_what_happened() -> None:
    async with account() as here:
        here.emulator.set(NOON)
        reports = here.klaviyo.reports
        order = await order_metric(here)
        segment = await new_segment(here)
        here.emulator.settle()
        letter = {"$campaign": "CAMPAIGN", "$message": "MESSAGE", "$variation": "V", "$campaign_channel": "email"}
        step = {"$flow": "FLOW", "$message": "STEP"}
        received, opened = happened("Received Email", **letter), happened("Opened Email", **letter)
        await tell(here, [received, opened], [received], [happened("Received Email", **step)])
        await new_family(here)
        here.emulator.settle()

        (row,) = await every(
            reports.campaign_values(
                ["recipients", "open_rate"],
                conversion_metric_id=order,
                timeframe="today",
                group_by=["campaign_id", "campaign_message_id", "group", "variation"],
                filter=filters.all_of(
                    filters.equals("campaign_id", "CAMPAIGN"), filters.contains_any("send_channel", ["email", "sms"])
                ),
            )
        )
        assert row.groupings == {
            "campaign_id": "CAMPAIGN",
            "campaign_message_id": "MESSAGE",
            "group": None,
            "variation": "V",
        }
        assert row.statistics == {"recipients": 2.0, "open_rate": 0.5}
        (row,) = await every(
            reports.flow_values(
                ("delivered",),
                conversion_metric_id=order,
                timeframe=(MORNING, MORNING + DAY),
                filter=filters.equals("flow_id", "FLOW"),
            )
        )
        assert (row.groupings["flow_message_id"], row.statistics) == ("STEP", {"delivered": 1.0})
        (series,) = await every(
            reports.flow_series(
                ["delivered"],
                conversion_metric_id=order,
                timeframe=(MORNING - DAY, MORNING + DAY),
                interval="daily",
                group_by=["flow_id", "flow_message_id"],
            )
        )
        assert series.statistics == {"delivered": (0.0, 1.0)}
        assert series.points("delivered") == ((MORNING - DAY, 0.0), (MORNING, 1.0))
        only = filters.equals("segment_id", segment)
        (row,) = await every(
            reports.segment_values(["total_members", "members_added"], timeframe="last_7_days", filter=only)
        )
        assert row.groupings == {"segment_id": segment}
        assert row.statistics == {"total_members": 1.0, "members_added": 1.0}
        (series,) = await every(
            reports.segment_series(
                ["total_members"], timeframe=(MORNING - DAY, MORNING + DAY), interval="daily", filter=only
            )
        )
        assert [number for _, number in series.points("total_members")] == [0.0, 1.0]
        assert await every(reports.form_values(["submits"], timeframe="today", group_by=["form_id"])) == []
        some = filters.any_of("form_id", ["AbC123"])
        assert await every(reports.form_series(["submits"], timeframe="today", interval="hourly", filter=some)) == []
        assert here.succeeded() >= resources("reports")
        here.check()


async def test_a_report_of_many_groups_comes_in_pages() -> None:
    async with account() as here:
        here.emulator.set(NOON)
        order = await order_metric(here)
        for first in (0, 501):
            told = [
                happened("Received Email", **{"$flow": "F", "$message": f"M{number:04}"})
                for number in range(first, first + 501)
            ]
            for number, event in enumerate(told):
                event["attributes"]["unique_id"] = f"{first}-{number}"
            await tell(here, told)
        listing = here.klaviyo.reports.flow_values(["delivered"], conversion_metric_id=order, timeframe="today")
        first_page = await anext(listing.pages())
        assert (len(first_page.items), first_page.next_cursor is None) == (1000, False)
        rows = await every(listing)
        assert [row.groupings["flow_message_id"] for row in rows] == [f"M{number:04}" for number in range(1002)]
        rest = here.klaviyo.reports.flow_values(
            ["delivered"], conversion_metric_id=order, timeframe="today", cursor=first_page.next_cursor
        )
        assert [row.groupings["flow_message_id"] for row in await every(rest)] == ["M1000", "M1001"]
        here.check()


@pytest.mark.parametrize("name", ["page_cursor", "page%5Bcursor%5D"])
async def test_a_page_is_asked_for_by_the_cursor_of_the_link(serve: Serve, connect: Connect, name: str) -> None:
    link = f"https://a.klaviyo.com/api/flow-series-reports?{name}=a%2Bb"
    last = {"data": {"attributes": {"results": [{}]}}}
    server = await serve(Reply(document={**last, "links": {"next": link}}), Reply(document=last))
    klaviyo = await connect(server.url)
    assert len(await every(ask(klaviyo))) == 2
    assert [request.target.partition("?")[2] for request in server.received] == ["", "page_cursor=a%2Bb"]


def ask(klaviyo: Klaviyo, **more: Any) -> Listing[Any]:
    asked: dict[str, Any] = {
        "statistics": ["opens"],
        "conversion_metric_id": "AbC123",
        "timeframe": "today",
        "interval": "daily",
        **more,
    }
    return klaviyo.reports.flow_series(**asked)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"statistics": []}, "statistics"),
        ({"timeframe": (NOON, NOON)}, "timeframe"),
        ({"timeframe": (NOON, NOON + 61 * DAY)}, "timeframe"),
        ({"timeframe": (NOON, NOON + 8 * DAY), "interval": "hourly"}, "timeframe"),
        ({"timeframe": (NOON, NOON + 365 * DAY), "interval": "monthly"}, "timeframe"),
        ({"timeframe": (NOON, NOON + 367 * DAY), "interval": "weekly"}, "timeframe"),
        ({"group_by": ["flow_id"]}, "group_by"),
        ({"group_by": ["flow_message_id", "tag_name"]}, "group_by"),
    ],
)
async def test_what_klaviyo_would_refuse_costs_no_call(
    serve: Serve, connect: Connect, more: dict[str, Any], place: str
) -> None:
    server = await serve(Reply())
    klaviyo = await connect(server.url, pacing=NoPacing())
    with pytest.raises(InvalidRequest) as caught:
        ask(klaviyo, **more)
    assert [error.pointer for error in caught.value.errors] == [f"/data/attributes/{place}"]
    assert server.received == []


async def test_each_kind_knows_what_it_has_to_be_grouped_by(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply())
    reports = (await connect(server.url, pacing=NoPacing())).reports
    refused: list[Any] = [
        lambda: reports.campaign_values(
            ["opens"], conversion_metric_id="1", timeframe="today", group_by=["campaign_id"]
        ),
        lambda: reports.flow_values(["opens"], conversion_metric_id="1", timeframe="today", group_by=["flow_id"]),
        lambda: reports.form_values(["submits"], timeframe="today", group_by=["form_version_id"]),
        lambda: reports.form_series(["submits"], timeframe="today", interval="daily", group_by=["form_version_id"]),
        lambda: reports.segment_values(["total_members"], timeframe=(NOON, NOON - DAY)),
    ]
    for call in refused:
        with pytest.raises(InvalidRequest):
            call()
    assert server.received == []


async def test_an_interval_that_is_not_known_here_is_klaviyos_to_judge(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(400, problem(400)))
    klaviyo = await connect(server.url)
    with pytest.raises(RequestRejected):
        await every(ask(klaviyo, interval="yearly", timeframe=(NOON, NOON + 100 * DAY)))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (filters.equals("flow_id", "a,b)"), 'equals(flow_id,"a,b)")'),
        (filters.contains_any("flow_id", ["a", 'b"']), 'contains-any(flow_id,["a","b\\""])'),
        (
            filters.all_of(filters.equals("flow_id", 'a"'), filters.contains_all("tag_id", ["b"])),
            'and(equals(flow_id,"a\\""),contains-all(tag_id,["b"]))',
        ),
    ],
)
async def test_several_conditions_are_joined_by_and(given: filters.Filter, sent: str) -> None:
    async with account() as here:
        order = await order_metric(here)
        await every(ask(here.klaviyo, conversion_metric_id=order, filter=given))
        body: Any = body_of(here.sent[-1])
        assert body["data"]["attributes"]["filter"] == sent


@given(st.lists(st.text(st.sampled_from('a,()[]"\\')), min_size=1, max_size=3))
def test_what_a_filter_quotes_joins_nothing(values: list[str]) -> None:
    joined = filters.all_of(
        *(filters.equals("flow_id", value) for value in values), filters.contains_any("tag_id", values)
    )
    asked = stated._asked(stated.FLOW_VALUES, ["opens"], "today", joined)
    assert asked["filter"] == f"and({joined})"
    alone = filters.contains_any("tag_id", values)
    assert stated._asked(stated.FLOW_VALUES, ["opens"], "today", alone)["filter"] == alone.expression


async def test_a_timeframe_is_a_wall_time_whatever_its_offset(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": {"attributes": {"results": []}}}))
    klaviyo = await connect(server.url, pacing=NoPacing())
    vienna = dt.timezone(dt.timedelta(hours=1))
    start = dt.datetime(2026, 11, 1)  # noqa: DTZ001 - a wall time has no zone
    await every(ask(klaviyo, timeframe=(start, dt.datetime(2026, 11, 2, 6, tzinfo=vienna))))
    assert server.received[0].json["data"]["attributes"]["timeframe"] == {
        "start": "2026-11-01T00:00:00+00:00",
        "end": "2026-11-02T06:00:00+00:00",
    }


async def test_what_is_empty_or_new_in_a_report_does_not_break_it(serve: Serve, connect: Connect) -> None:
    results = [
        {
            "groupings": {"flow_id": "a", "form_version_id": 7, "moon": None},
            "statistics": {"opens": [1, None], "joy": None},
            "new": 1,
        },
        {},
    ]
    moments = ["2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00"]
    document = {"data": {"attributes": {"results": results, "date_times": moments}}, "links": {"next": None}}
    values = {"data": {"attributes": {"results": [{"groupings": {}, "statistics": {"opens": 1, "joy": None}}]}}}
    server = await serve(Reply(document=document), Reply(document=values))
    klaviyo = await connect(server.url, pacing=NoPacing())
    full, bare = await every(ask(klaviyo))
    assert full.groupings == {"flow_id": "a", "form_version_id": "7", "moon": None}
    assert full.statistics == {"opens": (1.0, None)}
    assert full.points("opens") == ((dt.datetime(2026, 11, 1, tzinfo=dt.UTC), 1.0),)
    assert full.points("joy") == ()
    assert (bare.groupings, bare.statistics) == ({}, {})
    (row,) = await every(klaviyo.reports.segment_values(["total_members"], timeframe="today"))
    assert row.statistics == {"opens": 1.0}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"data": None},
        {"data": {"attributes": {"results": None}}},
        {"data": {"attributes": {"results": [3]}}},
        {"data": {"attributes": {"results": [{"statistics": 3}]}}},
        {"data": {"attributes": {"results": []}}, "links": {"next": "https://a.klaviyo.com/api/x"}},
        {"data": {"attributes": {"results": []}}, "links": {"next": "https://["}},
        {"data": {"attributes": {"results": []}}, "links": {"next": "https://a.klaviyo.com/?page_cursor=here"}},
    ],
)
async def test_a_report_that_makes_no_sense_is_said_to_be_so(serve: Serve, connect: Connect, document: Any) -> None:
    server = await serve(Reply(document=document))
    klaviyo = await connect(server.url, pacing=NoPacing())
    with pytest.raises(UnexpectedResponse):
        await every(ask(klaviyo, cursor="here"))
    with pytest.raises(UnexpectedResponse):
        await every(klaviyo.reports.flow_values(["opens"], conversion_metric_id="1", timeframe="today", cursor="here"))


async def test_asking_is_repeated(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(document={"data": {"attributes": {"results": []}}}))
    klaviyo = await connect(server.url, pacing=NoPacing())
    assert await every(ask(klaviyo)) == []
    assert len(server.received) == 2


def test_every_report_is_charged_as_klaviyo_says() -> None:
    assert {operation.rate for operation in operations_of(stated)} == {Rate(1, 2, 225)}
