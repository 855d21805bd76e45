"""Revision 2026-10-15, put together from the SDK, the beta file and the stable one."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator_facts.facts import Filter, Node, Operation, Reading, expect, present
from emulator_facts.openapi import is_other
from emulator_facts.ordering import ordered

if TYPE_CHECKING:
    from emulator_facts.openapi import OpenApi
    from emulator_facts.sdk import Method, Sdk

UNIONS_OF_THE_SDK = ("blocks", "definition", "triggers")
"""Members that the SDK has as any object, though elsewhere they are one of several kinds."""


class Later:
    """Revision 2026-10-15, put together from the SDK, the beta file and the stable one."""

    def __init__(self, sdk: Sdk, beta: OpenApi, stable: OpenApi) -> None:
        self.sdk = sdk
        beta.raw = {name: known for name, known in beta.raw.items() if name in sdk.raw}
        self.beta = beta
        self.stable = stable
        self.modelled = self._modelled_fields()
        self.filed = self._filed_fields()

    def operation(self, name: str) -> Operation:
        """All that is known of an operation."""
        method = self.sdk.raw[name]
        base = next((source.operation(name) for source in (self.beta, self.stable) if name in source.raw), None)
        lists = bool(method.response) and "List[" in ast.unparse(self.sdk.members(method.response)["data"][0])
        body = self.sdk.body(method.body) if method.body else None
        return Operation(
            method=method.method,
            path=method.path,
            area=method.area,
            rate=method.rate,
            scopes=method.scopes,
            reading=ordered(name, self._reading(method, base.reading if base else Reading()), lists=lists),
            body=body and (grafted(body, base.body) if base and base.body else with_variants(body)),
            lists=lists,
        )

    def _reading(self, method: Method, base: Reading) -> Reading:
        query = method.query
        kinds = [match[1] for match in (re.fullmatch(r"fields\[(.*)\]", name) for name in query) if match]
        additional = [
            match[1] for match in (re.fullmatch(r"additional-fields\[(.*)\]", name) for name in query) if match
        ]
        size = re.search(r"Default: (\d+)\. Min: 1\. Max: (\d+)", query.get("page[size]", ("", False))[0])
        expect((size is None) == ("page[size]" not in query), f"{method.name} says its page size")
        expect("sort" not in query or bool(base.sorts), f"the sorts of {method.name} are known")
        expect(set(additional) == base.additional.keys(), f"the additional fields of {method.name} are known")
        same = kinds and set(kinds) == base.fields.keys() and base.includes
        return Reading(
            filters=_described_filters(query["filter"][0], base.filters) if "filter" in query else {},
            sorts=base.sorts if "sort" in query else (),
            size=(int(size[1]), int(size[2])) if size else None,
            cursor="page[cursor]" in query,
            includes=(base.includes if same else self._includes(method, kinds)) if "include" in query else (),
            fields={kind: self._fields(method, kind, base.fields.get(kind)) for kind in kinds},
            additional=base.additional,
            others={name: base.others.get(name, ()) for name in query if is_other(name)},
            required=frozenset(name for name, (_, required) in query.items() if required),
        )

    def _includes(self, method: Method, kinds: list[str]) -> tuple[str, ...]:
        """Relationships to types that have sparse fields here: the rule that the operations of both files follow."""
        related = self.sdk.related(method.response)
        return tuple(sorted(name for name, targets in related.items() if targets & set(kinds)))

    def _fields(self, method: Method, kind: str, base: frozenset[str] | None) -> frozenset[str]:
        derived = self.sdk.resources(method.response).get(kind)
        if derived is None:
            return self._unmodelled(kind, base)
        opaque = {path for path in derived if not any(other.startswith(f"{path}.") for other in derived)}
        kept = {
            path
            for path in (self.filed[kind] if base is None else base)
            if path.partition(".")[0] == "meta" or any(parent in opaque for parent in parents(path))
        }
        return derived | kept

    def _unmodelled(self, kind: str, base: frozenset[str] | None) -> frozenset[str]:
        """The fields of a type that the SDK answers without a model: as in the files, unless its model is another."""
        modelled = self.modelled[kind]
        if base is None:
            return modelled or self.filed[kind]
        if modelled and not {parents(path)[0] for path in base} <= {"meta", *(parents(path)[0] for path in modelled)}:
            return modelled
        news = modelled - self.filed[kind]
        return base | {path for path in news if "." not in path or parents(path)[-2] in base}

    def _modelled_fields(self) -> dict[str, frozenset[str]]:
        """The fields of each type in the SDK's models."""
        known: dict[str, frozenset[str]] = defaultdict(frozenset)
        for method in self.sdk.raw.values():
            for kind, paths in self.sdk.resources(method.response).items() if method.response else ():
                known[kind] |= paths
        return known

    def _filed_fields(self) -> dict[str, frozenset[str]]:
        """The fields of each type in the OpenAPI files."""
        known: dict[str, frozenset[str]] = defaultdict(frozenset)
        for source in (self.stable, self.beta):
            for name in source.raw:
                for kind, paths in source.operation(name).reading.fields.items():
                    known[kind] |= paths
        return known


def parents(path: str) -> list[str]:
    """The dotted paths above a path and the path itself, shortest first."""
    words = path.split(".")
    return [".".join(words[: count + 1]) for count in range(len(words))]


def _described_filters(text: str, base: dict[str, Filter]) -> dict[str, Filter]:
    """The filters as a description has them. It does not tell lists from single values; the files do, or `any` does."""
    filters: dict[str, Filter] = {}
    described = present(re.search(r"description=('.*'|\".*\")", text), f"{text} describes the filter")
    for line in ast.literal_eval(described[1]).split("<br>"):
        match = re.match(r"`([^`]+)`: (.*)", line)
        if not match:
            continue
        names = re.findall(r"`([a-z-]+)`", match[2])
        values = tuple(re.findall(r"`'([^']*)'`", match[2]))
        kind = re.search(r"\((string|date-time|boolean|number|integer)\)\s*$", match[2])
        word = kind[1] if kind else "string"
        known = base.get(match[1])
        if known and {re.sub(r"\W*$", "", operator) for operator in known.operators} == set(names):
            filters[match[1]] = replace(known, values=values or known.values)
            continue
        endings = {"any": "[]", "has": "()"}
        operators = frozenset(name + endings.get(name, "") for name in names)
        filters[match[1]] = Filter({"date-time": "datetime", "integer": "number"}.get(word, word), operators, values)
    return filters


def grafted(later: Node, known: Node) -> Node:
    """The node of the SDK, with the known one's parts where the SDK only says 'anything', as it does of unions."""
    if later.type in {"open", "any"}:
        return replace(known, required=later.required)
    if later.type == "object" and known.type == "object":
        members = {
            name: grafted(node, known.members[name]) if name in known.members else node
            for name, node in later.members.items()
        }
        return replace(later, members=members)
    if later.type == "array" and known.type == "array" and later.item and known.item:
        return replace(later, item=grafted(later.item, known.item))
    return later


def with_variants(node: Node, name: str = "") -> Node:
    """The node with variants for the unions that no file describes."""
    if node.type == "open" and name in UNIONS_OF_THE_SDK:
        return replace(node, type="variant")
    members = {inner: with_variants(member, inner) for inner, member in node.members.items()}
    return replace(node, members=members, item=with_variants(node.item, name) if node.item else None)
