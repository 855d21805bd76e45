"""JSON:API documents as Klaviyo writes them: links on everything, slashes on resource links, nulls in paging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from klaviyo_emulator.query import Pairs, write_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MEDIA_TYPE = "application/vnd.api+json"

Document = dict[str, Any]

COLLECTIONS: Mapping[str, str] = {
    "account": "accounts",
    "event": "events",
    "metric": "metrics",
    "profile": "profiles",
}
"""The path segment of each resource type that is answered."""


@dataclass(frozen=True, slots=True)
class Linker:
    """Writes links below one public base, such as `https://a.klaviyo.com`."""

    base: str

    def resource(self, kind: str, identifier: str) -> str:
        """The link of one resource, with its slash."""
        return f"{self.base}/api/{COLLECTIONS[kind]}/{quote(identifier, safe='')}/"

    def request(self, path: str, pairs: Pairs) -> str:
        """The link of a request, without one."""
        query = write_pairs(pairs)
        return f"{self.base}{path.rstrip('/')}{'?' if query else ''}{query}"


def identifier(kind: str, resource_id: str) -> Document:
    """`{type, id}`."""
    return {"type": kind, "id": resource_id}


def relationship(owner: str, name: str, data: Document | list[Document] | None = None) -> Document:
    """A relationship of the resource whose link is `owner`; without `data` it has links only."""
    links = {"self": f"{owner}relationships/{name}/", "related": f"{owner}{name}/"}
    return {"links": links} if data is None else {"data": data, "links": links}


def resource(
    linker: Linker,
    kind: str,
    resource_id: str,
    attributes: Document,
    relationships: Document | None = None,
) -> Document:
    """One resource object, `links` and all."""
    result: Document = {"type": kind, "id": resource_id, "attributes": attributes}
    if relationships:
        result["relationships"] = relationships
    result["links"] = {"self": linker.resource(kind, resource_id)}
    return result


def single(data: Document, self_link: str, included: list[Document] | None = None) -> Document:
    """A document with one resource."""
    document: Document = {"data": data}
    if included is not None:
        document["included"] = included
    document["links"] = {"self": self_link}
    return document


def collection(
    data: Sequence[Document],
    self_link: str,
    *,
    following: str | None = None,
    preceding: str | None = None,
    included: list[Document] | None = None,
) -> Document:
    """A page of resources; `next` and `prev` are null where there is no such page."""
    document: Document = {"data": data}
    if included is not None:
        document["included"] = included
    document["links"] = {"self": self_link, "next": following, "prev": preceding}
    return document


def select(attributes: Document, fields: Iterable[str] | None) -> Document:
    """The attributes that a sparse fieldset asks for; dotted names reach into objects. None asks for all."""
    if fields is None:
        return attributes
    wanted = set(fields)
    selected: Document = {}
    for name, value in attributes.items():
        if name in wanted:
            selected[name] = value
            continue
        below = [field.removeprefix(f"{name}.") for field in wanted if field.startswith(f"{name}.")]
        if below:
            selected[name] = select(cast("Document", value), below) if isinstance(value, dict) else value
    return selected
