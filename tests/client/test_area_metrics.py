"""Metrics, counts of events, custom and mapped metrics over a real socket."""

import datetime as dt
import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from aioklaviyo import (
    CredentialsRejected,
    DeadlineExceeded,
    Filter,
    InvalidRequest,
    NewEvent,
    NotFound,
    OutcomeUnknown,
    ProfileRef,
    RequestRejected,
    UnexpectedResponse,
    filters,
)
from aioklaviyo.models.custom_metric import (
    CustomMetricDefinition,
    ListEdgeFilter,
    MetricCondition,
    MetricFilter,
    MetricGroup,
)
from aioklaviyo.models.segment import (
    BooleanFilter,
    ExistenceFilter,
    InFilter,
    ListContainsFilter,
    ListSubstringFilter,
    NumericFilter,
    StringFilter,
)
from aioklaviyo.models.writing import JsonObject
from client.client_server import Connect, PaperClock, Reply, Reset, Serve
from client.emulated import Account, account, body_of, resources

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
NOTHING: JsonObject = {}
DAY = (dt.datetime(2026, 11, 20, tzinfo=dt.UTC), dt.datetime(2026, 11, 21, tzinfo=dt.UTC))
COUNTED = {"dates": ["2026-11-20T00:00:00+00:00"], "data": [{"dimensions": [], "measurements": {"count": [2.0]}}]}


async def happen(
    here: Account,
    *,
    at: dt.datetime = NOON,
    who: str = "ann",
    metric: str = "Read",
    value: float | None = None,
    what: JsonObject = NOTHING,
) -> str:
    """Store an event; the id of its metric."""
    person = ProfileRef(email=f"{who}@example.org")
    unique_id = json.dumps([who, at.isoformat(), what])
    event = NewEvent(metric=metric, profile=person, properties=what, value=value, time=at, unique_id=unique_id)
    await here.klaviyo.events.create(event)
    return next(found.id for found in [each async for each in here.klaviyo.metrics.list()] if found.name == metric)


async def flow_for(here: Account, metric_id: str) -> str:
    definition = {
        "triggers": [{"type": "metric", "id": metric_id}],
        "entry_action_id": "one",
        "actions": [
            {
                "temporary_id": "one",
                "type": "time-delay",
                "links": {"next": None},
                "data": {"unit": "days", "value": 1},
            }
        ],
    }
    attributes = {"name": "Come back", "definition": definition}
    made = await here.klaviyo.request("POST", "/api/flows", json={"data": {"type": "flow", "attributes": attributes}})
    return made.document["data"]["id"]


def counted(cursor: str | None = None, name: str = "page%5Bcursor%5D", **attributes: Any) -> Reply:
    link = None if cursor is None else f"https://a.klaviyo.com/api/metric-aggregates?{name}={cursor}"
    data = {"type": "metric-aggregate", "id": "7", "attributes": {**COUNTED, **attributes}}
    return Reply(document={"data": data, "links": {"next": link}})


def test_events_are_light_to_import() -> None:
    # An event names its metric; what a metric sets off is a matter of metrics alone.
    code = "import sys, aioklaviyo.resources.events; print(*(name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    brought = set(done.stdout.split())
    assert "aioklaviyo.models.metric" in brought
    not_needed = (
        "flow",
        "full_metric",
        "full_profile",
        "metric_property",
        "profile_list",
        "segment",
        "tag",
        "template",
    )
    assert not brought & {f"aioklaviyo.models.{name}" for name in not_needed}


