"""Definitions of flows, as they are written: one trigger, a filter, and actions that lead to each other.

The common parts are typed. Any trigger or action may be plain JSON instead, for there are more kinds of them than are
listed here, and Klaviyo adds some every year; one read from Klaviyo that is not known here stays plain JSON too.

::

    FlowDefinition(
        triggers=[ListTrigger(id=list_id)],
        actions=[
            TimeDelay(temporary_id="wait", data=TimeDelayData(value=2), links=Link(next="mail")),
            SendEmail(temporary_id="mail", data=SendEmailData(message=EmailMessage(template_id=template_id))),
        ],
        entry_action_id="wait",
    )
"""

import datetime as dt
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StrictBool

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.segment.conditions import (
    AnyMembership,
    AnyPrediction,
    HasCustomObject,
    MarketingConsent,
    MetricFilter,
    Permissions,
    PostalCodeDistance,
    ProfileProperty,
    Region,
    at_least_once,
)
from aioklaviyo.models.segment.filters import AnyList, AnyNumber, AnyText, BooleanFilter, ExistenceFilter, NumericFilter
from aioklaviyo.models.segment.grammar import Integer, Number, Part, Several
from aioklaviyo.models.segment.timeframes import AllTime, FlowEventTime, InTheLast, ProfileDate
from aioklaviyo.models.writing import JsonObject, WriteModel

FlowStatus: TypeAlias = Literal["draft", "manual", "live"]
"""``manual`` collects messages for somebody to send."""
ActionStatus: TypeAlias = Literal["disabled", "draft", "live", "manual"]
"""Not given, it is Klaviyo's choice: a new action is a draft."""
Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class FlowProfileMetric(Part):
    """As ``ProfileMetric`` of a segment; the timeframe may also be ``FlowStart``."""

    type: Literal["profile-metric"] = "profile-metric"
    metric_id: str
    measurement: Literal["count", "sum"] = "count"
    measurement_filter: NumericFilter = Field(default_factory=at_least_once)
    timeframe_filter: FlowEventTime = Field(default_factory=AllTime)
    metric_filters: Several[MetricFilter] | None = None


class ProfileSample(Part):
    """Some percent of all profiles, by chance."""

    type: Literal["profile-sample"] = "profile-sample"
    percentage: Annotated[Integer, Field(ge=0, le=100)]


class NotSent(Part):
    """Got no message of a channel, ever or ``InTheLast`` so many days."""

    type: Literal["profile-not-sent-email", "profile-not-sent-push", "profile-not-sent-sms"]
    timeframe_filter: Annotated[AllTime | InTheLast, Field(discriminator="operator")] = Field(default_factory=AllTime)


class NotInFlow(Part):
    """Has not been in this flow, ever or ``InTheLast`` so many days; in the ``profile_filter`` of the flow alone."""

    type: Literal["profile-not-in-flow"] = "profile-not-in-flow"
    timeframe_filter: Annotated[AllTime | InTheLast, Field(discriminator="operator")] = Field(default_factory=AllTime)


FlowCondition: TypeAlias = Annotated[
    AnyMembership
    | AnyPrediction
    | FlowProfileMetric
    | HasCustomObject
    | MarketingConsent
    | NotInFlow
    | NotSent
    | Permissions
    | PostalCodeDistance
    | ProfileProperty
    | ProfileSample
    | Region,
    Field(discriminator="type"),
]
"""What a flow may ask of a profile."""


class FlowGroup(Part):
    """Conditions of which one has to hold."""

    conditions: Several[FlowCondition]

    @classmethod
    def any_of(cls, first: FlowCondition, *more: FlowCondition) -> Self:
        """At least one of these holds."""
        return cls(conditions=(first, *more))


class FlowFilter(Part):
    """Who goes on: all groups have to hold."""

    condition_groups: Several[FlowGroup]

    @classmethod
    def all_of(cls, first: FlowCondition | FlowGroup, *more: FlowCondition | FlowGroup) -> Self:
        """All of these hold; of a group, one condition."""
        return cls(
            condition_groups=tuple(
                part if isinstance(part, FlowGroup) else FlowGroup.any_of(part) for part in (first, *more)
            )
        )


TriggerPropertyFilter: TypeAlias = Annotated[
    AnyText | AnyNumber | BooleanFilter | ProfileDate | AnyList | ExistenceFilter, Field(discriminator="type")
]


class MetricProperty(Part):
    """A property of the event that triggers."""

    type: Literal["metric-property"] = "metric-property"
    metric_id: str
    field: str
    filter: TriggerPropertyFilter


class CatalogProperty(Part):
    """A property of the item whose price dropped, or of which little is left."""

    type: Literal["low-inventory-property", "price-drop-property"]
    metric_id: str | None
    field: str
    filter: TriggerPropertyFilter


TriggerCondition: TypeAlias = Annotated[MetricProperty | CatalogProperty, Field(discriminator="type")]


