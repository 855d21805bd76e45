"""What can be said of a member that is one of several things."""

from __future__ import annotations

from dataclasses import replace

from emulator_facts.facts import Node

BRANCHES = 5
MEMBERS = 14
_OBJECTS = frozenset({"object", "open", "variant"})


def union(branches: list[Node]) -> Node:
    """What can be said of several nodes one of which applies: little, unless they are small objects."""
    if any(branch.type not in _OBJECTS for branch in branches):
        kinds = {branch.type for branch in branches}
        return Node("string") if kinds == {"string"} else Node("any")
    if len(branches) > BRANCHES or any(branch.type != "object" for branch in branches):
        return Node("variant")
    names = dict.fromkeys(name for branch in branches for name in branch.members)
    members = {
        name: _merged([branch.members[name] for branch in branches if name in branch.members], len(branches))
        for name in names
    }
    merged = Node("object", members=members)
    return merged if merged.count() <= MEMBERS else Node("variant")


def _merged(nodes: list[Node], branches: int) -> Node:
    required = len(nodes) == branches and all(node.required for node in nodes)
    nullable = any(node.nullable for node in nodes)
    first = nodes[0]
    if all(node.type == first.type for node in nodes) and first.type not in {"object", "array"}:
        known = all(node.values for node in nodes)
        values = tuple(dict.fromkeys(value for node in nodes for value in node.values)) if known else ()
        return replace(first, required=required, nullable=nullable, values=values)
    if len(nodes) > 1 and any(node.rows("") != first.rows("") for node in nodes):
        kind = "variant" if all(node.type in _OBJECTS for node in nodes) else "any"
        return Node(kind, required, nullable)
    return replace(first, required=required, nullable=nullable)
