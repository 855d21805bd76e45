"""Profiles: listed, read, created, changed, imported, merged, and what they are related to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.errors import Refusal, duplicate_profile, invalid, too_large
from klaviyo_emulator.jsonapi import Document, single
from klaviyo_emulator.payload import Object, document_resource
from klaviyo_emulator.payload import related_ids as targets
from klaviyo_emulator.routes.context import Reply
from klaviyo_emulator.routes.freshness import with_fresh_segments
from klaviyo_emulator.routes.profile_input import CREATED, IMPORTED, UPDATED, read_profile, require_identifier
from klaviyo_emulator.routes.profile_output import profile_attributes, profile_predictions, profile_subscriptions
from klaviyo_emulator.routes.resources import (
    Relation,
    ResourceType,
    View,
    linked_back,
    many,
    one,
    related,
    related_ids,
    write_one,
    written,
)
from klaviyo_emulator.state.members import groups_of
from klaviyo_emulator.state.profiles import (
    DuplicateProfileError,
    Profile,
    ProfileChange,
    ProfileError,
    UnknownProfileError,
    create_profile,
    find_profile,
    list_profiles,
    update_profile,
    upsert_profile,
)
from klaviyo_emulator.state.records import Subquery
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.routes.context import ApiRequest, Context, Routes, Types
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.paging import Page

MAXIMUM_BYTES = 100 * 1024
MERGE_TASK = "merge-profiles"
"""`{"source": id, "destination": id}`"""
_ALREADY = "A profile already exists with one of these identifiers."
_NOTHING = Subquery("SELECT NULL WHERE 0")
_LIVE_MERGE = 202


def _page(view: View, start: Position | None, within: Subquery | None) -> Page[Profile]:
    query = view.query
    return list_profiles(
        view.connection,
        query.filters,
        sort=query.sort.field,
        descending=query.sort.descending,
        start=start,
        size=query.size,
        within=within,
    )


def _sort_key(profile: Profile, sort: str) -> str | int:
    return profile.id if sort == "id" else profile.sort_key


def _attributes(_view: View, profile: Profile) -> Document:
    return profile_attributes(profile)


def _subscriptions(view: View, profile: Profile) -> Document:
    return profile_subscriptions(view.connection, profile)


def _predictions(view: View, profile: Profile) -> Document:
    return profile_predictions(view.connection, profile)


def _groups(name: str, target: str) -> Relation:
    return Relation(name=name, target=target, select=lambda owner: groups_of(target, owner))


def _conversations(name: str, *, plural: bool, shown: bool) -> Relation:
    return Relation(name=name, target="conversation", select=lambda _owner: _NOTHING, many=plural, shown=shown)


def _relations(*, one_conversation: bool) -> tuple[Relation, ...]:
    return (
        _groups("lists", "list"),
        _groups("segments", "segment"),
        linked_back("push-tokens", "push-token", "profile"),
        _conversations("conversations", plural=True, shown=not one_conversation),
        _conversations("conversation", plural=False, shown=one_conversation),
    )


PROFILE: ResourceType[Profile] = ResourceType(
    name="profile",
    title="Profile",
    find=find_profile,
    page=_page,
    identify=lambda profile: profile.id,
    sort_key=_sort_key,
    attributes=_attributes,
    additional={"subscriptions": _subscriptions, "predictive_analytics": _predictions},
    relations=_relations(one_conversation=True),
)
"""A profile as it is written everywhere but where profiles are read by themselves."""
READ_PROFILE: ResourceType[Profile] = replace(PROFILE, relations=_relations(one_conversation=False))
"""The same with all its conversations."""
TYPES: Types = {"profile": PROFILE}


async def post_profile(context: Context, request: ApiRequest) -> Reply:
    """Create a profile; 409 when it exists."""
    found = _resource(request)
    if found.get("id") is not None:
        raise invalid("A new profile gets its id from Klaviyo.", "/data/id")
    change = read_profile(found, CREATED, "/data")
    require_identifier(change, CREATED, "/data")

    def work(connection: sqlite3.Connection) -> Profile:
        return create_profile(connection, context.mint, change)

    try:
        return await write_one(context, request, PROFILE, work, 201)
    except DuplicateProfileError as error:
        raise duplicate_profile(_ALREADY, error.profile_id, "/data/attributes") from None


async def patch_profile(context: Context, request: ApiRequest) -> Reply:
    """Change a profile; 409 when a new identifier is another's."""
    (profile_id,) = request.arguments
    found = _resource(request)
    if found.get("id") != profile_id:
        raise invalid(f"'id' must be '{profile_id}', as in the path.", "/data/id")
    change = read_profile(found, UPDATED, "/data")

    def work(connection: sqlite3.Connection) -> Profile:
        return update_profile(connection, context.mint, profile_id, change)

    try:
        return await write_one(context, request, PROFILE, work)
    except UnknownProfileError:
        raise PROFILE.missing(profile_id) from None
    except DuplicateProfileError as error:
        raise duplicate_profile(_ALREADY, error.profile_id, "/data/attributes") from None