class TriggerGroup(Part):
    """Conditions of which one has to hold."""

    conditions: Several[TriggerCondition]

    @classmethod
    def any_of(cls, first: TriggerCondition, *more: TriggerCondition) -> Self:
        """At least one of these holds."""
        return cls(conditions=(first, *more))


class TriggerFilter(Part):
    """Which events trigger: all groups have to hold."""

    condition_groups: Several[TriggerGroup]

    @classmethod
    def all_of(cls, first: TriggerCondition | TriggerGroup, *more: TriggerCondition | TriggerGroup) -> Self:
        """All of these hold; of a group, one condition."""
        return cls(
            condition_groups=tuple(
                part if isinstance(part, TriggerGroup) else TriggerGroup.any_of(part) for part in (first, *more)
            )
        )


class ListTrigger(Part):
    """Somebody joins a list; None leaves it unconfigured."""

    type: Literal["list"] = "list"
    id: str | None = None


class SegmentTrigger(Part):
    """Somebody comes into a segment; None leaves it unconfigured."""

    type: Literal["segment"] = "segment"
    id: str | None = None


class MetricTrigger(Part):
    """An event of a metric; None leaves it unconfigured."""

    type: Literal["metric"] = "metric"
    id: str | None = None
    trigger_filter: TriggerFilter | None = None


class _DateTrigger(Part):
    type: Literal["date"] = "date"
    timedelta_unit_before_date: Literal["days", "months", "weeks"] = "weeks"
    timedelta_value_before_date: Integer
    recurrence_frequency: Literal["annually", "monthly", "never", "weekly"] = "monthly"
    timezone: str = "profile"
    trigger_time: dt.time
    trigger_days: Several[Weekday] | None = None


class PropertyDateTrigger(_DateTrigger):
    """Some time before a date that profiles have as a property, such as a birthday."""

    date_field_type: Literal["profile-property"] = "profile-property"
    date_profile_property: str


class ObjectDateTrigger(_DateTrigger):
    """Some time before a date that custom objects have."""

    date_field_type: Literal["custom-object"] = "custom-object"
    custom_object_label: str
    custom_object_property_id: Integer
    object_type_id: str
    object_type_relationship_id: str


class PriceDropTrigger(Part):
    """A price drops."""

    type: Literal["price-drop"] = "price-drop"
    trigger_filter: TriggerFilter | None
    price_drop_amount_value: Number
    price_drop_amount_unit: Literal["currency", "percent"] = "currency"
    audience: Several[Literal["checkout-started", "viewed"]]
    timeframe_days: Integer = 30
    currency_type: Literal["usd"] = "usd"


class LowInventoryTrigger(Part):
    """Little is left of something."""

    type: Literal["low-inventory"] = "low-inventory"
    product_level: Literal["product", "variant"]
    trigger_filter: TriggerFilter | None
    inventory_count: Integer
    audience: Several[Literal["added-to-cart", "checkout-started", "viewed"]]
    timeframe_days: Integer = 30


Trigger: TypeAlias = Annotated[
    ListTrigger
    | SegmentTrigger
    | MetricTrigger
    | Annotated[PropertyDateTrigger | ObjectDateTrigger, Field(discriminator="date_field_type")]
    | PriceDropTrigger
    | LowInventoryTrigger,
    Field(discriminator="type"),
]


class Link(Part):
    """Which action follows, by its id or temporary id; None ends the path."""

    next: str | None = None


class BranchLinks(Part):
    """Which action follows where the filter holds, and where it does not."""

    next_if_true: str | None
    next_if_false: str | None


class _Action(Part):
    """``temporary_id`` names a new action within the definition; ``id`` is what Klaviyo gave to one that exists."""

    id: str | None = None
    temporary_id: str | None = None


class UtmParam(Part):
    """A parameter added to links."""

    param: str
    value: str


class EmailMessage(Part):
    """An e-mail. Klaviyo copies the template: later changes of it change nothing here."""

    id: str | None = None
    name: str | None = None
    template_id: str | None = None
    subject_line: str | None = None
    preview_text: str | None = None
    from_email: str | None = None
    from_label: str | None = None
    reply_to_email: str | None = None
    cc_email: str | None = None
    bcc_email: str | None = None
    smart_sending_enabled: StrictBool = True
    transactional: StrictBool = False
    add_tracking_params: StrictBool = False
    custom_tracking_params: Several[UtmParam] | None = None
    additional_filters: FlowFilter | None = None


class SendEmailData(Part):
    """What an e-mail action does."""

    message: EmailMessage | None = None
    status: ActionStatus | None = None


class SendEmail(_Action):
    """Send an e-mail."""

    type: Literal["send-email"] = "send-email"
    links: Link | None = None
    data: SendEmailData = Field(default_factory=SendEmailData)


class WebhookMessage(Part):
    """A request to make: a POST of ``body`` to ``url``."""

    id: str | None = None
    name: str | None = None
    url: str | None
    headers: dict[str, str] | None = Field(default=None, repr=False)
    body: str | None = None


class SendWebhookData(Part):
    """What a webhook action does."""

    message: WebhookMessage
    status: ActionStatus | None = None


