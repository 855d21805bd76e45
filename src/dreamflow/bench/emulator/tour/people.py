"""Accounts, events, metrics, profiles, lists, segments, and the end of a profile's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamflow.bench.emulator.tour.steps import Document, Step, Wait, document, ids, to_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamflow.bench.emulator.tour.steps import Pad

_KIM = "kim@example.org"
_LOU = "lou@example.org"
_MAX = "max@example.org"


def _event(metric: str, **more: object) -> Document:
    properties = {"theme": "sea", "minutes": 9}
    return {"properties": properties, "metric": document("metric", {"name": metric}), "value": 4.5, **more}


def _several_events(profile: str, *events: Document) -> Document:
    entry = {
        "type": "event-bulk-create",
        "attributes": {
            "profile": document("profile", {"email": profile}),
            "events": {"data": [{"type": "event", "attributes": event} for event in events]},
        },
    }
    return document("event-bulk-create-job", {"events-bulk-create": {"data": [entry]}})


def _profiles(*profiles: Document) -> Document:
    return {"profiles": {"data": [{"type": "profile", "attributes": attributes} for attributes in profiles]}}


def _consent(address: str, consent: str) -> Document:
    return {"email": address, "subscriptions": {"email": {"marketing": {"consent": consent}}}}


def _aggregates(pad: Pad) -> Document:
    between = ["greater-or-equal(datetime,2026-01-01T00:00:00)", "less-than(datetime,2026-12-31T00:00:00)"]
    asked = {"metric_id": pad["metrics"], "measurements": ["count", "unique", "sum_value"], "interval": "month"}
    return document("metric-aggregate", {**asked, "filter": between})


def _custom_metric(pad: Pad, *, existing: bool = False) -> Document:
    definition = {"aggregation_method": "count", "metric_groups": [{"metric_id": pad["metrics"]}]}
    named = {"id": pad["custom-metrics"]} if existing else {}
    return document("custom-metric", {"name": "Nights", "definition": definition}, None, **named)


def _quiet(pad: Pad) -> Document:
    condition = {
        "type": "profile-metric",
        "metric_id": pad["metrics"],
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "greater-than-or-equal", "value": 1},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 14},
    }
    definition = {"condition_groups": [{"conditions": [condition]}]}
    return document("segment", {"name": "Readers", "definition": definition})


def _subscription(pad: Pad, verb: str, profile: Document) -> Document:
    return document(f"profile-subscription-bulk-{verb}-job", _profiles(profile), to_one("list", pad["lists"]))


STEPS: Sequence[Step | Wait] = [
    Step("get_accounts"),
    # The first events make the metric and the profile that the rest is about.
    Step("create_event", document("event", _event("Story Told", profile=document("profile", {"email": _KIM})))),
    Step("bulk_create_events", _several_events(_KIM, _event("Story Told"), _event("Story Skipped"))),
    Wait(1),
    Step("get_metrics"),
    Step("get_events"),
    Step("get_profiles"),
    Step("get_property_ids_for_metric"),
    Step("query_metric_aggregates", _aggregates),
    Step("create_custom_metric", _custom_metric),
    Step("update_custom_metric", lambda pad: _custom_metric(pad, existing=True)),
    # A slot stands for a metric or a custom one, so the first is read before the second takes its place.
    Step("get_mapped_metrics"),
    Step(
        "update_mapped_metric",
        lambda pad: document("mapped-metric", None, to_one("metric", pad["metrics"]), id=pad["mapped-metrics"]),
    ),
    Step("get_metric_for_mapped_metric"),
    Step("get_metric_id_for_mapped_metric"),
    Step(
        "update_mapped_metric",
        lambda pad: document(
            "mapped-metric", None, to_one("custom-metric", pad["custom-metrics"]), id=pad["mapped-metrics"]
        ),
    ),
    Step("create_list", document("list", {"name": "Parents", "opt_in_process": "single_opt_in"})),
    Step("update_list", lambda pad: document("list", {"name": "Families"}, id=pad["lists"])),
    Step("create_profile", document("profile", {"email": _LOU, "first_name": "Lou"}), keeps="Lou"),
    Step("update_profile", lambda pad: document("profile", {"first_name": "Kim"}, id=pad["profiles"])),
    Step("create_or_update_profile", document("profile", {"email": _MAX, "properties": {"plan": "yearly"}})),
    Step(
        "merge_profiles",
        lambda pad: document("profile-merge", None, {"profiles": ids("profile", pad["Lou"])}, id=pad["profiles"]),
    ),
    Step(
        "bulk_import_profiles",
        lambda pad: document(
            "profile-bulk-import-job",
            _profiles({"email": "ida@example.org"}, {"email": "nobody"}),
            {"lists": ids("list", pad["lists"])},
        ),
    ),
    Step("bulk_subscribe_profiles", lambda pad: _subscription(pad, "create", _consent(_KIM, "SUBSCRIBED"))),
    Step("bulk_unsubscribe_profiles", lambda pad: _subscription(pad, "delete", _consent(_MAX, "UNSUBSCRIBED"))),
    Step("bulk_suppress_profiles", document("profile-suppression-bulk-create-job", _profiles({"email": _MAX}))),
    Wait(1),
    Step("bulk_unsuppress_profiles", document("profile-suppression-bulk-delete-job", _profiles({"email": _MAX}))),
    Step(
        "create_push_token",
        lambda pad: document(
            "push-token",
            {
                "token": "T1",
                "platform": "ios",
                "vendor": "apns",
                "profile": document("profile", {}, id=pad["profiles"]),
            },
        ),
    ),
    Step("get_push_tokens"),
    Step("add_profiles_to_list", lambda pad: ids("profile", pad["profiles"])),
    Step("create_segment", _quiet),
    Step("update_segment", lambda pad: document("segment", {"name": "Quiet"}, id=pad["segments"])),
    Wait(1),
]


LAST: Sequence[Step | Wait] = [
    Step("delete_push_token"),
    Step("remove_profiles_from_list", lambda pad: ids("profile", pad["profiles"])),
    Step("delete_segment"),
    Step("delete_list"),
    Step("delete_custom_metric"),
    Step(
        "request_profile_deletion",
        document("data-privacy-deletion-job", {"profile": document("profile", {"email": _KIM})}),
    ),
    Wait(1),
]
