"""JSON:API documents as plain values. Nothing here knows Klaviyo's resources or HTTP."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic_core import from_json

from aioklaviyo.errors import ErrorDetail

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

T = TypeVar("T")

# Made once: json.dumps would make another for every call, as none of these is its default.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_STATUS = re.compile(r"[1-5][0-9]{2}")


class MalformedDocumentError(ValueError):
    """A document that lacks the shape asked of it; the text names the place and quotes no value."""


def _no_resources() -> "dict[tuple[str, str], Resource]":
    return {}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource object; ``included`` holds the whole document's side-loaded ones by (type, id)."""

    type: str
    id: str
    attributes: dict[str, Json]
    relationships: dict[str, Json]
    included: "Mapping[tuple[str, str], Resource]" = field(default_factory=_no_resources, repr=False)

    def related_id(self, name: str) -> str | None:
        """Id of a to-one relationship; None when it is absent or empty. Of several, the first."""
        data = self._linkage(name)
        if isinstance(data, list):
            return next(iter(_ids(data)), None)
        return _id(data)

    def related_ids(self, name: str) -> tuple[str, ...]:
        """Ids of a relationship, in order."""
        data = self._linkage(name)
        if data is None:
            return ()
        return tuple(_ids(data if isinstance(data, list) else [data]))

    def related(self, name: str, resource_type: str) -> "Resource | None":
        """The included resource of a to-one relationship; None when it was not included."""
        if not self.included:
            return None
        related_id = self.related_id(name)
        return None if related_id is None else self.included.get((resource_type, related_id))

    def _linkage(self, name: str) -> Json:
        relationship = self.relationships.get(name)
        return relationship.get("data") if isinstance(relationship, dict) else None

    def included_as(self, name: str, resource_type: str, parse: "Callable[[Resource], T]") -> tuple[T, ...] | None:
        """The included resources of a to-many relationship; None when the relationship was not included."""
        relationship = self.relationships.get(name)
        if not isinstance(relationship, dict) or "data" not in relationship:
            return None
        found = (self.included.get((resource_type, related_id)) for related_id in self.related_ids(name))
        present = tuple(parse(resource) for resource in found if resource is not None)
        # Ids may come without the resources they name, where nobody asked to include them.
        return present if present or not relationship["data"] else None


def decode(body: bytes) -> Json:
    """Parse a body.

    Raises:
        MalformedDocumentError: It is not JSON.
    """
    try:
        # Names repeat in every resource of a page and are worth sharing; values, most of them ids, are not.
        return from_json(body, cache_strings="keys")
    except ValueError:
        return _decode_half_characters(body)


def _decode_half_characters(body: bytes) -> Json:
    """Parse what only fails for lone surrogates: somebody's cut emoji must not make a whole page unreadable."""
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        return from_json(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    except (ValueError, RecursionError):
        raise MalformedDocumentError("the body is not JSON") from None


def encode(document: Json) -> bytes:
    """Serialise a body.

    Raises:
        MalformedDocumentError: It holds something JSON does not have.
    """
    try:
        return _ENCODER.encode(document).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedDocumentError("the body cannot be written as JSON") from error


def single(document: Json) -> Resource:
    """The resource of a document whose ``data`` is one object."""
    root = _root(document)
    return _resource(root.get("data"), _included(root), "data")


def collection(document: Json) -> Iterator[Resource]:
    """The resources of a document whose ``data`` is a list, in order.

    Each is taken out of the document. What became a model is freed while the rest of a page is still to be read,
    which saves the garbage collector from looking through all of it again and again.
    """
    root = _root(document)
    data = root.get("data")
    if not isinstance(data, list):
        raise MalformedDocumentError("data is not a list")
    included = _included(root)
    count = len(data)
    data.reverse()
    while data:
        index = count - len(data)
        yield _resource(data.pop(), included, f"data[{index}]")


def next_cursor(document: Json, names: Sequence[str] = ("page[cursor]",)) -> str | None:
    """The cursor inside ``links.next``, under the first of these names that it has; None on the last page.

    Only the cursor is taken. The link's host is never contacted, so credentials cannot follow it.
    """
    links = _root(document).get("links")
    link = links.get("next") if isinstance(links, dict) else None
    if link is None:
        return None
    if not isinstance(link, str):
        raise MalformedDocumentError("links.next is not a string")
    try:
        query = parse_qs(urlsplit(link).query)
    except ValueError as error:
        raise MalformedDocumentError("links.next is not a URL") from error
    for name in names:
        if name in query:
            return query[name][0]
    raise MalformedDocumentError(f"links.next has no {names[0]}")


def error_details(document: Json) -> tuple[ErrorDetail, ...]:
    """The entries of ``errors``, as far as they can be read; empty when there are none."""
    entries = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return ()
    return tuple(_error_detail(entry) for entry in entries if isinstance(entry, dict))


def _root(document: Json) -> dict[str, Json]:
    if not isinstance(document, dict):
        raise MalformedDocumentError("the document is not an object")
    return document


def _included(root: dict[str, Json]) -> Mapping[tuple[str, str], Resource]:
    entries = root.get("included")
    found: dict[tuple[str, str], Resource] = {}
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            # Included resources see each other through the same mapping.
            resource = _resource(entry, found, f"included[{index}]")
            found[resource.type, resource.id] = resource
    return found


def _resource(entry: Json, included: Mapping[tuple[str, str], Resource], place: str) -> Resource:
    if not isinstance(entry, dict):
        raise MalformedDocumentError(f"{place} is not an object")
    resource_type, resource_id = entry.get("type"), entry.get("id")
    if not isinstance(resource_type, str) or not isinstance(resource_id, str):
        raise MalformedDocumentError(f"{place} has no type or no id")
    attributes, relationships = entry.get("attributes"), entry.get("relationships")
    return Resource(
        resource_type,
        resource_id,
        # Klaviyo leaves either out, or sends null, where there is nothing to say.
        attributes if isinstance(attributes, dict) else {},
        relationships if isinstance(relationships, dict) else {},
        included,
    )


def _id(data: Json) -> str | None:
    found = data.get("id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None


def _ids(entries: list[Json]) -> Iterator[str]:
    return (found for entry in entries if (found := _id(entry)) is not None)


def _error_detail(entry: dict[str, Json]) -> ErrorDetail:
    source = entry.get("source")
    source = source if isinstance(source, dict) else {}
    status, meta, links = entry.get("status"), entry.get("meta"), entry.get("links")
    return ErrorDetail(
        id=_text(entry.get("id")),
        code=_text(entry.get("code")),
        title=_text(entry.get("title")),
        detail=_text(entry.get("detail")),
        status=_integer(status),
        pointer=_text(source.get("pointer")),
        parameter=_text(source.get("parameter")),
        meta=meta if isinstance(meta, dict) else {},
        links=links if isinstance(links, dict) else {},
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: Json) -> int | None:
    # JSON:API says a string, Klaviyo sends a number.
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and _STATUS.fullmatch(value) else None