async def test_every_operation_of_metrics_does_what_it_says() -> None:
    async with account() as here:
        metrics = here.klaviyo.metrics
        here.emulator.set(NOON)
        read = await happen(here, value=3, what={"List": "Evening"})
        flow = await flow_for(here, read)
        found = [
            each
            async for each in metrics.list(filter=filters.equals("integration.name", "API"), include=("flow-triggers",))
        ]
        assert [(each.name, [one.id for one in each.flow_triggers or ()]) for each in found] == [("Read", [flow])]
        one = await metrics.get(read, include=("flow-triggers",), fields=("name",))
        assert (one.name, one.created, one.integration) == ("Read", None, None)
        assert one.flow_triggers is not None
        assert one.flow_triggers[0].name == "Come back"
        assert (await metrics.get(read)).flow_triggers is None
        assert [each.id async for each in metrics.flow_triggers(read)] == [flow]
        assert [each async for each in metrics.flow_trigger_ids(read)] == [flow]
        carried = [each async for each in metrics.properties(read, additional_fields=("sample_values",))]
        assert [(each.property, each.inferred_type, each.sample_values) for each in carried] == [
            ("$value", "numeric", (3,)),
            ("List", "string", ("Evening",)),
        ]
        ids = [each async for each in metrics.property_ids(read)]
        assert ids == [each.id for each in carried]
        evening = await metrics.get_property(ids[1], include=("metric",), additional_fields=("sample_values",))
        assert (evening.label, evening.metric_id, evening.sample_values) == ("List", read, ("Evening",))
        assert evening.metric is not None
        assert evening.metric.name == "Read"
        plain = await metrics.get_property(ids[1], fields=("label",))
        assert (plain.label, plain.metric, plain.sample_values) == ("List", None, None)
        of = await metrics.metric_of_property(ids[1])
        assert of is not None
        assert (of.id, of.name) == (read, "Read")
        assert await metrics.metric_id_of_property(ids[1]) == read
        assert (await metrics.aggregate(read, ["count"], between=DAY)).series("count") == ((DAY[0], 1.0),)
        with pytest.raises(NotFound):
            await metrics.get("NOPE01")
        assert here.succeeded() >= resources("metrics")
        here.check()


async def test_events_are_counted_by_the_days_of_a_time_zone() -> None:
    async with account() as here:
        here.emulator.set(NOON)
        first = dt.datetime(2026, 11, 18, 23, 30, tzinfo=dt.UTC)  # in Vienna it is the 19th already
        await happen(here, at=first, value=2)
        read = await happen(here, who="bea", value=1.5)
        found = await here.klaviyo.metrics.aggregate(
            read,
            ["count", "sum_value", "unique"],
            between=(dt.datetime(2026, 11, 18, 23, tzinfo=dt.UTC), dt.datetime(2026, 11, 20, 23, tzinfo=dt.UTC)),
            timezone="Europe/Vienna",
        )
        assert [(when.isoformat(), number) for when, number in found.series("count")] == [
            ("2026-11-19T00:00:00+01:00", 1.0),
            ("2026-11-20T00:00:00+01:00", 1.0),
        ]
        assert [number for _, number in found.series("sum_value")] == [2.0, 1.5]
        assert found.rows[0].dimensions == {}
        assert found.dates == tuple(when for when, _ in found.series("unique"))
        assert body_of(here.sent[-1]) == {
            "data": {
                "type": "metric-aggregate",
                "attributes": {
                    "metric_id": read,
                    "measurements": ["count", "sum_value", "unique"],
                    "filter": [
                        "greater-or-equal(datetime,2026-11-19T00:00:00)",
                        "less-than(datetime,2026-11-21T00:00:00)",
                    ],
                    "interval": "day",
                    "timezone": "Europe/Vienna",
                },
            }
        }
        here.check()


async def test_events_are_grouped_and_filtered_and_all_pages_read() -> None:
    async with account() as here:
        here.emulator.set(NOON)
        for who, story in (("ann", "Moon"), ("bea", "Moon"), ("ann", "Sea"), ("cyd", 'O"Neil\\')):
            read = await happen(here, who=who, what={"Campaign Name": story, "$flow": "F1"})
        read = await happen(here, who="dan")
        metrics = here.klaviyo.metrics
        sent = len(here.sent)
        found = await metrics.aggregate(
            read, ["unique"], between=DAY, interval="month", by=["Campaign Name", "$flow"], page_size=1
        )
        assert len(here.sent) - sent == 4
        assert {row.dimensions["Campaign Name"]: row.series("unique")[0][1] for row in found.rows} == {
            "": 1.0,
            "Moon": 2.0,
            'O"Neil\\': 1.0,
            "Sea": 1.0,
        }
        assert [row.dimensions["$flow"] for row in found.rows] == ["", "F1", "F1", "F1"]
        with pytest.raises(ValueError, match="a series for each row"):
            found.series("unique")
        with pytest.raises(KeyError):
            found.rows[0].series("count")
        for value, number in (("Moon", 2.0), ('O"Neil\\', 1.0), ("", 1.0)):
            some = await metrics.aggregate(read, ["count"], between=DAY, filters={"Campaign Name": value})
            assert some.series("count") == ((DAY[0], number),)
        both = [filters.equals("$flow", "F1"), Filter('equals(Campaign Name,"Sea")')]
        assert (await metrics.aggregate(read, ["count"], between=DAY, filters=both)).series("count") == ((DAY[0], 1.0),)
        here.check()


