"""The conditions of segments: what is asked of a profile. They are told apart by ``type``, and further where needed."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool

from aioklaviyo.models.segment.consent import Consent
from aioklaviyo.models.segment.filters import (
    DistanceFilter,
    EventPropertyFilter,
    IntegerFilter,
    NumericFilter,
    ObjectPropertyFilter,
    PropertyFilter,
)
from aioklaviyo.models.segment.grammar import Integer, Part, Several
from aioklaviyo.models.segment.permission import Permission
from aioklaviyo.models.segment.timeframes import AllTime, EventTime, FunnelTime, JoinedDate, ProfileDate

PredictedChannel: TypeAlias = Literal["email", "push", "sms", "whatsapp"]


def at_least_once() -> NumericFilter:
    """Once or more often."""
    return NumericFilter(operator="greater-than-or-equal", value=1)


class ProfileProperty(Part):
    """A property passes a filter: ``email``, ``location['city']``, or a custom one; see ``custom_property``."""

    type: Literal["profile-property"] = "profile-property"
    property: str
    filter: PropertyFilter


class MetricFilter(Part):
    """A property of an event passes a filter; without one it may be anything."""

    property: str
    filter: EventPropertyFilter | None = None


class ProfileMetric(Part):
    """How often something happened, or the sum of its values: at least once in all time, unless told otherwise."""

    type: Literal["profile-metric"] = "profile-metric"
    metric_id: str
    measurement: Literal["count", "sum"] = "count"
    measurement_filter: NumericFilter = Field(default_factory=at_least_once)
    timeframe_filter: EventTime = Field(default_factory=AllTime)
    metric_filters: Several[MetricFilter] | None = None


class GroupMembership(Part):
    """In at least one of some lists and segments, perhaps since a time."""

    type: Literal["profile-group-membership"] = "profile-group-membership"
    is_member: Literal[True] = True
    group_ids: Several[str]
    timeframe_filter: JoinedDate | None = None


class NoGroupMembership(Part):
    """In none of some lists and segments."""

    type: Literal["profile-group-membership"] = "profile-group-membership"
    is_member: Literal[False] = False
    group_ids: Several[str]
    timeframe_filter: None = None


class MarketingConsent(Part):
    """Whether marketing can be sent: ``MarketingConsent(consent=ReceivesEmail())``."""

    type: Literal["profile-marketing-consent"] = "profile-marketing-consent"
    consent: Consent


class Permissions(Part):
    """Whether WhatsApp messages can be sent."""

    type: Literal["profile-permissions"] = "profile-permissions"
    channel: Literal["whatsapp_marketing", "whatsapp_transactional"]
    permission: Permission


class PostalCodeDistance(Part):
    """Nearer to, or farther from, a postal code."""

    type: Literal["profile-postal-code-distance"] = "profile-postal-code-distance"
    country_code: str
    postal_code: str
    unit: Literal["kilometers", "miles"]
    filter: DistanceFilter


class Region(Part):
    """In the European Union or the United States, or not."""

    type: Literal["profile-region"] = "profile-region"
    in_region: StrictBool = True
    region: Literal["european_union", "united_states"]


class PredictedNumber(Part):
    """A predicted number passes a filter."""

    type: Literal["profile-predictive-analytics"] = "profile-predictive-analytics"
    dimension: Literal[
        "average_days_between_orders",
        "average_order_value",
        "churn_probability",
        "historic_clv",
        "historic_number_of_orders",
        "predicted_clv",
        "predicted_number_of_orders",
        "total_clv",
    ]
    filter: NumericFilter


class PredictedDate(Part):
    """The date of the next purchase passes a filter."""

    type: Literal["profile-predictive-analytics"] = "profile-predictive-analytics"
    dimension: Literal["expected_date_of_next_purchase"] = "expected_date_of_next_purchase"
    filter: ProfileDate


class GenderFilter(Part):
    """One of the genders that Klaviyo predicts, or not."""

    type: Literal["string"] = "string"
    operator: Literal["equals", "not-equals"] = "equals"
    value: Literal["likely_female", "likely_male", "uncertain"]


class PredictedGender(Part):
    """The predicted gender passes a filter."""

    type: Literal["profile-predictive-analytics"] = "profile-predictive-analytics"
    dimension: Literal["predicted_gender"] = "predicted_gender"
    filter: GenderFilter


class PriorityFilter(Part):
    """A place in the ranking of channels; 1 is the first."""

    type: Literal["numeric"] = "numeric"
    operator: Literal["equals"] = "equals"
    value: Integer


class ChannelPriority(Part):
    """The place of a channel among those a profile is predicted to answer to."""

    type: Literal["profile-predictive-analytics"] = "profile-predictive-analytics"
    dimension: Literal["channel_affinity"] = "channel_affinity"
    measurement: Literal["priority"] = "priority"
    predicted_channel: PredictedChannel
    filter: PriorityFilter


class RankFilter(Part):
    """How high an affinity is, or is not."""

    type: Literal["string"] = "string"
    operator: Literal["equals", "not-equals"] = "equals"
    value: Literal["high", "low", "medium"]


class ChannelRank(Part):
    """How high the predicted affinity to a channel is."""

    type: Literal["profile-predictive-analytics"] = "profile-predictive-analytics"
    dimension: Literal["channel_affinity"] = "channel_affinity"
    measurement: Literal["rank"] = "rank"
    predicted_channel: PredictedChannel
    filter: RankFilter


class ObjectProperty(Part):
    """A property of a custom object passes a filter."""

    property_id: Integer
    filter: ObjectPropertyFilter


class HasCustomObject(Part):
    """How many custom objects of a type belong to the profile, of those whose properties pass all ``filters``."""

    type: Literal["profile-has-custom-object"] = "profile-has-custom-object"
    object_type_id: str
    object_type_relationship_id: str
    filter: IntegerFilter
    filters: Several[ObjectProperty] = ()


class FunnelStep(Part):
    """Something that happened after the step before, or did not."""

    metric_exists: StrictBool = True
    metric_id: str
    metric_filters: Several[MetricFilter] | None = None


class MetricFunnel(Part):
    """Steps in their order, all in a timeframe, and all within a window where there is one."""

    type: Literal["profile-metric-funnel"] = "profile-metric-funnel"
    timeframe_filter: FunnelTime
    completion_window_seconds: (
        Literal["HOURS_1", "DAYS_1", "DAYS_3", "DAYS_5", "WEEKS_1", "DAYS_30", "DAYS_90", "DAYS_180", "YEARS_1"] | None
    ) = None
    steps: Several[FunnelStep]


AnyMembership: TypeAlias = Annotated[GroupMembership | NoGroupMembership, Field(discriminator="is_member")]
AnyPrediction: TypeAlias = Annotated[
    PredictedDate
    | PredictedNumber
    | PredictedGender
    | Annotated[ChannelPriority | ChannelRank, Field(discriminator="measurement")],
    Field(discriminator="dimension"),
]
Condition: TypeAlias = Annotated[
    AnyMembership
    | AnyPrediction
    | HasCustomObject
    | MarketingConsent
    | MetricFunnel
    | Permissions
    | PostalCodeDistance
    | ProfileMetric
    | ProfileProperty
    | Region,
    Field(discriminator="type"),
]
"""Any condition of a segment."""


def custom_property(name: str) -> str:
    """The path of a custom property as conditions want it: ``properties['Favourite Colour']``.

    Args:
        name: As the profile has it. Quotes and backslashes in it are escaped with a backslash.
    """
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"properties['{escaped}']"
