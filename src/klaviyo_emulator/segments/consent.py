"""The grammar of consent: which channels, subscriptions and filters go together, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import Object, as_list, as_object, member, only
from klaviyo_emulator.segments.filters import (
    DATES,
    RESOURCE,
    ValueFilter,
    boolean,
    choice,
    read_filter,
    required,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RCS = "is_rcs_capable"
"""The one filter of a marketing consent that nothing stored can answer."""
IMPLICIT = (
    "implicitly_reachable",
    "implicitly_unreachable",
    "implicitly_or_explicitly_reachable",
    "implicitly_or_explicitly_unreachable",
)
"""Permissions that nothing stored can answer: no consent is implied here."""

_SUPPRESSIONS = ("bounce_date", "manual_suppression_date", "invalid_email_date")
_STATUS = ("status_date",)
_OF_EMAIL = (
    "is_double_opt_in", "status_date", "custom_source", "form", "preference_page", "api", "inbound_message",
    "back_in_stock", "sftp", "manual_import", "manual_add", "integration",
)  # fmt: skip
_OF_NO_EMAIL = (
    "status_date", "api", "inbound_message", "preference_page", "manual_remove", "spam_complaint", "mailbox_provider",
    "one_click_unsubscribe", "manual_import", "sftp", "data_warehouse_import", "profile_modification", "integration",
    *_SUPPRESSIONS,
)  # fmt: skip
_OF_SMS = (
    "status_date", "form", "manual_import", "manual_add", "checkout", "inbound_message", "preference_page", "sftp",
    "integration", RCS,
)  # fmt: skip
_OF_NO_SMS = (
    "status_date", "form", "manual_import", "manual_add", "manual_remove", "bulk_remove", "checkout",
    "inbound_message", "preference_page", "sftp", "carrier_deactivation", "provided_landline", "message_blocked",
    "provided_no_age", "failed_age_gate", "integration",
)  # fmt: skip
_SUBSCRIPTIONS: Mapping[tuple[str, bool], Mapping[str, Sequence[str]]] = {
    ("email", True): {"any": (), "subscribed": _OF_EMAIL, "never_subscribed": ()},
    ("email", False): {
        "any": _SUPPRESSIONS,
        "unsubscribed": _OF_NO_EMAIL,
        "never_subscribed": _SUPPRESSIONS,
        "subscribed": _SUPPRESSIONS,
    },
    ("sms", True): {"subscribed": _OF_SMS},
    ("sms", False): {"any": (), "unsubscribed": _OF_NO_SMS, "never_subscribed": ()},
    ("push", True): {"any": _STATUS},
    ("push", False): {"any": ()},
}
"""By channel and whether marketing can be received: what the subscription may be, and the filters of each.

Names that are no fields are methods.
"""
_FIELDS: Mapping[str, Sequence[str]] = {
    "is_double_opt_in": ("boolean",),
    "status_date": DATES,
    "custom_source": ("text-equals",),
    "bounce_date": (*DATES, "is-set"),
    "manual_suppression_date": (*DATES, "is-set"),
    "invalid_email_date": (*DATES, "is-set"),
    RCS: ("boolean",),
}
_METHOD_FILTERS: Mapping[str, Sequence[str]] = {
    "form": ("text-in",),
    "api": ("text-in",),
    "manual_import": ("text-in",),
    "manual_add": ("text-in",),
    "preference_page": ("text-equals",),
    "integration": ("text-in",),
}
"""Methods whose detail can be filtered: ids of forms, ends of API keys, addresses of users, a page's URL."""
_PERMISSION_METHODS = (
    "api", "back_in_stock", "bigcommerce", "bulk_remove", "campaign_monitor", "carrier_deactivation", "checkout",
    "constant_contact", "exact_target", "facebook", "failed_age_gate", "form", "inbound_message", "integration",
    "mad_mimi", "magento_two", "mailbox_provider", "manual_add", "manual_import", "manual_remove", "message_blocked",
    "netsuite", "preference_page", "provided_landline", "provided_no_age", "sftp", "shopify",
    "social_instagram_message", "spam_complaint", "square", "wix", "woocommerce",
)  # fmt: skip
_PERMISSION_FIELDS = ("effective_date", "recorded_date", "subscribe_method")