END = dt.datetime.max.replace(tzinfo=dt.UTC)
YEAR = (dt.datetime(2024, 2, 29, tzinfo=dt.UTC), dt.datetime(2025, 3, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("between", "timezone", "problem"),
    [
        ((DAY[1], DAY[0]), "UTC", "end after it begins"),
        ((DAY[0], DAY[0]), "UTC", "end after it begins"),
        ((YEAR[0], YEAR[1] + dt.timedelta(seconds=1)), "UTC", "longer than a year"),
        ((DAY[0].replace(tzinfo=None), DAY[1]), "UTC", "aware"),
        ((dt.datetime.min.replace(tzinfo=dt.UTC), DAY[1]), "America/New_York", "calendar"),
        ((DAY[0], END), "Asia/Tokyo", "calendar"),
        ((END - dt.timedelta(days=9), END), "UTC", "longer than a year"),
        (DAY, "Mars/Olympus", "IANA"),
        (DAY, "../etc/passwd", "IANA"),
        (DAY, "", "IANA"),
        # 03:00 became 02:00 on 25 October 2026: both are 02:30.
        ((dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC), DAY[0]), "Europe/Vienna", "twice"),
        ((DAY[0] - dt.timedelta(days=99), dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)), "Europe/Vienna", "twice"),
    ],
)
async def test_a_range_that_cannot_be_asked_for_is_refused(
    connect: Connect, between: tuple[dt.datetime, dt.datetime], timezone: str, problem: str
) -> None:
    klaviyo = await connect("http://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match=problem):
        await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=between, timezone=timezone)


async def test_a_whole_year_and_a_day_of_twenty_five_hours_can_be_asked_for() -> None:
    async with account() as here:
        here.emulator.set(NOON)
        read = await happen(here)
        whole = await here.klaviyo.metrics.aggregate(read, ["count"], between=YEAR, interval="month")
        assert len(whole.dates) == 13
        midnight = dt.datetime(2026, 10, 24, 22, tzinfo=dt.UTC)
        some = await here.klaviyo.metrics.aggregate(
            read,
            ["count"],
            between=(midnight, midnight + dt.timedelta(hours=25)),
            interval="hour",
            timezone="Europe/Vienna",
        )
        assert [date.astimezone(dt.UTC) for date in some.dates] == [
            midnight + dt.timedelta(hours=hours) for hours in range(25)
        ]
        assert [date.isoformat()[11:] for date in some.dates[:4]] == [
            "00:00:00+02:00",
            "01:00:00+02:00",
            "02:00:00+02:00",
            "02:00:00+01:00",
        ]


async def test_a_filter_on_anything_but_a_dimension_is_refused(connect: Connect) -> None:
    klaviyo = await connect("http://127.0.0.1:1")
    wrong: Any = {'URL,"x"),equals(List': "x"}
    with pytest.raises(InvalidRequest, match="known dimension"):
        await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=DAY, filters=wrong)


async def test_counting_is_repeated_like_any_read(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(503), counted())
    klaviyo = await connect(server.url)
    found = await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=DAY)
    assert found.series("count") == ((DAY[0], 2.0),)
    assert len(server.received) == 3


@pytest.mark.parametrize("name", ["page%5Bcursor%5D", "page_cursor"])
async def test_the_cursor_of_the_link_goes_into_the_body(serve: Serve, connect: Connect, name: str) -> None:
    server = await serve(counted("a%2Bb", name), counted())
    klaviyo = await connect(server.url)
    assert len((await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=DAY)).rows) == 2
    assert [request.json["data"]["attributes"].get("page_cursor") for request in server.received] == [None, "a+b"]


async def test_a_dimension_that_is_named_twice_is_asked_for_once(serve: Serve, connect: Connect) -> None:
    server = await serve(counted(data=[{"dimensions": ["Moon"], "measurements": {"count": [4]}}]))
    klaviyo = await connect(server.url)
    found = await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=DAY, by=["List", "List"])
    assert found.rows[0].dimensions == {"List": "Moon"}
    assert server.received[0].json["data"]["attributes"]["by"] == ["List"]


