"""Reports: what campaigns, flows, forms and segments came to."""

import datetime as dt
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field

from aioklaviyo.models.reading import ReadModel, Timestamp

TimeframeKey: TypeAlias = Literal[
    "last_12_months",
    "last_30_days",
    "last_365_days",
    "last_3_months",
    "last_7_days",
    "last_90_days",
    "last_month",
    "last_week",
    "last_year",
    "this_month",
    "this_week",
    "this_year",
    "today",
    "yesterday",
]
Timeframe: TypeAlias = TimeframeKey | tuple[dt.datetime, dt.datetime]
"""A named range, or its start and end as wall times of the account's time zone."""

Interval: TypeAlias = Literal["hourly", "daily", "weekly", "monthly"]

MessageStatistic: TypeAlias = Literal[
    "average_order_value",
    "bounce_rate",
    "bounced",
    "bounced_or_failed",
    "bounced_or_failed_rate",
    "click_rate",
    "click_to_open_rate",
    "clicks",
    "clicks_unique",
    "conversion_rate",
    "conversion_uniques",
    "conversion_value",
    "conversions",
    "delivered",
    "delivery_rate",
    "failed",
    "failed_rate",
    "message_segment_count_sum",
    "open_rate",
    "opens",
    "opens_unique",
    "recipients",
    "revenue_per_recipient",
    "spam_complaint_rate",
    "spam_complaints",
    "text_message_credit_usage_amount",
    "text_message_roi",
    "text_message_spend",
    "unsubscribe_rate",
    "unsubscribe_uniques",
    "unsubscribes",
]
"""Of campaigns and flows. Rates are fractions from 0 to 1."""

FormStatistic: TypeAlias = Literal[
    "closed_form",
    "closed_form_uniques",
    "qualified_form",
    "qualified_form_uniques",
    "submit_rate",
    "submits",
    "submitted_form_step",
    "submitted_form_step_uniques",
    "viewed_form",
    "viewed_form_step",
    "viewed_form_step_uniques",
    "viewed_form_uniques",
]
SegmentStatistic: TypeAlias = Literal["members_added", "members_removed", "net_members_changed", "total_members"]

CampaignGrouping: TypeAlias = Literal[
    "campaign_id",
    "campaign_message_id",
    "campaign_message_name",
    "group",
    "group_name",
    "send_channel",
    "tag_id",
    "tag_name",
    "text_message_format",
    "variation",
    "variation_name",
]
FlowGrouping: TypeAlias = Literal[
    "flow_id",
    "flow_message_id",
    "flow_message_name",
    "flow_name",
    "send_channel",
    "tag_id",
    "tag_name",
    "text_message_format",
    "variation",
    "variation_name",
]
FormGrouping: TypeAlias = Literal["form_id", "form_version_id"]


def _text(value: object) -> object:
    return value if value is None or isinstance(value, str) else str(value)


def _stated(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: number for name, number in cast("dict[str, Any]", value).items() if number is not None}


Groupings = dict[str, Annotated[str | None, BeforeValidator(_text)]]


class ReportRow(ReadModel):
    """One group of a report on a whole timeframe: what it is of, and how much.

    ``groupings`` are names and ids, as in ``row.groupings["flow_id"]``; ``statistics`` are numbers by their names, and
    one that Klaviyo leaves empty is not there.
    """

    groupings: Groupings = Field(default_factory=dict[str, str | None])
    statistics: Annotated[dict[str, float], BeforeValidator(_stated)] = Field(default_factory=dict[str, float])


class SeriesRow(ReadModel):
    """One group of a report on the parts of a timeframe: ``statistics`` have a number for each of ``date_times``."""

    groupings: Groupings = Field(default_factory=dict[str, str | None])
    statistics: Annotated[dict[str, tuple[float | None, ...]], BeforeValidator(_stated)] = Field(
        default_factory=dict[str, tuple[float | None, ...]]
    )
    date_times: tuple[Timestamp, ...] = ()

    def points(self, statistic: str) -> tuple[tuple[dt.datetime, float], ...]:
        """When each part began and its number, without those that Klaviyo leaves empty."""
        numbers = self.statistics.get(statistic, ())
        return tuple(
            (moment, number) for moment, number in zip(self.date_times, numbers, strict=False) if number is not None
        )
