"""Profiles: listed, read, created, changed, imported."""

from __future__ import annotations

from klaviyo_emulator.cursors import decode_keyed, encode_keyed
from klaviyo_emulator.errors import Refusal, duplicate_profile, invalid, not_found, too_large
from klaviyo_emulator.jsonapi import single
from klaviyo_emulator.payload import Object, document_resource
from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, page_reply
from klaviyo_emulator.routes.profile_input import CREATED, IMPORTED, UPDATED, read_profile, require_identifier
from klaviyo_emulator.routes.profile_output import ONE_CONVERSATION, profile_resource
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
    start = request.position(lambda text: decode_keyed(text, sort.field))
    page = await context.read(
        lambda connection: list_profiles(
            connection, query.filters, sort=sort.field, descending=sort.descending, start=start, size=query.size
        )
    )
    return page_reply(
        context,
        request,
        page,
        write=lambda profile: profile_resource(context.linker, profile, query),
        cursor=lambda profile, forward: encode_keyed(
            sort.field, sort_value(profile, sort.field), profile.id, forward=forward
        ),
    )


async def get_profile(context: Context, request: ApiRequest) -> Reply:
    """One profile."""
    (profile_id,) = request.arguments
    profile = await context.read(lambda connection: find_profile(connection, profile_id))
    if profile is None:
        raise _unknown(profile_id)
    data = profile_resource(context.linker, profile, request.query)
    return Reply(200, single(data, request.self_link(context.linker), request.included()))


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
