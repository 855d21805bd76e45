"""Profiles. Scopes ``profiles:read`` and ``profiles:write``; 75 calls per second, 750 per minute each."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal, TypeAlias

from aioklaviyo.calls import Call, Caller, encoded, query_string, read, with_id
from aioklaviyo.errors import invalid_request
from aioklaviyo.filters import Filter
from aioklaviyo.jsonapi import Json
from aioklaviyo.models.profile import Profile, ProfileAttributes, ProfilePatch, Upserted, profile_from
from aioklaviyo.pagination import Listing
from aioklaviyo.resources.listing import listing

_PATH = "/api/profiles"
_IMPORT_PATH = "/api/profile-import"

ProfileExtra: TypeAlias = Literal["subscriptions", "predictive_analytics"]
"""What a profile carries only when asked; each is also charged against stricter limits."""

ProfileSort: TypeAlias = Literal[
    "created",
    "-created",
    "email",
    "-email",
    "id",
    "-id",
    "updated",
    "-updated",
    "subscriptions.email.marketing.list_suppressions.timestamp",
    "-subscriptions.email.marketing.list_suppressions.timestamp",
    "subscriptions.email.marketing.suppression.timestamp",
    "-subscriptions.email.marketing.suppression.timestamp",
]


class Profiles:
    """``klaviyo.profiles``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def get(
        self,
        profile_id: str,
        *,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Profile:
        """One profile by Klaviyo's id; to find one by another identifier, use ``list(filter=...)``.

        Args:
            profile_id: 26 letters and digits.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = read(_PATH, _shape(additional_fields, fields), identifier=profile_id)
        return (await self._caller.send(call, deadline_seconds)).one(profile_from)

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: ProfileSort | None = None,
        page_size: int | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Profile]:
        """Profiles, page after page.

        Args:
            filter: See ``aioklaviyo.filters``; on id, email, phone_number, external_id, created, updated and others.
            sort: One attribute, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 20.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return listing(
            self._caller,
            _PATH,
            profile_from,
            parameters=_shape(additional_fields, fields),
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def create(
        self,
        attributes: ProfileAttributes,
        *,
        additional_fields: Sequence[ProfileExtra] = (),
        deadline_seconds: float | None = None,
    ) -> Profile:
        """Create a profile that must not exist yet. Not repeated once it may have been processed.

        Args:
            attributes: At least one of email, phone_number and external_id.
            additional_fields: What to read back beyond the defaults.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            Conflict: An identifier is taken; ``duplicate_profile_id`` tells by whom.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        _require_identifier(_PATH, attributes, None)
        call = Call(
            "POST",
            _PATH,
            query_string("POST", _PATH, _shape(additional_fields, ())),
            encoded("POST", _PATH, {"data": _resource_object(attributes, None, None)}),
        )
        return (await self._caller.send(call, deadline_seconds)).one(profile_from)

    async def update(
        self,
        profile_id: str,
        attributes: ProfileAttributes | None = None,
        *,
        patch: ProfilePatch | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        deadline_seconds: float | None = None,
    ) -> Profile:
        """Change a profile. Repeated after failures, unless ``patch`` appends.

        Args:
            profile_id: Klaviyo's id.
            attributes: What to set or, with None, to clear; ``UNSET`` stays.
            patch: Changes inside ``properties``.
            additional_fields: What to read back beyond the defaults.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: An identifier belongs to another profile.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        path = with_id("PATCH", _PATH, profile_id)
        resource = _resource_object(attributes or ProfileAttributes(), profile_id, patch)
        call = Call(
            "PATCH",
            path,
            query_string("PATCH", path, _shape(additional_fields, ())),
            encoded("PATCH", path, {"data": resource}),
            is_repeatable=patch is None or patch.is_repeatable,
        )
        return (await self._caller.send(call, deadline_seconds)).one(profile_from)

    async def upsert(
        self,
        attributes: ProfileAttributes,
        *,
        profile_id: str | None = None,
        patch: ProfilePatch | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        deadline_seconds: float | None = None,
    ) -> Upserted:
        """Create a profile or update the one its identifiers find. Repeated after failures, unless ``patch`` appends.

        Args:
            attributes: At least one of email, phone_number and external_id, unless ``profile_id`` is given.
            profile_id: Klaviyo's id, which is looked up before the other identifiers.
            patch: Changes inside ``properties``.
            additional_fields: What to read back beyond the defaults.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            Conflict: The identifiers belong to different profiles.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        _require_identifier(_IMPORT_PATH, attributes, profile_id)
        call = Call(
            "POST",
            _IMPORT_PATH,
            query_string("POST", _IMPORT_PATH, _shape(additional_fields, ())),
            encoded("POST", _IMPORT_PATH, {"data": _resource_object(attributes, profile_id, patch)}),
            is_repeatable=patch is None or patch.is_repeatable,
        )
        reply = await self._caller.send(call, deadline_seconds)
        created: bool | None = None
        if reply.record.status == HTTPStatus.CREATED:
            created = True
        elif reply.record.status == HTTPStatus.OK and not reply.was_ambiguous:
            created = False
        return Upserted(reply.one(profile_from), created)


def _shape(additional_fields: Sequence[str], fields: Sequence[str]) -> dict[str, Sequence[str]]:
    return {"additional-fields[profile]": additional_fields, "fields[profile]": fields}


def _require_identifier(path: str, attributes: ProfileAttributes, profile_id: str | None) -> None:
    if not profile_id and not attributes.has_identifier:
        raise invalid_request(
            "a profile needs one of email, phone_number and external_id",
            method="POST",
            path=path,
            pointer="/data/attributes",
        )


def _resource_object(
    attributes: ProfileAttributes, profile_id: str | None, patch: ProfilePatch | None
) -> dict[str, Json]:
    resource: dict[str, Json] = {"type": "profile", "attributes": attributes.wire()}
    if profile_id is not None:
        resource["id"] = profile_id
    if patch is not None:
        resource["meta"] = patch.meta()
    return resource