@dataclass(frozen=True, slots=True)
class ConsentFilter:
    """What must hold of a consent or a suppression: of one field, or of the method, and of the method's detail."""

    field: str
    filter: ValueFilter | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class MarketingConsent:
    """Whether marketing can be received in a channel, and how that came."""

    channel: str
    can_receive: bool
    subscription: str
    filters: tuple[ConsentFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether somebody said, or denied, that WhatsApp messages of a kind are welcome."""

    channel: Literal["whatsapp_marketing", "whatsapp_transactional"]
    reachable: bool
    filters: tuple[ConsentFilter, ...] = ()


def read_marketing_consent(found: Object, pointer: str) -> MarketingConsent:
    """A condition of the type `profile-marketing-consent`. Raises a 400 refusal that names the member."""
    only(found, {"type", "consent"}, RESOURCE, pointer)
    consent = member(found, "consent", pointer)
    at = f"{pointer}/consent"
    only(consent, {"channel", "can_receive_marketing", "consent_status"}, RESOURCE, at)
    channel = choice(consent, "channel", at, ("email", "sms", "push"))
    can_receive = boolean(consent, "can_receive_marketing", at)
    status = member(consent, "consent_status", at)
    at = f"{at}/consent_status"
    only(status, {"subscription", "filters"}, RESOURCE, at)
    known = _SUBSCRIPTIONS[channel, can_receive]
    subscription = choice(status, "subscription", at, tuple(known))
    filters = tuple(
        _consent_filter(item, f"{at}/filters/{index}", known[subscription])
        for index, item in enumerate(_filters(status, at))
    )
    return MarketingConsent(channel, can_receive, subscription, filters)


def read_permission(found: Object, pointer: str) -> Permission:
    """A condition of the type `profile-permissions`. Raises a 400 refusal that names the member."""
    only(found, {"type", "channel", "permission"}, RESOURCE, pointer)
    channel = choice(found, "channel", pointer, ("whatsapp_marketing", "whatsapp_transactional"))
    permission = member(found, "permission", pointer)
    at = f"{pointer}/permission"
    only(permission, {"reachable_status", "filters"}, RESOURCE, at)
    explicit = ("explicitly_reachable", "explicitly_unreachable")
    status = choice(permission, "reachable_status", at, (*explicit, *IMPLICIT))
    if status in IMPLICIT:
        detail = f"The emulator does not evaluate '{status}' in 'profile-permissions' conditions."
        raise invalid(detail, f"{at}/reachable_status")
    filters = tuple(
        _permission_filter(item, f"{at}/filters/{index}") for index, item in enumerate(_filters(permission, at))
    )
    reachable = status == explicit[0]
    if channel == "whatsapp_marketing":
        return Permission("whatsapp_marketing", reachable, filters)
    return Permission("whatsapp_transactional", reachable, filters)


def _filters(holder: Object, at: str) -> list[object]:
    listed = holder.get("filters")
    return [] if listed is None else as_list(listed, f"{at}/filters")


def _consent_filter(value: object, pointer: str, allowed: Sequence[str]) -> ConsentFilter:
    found = as_object(value, pointer)
    methods = [name for name in allowed if name not in _FIELDS]
    fields = [name for name in allowed if name in _FIELDS] + (["method"] if methods else [])
    if not fields:
        raise invalid("There are no filters of this subscription.", pointer)
    field = choice(found, "field", pointer, fields)
    if field == "method":
        return _method_filter(found, pointer, field, methods)
    only(found, {"field", "filter"}, RESOURCE, pointer)
    if found.get("filter") is None:
        raise required("filter", pointer)
    if field == RCS:
        detail = f"The emulator does not evaluate '{RCS}' in 'profile-marketing-consent' conditions."
        raise invalid(detail, f"{pointer}/field")
    return ConsentFilter(field, read_filter(found["filter"], f"{pointer}/filter", _FIELDS[field]))


def _permission_filter(value: object, pointer: str) -> ConsentFilter:
    found = as_object(value, pointer)
    field = choice(found, "field", pointer, _PERMISSION_FIELDS)
    if field == "subscribe_method":
        return _method_filter(found, pointer, "method", _PERMISSION_METHODS)
    only(found, {"field", "filter"}, RESOURCE, pointer)
    if found.get("filter") is None:
        raise required("filter", pointer)
    return ConsentFilter(field, read_filter(found["filter"], f"{pointer}/filter", DATES))


def _method_filter(found: Object, pointer: str, field: str, methods: Sequence[str]) -> ConsentFilter:
    only(found, {"field", "method", "filter"}, RESOURCE, pointer)
    method = choice(found, "method", pointer, methods)
    detail = found.get("filter")
    if detail is None:
        return ConsentFilter(field, method=method)
    if method not in _METHOD_FILTERS:
        raise invalid(f"The method '{method}' has no filter.", f"{pointer}/filter")
    return ConsentFilter(field, read_filter(detail, f"{pointer}/filter", _METHOD_FILTERS[method]), method)
