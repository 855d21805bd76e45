"""The facts of an operation, and how they stand in the tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, TypeVar

Found = TypeVar("Found")

METHODS = ("delete", "get", "patch", "post", "put")
LARGE = 150
"""Members from which on a part of a body is not told any more."""


def expect(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Stop when a source is not as this program takes it to be."""
    if not condition:
        raise SystemExit(f"Expected: {what}")


def present(value: Found | None, what: str) -> Found:
    """The value, which must be there."""
    if value is None:
        raise SystemExit(f"Expected: {what}")
    return value


@dataclass(frozen=True)
class Filter:
    """What one field of a filter takes; the operators as they are written: `any[]` with a list, `has()` with none."""

    kind: str
    operators: frozenset[str]
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """The query parameters of one operation."""

    filters: dict[str, Filter] = field(default_factory=dict)
    sorts: tuple[str, ...] = ()
    order: str = ""
    size: tuple[int, int] | None = None
    cursor: bool = False
    includes: tuple[str, ...] = ()
    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    additional: dict[str, frozenset[str]] = field(default_factory=dict)
    others: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    def rows(self) -> list[tuple[str, str, str]]:
        """(what, name, values) of each row."""
        rows: list[tuple[str, str, str]] = []
        for name, rule in sorted(self.filters.items()):
            rows.append(("filter", name, " ".join([rule.kind, *sorted(rule.operators)])))
            if rule.values:
                rows.append(("values", name, "|".join(rule.values)))
        if self.sorts:
            rows.append(("sort", "", " ".join(self.sorts)))
        if self.order:
            rows.append(("order", "", self.order))
        if self.size:
            rows.append(("size", "", " ".join(map(str, self.size))))
        if self.cursor:
            rows.append(("cursor", "", ""))
        if self.includes:
            rows.append(("include", "", " ".join(self.includes)))
        rows += [("fields", name, " ".join(sorted(values))) for name, values in sorted(self.fields.items())]
        rows += [("additional", name, " ".join(sorted(values))) for name, values in sorted(self.additional.items())]
        rows += [("other", name, "|".join(values)) for name, values in sorted(self.others.items())]
        if self.required:
            rows.append(("required", "", " ".join(sorted(self.required))))
        return rows


@dataclass(frozen=True)
class Node:
    """One member of a body: its type, whether it is needed, and what lies in it."""

    type: str
    required: bool = False
    nullable: bool = False
    values: tuple[Any, ...] = ()
    members: dict[str, Node] = field(default_factory=dict)
    item: Node | None = None

    def count(self) -> int:
        """How many rows it takes."""
        below = [*self.members.values(), *([self.item] if self.item else [])]
        return 1 + sum(node.count() for node in below)

    def pruned(self) -> Node:
        """The node with those parts made opaque that are too large to be told."""
        if self.count() <= LARGE:
            return self
        below = [*self.members.values(), *([self.item] if self.item else [])]
        if not any(node.count() > LARGE for node in below):
            return Node("variant", self.required, self.nullable)
        members = {name: node.pruned() for name, node in self.members.items()}
        return replace(self, members=members, item=self.item.pruned() if self.item else None)

    def rows(self, pointer: str) -> list[tuple[str, str, str, str]]:
        """(pointer, type, need, values) of the node and all below it."""
        need = ("required null" if self.nullable else "required") if self.required else ""
        values = "|".join(json.dumps(value) if not isinstance(value, str) else value for value in self.values)
        below = [node.rows(f"{pointer}/{name}") for name, node in self.members.items()]
        if self.item:
            below.append(self.item.rows(f"{pointer}/[]"))
        return [(pointer, self.type, need, values), *chain.from_iterable(below)]


@dataclass(frozen=True)
class Operation:
    """What one revision says of an operation."""

    method: str
    path: str
    area: str
    rate: str
    scopes: str
    reading: Reading
    body: Node | None
    lists: bool
    """Whether it answers several resources."""
