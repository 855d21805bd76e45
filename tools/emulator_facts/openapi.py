"""What an OpenAPI file says of operations."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from emulator_facts.facts import METHODS, Filter, Node, Operation, Reading, expect
from emulator_facts.ordering import ordered
from emulator_facts.unions import union

if TYPE_CHECKING:
    from pathlib import Path

CLIENT_AREA = "Client"
_FILTER_TYPES = {"date-time": "datetime", "integer": "number"}
_FORMATS = {"date-time": "datetime", "date": "date"}


class OpenApi:
    """The operations of one OpenAPI file."""

    def __init__(self, path: Path, suffix: str = "") -> None:
        self.document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.schemas = self.document["components"]["schemas"]
        self.raw = {
            item["operationId"].removesuffix(suffix): (method.upper(), path, item)
            for path, methods in self.document["paths"].items()
            for method, item in methods.items()
            if method in METHODS
        }

    def follow(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema behind references, keeping a `nullable` beside one."""
        nullable = False
        while True:
            nullable |= bool(schema.get("nullable"))
            if "$ref" in schema:
                schema = self.schemas[schema["$ref"].rpartition("/")[2]]
            elif len(schema.get("allOf", ())) == 1:
                schema = schema["allOf"][0]
            else:
                return {**schema, "nullable": True} if nullable else schema

    @cache  # noqa: B019 - one instance, which lives as long as the process
    def operation(self, name: str) -> Operation:
        """All that the file says of an operation."""
        method, path, item = self.raw[name]
        limits = item.get("x-klaviyo-ratelimit", {})
        rate = "/".join(limits[key].split("/")[0] for key in ("burst", "steady", "daily") if key in limits)
        content = item.get("requestBody", {}).get("content", {}).get("application/vnd.api+json")
        lists = self._answers_several(item)
        return Operation(
            method=method,
            path=path,
            area=item["tags"][0] if path.startswith("/api/") else CLIENT_AREA,
            rate=rate or "-",
            scopes=" ".join(sorted(item.get("x-klaviyo-scopes", ()))) or "-",
            reading=ordered(name, self._reading(item), lists=lists),
            body=self.node(content["schema"]) if content else None,
            lists=lists,
        )

    def _answers_several(self, item: dict[str, Any]) -> bool:
        content = item["responses"].get("200", {}).get("content", {})
        schema = next(iter(content.values()), {}).get("schema", {})
        data = self.follow(schema).get("properties", {}).get("data", {})
        return self.follow(data).get("type") == "array"

    def _reading(self, item: dict[str, Any]) -> Reading:
        given = {parameter["name"]: parameter for parameter in item.get("parameters", ()) if parameter["in"] == "query"}
        values = {
            name: tuple(parameter["schema"].get("items", parameter["schema"]).get("enum", ()))
            for name, parameter in given.items()
        }
        size = given.get("page[size]", {}).get("schema")
        if size:
            expect(size["minimum"] == 1, f"{item['operationId']}: pages have at least one resource")
        return Reading(
            filters={
                name: _filter(rule) for name, rule in item.get("x-klaviyo-filters", {}).items() if "filter" in given
            },
            sorts=_sorts(values.get("sort", ())),
            size=(size["default"], size["maximum"]) if size else None,
            cursor="page[cursor]" in given,
            includes=tuple(sorted(values.get("include", ()))),
            fields=_typed("fields", values),
            additional=_typed("additional-fields", values),
            others={name: values[name] for name in given if is_other(name)},
            required=frozenset(name for name, parameter in given.items() if parameter.get("required")),
        )

    def node(self, schema: dict[str, Any], *, required: bool = False, above: tuple[int, ...] = ()) -> Node:
        """A schema as a node. `above` has the schemas that it lies in."""
        schema = self.follow(schema)
        return replace(self._plain(schema, above), required=required, nullable=bool(schema.get("nullable")))

    def _plain(self, schema: dict[str, Any], above: tuple[int, ...]) -> Node:
        branches = schema.get("oneOf") or schema.get("anyOf")
        if branches:
            return union([self.node(branch, above=above) for branch in branches])
        match str(schema.get("type", "any")):
            case "object":
                return self._object(schema, above)
            case "array":
                return Node("array", item=self.node(schema.get("items", {}), above=above))
            case kind:
                values = tuple(value for value in schema.get("enum", ()) if value is not None)
                return Node(_FORMATS.get(schema.get("format", ""), kind), values=values)

    def _object(self, schema: dict[str, Any], above: tuple[int, ...]) -> Node:
        properties = schema.get("properties")
        if not properties:
            return Node("open")
        if id(properties) in above:
            return Node("variant")
        needed = schema.get("required", ())
        inner = (*above, id(properties))
        members = {name: self.node(value, required=name in needed, above=inner) for name, value in properties.items()}
        return Node("object", members=members)


def _filter(rule: dict[str, Any]) -> Filter:
    endings = {"single": "", "list": "[]", "none": "()"}
    value = rule.get("value", {"type": "string"})
    kind = str(value["type"])
    operators = frozenset(name + endings[shape] for shape, names in rule["operators"].items() for name in names)
    return Filter(_FILTER_TYPES.get(value.get("format", kind), kind), operators, tuple(value.get("enum", ())))


def _sorts(values: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(sorted(value for value in values if not value.startswith("-")))
    expect(set(values) == {sign + name for name in names for sign in ("", "-")}, f"sorts go both ways: {values}")
    return names


def _typed(word: str, values: dict[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    matches = {name: re.fullmatch(rf"{word}\[(.*)\]", name) for name in values}
    return {match[1]: frozenset(values[name]) for name, match in matches.items() if match}


def is_other(parameter: str) -> bool:
    """Whether a query parameter is of the operation's own."""
    return not re.fullmatch(r"filter|sort|include|page\[(size|cursor)\]|(additional-)?fields\[.*\]", parameter)