async def import_profile(context: Context, request: ApiRequest) -> Reply:
    """Create (201) or change (200) the profile that the identifiers mean."""
    change = read_profile(_resource(request), IMPORTED, "/data")
    require_identifier(change, IMPORTED, "/data")

    def work(connection: sqlite3.Connection) -> Reply:
        profile, is_new = upsert(connection, context.mint, change, "/data/attributes")
        return written(View(connection, context, request), PROFILE, profile, 201 if is_new else 200)

    return await context.write(work)


async def merge_profile(context: Context, request: ApiRequest) -> Reply:
    """Have one profile become part of another, in a while."""
    data = request.resource()
    sources = targets(data, "profiles")
    if len(sources) != 1:
        raise invalid("Exactly one source profile is needed.", "/data/relationships/profiles/data")
    source_id, destination_id = sources[0], str(data["id"])

    def work(connection: sqlite3.Connection) -> Reply:
        source = PROFILE.get(connection, source_id)
        destination = PROFILE.get(connection, destination_id)
        if source.seq == destination.seq:
            raise invalid("A profile cannot be merged into itself.", "/data/relationships/profiles/data/0/id")
        payload = {"source": source.id, "destination": destination.id}
        schedule(connection, context.mint, MERGE_TASK, payload, after_ms=context.config.job_ms / 2)
        answer: Document = {
            "type": "profile",
            "id": destination.id,
            "links": {"self": context.linker.resource("profile", destination.id)},
        }
        status = _LIVE_MERGE if context.config.behaviour == "live" else 201
        return Reply(status, single(answer, request.self_link(context.linker)))

    return await context.write(work)


def upsert(connection: sqlite3.Connection, mint: Mint, change: ProfileChange, pointer: str) -> tuple[Profile, bool]:
    """Find the profile that is meant and change it, or make it; True when it is new. Raises a 404 or 409 refusal."""
    try:
        return upsert_profile(connection, mint, change)
    except ProfileError as error:
        raise refused_profile(error, pointer) from None


def refused_profile(error: ProfileError, pointer: str) -> Refusal:
    """404 for an id that does not exist, 409 for identifiers that belong to different profiles."""
    if isinstance(error, DuplicateProfileError):
        return conflicting_identifiers(error, pointer)
    return PROFILE.missing(error.profile_id if isinstance(error, UnknownProfileError) else "")


def conflicting_identifiers(error: DuplicateProfileError, pointer: str) -> Refusal:
    """409 for identifiers that belong to different profiles."""
    detail = f"Duplicate {error.identifier} found. The identifiers belong to different profiles."
    return duplicate_profile(detail, error.profile_id, pointer)


def _resource(request: ApiRequest) -> Object:
    if request.size > MAXIMUM_BYTES:
        raise too_large(f"A profile payload may have {MAXIMUM_BYTES} bytes.")
    return document_resource(request.document, "profile")


ROUTES: Routes = {
    "get_profiles": many(READ_PROFILE),
    "get_profile": with_fresh_segments(one(READ_PROFILE), include="segments"),
    "create_profile": post_profile,
    "update_profile": patch_profile,
    "create_or_update_profile": import_profile,
    "merge_profiles": merge_profile,
    "get_lists_for_profile": related(PROFILE, "lists"),
    "get_list_ids_for_profile": related_ids(PROFILE, "lists"),
    "get_segments_for_profile": with_fresh_segments(related(PROFILE, "segments")),
    "get_segment_ids_for_profile": with_fresh_segments(related_ids(PROFILE, "segments")),
    "get_push_tokens_for_profile": related(PROFILE, "push-tokens"),
    "get_push_token_ids_for_profile": related_ids(PROFILE, "push-tokens"),
    "get_conversations_for_profile": related(PROFILE, "conversations"),
    "get_conversation_ids_for_profile": related_ids(PROFILE, "conversations"),
    "get_conversation_for_profile": related(PROFILE, "conversation"),
    "get_conversation_id_for_profile": related_ids(PROFILE, "conversation"),
}