async def test_what_klaviyo_leaves_out_of_counts_is_made_up_for(serve: Serve, connect: Connect) -> None:
    row = {"dimensions": [], "measurements": {"count": [None], "brand_new": [1]}, "more": 1}
    other = {"dimensions": [True, "x", "too much"], "measurements": {"count": [4]}}
    server = await serve(counted(data=[row, other]))
    klaviyo = await connect(server.url)
    found = await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=DAY, by=["Bot Click", "List"])
    assert [row.dimensions for row in found.rows] == [
        {"Bot Click": "", "List": ""},
        {"Bot Click": "True", "List": "x"},
    ]
    assert [row.measurements["count"] for row in found.rows] == [(0.0,), (4.0,)]


@pytest.mark.parametrize(
    "answers",
    [
        (counted(data=[{"dimensions": [], "measurements": {"count": [1, 2]}}]),),
        (counted("x"), counted("x")),
        (Reply(document={"data": {"type": "t", "id": "1", "attributes": COUNTED}, "links": {"next": 7}}),),
        (Reply(document={"data": {"type": "t", "id": "1", "attributes": COUNTED}, "links": {"next": "/x"}}),),
        (Reply(document={"data": {"type": "t", "id": "1", "attributes": COUNTED}, "links": {"next": "//[x"}}),),
    ],
)
async def test_counts_that_cannot_be_read_are_told(serve: Serve, connect: Connect, answers: tuple[Reply, ...]) -> None:
    klaviyo = await connect((await serve(*answers)).url)
    with pytest.raises(UnexpectedResponse):
        await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=DAY)


async def test_all_pages_have_one_deadline(serve: Serve, connect: Connect, clock: PaperClock) -> None:
    def answer(_: object) -> Reply:
        clock.now += 4
        return counted(str(clock.now))

    server = await serve(script=answer)
    klaviyo = await connect(server.url)
    with pytest.raises(DeadlineExceeded, match="between pages"):
        await klaviyo.metrics.aggregate("SkDfHe", ["count"], between=DAY, deadline_seconds=10)
    assert len(server.received) == 3


CONDITIONS: list[MetricFilter] = [
    StringFilter(operator="not-contains", value="x"),
    StringFilter(value=None),
    InFilter(value=["x", "y"]),
    NumericFilter(operator="greater-than-or-equal", value=3),
    NumericFilter(operator="less-than", value=2.5),
    BooleanFilter(value=False),
    ExistenceFilter(),
    ListContainsFilter(value=7),
    ListEdgeFilter(operator="not-contains-ends-with", value="x"),
    ListSubstringFilter(value="x"),
]


async def test_every_operation_of_custom_metrics_does_what_it_says() -> None:
    async with account() as here:
        custom = here.klaviyo.custom_metrics
        read, heard = await happen(here), await happen(here, metric="Heard")
        conditions = tuple(MetricCondition(property=f"P{at}", filter=given) for at, given in enumerate(CONDITIONS))
        definition = CustomMetricDefinition(
            aggregation_method="value",
            metric_groups=(
                MetricGroup(metric_id=read, metric_filters=conditions, value_property="Price"),
                MetricGroup(metric_id=heard),
            ),
        )
        made = await custom.create("Stories", definition)
        assert made.definition == definition
        assert made.metrics is None
        assert set(made.metric_ids) == {read, heard}
        found = await custom.get(made.id, include=("metrics",))
        assert {metric.name for metric in found.metrics or ()} == {"Read", "Heard"}
        simple = CustomMetricDefinition(aggregation_method="count", metric_groups=(MetricGroup(metric_id=read),))
        changed = await custom.update(made.id, definition=simple)
        assert (changed.name, changed.definition) == ("Stories", simple)
        assert (await custom.update(made.id, name="Reading")).definition == simple
        listed = [each async for each in custom.list(include=("metrics",), fields=("name",))]
        assert [(each.name, each.definition) for each in listed] == [("Reading", None)]
        assert [metric.id for metric in listed[0].metrics or ()] == [read]
        assert [each.name async for each in custom.metrics(made.id)] == ["Read"]
        assert [each async for each in custom.metric_ids(made.id)] == [read]
        with pytest.raises(RequestRejected):
            await custom.create("Reading", {"aggregation_method": "count", "metric_groups": [{"metric_id": read}]})
        await custom.delete(made.id)
        assert [each async for each in custom.list()] == []
        assert here.succeeded() >= resources("custom_metrics")
        here.check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "string", "operator": "in", "value": "x"},
        {"type": "string", "operator": "is-set"},
        {"type": "list", "operator": "in", "value": ["x"]},
        {"type": "existence", "operator": "is-set", "value": 1},
        {"type": "new"},
    ],
)
def test_a_filter_that_klaviyo_does_not_have_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MetricCondition.model_validate({"property": "P", "filter": wrong})
    with pytest.raises(ValidationError):
        CustomMetricDefinition(aggregation_method="count", metric_groups=())


