"""Custom metrics: what counts as one, put together from the events of other metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import invalid
from klaviyo_emulator.payload import filled
from klaviyo_emulator.routes.resources import (
    linked,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_one,
    write_silently,
)
from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.metrics import find_metric
from klaviyo_emulator.state.records import (
    Record,
    change_record,
    count_records,
    create_record,
    delete_record,
    find_named,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types
    from klaviyo_emulator.routes.resources import View

MAXIMUM = 1
MAXIMUM_WITH_ADVANCED_KDP = 50
_DEFINITION = "/data/attributes/definition"


def _attributes(_view: View, record: Record) -> Document:
    return {
        "name": record.body["name"],
        "created": format_micros(record.created_us),
        "updated": format_micros(record.updated_us),
        "definition": record.body["definition"],
    }


CUSTOM_METRIC = record_type(
    "custom-metric",
    "Custom metric",
    _attributes,
    relations=(linked("metrics", "metric", of="custom-metric", always=True),),
)
TYPES: Types = {"custom-metric": CUSTOM_METRIC}


async def create_custom_metric(context: Context, request: ApiRequest) -> Reply:
    """Make a custom metric from metrics that exist."""
    attributes = request.resource()["attributes"]
    name = filled(attributes, "name", "/data/attributes")
    definition = _definition(attributes["definition"])
    maximum = MAXIMUM_WITH_ADVANCED_KDP if context.config.advanced_kdp else MAXIMUM

    def work(connection: sqlite3.Connection) -> Record:
        if count_records(connection, "custom-metric") >= maximum:
            raise invalid(f"This account may have {maximum} custom metrics.", "/data")
        _refuse_known(connection, name)
        record = create_record(
            connection, context.mint, "custom-metric", context.mint.ulid(), {"name": name, "definition": definition}
        )
        _link(connection, context, record)
        return record

    return await write_one(context, request, CUSTOM_METRIC, work, 201)


async def update_custom_metric(context: Context, request: ApiRequest) -> Reply:
    """Change the name or the definition; null leaves either as it is."""
    attributes: Object = request.resource()["attributes"]
    changes: Object = {}
    if attributes.get("name") is not None:
        changes["name"] = filled(attributes, "name", "/data/attributes")
    if attributes.get("definition") is not None:
        changes["definition"] = _definition(attributes["definition"])

    def work(connection: sqlite3.Connection) -> Record:
        record = CUSTOM_METRIC.get(connection, request.arguments[0])
        if "name" in changes:
            _refuse_known(connection, changes["name"], record.id)
        record = change_record(connection, context.mint, record, changes)
        _link(connection, context, record)
        return record

    return await write_one(context, request, CUSTOM_METRIC, work)


async def delete_custom_metric(context: Context, request: ApiRequest) -> Reply:
    """Delete a custom metric; a slot that it was mapped to is free again."""

    def work(connection: sqlite3.Connection) -> None:
        record = CUSTOM_METRIC.get(connection, request.arguments[0])
        links.unlink_target(connection, "mapped-metric", "custom-metric", record.id)
        delete_record(connection, "custom-metric", record.id)

    return await write_silently(context, work)


def _refuse_known(connection: sqlite3.Connection, name: str, own: str = "") -> None:
    known = find_named(connection, "custom-metric", name)
    if known is not None and known.id != own:
        raise invalid(f"A custom metric with the name '{name}' exists already.", "/data/attributes/name")


def _link(connection: sqlite3.Connection, context: Context, record: Record) -> None:
    """Link a custom metric to the metrics of its definition, which must exist."""
    named: list[str] = [group["metric_id"] for group in record.body["definition"]["metric_groups"]]
    for index, metric_id in enumerate(named):
        if find_metric(connection, metric_id) is None:
            pointer = f"{_DEFINITION}/metric_groups/{index}/metric_id"
            raise invalid(f"Metric with id {metric_id} not found.", pointer)
    links.relink(connection, context.mint, Relationship("custom-metric", record.id, "metrics"), named)


def _definition(definition: Object) -> Object:
    groups: list[Object] = definition["metric_groups"]
    if not groups:
        raise invalid("A custom metric needs a metric group.", f"{_DEFINITION}/metric_groups")
    for index, group in enumerate(groups):
        filters: list[Object] = group.get("metric_filters") or []
        for position, condition in enumerate(filters):
            at = f"{_DEFINITION}/metric_groups/{index}/metric_filters/{position}/filter"
            _check_filter(condition.get("filter"), at)
    return definition


def _check_filter(given: object, pointer: str) -> None:
    """Refuse a filter whose operator or value does not go with its type."""
    if not isinstance(given, dict):
        raise invalid("A filter is needed.", pointer)
    described = cast("Object", given)
    operators = _FILTERS.get(str(described.get("type")))
    if operators is None:
        raise invalid(f"The type of a filter must be one of {', '.join(_FILTERS)}.", f"{pointer}/type")
    accepts = operators.get(str(described.get("operator")))
    if accepts is None:
        known = ", ".join(operators)
        raise invalid(f"Operators of this type are {known}.", f"{pointer}/operator")
    if not accepts(described.get("value")):
        raise invalid("The value does not go with the operator.", f"{pointer}/value")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_item(value: object) -> bool:
    return _is_text(value) or (isinstance(value, int) and not isinstance(value, bool))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value))


def _is_absent(value: object) -> bool:
    return value is None


def _each(operators: str, accepts: Callable[[object], bool]) -> dict[str, Callable[[object], bool]]:
    return dict.fromkeys(operators.split(), accepts)


_FILTERS: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "string": {
        **_each("contains ends-with equals nregex regex starts-with", _is_text),
        **_each("not-contains not-ends-with not-equals not-starts-with", _is_text),
        **_each("in", _is_texts),
    },
    "numeric": _each("equals greater-than greater-than-or-equal less-than less-than-or-equal not-equals", _is_number),
    "boolean": _each("equals", lambda value: isinstance(value, bool)),
    "existence": _each("is-set not-set", _is_absent),
    "list": {
        **_each("contains not-contains", _is_item),
        **_each("contains-starts-with contains-ends-with not-contains-starts-with not-contains-ends-with", _is_item),
        **_each("contains-substring not-contains-substring", _is_text),
    },
}
"""The operators of each type of filter, and what value each takes."""

ROUTES: Routes = {
    "get_custom_metrics": many(CUSTOM_METRIC),
    "get_custom_metric": one(CUSTOM_METRIC),
    "create_custom_metric": create_custom_metric,
    "update_custom_metric": update_custom_metric,
    "delete_custom_metric": delete_custom_metric,
    "get_metrics_for_custom_metric": related(CUSTOM_METRIC, "metrics"),
    "get_metric_ids_for_custom_metric": related_ids(CUSTOM_METRIC, "metrics"),
}
