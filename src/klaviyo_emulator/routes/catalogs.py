"""Catalogues: items, variants and categories, one by one, and what is related to what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.routes.catalog_input import read_entry
from klaviyo_emulator.routes.record_pages import record_pages
from klaviyo_emulator.routes.resources import (
    Relation,
    ResourceType,
    View,
    linked_back,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_one,
    write_silently,
)
from klaviyo_emulator.state import catalog
from klaviyo_emulator.state.records import Columns, Record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply, Routes, Types
    from klaviyo_emulator.state.catalog import CatalogKind
    from klaviyo_emulator.state.records import Subquery

_MILLISECOND = 1000


def _attributes(_view: View, record: Record) -> Document:
    return {
        **record.body,
        "created": _moment(record.created_us),
        "updated": _moment(record.updated_us),
    }


def _category_attributes(_view: View, record: Record) -> Document:
    return {**record.body, "updated": _moment(record.updated_us)}


def _moment(us: int) -> str:
    """Milliseconds, written with the digits of microseconds, as the live API has them."""
    return format_micros(us - us % _MILLISECOND)


def _own(kind: CatalogKind, *, many: bool = True, shown: bool = True) -> Relation:
    association = kind.association
    return Relation(
        name=association.name,
        target=association.target,
        many=many,
        shown=shown,
        select=lambda owner: catalog.related_ids(kind, owner),
    )


def _catalog_type(
    kind: CatalogKind,
    attributes: Callable[[View, Record], Document],
    relations: Sequence[Relation],
    member_of: tuple[str, Callable[[str], Subquery]],
) -> ResourceType[Record]:
    """`member_of` is the filter field that a relation decides, and the ids that it selects for a value."""
    filter_field, select = member_of
    return replace(
        record_type(kind.type, kind.type, attributes, relations=relations),
        absence=kind.absence,
        page=record_pages(
            kind.type,
            columns=Columns(expressions={"ids": "record.id"}),
            memberships={filter_field: lambda values: select(values[0])},
        ),
    )


ITEM = _catalog_type(
    catalog.ITEM,
    _attributes,
    (linked_back("variants", "catalog-variant", "item"), _own(catalog.ITEM, shown=False)),
    ("category.id", lambda category: catalog.related_ids(catalog.CATEGORY, category)),
)
VARIANT = _catalog_type(
    catalog.VARIANT,
    _attributes,
    (_own(catalog.VARIANT, many=False),),
    ("item.id", lambda item: catalog.inverse_ids(catalog.VARIANT, item)),
)
CATEGORY = _catalog_type(
    catalog.CATEGORY,
    _category_attributes,
    (_own(catalog.CATEGORY),),
    ("item.id", lambda item: catalog.related_ids(catalog.ITEM, item)),
)
TYPES: Types = {kind.name: kind for kind in (ITEM, VARIANT, CATEGORY)}


def _creating(kind: CatalogKind) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        entry = read_entry(kind, request.resource())

        def work(connection: sqlite3.Connection) -> Record:
            return catalog.create_entry(connection, context.mint, kind, entry)

        return await write_one(context, request, TYPES[kind.type], work, 201)

    return handle


def _changing(kind: CatalogKind) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        entry = read_entry(kind, request.resource())

        def work(connection: sqlite3.Connection) -> Record:
            return catalog.change_entry(connection, context.mint, kind, entry)

        return await write_one(context, request, TYPES[kind.type], work)

    return handle


def _deleting(kind: CatalogKind) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        return await write_silently(
            context, lambda connection: catalog.delete_entry(connection, kind, request.arguments[0])
        )

    return handle


def _relating(
    kind: CatalogKind, change: Callable[[sqlite3.Connection, Context, CatalogKind, str, list[str]], None]
) -> Handler:
    async def handle(context: Context, request: ApiRequest) -> Reply:
        others = request.identifiers()

        def work(connection: sqlite3.Connection) -> None:
            owner = catalog.find_entry(connection, kind, request.arguments[0])
            change(connection, context, kind, owner.id, others)

        return await write_silently(context, work)

    return handle


def _add(connection: sqlite3.Connection, context: Context, kind: CatalogKind, owner: str, others: list[str]) -> None:
    catalog.associate(connection, context.mint, kind, owner, others)


def _replace(
    connection: sqlite3.Connection, context: Context, kind: CatalogKind, owner: str, others: list[str]
) -> None:
    catalog.replace_associated(connection, context.mint, kind, owner, others)


def _remove(
    connection: sqlite3.Connection, _context: Context, kind: CatalogKind, owner: str, others: list[str]
) -> None:
    catalog.dissociate(connection, kind, owner, others)


def _routes(kind: CatalogKind, singular: str) -> Routes:
    """The operations that items, variants and categories share."""
    described = TYPES[kind.type]
    return {
        f"get_catalog_{kind.plural}": many(described),
        f"get_catalog_{singular}": one(described),
        f"create_catalog_{singular}": _creating(kind),
        f"update_catalog_{singular}": _changing(kind),
        f"delete_catalog_{singular}": _deleting(kind),
    }


def _relation_routes(kind: CatalogKind, singular: str, other: str) -> Routes:
    """The operations on the association of items and categories, from the side of `singular`."""
    described, name = TYPES[kind.type], kind.association.name
    return {
        f"get_{name}_for_catalog_{singular}": related(described, name),
        f"get_{other}_ids_for_catalog_{singular}": related_ids(described, name),
        f"add_{name}_to_catalog_{singular}": _relating(kind, _add),
        f"update_{name}_for_catalog_{singular}": _relating(kind, _replace),
        f"remove_{name}_from_catalog_{singular}": _relating(kind, _remove),
    }


ROUTES: Routes = {
    **_routes(catalog.ITEM, "item"),
    **_routes(catalog.VARIANT, "variant"),
    **_routes(catalog.CATEGORY, "category"),
    **_relation_routes(catalog.ITEM, "item", "category"),
    **_relation_routes(catalog.CATEGORY, "category", "item"),
    "get_variants_for_catalog_item": related(ITEM, "variants"),
    "get_variant_ids_for_catalog_item": related_ids(ITEM, "variants"),
}
