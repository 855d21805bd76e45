"""Counts of a metric's events by time, and by what the events say."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp

Measurement: TypeAlias = Literal["count", "sum_value", "unique"]
"""How many events, the sum of their values, how many profiles."""

AggregateInterval: TypeAlias = Literal["hour", "day", "week", "month"]
"""A week begins on Monday."""

AggregateDimension: TypeAlias = Literal[
    "$attributed_channel",
    "$attributed_flow",
    "$attributed_message",
    "$attributed_variation",
    "$campaign_channel",
    "$flow",
    "$flow_channel",
    "$message",
    "$message_send_cohort",
    "$usage_amount",
    "$value_currency",
    "$variation",
    "$variation_send_cohort",
    "Bot Click",
    "Bounce Type",
    "Campaign Name",
    "Client Canonical",
    "Client Name",
    "Client Type",
    "Email Domain",
    "Failure Source",
    "Failure Type",
    "From Number",
    "From Phone Region",
    "Inbox Provider",
    "List",
    "Message Format",
    "Message Name",
    "Message Type",
    "Method",
    "Segment Count",
    "Subject",
    "To Number",
    "To Phone Region",
    "URL",
    "form_id",
]
"""The properties of events that Klaviyo groups by and filters on; no others."""


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """One combination of dimensions, with a number for each date and measurement."""

    dates: tuple[dt.datetime, ...] = field(repr=False)
    """Where each interval begins, in the time zone of the question."""
    dimensions: Mapping[str, str]
    """By the names that were asked for; empty text where the events do not have the property."""
    measurements: Mapping[str, tuple[float, ...]]
    """By the names that were asked for."""

    def series(self, measurement: Measurement) -> tuple[tuple[dt.datetime, float], ...]:
        """The numbers of one measurement beside their dates. Raises KeyError for one that was not asked for."""
        return tuple(zip(self.dates, self.measurements[measurement], strict=True))


@dataclass(frozen=True, slots=True)
class MetricAggregate:
    """What a metric's events come to. Without ``by`` there is one row."""

    metric_id: str
    dates: tuple[dt.datetime, ...] = field(repr=False)
    rows: tuple[AggregateRow, ...]

    def series(self, measurement: Measurement) -> tuple[tuple[dt.datetime, float], ...]:
        """The numbers of one measurement beside their dates, where nothing is grouped.

        Raises:
            ValueError: There are several rows, or none: take theirs, for what is unique in each is not so in all.
            KeyError: It was not asked for.
        """
        if len(self.rows) != 1:
            raise ValueError("an aggregate that is grouped has a series for each row")
        return self.rows[0].series(measurement)


class AggregateRowRead(ReadModel):
    """A row as Klaviyo writes it."""

    dimensions: tuple[Any, ...] | None = None
    measurements: dict[str, tuple[float | None, ...]] | None = None

    def named(self, by: tuple[str, ...]) -> dict[str, str]:
        """The dimensions by name. Klaviyo leaves one empty, or out, where the events do not have the property."""
        values = (*(self.dimensions or ()), *[None] * len(by))
        return {name: "" if value is None else str(value) for name, value in zip(by, values, strict=False)}


class AggregatePage(ReadModel):
    """A page of rows as Klaviyo writes it."""

    dates: tuple[Timestamp, ...] | None = None
    data: tuple[AggregateRowRead, ...] | None = None

    def rows(self, by: tuple[str, ...], dates: tuple[dt.datetime, ...]) -> tuple[AggregateRow, ...]:
        """The rows, with a name for each dimension and these dates."""
        return tuple(
            AggregateRow(
                dates,
                row.named(by),
                {name: tuple(value or 0.0 for value in values) for name, values in (row.measurements or {}).items()},
            )
            for row in self.data or ()
        )


def aggregate_page_from(resource: Resource) -> AggregatePage:
    """Build from a resource object."""
    return AggregatePage.model_validate(resource.attributes)
