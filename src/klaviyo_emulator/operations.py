"""What each operation is: facts only, as data.

`operations.tsv` names every operation of revision 2026-07-15 and those that the official SDK 25 adds in 2026-10-15,
with method, path, rate windows, scopes and first revision. `READING` adds, for the operations that are
built and read something, which query parameters they take.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from klaviyo_emulator.filters import FieldRule

if TYPE_CHECKING:
    from collections.abc import Mapping

REVISIONS = ("2026-07-15", "2026-10-15")
"""The revisions whose shapes are spoken; each also as `.pre`."""

MINUTE_SECONDS = 60
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests fit in each fixed window."""

    burst: int
    steady: int
    daily: int | None = None

    def windows(self) -> tuple[tuple[int, int], ...]:
        """(requests, seconds) of each window, shortest first."""
        windows = ((self.burst, 1), (self.steady, MINUTE_SECONDS))
        return windows if self.daily is None else (*windows, (self.daily, DAY_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which query parameters an operation takes beyond none."""

    filters: Mapping[str, FieldRule] = field(default_factory=dict[str, FieldRule])
    sorts: tuple[str, ...] = ()
    default_sort: str = ""
    default_size: int = 0
    """0 where there is no `page[size]`."""
    maximum_size: int = 0
    cursor: bool = False
    includes: tuple[str, ...] = ()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    additional: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


NOTHING = Reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the API."""

    id: str
    method: str
    path: str
    rate: Rate | None
    scopes: frozenset[str]
    since: str
    reading: Reading = NOTHING


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOCATION_FIELDS = (
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
    "ip",
)
"""What a profile's `location` has, in the order it is written."""
PREDICTIVE_FIELDS = (
    "historic_number_of_orders",
    "predicted_number_of_orders",
    "average_days_between_orders",
    "average_order_value",
    "historic_clv",
    "predicted_clv",
    "total_clv",
    "churn_probability",
    "expected_date_of_next_order",
    "ranked_channel_affinity",
)
"""What a profile's `predictive_analytics` has, in the order it is written."""

_EQUALS = frozenset({"equals"})
_LISTED = frozenset({"any", "equals"})
_RANGE = frozenset({"greater-or-equal", "greater-than", "less-or-equal", "less-than"})
_AROUND = frozenset({"greater-than", "less-than"})
_HAS = frozenset({"has"})

_ACCOUNT_FIELDS = _words(
    "id industry locale preferred_currency public_api_key test_account timezone contact_information "
    "contact_information.default_sender_email contact_information.default_sender_name "
    "contact_information.organization_name contact_information.website_url contact_information.street_address "
    "contact_information.street_address.address1 contact_information.street_address.address2 "
    "contact_information.street_address.city contact_information.street_address.country "
    "contact_information.street_address.region contact_information.street_address.zip"
)
_EVENT_FIELDS = _words("id datetime event_properties timestamp uuid")
_METRIC_FIELDS = _words("id created integration name updated")
_FLOW_FIELDS = _words("id archived created name status trigger_type updated")
_ATTRIBUTION_FIELDS = _words("id")
_CONVERSATION_FIELDS = _words("id channel")
_LIST_FIELDS = _words("id created name opt_in_process updated")
_SEGMENT_FIELDS = _words(
    "id created definition definition.condition_groups is_active is_processing is_starred name updated"
)
_PUSH_TOKEN_FIELDS = _words(
    "id background created enablement_status metadata platform recorded_date token vendor "
    "metadata.app_build metadata.app_id metadata.app_name metadata.app_version metadata.device_id "
    "metadata.device_model metadata.environment metadata.klaviyo_sdk metadata.manufacturer metadata.os_name "
    "metadata.os_version metadata.sdk_version"
)
_PROFILE_FIELDS = _words(
    "id created email external_id first_name image last_event_date last_name locale location organization "
    "phone_number properties title updated"
) | {f"location.{name}" for name in LOCATION_FIELDS}
_CONSENT = "can_receive consent consent_timestamp created_timestamp last_updated metadata valid_until"
_SMS = "consent consent_timestamp last_updated method method_detail"
_SUBSCRIPTIONS: Mapping[str, str] = {
    "email.marketing": "can_receive_email_marketing consent consent_timestamp custom_method_detail double_optin "
    "last_updated list_suppressions method method_detail suppression",
    "email.open_tracking": _CONSENT,
    "sms.marketing": f"can_receive_sms_marketing {_SMS}",
    "sms.transactional": f"can_receive_sms_transactional {_SMS}",
    "mobile_push.marketing": "can_receive_push_marketing consent consent_timestamp",
    "whatsapp.marketing": f"{_CONSENT} phone_number",
    "whatsapp.transactional": f"{_CONSENT} phone_number",
    "whatsapp.conversational": f"{_CONSENT} phone_number",
}
_FULL_PROFILE_FIELDS = (
    _PROFILE_FIELDS
    | {"predictive_analytics", "subscriptions"}
    | {f"predictive_analytics.{name}" for name in PREDICTIVE_FIELDS}
    | {f"subscriptions.{path.partition('.')[0]}" for path in _SUBSCRIPTIONS}
    | {f"subscriptions.{path}" for path in _SUBSCRIPTIONS}
    | {f"subscriptions.{path}.{name}" for path, names in _SUBSCRIPTIONS.items() for name in names.split()}
)
_ADDITIONAL = {"profile": frozenset({"subscriptions", "predictive_analytics"})}
_SUPPRESSION = "subscriptions.email.marketing.suppression"
_LIST_SUPPRESSIONS = "subscriptions.email.marketing.list_suppressions"

_EVENT_RELATED = {
    "event": _EVENT_FIELDS,
    "metric": _METRIC_FIELDS,
    "profile": _PROFILE_FIELDS,
    "attribution": _ATTRIBUTION_FIELDS,
}
_EVENT_INCLUDES = ("attributions", "metric", "profile")
_METRIC = Reading(includes=("flow-triggers",), fields={"metric": _METRIC_FIELDS, "flow": _FLOW_FIELDS})
_WRITTEN_PROFILE = Reading(fields={"profile": _FULL_PROFILE_FIELDS}, additional=_ADDITIONAL)

READING: Mapping[str, Reading] = {
    "get_accounts": Reading(fields={"account": _ACCOUNT_FIELDS}),
    "get_account": Reading(fields={"account": _ACCOUNT_FIELDS}),
    "get_events": Reading(
        filters={
            "metric_id": FieldRule(single=_EQUALS, many=_EQUALS),
            "profile_id": FieldRule(single=_EQUALS),
            "profile": FieldRule(bare=_HAS),
            "metric": FieldRule(bare=_HAS),
            "datetime": FieldRule("datetime", single=_RANGE),
            "timestamp": FieldRule("number", single=_RANGE),
        },
        sorts=("datetime", "timestamp"),
        default_sort="-datetime",
        default_size=200,
        maximum_size=1000,
        cursor=True,
        includes=_EVENT_INCLUDES,
        fields=_EVENT_RELATED,
    ),
    "get_event": Reading(includes=_EVENT_INCLUDES, fields=_EVENT_RELATED),
    "get_metric_for_event": Reading(fields={"metric": _METRIC_FIELDS}),
    "get_profile_for_event": _WRITTEN_PROFILE,
    "get_metrics": Reading(
        filters={"integration.name": FieldRule(single=_EQUALS), "integration.category": FieldRule(single=_EQUALS)},
        default_sort="id",
        cursor=True,
        includes=_METRIC.includes,
        fields=_METRIC.fields,
    ),
    "get_metric": _METRIC,
    "get_profiles": Reading(
        filters={
            "id": FieldRule(single=_EQUALS, many=_LISTED),
            "email": FieldRule(single=_EQUALS, many=_LISTED),
            "phone_number": FieldRule(single=_EQUALS, many=_LISTED),
            "external_id": FieldRule(single=_EQUALS, many=_LISTED),
            "_kx": FieldRule(single=_EQUALS),
            "created": FieldRule("datetime", single=_AROUND),
            "updated": FieldRule("datetime", single=_AROUND),
            f"{_LIST_SUPPRESSIONS}.reason": FieldRule(single=_EQUALS),
            f"{_LIST_SUPPRESSIONS}.timestamp": FieldRule("datetime", single=_RANGE),
            f"{_LIST_SUPPRESSIONS}.list_id": FieldRule(single=_EQUALS),
            f"{_SUPPRESSION}.reason": FieldRule(single=_EQUALS),
            f"{_SUPPRESSION}.timestamp": FieldRule("datetime", single=_RANGE),
        },
        sorts=("created", "email", "id", f"{_LIST_SUPPRESSIONS}.timestamp", f"{_SUPPRESSION}.timestamp", "updated"),
        default_sort="id",
        default_size=20,
        maximum_size=100,
        cursor=True,
        includes=("conversations", "push-tokens"),
        fields={
            "profile": _FULL_PROFILE_FIELDS,
            "conversation": _CONVERSATION_FIELDS,
            "push-token": _PUSH_TOKEN_FIELDS,
        },
        additional=_ADDITIONAL,
    ),
    "get_profile": Reading(
        includes=("conversations", "lists", "push-tokens", "segments"),
        fields={
            "profile": _FULL_PROFILE_FIELDS,
            "conversation": _CONVERSATION_FIELDS,
            "list": _LIST_FIELDS,
            "segment": _SEGMENT_FIELDS,
            "push-token": _PUSH_TOKEN_FIELDS,
        },
        additional=_ADDITIONAL,
    ),
    "create_profile": _WRITTEN_PROFILE,
    "update_profile": _WRITTEN_PROFILE,
    "create_or_update_profile": _WRITTEN_PROFILE,
}

METRICS_PAGE_SIZE = 200
"""Metrics have pages, but no `page[size]`."""

PARAMETER_RATES: Mapping[str, Rate] = {
    "additional-fields[profile]=predictive_analytics": Rate(10, 150),
    "include=lists": Rate(1, 15),
    "include=segments": Rate(1, 15),
}
"""Windows that a query parameter is charged to besides its operation's, shared by all operations that take it."""


@cache
def operations() -> Mapping[str, Operation]:
    """Every known operation by its id."""
    text = files("klaviyo_emulator").joinpath("operations.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return {row["operation"]: _operation(row) for row in rows}


def _operation(row: Mapping[str, str]) -> Operation:
    limits = [] if row["rate"] == "-" else [int(number) for number in row["rate"].split("/")]
    return Operation(
        id=row["operation"],
        method=row["method"],
        path=row["path"],
        rate=Rate(*limits) if limits else None,
        scopes=frozenset() if row["scopes"] == "-" else _words(row["scopes"]),
        since=row["since"],
        reading=READING.get(row["operation"], NOTHING),
    )
