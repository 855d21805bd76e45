"""Consent to marketing by e-mail, SMS and push: whether it can be sent, what was said, and how that came.

Which filters go with which status is Klaviyo's grammar, and the types say it.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.models.segment.filters import BooleanFilter, EqualsFilter, InFilter, SuppressionDateFilter
from aioklaviyo.models.segment.grammar import Part, Several
from aioklaviyo.models.segment.timeframes import ProfileDate


class DoubleOptIn(Part):
    """Whether the address was confirmed."""

    field: Literal["is_double_opt_in"] = "is_double_opt_in"
    filter: BooleanFilter = Field(default_factory=BooleanFilter)


class StatusDate(Part):
    """When the consent became what it is."""

    field: Literal["status_date"] = "status_date"
    filter: ProfileDate


class CustomSource(Part):
    """The source that was named when subscribing."""

    field: Literal["custom_source"] = "custom_source"
    filter: EqualsFilter


class RcsCapable(Part):
    """Whether the phone takes RCS messages."""

    field: Literal["is_rcs_capable"] = "is_rcs_capable"
    filter: BooleanFilter = Field(default_factory=BooleanFilter)


class BounceDate(Part):
    """When, or whether, e-mail bounced."""

    field: Literal["bounce_date"] = "bounce_date"
    filter: SuppressionDateFilter


class ManualSuppressionDate(Part):
    """When, or whether, somebody suppressed the profile."""

    field: Literal["manual_suppression_date"] = "manual_suppression_date"
    filter: SuppressionDateFilter


class InvalidEmailDate(Part):
    """When, or whether, the address was found to be invalid."""

    field: Literal["invalid_email_date"] = "invalid_email_date"
    filter: SuppressionDateFilter


class FormMethod(Part):
    """Through a form; the filter names ids of forms."""

    field: Literal["method"] = "method"
    method: Literal["form"] = "form"
    filter: InFilter | None = None


class ApiMethod(Part):
    """Through the API; the filter names keys."""

    field: Literal["method"] = "method"
    method: Literal["api"] = "api"
    filter: InFilter | None = None


class ManualMethod(Part):
    """By hand or by an import in Klaviyo; the filter names who did it."""

    field: Literal["method"] = "method"
    method: Literal["manual_add", "manual_import"]
    filter: InFilter | None = None


class PreferencePageMethod(Part):
    """On a preference page; the filter names its address."""

    field: Literal["method"] = "method"
    method: Literal["preference_page"] = "preference_page"
    filter: EqualsFilter | None = None


class _ShopifyFilter(Part):
    type: Literal["string"] = "string"
    operator: Literal["in"] = "in"
    value: Several[Literal["shopify"]] = ("shopify",)


class ShopifyMethod(Part):
    """Through the integration of Shopify."""

    field: Literal["method"] = "method"
    method: Literal["integration"] = "integration"
    filter: _ShopifyFilter = Field(default_factory=_ShopifyFilter)


class _ConstantContactFilter(Part):
    type: Literal["string"] = "string"
    operator: Literal["in"] = "in"
    value: Several[Literal["constant_contact"]] = ("constant_contact",)


class ConstantContactMethod(Part):
    """Through the integration of Constant Contact."""

    field: Literal["method"] = "method"
    method: Literal["integration"] = "integration"
    filter: _ConstantContactFilter = Field(default_factory=_ConstantContactFilter)


class EmailSubscribeMethod(Part):
    """How else somebody subscribed to e-mail."""

    field: Literal["method"] = "method"
    method: Literal["back_in_stock", "inbound_message", "sftp"]


class EmailUnsubscribeMethod(Part):
    """How else somebody unsubscribed from e-mail."""

    field: Literal["method"] = "method"
    method: Literal[
        "data_warehouse_import",
        "inbound_message",
        "mailbox_provider",
        "manual_import",
        "manual_remove",
        "one_click_unsubscribe",
        "preference_page",
        "profile_modification",
        "sftp",
        "spam_complaint",
    ]


class SmsSubscribeMethod(Part):
    """How else somebody subscribed to SMS."""

    field: Literal["method"] = "method"
    method: Literal["checkout", "inbound_message", "preference_page", "sftp"]


class SmsUnsubscribeMethod(Part):
    """How else somebody unsubscribed from SMS."""

    field: Literal["method"] = "method"
    method: Literal[
        "bulk_remove",
        "carrier_deactivation",
        "checkout",
        "failed_age_gate",
        "inbound_message",
        "manual_remove",
        "message_blocked",
        "preference_page",
        "provided_landline",
        "provided_no_age",
        "sftp",
    ]


Suppression: TypeAlias = Annotated[
    BounceDate | ManualSuppressionDate | InvalidEmailDate,
    Field(discriminator="field"),
]
"""Why no e-mail can be sent, and since when."""
EmailSubscribedFilter: TypeAlias = Annotated[
    DoubleOptIn
    | StatusDate
    | CustomSource
    | Annotated[
        FormMethod | ApiMethod | ManualMethod | PreferencePageMethod | ShopifyMethod | EmailSubscribeMethod,
        Field(discriminator="method"),
    ],
    Field(discriminator="field"),
]
EmailUnsubscribedFilter: TypeAlias = Annotated[
    StatusDate | Annotated[ApiMethod | ConstantContactMethod | EmailUnsubscribeMethod, Field(discriminator="method")],
    Field(discriminator="field"),
]
SmsSubscribedFilter: TypeAlias = Annotated[
    StatusDate
    | RcsCapable
    | Annotated[FormMethod | ManualMethod | ShopifyMethod | SmsSubscribeMethod, Field(discriminator="method")],
    Field(discriminator="field"),
]
SmsUnsubscribedFilter: TypeAlias = Annotated[
    StatusDate
    | Annotated[FormMethod | ManualMethod | ShopifyMethod | SmsUnsubscribeMethod, Field(discriminator="method")],
    Field(discriminator="field"),
]


class AnyStatus(Part):
    """Whatever was said of the channel."""

    subscription: Literal["any"] = "any"
    filters: None = None


class NeverSubscribed(Part):
    """Nothing was said."""

    subscription: Literal["never_subscribed"] = "never_subscribed"
    filters: None = None


class EmailSubscribed(Part):
    """Subscribed to e-mail; all filters hold."""

    subscription: Literal["subscribed"] = "subscribed"
    filters: Several[EmailSubscribedFilter] | None = None


class EmailSuppressedAny(Part):
    """Whatever was said of e-mail, none can be sent, for the reasons that ``filters`` name."""

    subscription: Literal["any"] = "any"
    filters: Several[Suppression] | None = None


class EmailUnsubscribed(Part):
    """Unsubscribed from e-mail. ``filters`` are all about that, or all about suppressions."""

    subscription: Literal["unsubscribed"] = "unsubscribed"
    filters: Several[EmailUnsubscribedFilter] | Several[Suppression] | None = None


class EmailSuppressed(Part):
    """Suppressed although subscribed, or never subscribed at all."""

    subscription: Literal["never_subscribed", "subscribed"]
    filters: Several[Suppression] = ()


class SmsSubscribed(Part):
    """Subscribed to SMS; all filters hold."""

    subscription: Literal["subscribed"] = "subscribed"
    filters: Several[SmsSubscribedFilter] | None = None


class SmsUnsubscribed(Part):
    """Unsubscribed from SMS; all filters hold."""

    subscription: Literal["unsubscribed"] = "unsubscribed"
    filters: Several[SmsUnsubscribedFilter] | None = None


class PushAnyStatus(Part):
    """Push notifications can be sent, since a date that a filter names."""

    subscription: Literal["any"] = "any"
    filters: Several[StatusDate] | None = None


_EmailStatus: TypeAlias = Annotated[AnyStatus | EmailSubscribed | NeverSubscribed, Field(discriminator="subscription")]
_NoEmailStatus: TypeAlias = Annotated[
    EmailSuppressedAny | EmailUnsubscribed | EmailSuppressed, Field(discriminator="subscription")
]
_NoSmsStatus: TypeAlias = Annotated[AnyStatus | SmsUnsubscribed | NeverSubscribed, Field(discriminator="subscription")]


class ReceivesEmail(Part):
    """Marketing can be sent by e-mail."""

    channel: Literal["email"] = "email"
    can_receive_marketing: Literal[True] = True
    consent_status: _EmailStatus = Field(default_factory=AnyStatus)


class ReceivesNoEmail(Part):
    """No marketing can be sent by e-mail."""

    channel: Literal["email"] = "email"
    can_receive_marketing: Literal[False] = False
    consent_status: _NoEmailStatus = Field(default_factory=EmailSuppressedAny)


class ReceivesSms(Part):
    """Marketing can be sent by SMS."""

    channel: Literal["sms"] = "sms"
    can_receive_marketing: Literal[True] = True
    consent_status: SmsSubscribed = Field(default_factory=SmsSubscribed)


class ReceivesNoSms(Part):
    """No marketing can be sent by SMS."""

    channel: Literal["sms"] = "sms"
    can_receive_marketing: Literal[False] = False
    consent_status: _NoSmsStatus = Field(default_factory=AnyStatus)


class ReceivesPush(Part):
    """Marketing can be sent by push notification."""

    channel: Literal["push"] = "push"
    can_receive_marketing: Literal[True] = True
    consent_status: PushAnyStatus = Field(default_factory=PushAnyStatus)


class ReceivesNoPush(Part):
    """No marketing can be sent by push notification."""

    channel: Literal["push"] = "push"
    can_receive_marketing: Literal[False] = False
    consent_status: AnyStatus = Field(default_factory=AnyStatus)


Consent: TypeAlias = Annotated[
    Annotated[ReceivesEmail | ReceivesNoEmail, Field(discriminator="can_receive_marketing")]
    | Annotated[ReceivesSms | ReceivesNoSms, Field(discriminator="can_receive_marketing")]
    | Annotated[ReceivesPush | ReceivesNoPush, Field(discriminator="can_receive_marketing")],
    Field(discriminator="channel"),
]
