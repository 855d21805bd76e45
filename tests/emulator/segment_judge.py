"""Segments evaluated by somebody who takes one profile after the other, and reads the JSON of a definition as it is."""

from __future__ import annotations

import calendar
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from segment_world import ALWAYS, Json

if TYPE_CHECKING:
    from segment_world import World


class Judge:
    """Reads everything that is stored, and judges the JSON of a definition by itself, profile by profile."""

    def __init__(self, world: World) -> None:
        self.now = datetime.fromtimestamp(world.now, UTC)
        rows = world.connection.execute
        self.profiles = rows("SELECT seq, external_id, email, created, details FROM profile").fetchall()
        self.events = rows(
            "SELECT profile, metric.name, time, unique_id, value, properties "
            "FROM event JOIN metric ON metric.seq = metric"
        ).fetchall()
        self.members = rows("SELECT profile, group_id, joined FROM member").fetchall()
        self.consents = dict(rows("SELECT profile, status FROM consent WHERE channel = 'email.marketing'").fetchall())
        self.suppressed = {row[0] for row in rows("SELECT profile FROM suppression WHERE list_id = ''")}

    def who(self, definition: Json) -> str:
        return " ".join(
            sorted(
                profile[1]
                for profile in self.profiles
                if all(
                    any(self.holds(condition, profile) for condition in group["conditions"])
                    for group in definition["condition_groups"]
                )
            )
        )

    def holds(self, condition: Json, profile: Json) -> bool:
        seq, _, email, created, details = profile
        match condition["type"]:
            case "profile-property":
                details = json.loads(details)
                values = {
                    "email": email,
                    "first_name": details.get("first_name"),
                    "location['city']": details.get("location", {}).get("city"),
                    "created": datetime.fromtimestamp(created, UTC),
                }
                values |= {f"properties['{name}']": value for name, value in details.get("properties", {}).items()}
                return self.passes(values.get(condition["property"]), condition["filter"])
            case "profile-metric":
                measured = [event[4] or 0 for event in self.events if event[0] == seq and self.counts(event, condition)]
                found = len(measured) if condition["measurement"] == "count" else sum(measured)
                return compare(found, condition["measurement_filter"])
            case "profile-group-membership":
                joined = [at for member, group, at in self.members if member == seq and group in condition["group_ids"]]
                if not condition["is_member"]:
                    return not joined
                frame = condition["timeframe_filter"] or ALWAYS
                return any(self.in_frame(datetime.fromtimestamp(at, UTC), frame) for at in joined)
            case "profile-region":
                return self.is_in_region(json.loads(details).get("location", {}).get("country"), condition)
            case _:
                wanted = condition["consent"]
                status = self.consents.get(seq)
                receives = email is not None and seq not in self.suppressed and status != "UNSUBSCRIBED"
                subscription = wanted["consent_status"]["subscription"]
                fits = subscription in {"any", (status or "NEVER_SUBSCRIBED").lower()}
                return receives == wanted["can_receive_marketing"] and fits

    def is_in_region(self, country: str | None, condition: Json) -> bool:
        regions = {"DE": "european_union", "US": "united_states", "Peru": "none"}
        if not country:
            return False
        return (regions[country] == condition["region"]) == condition["in_region"]

    def counts(self, event: Json, condition: Json) -> bool:
        _, metric, time, unique_id, value, properties = event
        known = json.loads(properties) | {"$event_id": unique_id}
        if value is not None:
            known["$value"] = value
        if metric != condition["metric_id"]:
            return False
        if not self.in_frame(datetime.fromtimestamp(time, UTC), condition["timeframe_filter"]):
            return False
        for item in condition["metric_filters"] or []:
            found = known.get(item["property"])
            if found is None or found == "" or (not isinstance(found, bool) and found == 0):
                found = None
            if item["filter"] is not None and not self.passes(found, item["filter"]):
                return False
        return True

    def passes(self, value: Json, found: Json) -> bool:  # noqa: PLR0911 - a line for each type
        operator = found["operator"]
        if found["type"] == "existence":
            return (value is None) == (operator == "not-set")
        if value is None:
            return False
        match found["type"]:
            case "string":
                return self.passes_text(value, operator, found["value"])
            case "numeric":
                return is_number(value) and compare(value, found)
            case "boolean":
                return value is found["value"]
            case "list":
                return isinstance(value, list) and passes_list(value, operator, found["value"])
            case _:
                if isinstance(value, str):
                    try:
                        value = datetime.fromisoformat(value).replace(tzinfo=UTC)
                    except ValueError:
                        return False
                return isinstance(value, datetime) and self.in_frame(value, found)

    def passes_text(self, value: Json, operator: str, wanted: Json) -> bool:
        if isinstance(value, list) and operator in {"contains", "not-contains"}:
            return (wanted is not None and wanted in value) == (operator == "contains")
        if not isinstance(value, str):
            return False
        if operator in {"in", "not-in"}:
            return (value in wanted) == (operator == "in")
        negative = operator == "nregex" or operator.startswith("not-")
        if wanted is None:
            return negative
        holds = {
            "equals": value == wanted,
            "contains": wanted in value,
            "starts-with": value.startswith(wanted),
            "ends-with": value.endswith(wanted),
            "regex": operator.endswith("regex") and bool(re.search(wanted, value)),
        }[operator.removeprefix("not-").removeprefix("n")]
        return holds != negative

    def in_frame(self, value: datetime, found: Json) -> bool:  # noqa: C901, PLR0911 - a line for each operator
        operator, day = found["operator"], timedelta(days=1)
        midnight = datetime.combine(self.now.date(), datetime.min.time(), UTC)
        size = {"hour": timedelta(hours=1), "day": day, "week": 7 * day}.get(found.get("unit", ""), day)
        by_day = size >= day
        back = midnight if by_day else self.now
        ahead = midnight + day - timedelta(seconds=1) if by_day else self.now
        match operator:
            case "alltime":
                return True
            case "before" | "after":
                at = parse(found["date"])
                if operator == "before":
                    return value < at
                return value >= at + day if at.time() == datetime.min.time() else value > at
            case "between-static":
                end = parse(found["end"])
                last = end + day - timedelta(seconds=1) if end.time() == datetime.min.time() else end
                return parse(found["start"]) <= value <= last
            case "between":
                near, far = sorted((found["start"], found["end"]))
                end = midnight - near * size + day - timedelta(seconds=1) if by_day else self.now - near * size
                return back - far * size <= value <= end
            case "anniversary":
                return (value.month, value.day) == (self.now.month, self.now.day)
            case "anniversary-month":
                return value.month == self.now.month
            case "calendar-month":
                return value.month == found["value"]
            case "at-least":
                return value < back - found["quantity"] * size
            case "in-the-last":
                return back - found["quantity"] * size <= value <= self.now
            case "in-the-next":
                return self.now < value <= ahead + found["quantity"] * size
            case _:
                straight = operator.replace("anniversary", "in-the")
                return any(
                    self.in_frame(value.replace(year=year), {**found, "operator": straight})
                    for year in range(self.now.year - 10, self.now.year + 10)
                    if (value.month, value.day) != (2, 29) or calendar.isleap(year)
                )


def parse(written: str) -> datetime:
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def compare(value: float, found: Json) -> bool:
    return {
        "equals": value == found["value"],
        "not-equals": value != found["value"],
        "greater-than": value > found["value"],
        "greater-than-or-equal": value >= found["value"],
        "less-than": value < found["value"],
        "less-than-or-equal": value <= found["value"],
    }[found["operator"]]


def passes_list(items: list[Json], operator: str, wanted: Json) -> bool:
    texts = [item for item in items if isinstance(item, str)]
    match operator.removeprefix("not-"):
        case "contains":
            holds = any(item == wanted for item in items) and wanted is not None
        case "contains-any":
            holds = any(item in wanted for item in texts)
        case "contains-all":
            holds = all(item in texts for item in wanted)
        case "contains-substring":
            holds = wanted is not None and any(wanted in item for item in texts)
        case length:
            return compare(len(items), {"operator": length.removeprefix("length-"), "value": wanted})
    return holds != operator.startswith("not-")
