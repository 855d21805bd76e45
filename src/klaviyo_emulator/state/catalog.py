"""The catalogue: items, their variants, and the categories items are in.

The three are described here once, as a `CatalogKind` each. Ids are compound, `$custom:::$default:::SKU-1`, so that
whoever knows an external id knows the id. An item owns the links to its categories, a variant the link to its item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.errors import Refusal, conflict, not_found
from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import Record, Subquery, change_record, create_record, delete_record, find_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.state.minting import Mint

INTEGRATION = "$custom"
CATALOG = "$default"
_SEPARATOR = ":::"


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """A relation of a catalogue kind, as its own bodies and paths name it."""

    name: str
    target: str
    """The type at the other end."""
    inverse: str = ""
    """The name of the other end's links where these are the other end's; empty where they are the kind's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogKind:
    """What is particular to items, variants, or categories."""

    type: str
    plural: str
    """As in relations and in bulk jobs."""
    absence: str
    """The words of a 404, with a place for `id`."""
    defaults: Mapping[str, Any]
    """Every attribute that can be changed, with its value when it is not given or null."""
    association: Association
    """What a body may relate it to."""
    needs_association: bool = False
    """Whether there is none without."""

    def missing(self, entry_id: str) -> Refusal:
        """404."""
        return not_found(self.absence.format(id=entry_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a request says of an item, a variant, or a category."""

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Those that were given."""
    related: Sequence[str] | None = None
    """The ids at the other end of its association; None to leave them as they are."""


_LISTED: Mapping[str, Any] = {
    "title": None,
    "description": None,
    "price": None,
    "url": None,
    "image_full_url": "",
    "image_thumbnail_url": "",
    "images": [],
    "custom_metadata": {},
    "published": True,
}

ITEM = CatalogKind(
    type="catalog-item",
    plural="items",
    absence="An item with the id `{id}` does not exist.",
    defaults=_LISTED,
    association=Association(name="categories", target="catalog-category"),
)
VARIANT = CatalogKind(
    type="catalog-variant",
    plural="variants",
    absence="A variant with id {id} does not exist.",
    defaults={**_LISTED, "sku": None, "inventory_policy": 0, "inventory_quantity": None},
    association=Association(name="item", target="catalog-item"),
    needs_association=True,
)
CATEGORY = CatalogKind(
    type="catalog-category",
    plural="categories",
    absence="No category with the ID `{id}` exists.",
    defaults={"name": None},
    association=Association(name="items", target="catalog-item", inverse="categories"),
)
KINDS: Mapping[str, CatalogKind] = {kind.type: kind for kind in (ITEM, VARIANT, CATEGORY)}


def compound_id(external_id: str) -> str:
    """The id of what has this external id."""
    return _SEPARATOR.join((INTEGRATION, CATALOG, external_id))


def related_ids(kind: CatalogKind, entry_id: str) -> Subquery:
    """The ids at the other end of an entry's association."""
    association = kind.association
    if association.inverse:
        return links.owners(association.target, association.inverse, entry_id)
    return links.targets(Relationship(kind.type, entry_id, association.name))


def inverse_ids(kind: CatalogKind, target: str) -> Subquery:
    """The ids of the entries of a kind that are associated with a target."""
    association = kind.association
    if association.inverse:
        return links.targets(Relationship(association.target, target, association.inverse))
    return links.owners(kind.type, association.name, target)


def find_entry(connection: sqlite3.Connection, kind: CatalogKind, entry_id: str) -> Record:
    """An item, a variant, or a category. Raises a 404 refusal."""
    record = find_record(connection, kind.type, entry_id)
    if record is None:
        raise kind.missing(entry_id)
    return record


def create_entry(connection: sqlite3.Connection, mint: Mint, kind: CatalogKind, entry: Entry) -> Record:
    """Store a new item, variant, or category.

    Raises a 409 refusal for an id that is taken, and a 404 refusal for a related id that does not exist.
    """
    if find_record(connection, kind.type, entry.id) is not None:
        raise conflict(f"A {kind.type} with the id `{entry.id}` already exists.", "/data/attributes/external_id")
    body = {"external_id": entry.id.split(_SEPARATOR, 2)[2], **kind.defaults, **_given(kind, entry)}
    record = create_record(connection, mint, kind.type, entry.id, body)
    if entry.related:
        associate(connection, mint, kind, entry.id, entry.related)
    return record


def change_entry(connection: sqlite3.Connection, mint: Mint, kind: CatalogKind, entry: Entry) -> Record:
    """Change an item, a variant, or a category. Raises a 404 refusal for it or a related id that does not exist."""
    record = change_record(connection, mint, find_entry(connection, kind, entry.id), _given(kind, entry))
    if entry.related is not None:
        replace_associated(connection, mint, kind, entry.id, entry.related)
    return record


def delete_entry(connection: sqlite3.Connection, kind: CatalogKind, entry_id: str) -> None:
    """Delete an item with its variants, a variant, or a category. Raises a 404 refusal."""
    find_entry(connection, kind, entry_id)
    if kind is ITEM:
        for variant in links.ids(connection, inverse_ids(VARIANT, entry_id)):
            delete_record(connection, VARIANT.type, variant)
    if kind.association.inverse:
        links.unlink_target(connection, kind.association.target, kind.association.inverse, entry_id)
    delete_record(connection, kind.type, entry_id)


def associate(
    connection: sqlite3.Connection, mint: Mint, kind: CatalogKind, entry_id: str, added: Sequence[str]
) -> None:
    """Relate an entry to others. Raises a 404 refusal for one that does not exist, 409 for one that is related."""
    for other in added:
        find_entry(connection, KINDS[kind.association.target], other)
        relationship, target = _link(kind, entry_id, other)
        if not links.link(connection, mint, relationship, [target]):
            raise conflict(f"`{entry_id}` and `{other}` are already related.")


def dissociate(connection: sqlite3.Connection, kind: CatalogKind, entry_id: str, removed: Sequence[str]) -> None:
    """Undo relations of an entry; those that there are not are left out."""
    for other in removed:
        relationship, target = _link(kind, entry_id, other)
        links.unlink(connection, relationship, [target])


def replace_associated(
    connection: sqlite3.Connection, mint: Mint, kind: CatalogKind, entry_id: str, wanted: Sequence[str]
) -> None:
    """Relate an entry to these and to no others. Raises a 404 refusal for one that does not exist."""
    present = links.ids(connection, related_ids(kind, entry_id))
    dissociate(connection, kind, entry_id, [other for other in present if other not in wanted])
    associate(connection, mint, kind, entry_id, [other for other in wanted if other not in present])


def _given(kind: CatalogKind, entry: Entry) -> dict[str, Any]:
    """The changeable attributes that were given; null gives the default."""
    given = {name: value for name, value in entry.attributes.items() if name in kind.defaults}
    return {name: kind.defaults[name] if value is None else value for name, value in given.items()}


def _link(kind: CatalogKind, entry_id: str, other: str) -> tuple[Relationship, str]:
    """The link between an entry and what it is associated with, whosoever it is."""
    association = kind.association
    if association.inverse:
        return Relationship(association.target, other, association.inverse), entry_id
    return Relationship(kind.type, entry_id, association.name), other
