"""Mapped metrics: which metric, or custom metric, stands for each of Klaviyo's seven notions of commerce."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import invalid, permission_denied
from klaviyo_emulator.payload import Object
from klaviyo_emulator.routes.resources import linked, many, one, record_type, related, related_ids, write_one
from klaviyo_emulator.state import links
from klaviyo_emulator.state.account import MAPPED_METRICS
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import Record, change_record, find_record

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types
    from klaviyo_emulator.routes.resources import View

LIVE_CHANGES_A_DAY = 2
"""Of one slot. The specification does not mention it."""
_DAY_US = 86_400_000_000
_RELATIONS = ("metric", "custom-metric")


def _attributes(_view: View, record: Record) -> Document:
    return {"updated": format_micros(record.updated_us)}


def _find(connection: sqlite3.Connection, slot: str) -> Record | None:
    if slot not in MAPPED_METRICS:
        raise invalid(f"Invalid Mapped Metric ID: '{slot}'", "/data/id")
    return find_record(connection, "mapped-metric", slot)


MAPPED_METRIC = replace(
    record_type(
        "mapped-metric",
        "Mapped metric",
        _attributes,
        relations=tuple(
            replace(linked(name, name, many=False, of="mapped-metric"), present=True) for name in _RELATIONS
        ),
    ),
    find=_find,
)
TYPES: Types = {"mapped-metric": MAPPED_METRIC}


async def update_mapped_metric(context: Context, request: ApiRequest) -> Reply:
    """Map a slot to a metric or to a custom metric; null takes the mapping away."""
    named: Object = request.resource().get("relationships") or Object()
    wanted: dict[str, Object | None] = {
        name: named[name]["data"] for name in _RELATIONS if "data" in (named.get(name) or ())
    }
    if len([data for data in wanted.values() if data is not None]) == len(_RELATIONS):
        raise invalid("A slot is mapped to a metric or to a custom metric, not to both.", "/data/relationships")

    def work(connection: sqlite3.Connection) -> Record:
        record = MAPPED_METRIC.get(connection, request.arguments[0])
        if not wanted:
            return record
        for name, data in wanted.items():
            others = _RELATIONS if data is not None else (name,)
            for other in others:
                links.relink(connection, context.mint, Relationship("mapped-metric", record.id, other), ())
            if data is not None:
                kind = context.types[name]
                if kind.find(connection, data["id"]) is None:
                    raise invalid(
                        f"{kind.title} with id {data['id']} not found.", f"/data/relationships/{name}/data/id"
                    )
                links.link(connection, context.mint, Relationship("mapped-metric", record.id, name), [data["id"]])
        return change_record(connection, context.mint, record, _counted(context, record))

    return await write_one(context, request, MAPPED_METRIC, work)


def _counted(context: Context, record: Record) -> Object:
    """The change as it is counted for the day, by UTC. Raises a 403 refusal where the live API has had enough."""
    today = context.mint.now_us() // _DAY_US
    changes: int = record.body["changes"] + 1 if record.body.get("changed_on") == today else 1
    if context.config.behaviour == "live" and changes > LIVE_CHANGES_A_DAY:
        raise permission_denied(f"A mapped metric can be changed {LIVE_CHANGES_A_DAY} times a day.")
    return {"changed_on": today, "changes": changes}


ROUTES: Routes = {
    "get_mapped_metrics": many(MAPPED_METRIC),
    "get_mapped_metric": one(MAPPED_METRIC),
    "update_mapped_metric": update_mapped_metric,
    "get_metric_for_mapped_metric": related(MAPPED_METRIC, "metric"),
    "get_metric_id_for_mapped_metric": related_ids(MAPPED_METRIC, "metric"),
    "get_custom_metric_for_mapped_metric": related(MAPPED_METRIC, "custom-metric"),
    "get_custom_metric_id_for_mapped_metric": related_ids(MAPPED_METRIC, "custom-metric"),
}
