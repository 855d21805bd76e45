"""Profiles: listed, read, created, changed, imported."""

from __future__ import annotations

from klaviyo_emulator.cursors import Position, decode_keyed, encode_keyed
from klaviyo_emulator.errors import Refusal, duplicate_profile, invalid, not_found, too_large
from klaviyo_emulator.jsonapi import Document, collection, single
from klaviyo_emulator.payload import Object, document_resource
from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes
from klaviyo_emulator.routes.profile_input import CREATED, IMPORTED, UPDATED, read_profile, require_identifier
from klaviyo_emulator.routes.profile_output import ONE_CONVERSATION, profile_resource
from klaviyo_emulator.state.paging import Start
from klaviyo_emulator.state.profiles import (
    DuplicateProfileError,
    Profile,
    UnknownProfileError,
    create_profile,
    find_profile,
    list_profiles,
    sort_value,
    update_profile,
    upsert_profile,
)

MAXIMUM_BYTES = 100 * 1024
_ALREADY = "A profile already exists with one of these identifiers."


async def get_profiles(context: Context, request: ApiRequest) -> Reply:
    """A page of profiles."""
    query = request.query
    sort = query.sort
    position = request.position(lambda text: decode_keyed(text, sort.field))
    start = None if position is None else Start(position.key, position.id, position.forward)
    page = await context.read(
        lambda connection: list_profiles(
            connection, query.filters, sort=sort.field, descending=sort.descending, start=start, size=query.size
        )
    )

    def link(profile: Profile, *, forward: bool) -> str:
        edge = Position(sort_value(profile, sort.field), profile.id, forward)
        return request.page_link(context.linker, encode_keyed(sort.field, edge))

    return Reply(
        200,
        collection(
            [profile_resource(context.linker, profile, query) for profile in page.rows],
            request.self_link(context.linker),
            following=link(page.rows[-1], forward=True) if page.has_next and page.rows else None,
            preceding=link(page.rows[0], forward=False) if page.has_previous and page.rows else None,
            included=None if query.include is None else [],
        ),
    )


async def get_profile(context: Context, request: ApiRequest) -> Reply:
    """One profile."""
    (profile_id,) = request.arguments
    profile = await context.read(lambda connection: find_profile(connection, profile_id))
    if profile is None:
        raise _unknown(profile_id)
    included: list[Document] | None = None if request.query.include is None else []
    data = profile_resource(context.linker, profile, request.query)
    return Reply(200, single(data, request.self_link(context.linker), included))


async def post_profile(context: Context, request: ApiRequest) -> Reply:
    """Create a profile; 409 when it exists."""
    found = _resource(request)
    if found.get("id") is not None:
        raise invalid("A new profile gets its id from Klaviyo.", "/data/id")
    change = read_profile(found, CREATED, "/data")
    require_identifier(change, CREATED, "/data")
    try:
        profile = await context.write(lambda connection: create_profile(connection, context.mint, change))
    except DuplicateProfileError as error:
        raise duplicate_profile(_ALREADY, error.profile_id, "/data/attributes") from None
    return _written(context, request, profile, 201)


async def patch_profile(context: Context, request: ApiRequest) -> Reply:
    """Change a profile; 409 when a new identifier is another's."""
    (profile_id,) = request.arguments
    found = _resource(request)
    if found.get("id") != profile_id:
        raise invalid(f"'id' must be '{profile_id}', as in the path.", "/data/id")
    change = read_profile(found, UPDATED, "/data")
    try:
        profile = await context.write(lambda connection: update_profile(connection, context.mint, profile_id, change))
    except UnknownProfileError:
        raise _unknown(profile_id) from None
    except DuplicateProfileError as error:
        raise duplicate_profile(_ALREADY, error.profile_id, "/data/attributes") from None
    return _written(context, request, profile, 200)


async def import_profile(context: Context, request: ApiRequest) -> Reply:
    """Create (201) or change (200) the profile that the identifiers mean."""
    change = read_profile(_resource(request), IMPORTED, "/data")
    require_identifier(change, IMPORTED, "/data")
    try:
        profile, is_new = await context.write(lambda connection: upsert_profile(connection, context.mint, change))
    except UnknownProfileError as error:
        raise _unknown(error.profile_id) from None
    except DuplicateProfileError as error:
        raise conflicting_identifiers(error, "/data/attributes") from None
    return _written(context, request, profile, 201 if is_new else 200)


def conflicting_identifiers(error: DuplicateProfileError, pointer: str) -> Refusal:
    """409 for identifiers that belong to different profiles."""
    detail = f"Duplicate {error.identifier} found. The identifiers belong to different profiles."
    return duplicate_profile(detail, error.profile_id, pointer)


def _resource(request: ApiRequest) -> Object:
    if request.size > MAXIMUM_BYTES:
        raise too_large(f"A profile payload may have {MAXIMUM_BYTES} bytes.")
    return document_resource(request.document, "profile")


def _written(context: Context, request: ApiRequest, profile: Profile, status: int) -> Reply:
    data = profile_resource(context.linker, profile, request.query, ONE_CONVERSATION)
    return Reply(status, single(data, request.self_link(context.linker)))


def _unknown(profile_id: str) -> Refusal:
    return not_found(f"Profile with id {profile_id} not found.")


ROUTES: Routes = {
    "get_profiles": get_profiles,
    "get_profile": get_profile,
    "create_profile": post_profile,
    "update_profile": patch_profile,
    "create_or_update_profile": import_profile,
}