async def test_a_definition_that_is_not_understood_is_read_as_it_is(serve: Serve, connect: Connect) -> None:
    definition = {"aggregation_method": "median", "metric_groups": [{"metric_id": "M", "of": "late"}]}
    attributes = {"name": "N", "definition": definition, "created": "2026-11-20T12:00:00+00:00"}
    resource = {"type": "custom-metric", "id": "c1", "attributes": attributes}
    klaviyo = await connect((await serve(Reply(document={"data": resource}))).url)
    assert (await klaviyo.custom_metrics.get("c1")).definition == definition


async def test_making_a_custom_metric_is_not_repeated(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset())
    klaviyo = await connect(server.url)
    with pytest.raises(OutcomeUnknown):
        await klaviyo.custom_metrics.create("N", {"aggregation_method": "count", "metric_groups": []})
    assert len(server.received) == 1


async def test_every_operation_of_mapped_metrics_does_what_it_says() -> None:
    async with account() as here:
        mapped = here.klaviyo.mapped_metrics
        read = await happen(here)
        definition = CustomMetricDefinition(aggregation_method="count", metric_groups=(MetricGroup(metric_id=read),))
        custom = await here.klaviyo.custom_metrics.create("Stories", definition)
        assert len([slot async for slot in mapped.list()]) == 7
        filled = await mapped.update("viewed_product", metric_id=read)
        assert (filled.id, filled.metric_id, filled.custom_metric_id) == ("viewed_product", read, None)
        assert await mapped.metric_id("viewed_product") == read
        metric = await mapped.metric("viewed_product", fields=("name",))
        assert metric is not None
        assert metric.name == "Read"
        assert await mapped.custom_metric("viewed_product") is None
        changed = await mapped.update("viewed_product", custom_metric_id=custom.id)
        assert (changed.metric_id, changed.custom_metric_id) == (None, custom.id)
        assert await mapped.custom_metric_id("viewed_product") == custom.id
        found = await mapped.custom_metric("viewed_product")
        assert found is not None
        assert found.definition == definition
        slot = await mapped.get("viewed_product", include=("custom-metric", "metric"))
        assert (slot.custom_metric, slot.metric) == (found, None)
        slots = {slot.id: slot async for slot in mapped.list(include=("metric", "custom-metric"))}
        assert slots["viewed_product"].custom_metric == found
        assert slots["revenue"].custom_metric_id is None
        assert here.succeeded() >= resources("mapped_metrics")
        here.check()


async def test_a_slot_is_emptied_with_none_and_left_alone_with_unset() -> None:
    # The specification forgets the null that its own text promises: what is sent is not held against it.
    async with account() as here:
        mapped = here.klaviyo.mapped_metrics
        read = await happen(here)
        await mapped.update("revenue", metric_id=read)
        assert (await mapped.update("revenue", custom_metric_id=None)).metric_id == read
        assert (await mapped.update("revenue", metric_id=None)).metric_id is None
        assert body_of(here.sent[-1]) == {
            "data": {"type": "mapped-metric", "id": "revenue", "relationships": {"metric": {"data": None}}}
        }
        assert await mapped.metric("revenue") is None
        with pytest.raises(InvalidRequest, match="not for both"):
            await mapped.update("revenue", metric_id=read, custom_metric_id="c")
        with pytest.raises(InvalidRequest, match="nothing is to be changed"):
            await mapped.update("revenue")


async def test_more_changes_of_a_slot_than_klaviyo_takes_a_day_are_refused_as_not_allowed() -> None:
    async with account(behaviour="live") as here:
        read = await happen(here)
        await here.klaviyo.mapped_metrics.update("revenue", metric_id=read)
        await here.klaviyo.mapped_metrics.update("revenue", metric_id=None)
        with pytest.raises(CredentialsRejected):
            await here.klaviyo.mapped_metrics.update("revenue", metric_id=read)
