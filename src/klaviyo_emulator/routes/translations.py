"""Translations of a campaign variation, a flow's message, a template or a block.

They are kept and shown; what is sent is what the message itself says, in whatever language that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.errors import conflict, invalid
from klaviyo_emulator.payload import Object, related_id
from klaviyo_emulator.routes.resources import (
    Relation,
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
from klaviyo_emulator.state import links
from klaviyo_emulator.state.campaigns import VARIATION
from klaviyo_emulator.state.records import Record, Subquery, change_record, create_record, delete_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types

TRANSLATION = "translation"
_OTHERS = ("flow-message", "template", "template-universal-content")
_ATTRIBUTES = "/data/attributes"
_RELATIONSHIPS = "/data/relationships"


def _attributes(_view: View, translation: Record) -> Document:
    names = ("source_locale", "target_locales", "fallback_locale", "channel")
    return {
        **{name: translation.body[name] for name in names},
        "metadata": {},
        "created": format_micros(translation.created_us),
        "updated": format_micros(translation.updated_us),
    }


def _still_there(kind: str) -> Callable[[str], Subquery]:
    """What a translation is of: nothing, once that was deleted."""
    sql = (
        "SELECT target FROM link WHERE type = ? AND owner = ? AND relation = ? "
        "AND EXISTS (SELECT 1 FROM record WHERE record.type = link.relation AND record.id = link.target)"
    )
    return lambda owner: Subquery(sql, (TRANSLATION, owner, kind))


TRANSLATION_TYPE = record_type(
    TRANSLATION,
    "Translation",
    _attributes,
    relations=(
        linked_back(VARIATION, VARIATION, TRANSLATION, many=False, always=True),
        *(Relation(name=name, target=name, select=_still_there(name), many=False, always=True) for name in _OTHERS),
    ),
    additional={"values": lambda _view, translation: translation.body["values"]},
)
TYPES: Types = {TRANSLATION: TRANSLATION_TYPE}


async def create(context: Context, request: ApiRequest) -> Reply:
    """Have something translated."""
    data = request.resource()
    attributes: Object = data["attributes"]
    _check(attributes)
    named = {name: found for name in (VARIATION, *_OTHERS) if (found := related_id(data, name)) is not None}
    if len(named) != 1:
        raise invalid(f"Exactly one of {', '.join((VARIATION, *_OTHERS))} is needed.", _RELATIONSHIPS)
    ((kind, owner),) = named.items()
    body: Object = {**attributes, "values": [], "resource_type": kind, "related_resource_id": owner}

    def work(connection: sqlite3.Connection) -> Record:
        context.types[kind].get(connection, owner)
        if kind == VARIATION:
            taken = links.ids(connection, links.targets(links.Relationship(VARIATION, owner, TRANSLATION)))
        else:
            taken = links.ids(connection, links.owners(TRANSLATION, kind, owner))
        if taken:
            raise conflict(f"It has the translation {taken[0]} already.", f"{_RELATIONSHIPS}/{kind}/data/id")
        translation = create_record(connection, context.mint, TRANSLATION, context.mint.ulid(), body)
        if kind == VARIATION:
            links.link(connection, context.mint, links.Relationship(VARIATION, owner, TRANSLATION), [translation.id])
        else:
            links.link(connection, context.mint, links.Relationship(TRANSLATION, translation.id, kind), [owner])
        return translation

    return await write_one(context, request, TRANSLATION_TYPE, work, 201)


async def update(context: Context, request: ApiRequest) -> Reply:
    """Change the languages, or the texts."""
    attributes: Object = request.resource()["attributes"]
    changes: Object = {name: value for name, value in attributes.items() if value is not None}

    def work(connection: sqlite3.Connection) -> Record:
        translation = TRANSLATION_TYPE.get(connection, request.arguments[0])
        _check({**translation.body, **changes})
        return change_record(connection, context.mint, translation, changes)

    return await write_one(context, request, TRANSLATION_TYPE, work)


async def delete(context: Context, request: ApiRequest) -> Reply:
    """Have something translated no longer."""

    def work(connection: sqlite3.Connection) -> None:
        translation = TRANSLATION_TYPE.get(connection, request.arguments[0])
        links.unlink_target(connection, VARIATION, TRANSLATION, translation.id)
        delete_record(connection, TRANSLATION, translation.id)

    return await write_silently(context, work)


def _check(attributes: Object) -> None:
    targets: list[str] = attributes["target_locales"]
    if not targets:
        raise invalid("At least one locale is needed.", f"{_ATTRIBUTES}/target_locales")
    if attributes["fallback_locale"] not in {attributes["source_locale"], *targets}:
        raise invalid("'fallback_locale' must be one of the other locales.", f"{_ATTRIBUTES}/fallback_locale")


ROUTES: Routes = {
    "get_translations": many(TRANSLATION_TYPE),
    "get_translation": one(TRANSLATION_TYPE),
    "create_translation": create,
    "update_translation": update,
    "delete_translation": delete,
    "get_campaign_variation_for_translation": related(TRANSLATION_TYPE, VARIATION),
    "get_campaign_variation_id_for_translation": related_ids(TRANSLATION_TYPE, VARIATION),
    "get_flow_message_id_for_translation": related_ids(TRANSLATION_TYPE, "flow-message"),
    "get_template_for_translation": related(TRANSLATION_TYPE, "template"),
    "get_template_id_for_translation": related_ids(TRANSLATION_TYPE, "template"),
    "get_template_universal_content_for_translation": related(TRANSLATION_TYPE, "template-universal-content"),
    "get_template_universal_content_id_for_translation": related_ids(TRANSLATION_TYPE, "template-universal-content"),
}
