"""What a tour consists of: calls whose bodies name what earlier calls have made, and time that passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.jsonapi import COLLECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Document = dict[str, Any]


class MissingError(Exception):
    """What a step needs was made by no step before it. The message names it."""


class Pad:
    """The ids of what was made and read so far: the first of each collection, and those that steps keep by a name."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._ids:
            raise MissingError(f"there is no id of {name}")
        return self._ids[name]

    def keep(self, name: str, identifier: str) -> None:
        """Keep an id in the place of any other of this name."""
        self._ids[name] = identifier

    def note(self, answer: Document) -> None:
        """Keep the ids of an answer by their collections, where there are none yet."""
        for resource in resources(answer):
            self._ids.setdefault(COLLECTIONS.get(resource["type"], resource["type"]), resource["id"])


@dataclass(frozen=True, slots=True)
class Step:
    """A call of one operation."""

    operation: str
    body: Document | Callable[[Pad], Document] | None = None
    of: str = ""
    """Whose id goes into the path; without, that of the path's collection."""
    keeps: str = ""
    """A name for the first id of the answer, which then counts for nothing else."""
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Wait:
    """Time that passes for the emulator, by its clock."""

    seconds: float


def resources(answer: Document) -> list[Document]:
    """The resources of an answer that have an id."""
    data: object = answer.get("data") or []
    listed = cast("list[Document]", data if isinstance(data, list) else [data])
    return [one for one in listed if "id" in one]


def document(kind: str, attributes: Document | None = None, related: Document | None = None, **more: str) -> Document:
    """The body of a request that has one resource."""
    data: Document = {"type": kind, **more}
    if attributes is not None:
        data["attributes"] = attributes
    if related is not None:
        data["relationships"] = related
    return {"data": data}


def ids(kind: str, *identifiers: str) -> Document:
    """Identifiers, as the body of a request or in the place of a relationship."""
    return {"data": [{"type": kind, "id": one} for one in identifiers]}


def to_one(kind: str, identifier: str, name: str = "") -> Document:
    """A relationship to one resource, of the name of its type unless another is given."""
    return {name or kind: {"data": {"type": kind, "id": identifier}}}
