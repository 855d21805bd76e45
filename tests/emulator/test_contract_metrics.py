"""Metrics, their properties and aggregates, custom and mapped metrics: every operation through the official SDK."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from emulator_specification import Checker
from emulator_wire import (
    NOON,
    REPEATABLE,
    SPECIFICATION,
    Served,
    bulk_body,
    error_of,
    event_attributes,
    event_body,
    profile_body,
    served,
)
from hypothesis import given
from hypothesis import strategies as st
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException

from klaviyo_emulator.intervals import bucket_starts, instant, year_later

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_OF: dict[str, Callable[[datetime], Any]] = {
    "hour": lambda local: (local.replace(minute=0, tzinfo=None), local.utcoffset()),
    "day": lambda local: local.date(),
    "week": lambda local: local.isocalendar()[:2],
    "month": lambda local: (local.year, local.month),
}
"""What the moments of one bucket have in common."""
DAY = ["greater-or-equal(datetime,2026-11-20T00:00:00)", "less-than(datetime,2026-11-21T00:00:00)"]


def store(klaviyo: Served, metric: str = "Story Generated", email: str = "kim@example.org", **more: Any) -> None:
    more.setdefault("unique_id", json.dumps([email, metric, more], sort_keys=True)[:255])
    klaviyo.sdk().Events.create_event(event_body(email=email, metric=metric, **more))


def metric_id(klaviyo: Served, name: str = "Story Generated") -> str:
    found = klaviyo.sdk().Metrics.get_metrics()
    return next(metric.id for metric in found.data if metric.attributes.name == name)


def query(metric: str, **attributes: Any) -> dict[str, Any]:
    attributes = {"measurements": ["count"], "filter": DAY, **attributes}
    return {"data": {"type": "metric-aggregate", "attributes": {"metric_id": metric, **attributes}}}


def refused(caught: pytest.ExceptionInfo[Any]) -> dict[str, Any]:
    (error,) = json.loads(caught.value.body)["errors"]
    return error


class TestMetrics:
    def test_are_listed_read_and_filtered(self, free: Served) -> None:
        store(free)
        store(free, metric="Viewed Product")
        metrics = free.sdk().Metrics
        listed = metrics.get_metrics(include=["flow-triggers"])
        assert sorted(metric.attributes.name for metric in listed.data) == ["Story Generated", "Viewed Product"]
        assert listed.data[0].relationships.flow_triggers.data == []
        one = metrics.get_metric(listed.data[0].id, include=["flow-triggers"])
        assert one.data.attributes.integration["category"] == "API"
        assert one.data.attributes.created == one.data.attributes.updated == "2026-11-20T12:00:00+00:00"
        assert metrics.get_metrics(filter='equals(integration.name,"Shopify")').data == []

    def test_a_metric_of_klaviyo_itself_is_internal(self, free: Served) -> None:
        body = event_body()
        body["data"]["attributes"]["metric"]["data"]["attributes"] = {"name": "Opened Email", "service": "klaviyo"}
        free.sdk().Events.create_event(body)
        (metric,) = free.sdk().Metrics.get_metrics(filter='equals(integration.category,"Internal")').data
        assert metric.attributes.integration["name"] == "Klaviyo"

    def test_an_unknown_metric_is_not_found(self, free: Served) -> None:
        metrics = free.sdk().Metrics
        for call in (
            metrics.get_metric,
            metrics.get_flows_triggered_by_metric,
            metrics.get_ids_for_flows_triggered_by_metric,
            metrics.get_properties_for_metric,
            metrics.get_property_ids_for_metric,
        ):
            with pytest.raises(NotFoundException) as caught:
                call("NOPE01")
            assert refused(caught)["detail"] == "Metric with id NOPE01 not found."

    def test_no_flow_is_triggered_by_a_new_metric(self, free: Served) -> None:
        store(free)
        metrics = free.sdk().Metrics
        assert metrics.get_flows_triggered_by_metric(metric_id(free)).data == []
        assert metrics.get_ids_for_flows_triggered_by_metric(metric_id(free)).data == []

    def test_the_live_filter_by_category_finds_nothing(self) -> None:
        with served(limits=False, behaviour="live") as live:
            store(live)
            assert live.sdk().Metrics.get_metrics(filter='equals(integration.category,"API")').data == []
            assert len(live.sdk().Metrics.get_metrics(filter='equals(integration.name,"API")').data) == 1

    def test_pages_have_two_hundred(self, free: Served) -> None:
        events = [event_attributes(metric=f"Metric {number:03}") for number in range(201)]
        free.sdk().Events.bulk_create_events(bulk_body((profile_body(email="kim@example.org"), events)))
        first = free.sdk().Metrics.get_metrics()
        assert len(first.data) == 200
        second = free.sdk().Metrics.get_metrics(page_cursor=first.links.next)
        assert {metric.id for metric in second.data}.isdisjoint(metric.id for metric in first.data)
        assert (len(second.data), second.links.next) == (1, None)


class TestProperties:
    def test_are_inferred_from_events(self, free: Served) -> None:
        store(
            free, properties={"theme": "sea", "minutes": 9, "tags": ["a", "b"], "new": True, "at": "2026-01-01T10:00"}
        )
        store(
            free, properties={"theme": "moon", "hero": {"name": "Ida"}, "empty": None}, value=9.5, value_currency="EUR"
        )
        metrics = free.sdk().Metrics
        listed = metrics.get_properties_for_metric(metric_id(free), additional_fields_metric_property=["sample_values"])
        found = {one.attributes.var_property: one.attributes for one in listed.data}
        assert {name: one.inferred_type for name, one in found.items()} == {
            "$value": "numeric",
            "$value_currency": "string",
            "at": "date",
            "empty": "string",
            "hero": "object",
            "minutes": "numeric",
            "new": "boolean",
            "tags": "list",
            "theme": "string",
        }
        assert list(found) == sorted(found)
        assert found["$value"].label == "Story Generated Value"
        assert found["theme"].label == "theme"
        samples = {name: list(one.sample_values) for name, one in found.items()}
        assert sorted(samples["theme"]) == ["moon", "sea"]
        assert (samples["tags"], samples["$value"], samples["hero"], samples["empty"]) == (["a", "b"], [9.5], [], [])
        assert samples["new"] == [True]

    def test_one_is_read_and_followed_to_its_metric(self, free: Served) -> None:
        store(free, properties={"theme": "sea"})
        metrics = free.sdk().Metrics
        (named,) = metrics.get_property_ids_for_metric(metric_id(free)).data
        one = metrics.get_metric_property(named.id, include=["metric"])
        assert one.data.attributes.var_property == "theme"
        assert one.data.relationships.metric.data.id == metric_id(free)
        assert one.included[0].attributes.name == "Story Generated"
        assert metrics.get_metric_for_metric_property(named.id).data.id == metric_id(free)
        assert metrics.get_metric_id_for_metric_property(named.id).data.id == metric_id(free)

    @pytest.mark.parametrize("given_id", ["NOPE", "!!!", "U2tEZkhlLnNrdQ", "_w"])
    def test_an_unknown_one_is_not_found(self, free: Served, given_id: str) -> None:
        metrics = free.sdk().Metrics
        for call in (
            metrics.get_metric_property,
            metrics.get_metric_for_metric_property,
            metrics.get_metric_id_for_metric_property,
        ):
            with pytest.raises(NotFoundException):
                call(given_id)

    def test_live_samples_are_null_even_when_asked_for(self) -> None:
        with served(limits=False, behaviour="live") as live:
            store(live, properties={"theme": "sea"})
            path = f"/api/metrics/{metric_id(live)}/metric-properties"
            (one,) = live.wire.get(path, **{"additional-fields[metric-property]": "sample_values"}).json()["data"]
            assert one["attributes"]["sample_values"] is None


class TestAggregates:
    def test_count_sums_and_unique_profiles_by_day(self, free: Served) -> None:
        for day, value, email in ((19, 5, "a"), (20, 1.5, "a"), (20, 2, "a"), (20, 4, "b"), (22, 8, "b")):
            store(free, time=f"2026-11-{day}T10:00:00Z", value=value, email=f"{email}@example.org")
        answer = free.sdk().Metrics.query_metric_aggregates(
            query(
                metric_id(free),
                measurements=["count", "sum_value", "unique"],
                filter=["greater-or-equal(datetime,2026-11-20T00:00:00)", "less-than(datetime,2026-11-23T00:00:00)"],
            )
        )
        (row,) = answer.data.attributes.data
        assert row.dimensions == []
        assert row.measurements == {"count": [3, 0, 1], "sum_value": [7.5, 0, 8], "unique": [2, 0, 1]}
        assert answer.data.attributes.dates == [datetime(2026, 11, day, tzinfo=UTC) for day in (20, 21, 22)]
        assert answer.data.id.isdigit()

    def test_without_events_there_is_one_row_of_zeros(self, free: Served) -> None:
        store(free, time="2020-01-01T00:00:00Z")
        answer = free.sdk().Metrics.query_metric_aggregates(query(metric_id(free), measurements=["unique", "count"]))
        assert answer.data.attributes.data[0].measurements == {"unique": [0], "count": [0]}
        grouped = free.sdk().Metrics.query_metric_aggregates(query(metric_id(free), by=["List"]))
        assert grouped.data.attributes.data == []

    def test_days_are_those_of_the_time_zone(self, free: Served) -> None:
        # In Vienna the clocks go back on 25 October 2026: a day of 25 hours, of which 02:30 comes twice.
        for moment in ("2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T22:59:59Z"):
            store(free, time=moment)
        asked = query(
            metric_id(free),
            timezone="Europe/Vienna",
            filter=["greater-or-equal(datetime,2026-10-25T00:00:00)", "less-than(datetime,2026-10-26T00:00:00)"],
        )
        by_day = free.sdk().Metrics.query_metric_aggregates(asked).data.attributes
        assert by_day.dates == [datetime(2026, 10, 24, 22, tzinfo=UTC)]
        assert by_day.data[0].measurements == {"count": [3]}
        asked["data"]["attributes"]["interval"] = "hour"
        by_hour = free.sdk().Metrics.query_metric_aggregates(asked).data.attributes
        assert len(by_hour.dates) == 25
        assert by_hour.data[0].measurements["count"] == [1, 0, 1, *[0] * 21, 1]

    def test_a_bucket_begins_before_the_range_and_counts_only_what_is_in_it(self, free: Served) -> None:
        for day in (1, 5, 6, 20):
            store(free, time=f"2026-11-{day:02}T10:00:00Z")
        bounds = ["greater-or-equal(datetime,2026-11-05T12:00:00)", "less-than(datetime,2026-11-20T11:00:00)"]
        by_month = free.sdk().Metrics.query_metric_aggregates(
            query(metric_id(free), interval="month", filter=bounds, timezone="US/Eastern")
        )
        assert by_month.data.attributes.dates == [datetime(2026, 11, 1, 4, tzinfo=UTC)]
        assert by_month.data.attributes.data[0].measurements == {"count": [2]}
        by_week = free.sdk().Metrics.query_metric_aggregates(query(metric_id(free), interval="week", filter=bounds))
        assert [moment.day for moment in by_week.data.attributes.dates] == [2, 9, 16]
        assert by_week.data.attributes.data[0].measurements == {"count": [1, 0, 1]}

    def test_dimensions_group_and_filter(self, free: Served) -> None:
        for number, properties in enumerate(
            ({"Campaign Name": "May", "URL": "/a"}, {"Campaign Name": "May", "URL": "/b"}, {"URL": "/a"}, {})
        ):
            store(free, properties=properties, unique_id=str(number))
        metrics = free.sdk().Metrics

        def rows(**attributes: Any) -> dict[tuple[str, ...], float]:
            answer = metrics.query_metric_aggregates(query(metric_id(free), **attributes))
            return {tuple(row.dimensions): row.measurements["count"][0] for row in answer.data.attributes.data}

        assert rows(by=["Campaign Name"]) == {("",): 2, ("May",): 2}
        assert rows(by=["URL", "Campaign Name"]) == {("", ""): 1, ("/a", ""): 1, ("/a", "May"): 1, ("/b", "May"): 1}
        assert rows(filter=[*DAY, 'equals(Campaign Name,"May")']) == {(): 2}
        assert rows(filter=[*DAY, "equals(\"Campaign Name\",'May')"], by=["URL"]) == {("/a",): 1, ("/b",): 1}
        assert rows(filter=[*DAY, 'any(URL,["/b","/c"])']) == {(): 1}
        assert rows(filter=[f"and({DAY[0]},{DAY[1]},equals(URL,'/a'))"]) == {(): 2}

    def test_values_that_are_no_text_are_written_as_json_does(self, free: Served) -> None:
        for value in (True, False, 2, 2.5, "two", None, [1]):
            store(free, properties={"Bot Click": value}, value_currency="EUR")
        metrics = free.sdk().Metrics
        answer = metrics.query_metric_aggregates(query(metric_id(free), by=["Bot Click", "$value_currency"]))
        found = {row.dimensions[0]: row.dimensions[1] for row in answer.data.attributes.data}
        assert found == dict.fromkeys(["true", "false", "2", "2.5", "two", "", "[1]"], "EUR")
        only = query(metric_id(free), filter=[*DAY, 'equals(Bot Click,"true")'])
        assert metrics.query_metric_aggregates(only).data.attributes.data[0].measurements == {"count": [1]}

    def test_rows_are_sorted_and_paged(self, free: Served) -> None:
        for number, url in enumerate("aabbbc"):
            store(free, properties={"URL": url}, unique_id=str(number))
        metrics = free.sdk().Metrics

        def order(**attributes: Any) -> list[str]:
            found: list[str] = []
            asked = query(metric_id(free), by=["URL"], **attributes)
            while True:
                response = free.wire.post("/api/metric-aggregates", asked).json()
                found += [row["dimensions"][0] for row in response["data"]["attributes"]["data"]]
                following = response["links"]["next"]
                if following is None:
                    return found
                asked["data"]["attributes"]["page_cursor"] = following

        assert metrics.query_metric_aggregates(query(metric_id(free), by=["URL"], sort="-count")).data.id
        assert order() == ["a", "b", "c"]
        assert order(page_size=1) == ["a", "b", "c"]
        assert order(page_size=2, sort="-URL") == ["c", "b", "a"]
        assert order(page_size=1, sort="count") == ["c", "a", "b"]
        assert order(sort="-count") == ["b", "a", "c"]

    def test_a_page_leads_back(self, free: Served) -> None:
        for url in "abc":
            store(free, properties={"URL": url})
        asked = query(metric_id(free), by=["URL"], page_size=2)
        following = free.wire.post("/api/metric-aggregates", asked).json()["links"]["next"]
        cursor = parse_qs(urlsplit(following).query)["page[cursor]"][0]
        asked["data"]["attributes"]["page_cursor"] = cursor
        second = free.wire.post("/api/metric-aggregates", asked).json()
        assert [row["dimensions"] for row in second["data"]["attributes"]["data"]] == [["c"]]
        asked["data"]["attributes"]["page_cursor"] = second["links"]["prev"]
        first = free.wire.post("/api/metric-aggregates", asked).json()
        assert [row["dimensions"] for row in first["data"]["attributes"]["data"]] == [["a"], ["b"]]
        assert first["links"]["prev"] is None

    def test_fewer_fields_on_request(self, free: Served) -> None:
        store(free)
        asked = query(metric_id(free), measurements=["count", "unique"], return_fields=["unique"])
        answer = free.wire.post("/api/metric-aggregates?fields[metric-aggregate]=data", asked).json()
        assert answer["data"]["attributes"] == {"data": [{"dimensions": [], "measurements": {"unique": [1.0]}}]}
        assert answer["data"]["links"]["self"] == "https://a.klaviyo.com/api/metric-aggregates/"

    @pytest.mark.parametrize(
        ("attributes", "member"),
        [
            ({"measurements": []}, "measurements"),
            ({"measurements": ["median"]}, "measurements/0"),
            ({"interval": "year"}, "interval"),
            ({"timezone": "europe/vienna"}, "timezone"),
            ({"timezone": "Factory"}, "timezone"),
            ({"timezone": "../../etc/passwd"}, "timezone"),
            ({"by": ["Colour"]}, "by/0"),
            ({"sort": "-URL"}, "sort"),
            ({"page_size": 0}, "page_size"),
            ({"page_size": 10_001}, "page_size"),
            ({"page_cursor": "nonsense"}, "page_cursor"),
            ({"page_cursor": "bmV4dDo6aWQ6Oi0x"}, "page_cursor"),
            ({"filter": []}, "filter"),
            ({"filter": DAY[:1]}, "filter"),
            ({"filter": [*DAY, DAY[0]]}, "filter/2"),
            ({"filter": [DAY[0], "less-than(datetime,2026-11-20T00:00:00)"]}, "filter/1"),
            ({"filter": [DAY[0], "less-than(datetime,2027-11-20T00:00:01)"]}, "filter/1"),
            ({"filter": ["greater-or-equal(datetime,0001-01-01)", DAY[1]]}, "filter/0"),
            ({"filter": ["greater-than(datetime,2026-11-20)", DAY[1]]}, "filter/0"),
            ({"filter": [*DAY, 'equals(Colour,"red")']}, "filter/2"),
            ({"filter": [*DAY, 'contains(Campaign Name,"red")']}, "filter/2"),
            ({"filter": [*DAY, "equals(URL"]}, "filter/2"),
        ],
    )
    def test_what_cannot_be_answered_is_refused(self, free: Served, attributes: dict[str, Any], member: str) -> None:
        store(free)
        response = free.wire.post("/api/metric-aggregates", query(metric_id(free), **attributes))
        assert error_of(response, 400)["source"] == {"pointer": f"/data/attributes/{member}"}

    def test_a_whole_year_is_not_too_long(self, free: Served) -> None:
        store(free, time="2026-11-20T10:00:00Z")
        bounds = ["greater-or-equal(datetime,2025-11-21T00:00:00)", "less-than(datetime,2026-11-21T00:00:00)"]
        answer = free.sdk().Metrics.query_metric_aggregates(query(metric_id(free), filter=bounds))
        assert len(answer.data.attributes.dates) == 365
        assert answer.data.attributes.data[0].measurements["count"] == [*[0] * 364, 1]

    def test_an_unknown_metric_is_not_found(self, free: Served) -> None:
        with pytest.raises(NotFoundException):
            free.sdk().Metrics.query_metric_aggregates(query("NOPE01"))

    def test_the_live_api_knows_no_sort_and_no_small_page(self) -> None:
        with served(limits=False, behaviour="live") as live:
            store(live)
            metrics = live.sdk().Metrics
            with pytest.raises(BadRequestException) as caught:
                metrics.query_metric_aggregates(query(metric_id(live), sort="count"))
            assert refused(caught)["detail"].startswith("unsupported operand type(s) for +")
            with pytest.raises(BadRequestException):
                metrics.query_metric_aggregates(query(metric_id(live), page_size=499))
            assert metrics.query_metric_aggregates(query(metric_id(live), page_size=500)).data.attributes.data

    @REPEATABLE
    @given(
        st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001 - local times
        st.integers(1, 40 * 24),
        st.sampled_from(["hour", "day", "week", "month"]),
        st.sampled_from(["UTC", "Europe/Vienna", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    )
    def test_buckets_follow_each_other_and_cover_the_range(
        self, first: datetime, hours: int, interval: Any, zone_name: str
    ) -> None:
        zone = ZoneInfo(zone_name)
        last = first + timedelta(hours=hours)
        starts = bucket_starts(first, last, interval, zone)
        if instant(last, zone) <= instant(first, zone):
            return
        assert starts == sorted(set(starts))
        assert starts[0] <= instant(first, zone)
        assert starts[-1] < instant(last, zone)
        if interval != "hour":
            # A midnight that the clocks skip is seen as the hour after it.
            assert all(start.astimezone(zone).hour <= 1 for start in starts)
        if interval == "month":
            assert all(start.astimezone(zone).day == 1 for start in starts)

    @pytest.mark.parametrize(
        "zone_name", ["UTC", "Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Africa/Cairo"]
    )
    def test_buckets_hold_what_counting_one_by_one_finds(self, free: Served, zone_name: str) -> None:
        chance, zone = random.Random(zone_name), ZoneInfo(zone_name)
        # When the clocks of one of the zones change in 2026, within hours of which most events happen.
        changes = [
            datetime(2026, *day, 1, tzinfo=UTC) for day in ((3, 8), (3, 29), (4, 4), (4, 23), (10, 25), (10, 29))
        ]
        happened: dict[datetime, tuple[str, str, float]] = {}
        for _ in range(300):
            moment = chance.choice(changes) + timedelta(minutes=chance.randint(-3000, 3000))
            happened[moment] = (chance.choice("abc"), chance.choice(["", "F", "G"]), chance.choice([0, 1, 2.5]))
        entries = [
            (
                profile_body(external_id=who),
                [event_attributes(properties={"$flow": flow} if flow else {}, value=value, time=moment.isoformat())],
            )
            for moment, (who, flow, value) in happened.items()
        ]
        assert free.wire.post("/api/event-bulk-create-jobs", bulk_body(*entries)).status_code == 202
        metric = metric_id(free)
        for interval in 5 * list(PERIOD_OF):
            start = chance.choice(changes).replace(tzinfo=None) - timedelta(minutes=chance.randint(0, 4000))
            end = start + timedelta(minutes=chance.choice([90, 3000, 90_000]))
            bounds = [f"greater-or-equal(datetime,{start.isoformat()})", f"less-than(datetime,{end.isoformat()})"]
            asked = query(
                metric,
                measurements=["count", "sum_value", "unique"],
                by=["$flow"],
                interval=interval,
                timezone=zone_name,
                filter=bounds,
            )
            answer = free.wire.post("/api/metric-aggregates", asked).json()["data"]["attributes"]
            periods = [PERIOD_OF[interval](datetime.fromisoformat(date).astimezone(zone)) for date in answer["dates"]]
            found = {
                (row["dimensions"][0], period): tuple(numbers)
                for row in answer["data"]
                for period, *numbers in zip(periods, *row["measurements"].values(), strict=True)
                if numbers[0]
            }
            wanted: dict[Any, list[tuple[str, float]]] = {}
            for moment, (who, flow, value) in happened.items():
                local = moment.astimezone(zone)
                if start.replace(tzinfo=zone).astimezone(UTC) <= moment < end.replace(tzinfo=zone).astimezone(UTC):
                    wanted.setdefault((flow, PERIOD_OF[interval](local)), []).append((who, value))
            assert found == {
                key: (len(events), sum(value for _, value in events), len({who for who, _ in events}))
                for key, events in wanted.items()
            }

    def test_a_year_after_a_leap_day_is_the_first_of_march(self) -> None:
        assert year_later(datetime(2024, 2, 29, 5)) == datetime(2025, 3, 1, 5)  # noqa: DTZ001 - local times


def definition(*metric_ids: str, **group: Any) -> dict[str, Any]:
    return {"aggregation_method": "value", "metric_groups": [{"metric_id": one, **group} for one in metric_ids]}


def custom_body(name: str, described: dict[str, Any], identifier: str | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "custom-metric", "attributes": {"name": name, "definition": described}}
    if identifier is not None:
        data["id"] = identifier
    return {"data": data}


def condition(kind: str, operator: str, *value: Any) -> dict[str, Any]:
    return {"type": kind, "operator": operator, **({"value": value[0]} if value else {})}


class TestCustomMetrics:
    def test_are_made_read_changed_and_deleted(self, free: Served) -> None:
        store(free)
        store(free, metric="Placed Order")
        story, order = metric_id(free), metric_id(free, "Placed Order")
        metrics = free.sdk().Metrics
        filters = [{"property": "theme", "filter": condition("string", "starts-with", "se")}]
        described = definition(order, metric_filters=filters, value_property="$value")
        made = metrics.create_custom_metric(custom_body("Net revenue", described))
        assert made.data.attributes.definition.metric_groups[0].value_property == "$value"
        assert [metric.id for metric in made.data.relationships.metrics.data] == [order]
        assert made.data.attributes.created == NOON
        free.clock.advance(60)
        changed = metrics.update_custom_metric(
            made.data.id, custom_body("Revenue", definition(order, story), made.data.id)
        )
        assert changed.data.attributes.name == "Revenue"
        assert changed.data.attributes.updated == NOON + timedelta(seconds=60)
        listed = metrics.get_custom_metrics(include=["metrics"])
        assert {metric.attributes.name for metric in listed.included} == {"Placed Order", "Story Generated"}
        read = metrics.get_custom_metric(made.data.id, include=["metrics"])
        assert sorted(metric.id for metric in read.data.relationships.metrics.data) == sorted([story, order])
        assert {metric.id for metric in metrics.get_metrics_for_custom_metric(made.data.id).data} == {story, order}
        assert {metric.id for metric in metrics.get_metric_ids_for_custom_metric(made.data.id).data} == {story, order}
        metrics.delete_custom_metric(made.data.id)
        assert metrics.get_custom_metrics().data == []

    def test_null_leaves_a_member_as_it_is(self, free: Served) -> None:
        store(free)
        made = free.sdk().Metrics.create_custom_metric(custom_body("One", definition(metric_id(free))))
        body = {"data": {"type": "custom-metric", "id": made.data.id, "attributes": {"name": None, "definition": None}}}
        changed = free.wire.send("PATCH", f"/api/custom-metrics/{made.data.id}", body).json()
        assert changed["data"]["attributes"]["name"] == "One"
        assert changed["data"]["attributes"]["definition"]["metric_groups"][0]["metric_id"] == metric_id(free)

    def test_unknown_ones_are_not_found(self, free: Served) -> None:
        store(free)
        metrics = free.sdk().Metrics
        for call in (
            metrics.get_custom_metric,
            metrics.delete_custom_metric,
            metrics.get_metrics_for_custom_metric,
            metrics.get_metric_ids_for_custom_metric,
            lambda one: metrics.update_custom_metric(one, custom_body("X", definition(metric_id(free)), one)),
        ):
            with pytest.raises(NotFoundException):
                call("01M1PA9Z9DFGK85H67PJSZZ67V")

    def test_a_metric_that_does_not_exist_leaves_nothing_behind(self, free: Served) -> None:
        store(free)
        with pytest.raises(BadRequestException) as caught:
            free.sdk().Metrics.create_custom_metric(custom_body("X", definition(metric_id(free), "NOPE01")))
        pointer = "/data/attributes/definition/metric_groups/1/metric_id"
        assert refused(caught)["source"] == {"pointer": pointer}
        assert free.sdk().Metrics.get_custom_metrics().data == []

    def test_names_are_unique_and_not_empty(self, free: Served) -> None:
        store(free)
        metrics = free.sdk().Metrics
        described = definition(metric_id(free))
        metrics.create_custom_metric(custom_body("One", described))
        second = metrics.create_custom_metric(custom_body("Two", described))
        for name in ("One", "  "):
            with pytest.raises(BadRequestException):
                metrics.create_custom_metric(custom_body(name, described))
            with pytest.raises(BadRequestException):
                metrics.update_custom_metric(second.data.id, custom_body(name, described, second.data.id))
        metrics.update_custom_metric(second.data.id, custom_body("Two", described, second.data.id))

    @pytest.mark.parametrize(("advanced_kdp", "maximum"), [(False, 1), (True, 50)])
    def test_there_is_a_most(self, *, advanced_kdp: bool, maximum: int) -> None:
        with served(limits=False, advanced_kdp=advanced_kdp) as klaviyo:
            store(klaviyo)
            metrics = klaviyo.sdk().Metrics
            for number in range(maximum):
                metrics.create_custom_metric(custom_body(f"Metric {number}", definition(metric_id(klaviyo))))
            with pytest.raises(BadRequestException):
                metrics.create_custom_metric(custom_body("One too many", definition(metric_id(klaviyo))))

    @pytest.mark.parametrize(
        ("given_filter", "member"),
        [
            (condition("colour", "equals", "red"), "/type"),
            (condition("string", "greater-than", "a"), "/operator"),
            (condition("string", "equals", 5), "/value"),
            (condition("string", "in", "a"), "/value"),
            (condition("numeric", "equals", "5"), "/value"),
            ({"type": "numeric", "operator": "equals", "value": True}, "/value"),
            (condition("boolean", "equals", "true"), "/value"),
            (condition("existence", "is-set", 1), "/value"),
            (condition("list", "contains", 1.5), "/value"),
            (condition("list", "contains-substring", 1), "/value"),
        ],
    )
    def test_a_filter_that_makes_no_sense_is_refused(
        self, free: Served, given_filter: dict[str, Any], member: str
    ) -> None:
        store(free)
        described = definition(metric_id(free), metric_filters=[{"property": "x", "filter": given_filter}])
        response = free.wire.post("/api/custom-metrics", custom_body("X", described))
        at = "/data/attributes/definition/metric_groups/0/metric_filters/0/filter"
        assert error_of(response, 400)["source"] == {"pointer": f"{at}{member}"}

    def test_filters_that_make_sense_come_back_as_they_were(self, free: Served) -> None:
        store(free)
        given_filters = [
            condition("string", "in", ["a", "b"]),
            condition("string", "regex", "a.*"),
            condition("numeric", "less-than", 5.5),
            {"type": "boolean", "operator": "equals", "value": False},
            condition("existence", "not-set"),
            condition("list", "contains", 5),
            condition("list", "not-contains-ends-with", "x"),
            condition("list", "contains-substring", None),
        ]
        conditions = [{"property": "x", "filter": one} for one in given_filters]
        described = definition(metric_id(free), metric_filters=conditions)
        made = free.wire.post("/api/custom-metrics", custom_body("X", described))
        assert made.status_code == 201
        assert made.json()["data"]["attributes"]["definition"] == described

    @pytest.mark.parametrize(
        "change",
        [
            {"relationships": {"metrics": {"data": []}}},
            {"attributes": {"name": "X"}},
            {"attributes": {"name": "X", "definition": {"aggregation_method": "median", "metric_groups": []}}},
            {"attributes": {"name": "X", "definition": {"aggregation_method": "count", "metric_groups": []}}},
        ],
    )
    def test_a_body_that_is_not_one_is_refused(self, free: Served, change: dict[str, Any]) -> None:
        store(free)
        body = custom_body("X", definition(metric_id(free)))
        body["data"] |= change
        error_of(free.wire.post("/api/custom-metrics", body), 400)


def mapping(slot: str, **relations: Any) -> dict[str, Any]:
    related = {name.replace("_", "-"): {"data": data} for name, data in relations.items()}
    return {"data": {"type": "mapped-metric", "id": slot, "relationships": related}}


class TestMappedMetrics:
    def test_there_are_seven_slots(self, free: Served) -> None:
        listed = free.sdk().Metrics.get_mapped_metrics(include=["metric", "custom-metric"])
        assert sorted(slot.id for slot in listed.data) == [
            "added_to_cart",
            "cancelled_sales",
            "ordered_product",
            "refunded_sales",
            "revenue",
            "started_checkout",
            "viewed_product",
        ]
        assert listed.data[0].attributes.updated == NOON

    def test_a_slot_is_mapped_to_a_metric_and_to_a_custom_one(self, free: Served) -> None:
        store(free)
        metrics = free.sdk().Metrics
        metric = {"type": "metric", "id": metric_id(free)}
        free.clock.advance(5)
        changed = metrics.update_mapped_metric("revenue", mapping("revenue", metric=metric))
        assert changed.data.relationships.metric.data.id == metric["id"]
        assert changed.data.attributes.updated == NOON + timedelta(seconds=5)
        read = metrics.get_mapped_metric("revenue", include=["metric"])
        assert [one["attributes"]["name"] for one in read.included] == ["Story Generated"]
        assert metrics.get_metric_for_mapped_metric("revenue").data.id == metric["id"]
        assert metrics.get_metric_id_for_mapped_metric("revenue").data.id == metric["id"]
        custom = metrics.create_custom_metric(custom_body("Net", definition(metric["id"])))
        metrics.update_mapped_metric(
            "revenue", mapping("revenue", custom_metric={"type": "custom-metric", "id": custom.data.id})
        )
        assert metrics.get_custom_metric_for_mapped_metric("revenue").data.id == custom.data.id
        assert metrics.get_custom_metric_id_for_mapped_metric("revenue").data.id == custom.data.id
        # The custom metric has taken the place of the other one.
        assert free.wire.get("/api/mapped-metrics/revenue/metric").json()["data"] is None
        metrics.delete_custom_metric(custom.data.id)
        assert free.wire.get("/api/mapped-metrics/revenue/custom-metric").json()["data"] is None
        assert free.wire.get("/api/mapped-metrics/revenue/relationships/custom-metric").json()["data"] is None

    def test_null_takes_a_mapping_away(self, free: Served) -> None:
        store(free)
        metric = {"type": "metric", "id": metric_id(free)}
        path = "/api/mapped-metrics/viewed_product"
        assert free.wire.send("PATCH", path, mapping("viewed_product", metric=metric)).status_code == 200
        kept = free.wire.send("PATCH", path, mapping("viewed_product", custom_metric=None))
        assert kept.json()["data"]["relationships"]["metric"]["data"] == metric
        gone = free.wire.send("PATCH", path, mapping("viewed_product", metric=None))
        assert "data" not in gone.json()["data"]["relationships"]["metric"]

    def test_a_change_that_names_nothing_changes_nothing(self, free: Served) -> None:
        free.clock.advance(5)
        for body in (mapping("revenue"), {"data": {"type": "mapped-metric", "id": "revenue"}}):
            changed = free.wire.send("PATCH", "/api/mapped-metrics/revenue", body)
            assert changed.json()["data"]["attributes"]["updated"] == "2026-11-20T12:00:00.250000+00:00"

    def test_an_unknown_slot_is_a_bad_request(self, free: Served) -> None:
        for path in ("", "/metric", "/relationships/metric", "/custom-metric", "/relationships/custom-metric"):
            error = error_of(free.wire.get(f"/api/mapped-metrics/nope{path}"), 400)
            assert error["source"] == {"pointer": "/data/id"}
        with pytest.raises((ApiException, ValueError)):
            free.sdk().Metrics.update_mapped_metric("nope", mapping("nope"))

    @pytest.mark.parametrize(
        "relations",
        [
            {"metric": {"type": "metric", "id": "NOPE01"}},
            {"custom_metric": {"type": "custom-metric", "id": "NOPE01"}},
            {"metric": {"type": "metric", "id": None}},
            {"metric": {"type": "custom-metric", "id": "NOPE01"}},
        ],
    )
    def test_what_is_mapped_to_must_exist(self, free: Served, relations: dict[str, Any]) -> None:
        error_of(free.wire.send("PATCH", "/api/mapped-metrics/revenue", mapping("revenue", **relations)), 400)

    def test_both_at_once_are_refused(self, free: Served) -> None:
        store(free)
        metrics = free.sdk().Metrics
        custom = metrics.create_custom_metric(custom_body("Net", definition(metric_id(free))))
        both = mapping(
            "revenue",
            metric={"type": "metric", "id": metric_id(free)},
            custom_metric={"type": "custom-metric", "id": custom.data.id},
        )
        error_of(free.wire.send("PATCH", "/api/mapped-metrics/revenue", both), 400)
        assert free.wire.get("/api/mapped-metrics/revenue/metric").json()["data"] is None

    def test_the_live_api_takes_two_changes_a_day(self) -> None:
        with served(limits=False, behaviour="live") as live:
            store(live)
            body = mapping("revenue", metric={"type": "metric", "id": metric_id(live)})
            statuses = _patches(live, body, 3)
            live.clock.advance(86_400)
            statuses += _patches(live, body, 1)
            assert statuses == [200, 200, 403, 200]

    def test_the_specification_takes_as_many_as_one_likes(self, free: Served) -> None:
        store(free)
        body = mapping("revenue", metric={"type": "metric", "id": metric_id(free)})
        assert _patches(free, body, 3) == [200, 200, 200]


def _patches(klaviyo: Served, body: dict[str, Any], times: int) -> list[int]:
    return [klaviyo.wire.send("PATCH", "/api/mapped-metrics/revenue", body).status_code for _ in range(times)]


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="Klaviyo's OpenAPI file lies beside the checkout of its authors")
def test_answers_are_what_klaviyo_s_file_says(free: Served) -> None:
    checker, wire = Checker(), free.wire
    store(free, properties={"theme": "sea"}, value=2)
    metric = metric_id(free)
    property_id = metric_properties_id(free, metric)
    asked = query(metric, measurements=["count", "sum_value", "unique"], by=["List"])
    made = custom_body("Net", definition(metric))
    custom = checker.check("create_custom_metric", wire.post("/api/custom-metrics", made), made)["data"]["id"]
    changed = custom_body("Gross", definition(metric), custom)
    path = f"/api/custom-metrics/{custom}"
    checker.check("update_custom_metric", wire.send("PATCH", path, changed), changed)
    mapped = mapping("revenue", metric={"type": "metric", "id": metric})
    checker.check("update_mapped_metric", wire.send("PATCH", "/api/mapped-metrics/revenue", mapped), mapped)
    mapped = mapping("viewed_product", custom_metric={"type": "custom-metric", "id": custom})
    checker.check("update_mapped_metric", wire.send("PATCH", "/api/mapped-metrics/viewed_product", mapped), mapped)
    checker.check("query_metric_aggregates", wire.post("/api/metric-aggregates", asked), asked)
    slot, other = "/api/mapped-metrics/revenue", "/api/mapped-metrics/viewed_product"
    for operation, path, parameters in (
        ("get_metrics", "/api/metrics", {}),
        ("get_metric", f"/api/metrics/{metric}", {}),
        (
            "get_properties_for_metric",
            f"/api/metrics/{metric}/metric-properties",
            {"additional-fields[metric-property]": "sample_values"},
        ),
        ("get_property_ids_for_metric", f"/api/metrics/{metric}/relationships/metric-properties", {}),
        ("get_metric_property", f"/api/metric-properties/{property_id}", {"include": "metric"}),
        ("get_metric_for_metric_property", f"/api/metric-properties/{property_id}/metric", {}),
        ("get_metric_id_for_metric_property", f"/api/metric-properties/{property_id}/relationships/metric", {}),
        ("get_custom_metrics", "/api/custom-metrics", {"include": "metrics"}),
        ("get_custom_metric", f"/api/custom-metrics/{custom}", {}),
        ("get_metrics_for_custom_metric", f"/api/custom-metrics/{custom}/metrics", {}),
        ("get_metric_ids_for_custom_metric", f"/api/custom-metrics/{custom}/relationships/metrics", {}),
        ("get_mapped_metrics", "/api/mapped-metrics", {"include": "metric,custom-metric"}),
        ("get_mapped_metric", slot, {}),
        ("get_metric_for_mapped_metric", f"{slot}/metric", {}),
        ("get_metric_id_for_mapped_metric", f"{slot}/relationships/metric", {}),
        ("get_custom_metric_for_mapped_metric", f"{other}/custom-metric", {}),
        ("get_custom_metric_id_for_mapped_metric", f"{other}/relationships/custom-metric", {}),
    ):
        assert checker.check(operation, wire.get(path, **parameters))["data"], operation


def metric_properties_id(klaviyo: Served, metric: str) -> str:
    return klaviyo.wire.get(f"/api/metrics/{metric}/relationships/metric-properties").json()["data"][0]["id"]
