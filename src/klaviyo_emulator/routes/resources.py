"""What all resources share: found, listed, written, related to others, included.

A resource is described once, as a `ResourceType`; the handlers of its uniform operations are made from it:

    get_tag                      one(TAG)
    get_tags                     many(TAG)
    get_tag_group_for_tag        related(TAG, "tag-group")
    get_tag_group_id_for_tag     related_ids(TAG, "tag-group")

Everything is read and written as a document within one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from klaviyo_emulator.cursors import decode_keyed, encode_keyed
from klaviyo_emulator.errors import Refusal, not_found
from klaviyo_emulator.jsonapi import Document, Linker, collection, identifier, relationship, resource, select, single
from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply
from klaviyo_emulator.state import links
from klaviyo_emulator.state.records import Columns, Record, Subquery, find_record, list_records

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.query import Query
    from klaviyo_emulator.state.paging import Page

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class View:
    """What writing a resource may look at: the state within the request's transaction, and the request."""

    connection: sqlite3.Connection
    context: Context
    request: ApiRequest

    @property
    def query(self) -> Query:
        """The request's query."""
        return self.request.query

    @property
    def linker(self) -> Linker:
        """Writes links."""
        return self.context.linker

    def type_named(self, name: str) -> ResourceType[Any]:
        """The description of a resource type, in the request's revision."""
        types = self.context.types
        return types.get(f"{name}@{self.request.revision}") or types[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One relationship of a type."""

    name: str
    """As in links and in `include`."""
    target: str
    """The type at the other end."""
    select: Callable[[str], Subquery]
    """The ids at the other end, given the owner's."""
    many: bool = True
    always: bool = False
    """Whether `data` is there without `include`."""
    present: bool = False
    """Whether `data` is there, with or without `include`, as soon as there is something at the other end."""
    navigable: bool = True
    """Whether the relationship has links."""
    listed: bool = True
    """Whether there is a route for its ids, and so a link `self`."""
    shown: bool = True
    """Whether the resource lists the relationship; some have routes only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType(Generic[Row]):
    """How resources of one type are found and written."""

    name: str
    """The JSON:API type, such as `tag-group`."""
    title: str
    """As refusals name it: `Tag group with id X not found.`"""
    find: Callable[[sqlite3.Connection, str], Row | None]
    page: Callable[[View, Position | None, Subquery | None], Page[Row]]
    """A page by the request's filters, sort and size. The subquery keeps the resources whose ids it selects."""
    identify: Callable[[Row], str]
    sort_key: Callable[[Row, str], str | int]
    """The value of a row for a sort field, for cursors."""
    attributes: Callable[[View, Row], Document]
    additional: Mapping[str, Callable[[View, Row], Any]] = field(
        default_factory=dict[str, "Callable[[View, Row], Any]"]
    )
    """Attributes that are answered only when `additional-fields` names them."""
    relations: Sequence[Relation] = ()
    absence: str = "{title} with id {id} not found."
    """The words of a 404."""

    def relation(self, name: str) -> Relation:
        """The relation with this name. Raises KeyError."""
        return next(relation for relation in self.relations if relation.name == name)

    def missing(self, resource_id: str) -> Refusal:
        """404."""
        return not_found(self.absence.format(title=self.title, id=resource_id))

    def get(self, connection: sqlite3.Connection, resource_id: str) -> Row:
        """The resource. Raises a 404 refusal."""
        row = self.find(connection, resource_id)
        if row is None:
            raise self.missing(resource_id)
        return row

    def document(self, view: View, row: Row) -> Document:
        """The resource object. Additional fields come on top of a sparse fieldset that names none of them."""
        fields = view.query.fields.get(self.name)
        attributes = select(self.attributes(view, row), fields)
        for name in sorted(view.query.additional.get(self.name, ())):
            value: Document = {name: self.additional[name](view, row)}
            attributes |= (select(value, fields) if fields is not None else value) or value
        row_id = self.identify(row)
        owner = view.linker.resource(self.name, row_id)
        relations = [relation for relation in self.relations if relation.shown]
        described = {relation.name: _relationship(view, relation, owner, row_id) for relation in relations}
        relationships = {name: document for name, document in described.items() if document}
        return resource(view.linker, self.name, row_id, attributes, relationships)


def record_type(
    name: str,
    title: str,
    attributes: Callable[[View, Record], Document],
    *,
    columns: Columns | None = None,
    relations: Sequence[Relation] = (),
    additional: Mapping[str, Callable[[View, Record], Any]] | None = None,
) -> ResourceType[Record]:
    """A type whose resources are rows of `record`."""

    def page(view: View, start: Position | None, within: Subquery | None) -> Page[Record]:
        query = view.query
        return list_records(
            view.connection,
            name,
            query.filters,
            sort=query.sort,
            start=start,
            size=query.size,
            columns=columns,
            within=within,
        )

    return ResourceType(
        name=name,
        title=title,
        find=lambda connection, record_id: find_record(connection, name, record_id),
        page=page,
        identify=lambda record: record.id,
        sort_key=lambda record, sort: record.id if sort == "id" else record.sort_key,
        attributes=attributes,
        additional=additional or {},
        relations=relations,
    )


def linked(name: str, target: str, *, many: bool = True, always: bool = False, of: str) -> Relation:
    """A relation whose links belong to the type `of`, which is the owner."""
    return Relation(
        name=name,
        target=target,
        many=many,
        always=always,
        select=lambda owner: links.targets(links.Relationship(of, owner, name)),
    )


def linked_back(name: str, target: str, relation: str, *, many: bool = True, always: bool = False) -> Relation:
    """A relation that is the other side of links of the type `target` with the name `relation`."""
    return Relation(
        name=name, target=target, many=many, always=always, select=lambda owner: links.owners(target, relation, owner)
    )


def one(kind: ResourceType[Row]) -> Handler:
    """Read one resource."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        def work(connection: sqlite3.Connection) -> Reply:
            row = kind.get(connection, request.arguments[0])
            return written(View(connection, context, request), kind, row, 200)

        return await context.read(work)

    return handle


def many(kind: ResourceType[Row]) -> Handler:
    """Read a page of all resources of a type."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        def work(connection: sqlite3.Connection) -> Reply:
            return page_of(View(connection, context, request), kind)

        return await context.read(work)

    return handle


def related(kind: ResourceType[Row], name: str) -> Handler:
    """Read what a resource is related to: one resource, null, or a page."""
    return _reading(kind, name, ids_only=False)


def related_ids(kind: ResourceType[Row], name: str) -> Handler:
    """Read the ids of what a resource is related to."""
    return _reading(kind, name, ids_only=True)


def _reading(kind: ResourceType[Row], name: str, *, ids_only: bool) -> Handler:
    relation = kind.relation(name)

    async def handle(context: Context, request: ApiRequest) -> Reply:
        def work(connection: sqlite3.Connection) -> Reply:
            view = View(connection, context, request)
            selected = relation.select(kind.identify(kind.get(connection, request.arguments[0])))
            target = view.type_named(relation.target)
            if relation.many:
                return page_of(view, target, selected, ids_only=ids_only)
            found = next(iter(links.ids(connection, selected)), None)
            row = None if found is None or ids_only else target.find(connection, found)
            if row is not None:
                return written(view, target, row, 200)
            data = identifier(relation.target, found) if found is not None and ids_only else None
            return Reply(200, {"data": data, "links": {"self": request.self_link(context.linker)}})

        return await context.read(work)

    return handle


def page_of(view: View, kind: ResourceType[Row], within: Subquery | None = None, *, ids_only: bool = False) -> Reply:
    """A page of resources, or of their ids. An operation without paging answers all of them."""
    request, linker = view.request, view.linker
    sort = request.query.sort.field or "id"
    start = request.position(lambda text: decode_keyed(text, sort))
    page = kind.page(view, start, within)

    def link(row: Row, *, forward: bool) -> str:
        cursor = encode_keyed(sort, kind.sort_key(row, sort), kind.identify(row), forward=forward)
        return request.page_link(linker, cursor)

    rows = page.rows
    data = [identifier(kind.name, kind.identify(row)) if ids_only else kind.document(view, row) for row in rows]
    return Reply(
        200,
        collection(
            data,
            request.self_link(linker),
            following=link(rows[-1], forward=True) if page.has_next and rows else None,
            preceding=link(rows[0], forward=False) if page.has_previous and rows else None,
            included=None if ids_only else included(view, kind, rows),
        ),
    )


def written(view: View, kind: ResourceType[Row], row: Row, status: int) -> Reply:
    """The answer that has one resource, whatever it was read or changed by."""
    data = kind.document(view, row)
    return Reply(status, single(data, view.request.self_link(view.linker), included(view, kind, [row])))


def included(view: View, kind: ResourceType[Row], rows: Sequence[Row]) -> list[Document] | None:
    """What `include` asks for, each resource once; None where it asks for nothing."""
    asked = view.query.include
    if asked is None:
        return None
    documents: list[Document] = []
    for relation in kind.relations:
        if relation.name not in asked:
            continue
        target = view.type_named(relation.target)
        ids = dict.fromkeys(
            target_id for row in rows for target_id in links.ids(view.connection, relation.select(kind.identify(row)))
        )
        found = (target.find(view.connection, target_id) for target_id in ids)
        documents += [target.document(view, row) for row in found if row is not None]
    return documents


async def write_one(
    context: Context,
    request: ApiRequest,
    kind: ResourceType[Row],
    work: Callable[[sqlite3.Connection], Row],
    status: int = 200,
) -> Reply:
    """Change the state and answer with the resource that came of it."""

    def change(connection: sqlite3.Connection) -> Reply:
        return written(View(connection, context, request), kind, work(connection), status)

    return await context.write(change)


async def write_silently(context: Context, work: Callable[[sqlite3.Connection], object], status: int = 204) -> Reply:
    """Change the state and answer with an empty body."""
    await context.write(work)
    return Reply(status)


def _relationship(view: View, relation: Relation, owner_link: str, owner: str) -> Document:
    """A relationship object: with `data` where it was asked for or the relation says so. Else empty."""
    described = relationship(owner_link, relation.name) if relation.navigable else {}
    if described and not relation.listed:
        del described["links"]["self"]
    wanted = relation.always or relation.name in (view.query.include or ())
    if not wanted and not relation.present:
        return described
    found = [identifier(relation.target, found) for found in links.ids(view.connection, relation.select(owner))]
    if not found and (relation.present or not wanted):
        return described
    return {"data": found if relation.many else next(iter(found), None), **described}