class SendWebhook(_Action):
    """Call somebody else's server."""

    type: Literal["send-webhook"] = "send-webhook"
    links: Link | None = None
    data: SendWebhookData


class TimeDelayData(Part):
    """How long to wait. ``secondary_value`` is of the next smaller unit, ``timezone`` a name or ``profile``."""

    unit: Literal["days", "hours", "minutes"] = "days"
    value: Integer
    secondary_value: Integer | None = None
    timezone: str = "profile"
    delay_until_time: dt.time | None = None
    delay_until_weekdays: Several[Weekday] | None = None


class TimeDelay(_Action):
    """Wait."""

    type: Literal["time-delay"] = "time-delay"
    links: Link | None = None
    data: TimeDelayData


class ConditionalSplitData(Part):
    """Who goes which way; no filter holds for everybody."""

    profile_filter: FlowFilter | None


class ConditionalSplit(_Action):
    """Go one of two ways."""

    type: Literal["conditional-split"] = "conditional-split"
    links: BranchLinks
    data: ConditionalSplitData


class _SetProperty(Part):
    operator: Literal["create", "update"] = "update"
    property_key: str


class SetText(_SetProperty):
    """Set a property to text."""

    property_type: Literal["string"] = "string"
    property_value: str


class SetBoolean(_SetProperty):
    """Set a property to true or false."""

    property_type: Literal["boolean"] = "boolean"
    property_value: StrictBool


class SetNumber(_SetProperty):
    """Set a property to a number."""

    property_type: Literal["numeric"] = "numeric"
    property_value: Number


class SetDate(_SetProperty):
    """Set a property to a date, or to that of the day it happens."""

    property_type: Literal["date"] = "date"
    property_value: dt.date | Literal["today"]


class ChangeList(_SetProperty):
    """Add an item to a list that is a property, or remove it."""

    property_type: Literal["list"] = "list"
    property_operation: Literal["add", "remove"] | None = None
    property_value: str


class DeleteProperty(Part):
    """Take a property away."""

    operator: Literal["delete"] = "delete"
    property_key: str


PropertyOperation: TypeAlias = Annotated[
    Annotated[SetText | SetBoolean | SetNumber | SetDate | ChangeList, Field(discriminator="property_type")]
    | DeleteProperty,
    Field(discriminator="operator"),
]


class UpdateProfileData(Part):
    """What to change of the profile, in this order."""

    profile_operations: Several[PropertyOperation]
    status: ActionStatus | None = None


class UpdateProfile(_Action):
    """Change the profile."""

    type: Literal["update-profile"] = "update-profile"
    links: Link | None = None
    data: UpdateProfileData


class ListUpdateData(Part):
    """Which list; ``on_execution`` True adds to it, False takes off."""

    name: str
    on_execution: StrictBool | None
    list_id: str | None
    status: ActionStatus | None = None


class ListUpdate(_Action):
    """Put the profile on a list, or take it off."""

    type: Literal["list-update"] = "list-update"
    links: Link | None = None
    data: ListUpdateData


Action: TypeAlias = Annotated[
    ConditionalSplit | ListUpdate | SendEmail | SendWebhook | TimeDelay | UpdateProfile, Field(discriminator="type")
]
"""The actions that are typed; all others are plain JSON."""


class ReentryCriteria(Part):
    """How soon somebody may enter again; with ``alltime`` never."""

    duration: Annotated[Integer, Field(ge=0)]
    unit: Literal["alltime", "day", "hour", "week"]


class FlowDefinition(Part):
    """What a flow does. There is one trigger or none; every action is reached from ``entry_action_id``."""

    triggers: Several[Annotated[Trigger | JsonObject, Field(union_mode="left_to_right")]] = ()
    profile_filter: Annotated[FlowFilter | JsonObject | None, Field(union_mode="left_to_right")] = None
    actions: Several[Annotated[Action | JsonObject, Field(union_mode="left_to_right")]] = ()
    entry_action_id: str | None
    reentry_criteria: ReentryCriteria | None = None


class Anchor(WriteModel):
    """Behind which action a new one comes, and on which of its ways.

    ``type`` is the anchor's own, such as ``time-delay``. A split in two has the ways ``next_if_true`` and
    ``next_if_false``; a way of a ``multi-branch-split`` is named by its ``branch_id``.
    """

    action_id: Annotated[str, Field(min_length=1)]
    type: str
    way: Literal["next", "next_if_true", "next_if_false"] = "next"
    branch_id: str | None = None

    def resource(self, temporary_id: str) -> dict[str, Json]:
        """The resource object, with this way leading to the new action."""
        definition: dict[str, Json] = {"type": self.type}
        links: dict[str, Json] = {self.way: temporary_id}
        if self.branch_id is None:
            definition["links"] = links
        else:
            definition["data"] = {"branches": [{"branch_id": self.branch_id, "links": links}]}
        return {"type": "flow-action", "id": self.action_id, "attributes": {"definition": definition}}
