"""Profiles. Scopes ``profiles:read`` and ``profiles:write``."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.calls import Caller
from aioklaviyo.errors import InvalidRequest, invalid_request
from aioklaviyo.filters import Filter
from aioklaviyo.models.conversation import Conversation, conversation_from
from aioklaviyo.models.full_profile import FullProfile, full_profile_from
from aioklaviyo.models.new_profile import ProfileAttributes, ProfileImport, ProfilePatch
from aioklaviyo.models.profile import Profile, ProfileExtra, Upserted, profile_from
from aioklaviyo.models.profile_list import ProfileList, list_from
from aioklaviyo.models.push_token import PushToken, push_token_from
from aioklaviyo.models.segment.segment import Segment, segment_from
from aioklaviyo.operations import Need, Operation, Query
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XS, Charge, L, M, S
from aioklaviyo.resources.area import Area, identified
from aioklaviyo.resources.profile_finder import ProfileFinder

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_profiles", "GET", "/api/profiles", L)
GET = Operation("get_profile", "GET", "/api/profiles/{id}", L)
CREATE = Operation("create_profile", "POST", "/api/profiles", L)
UPDATE = Operation("update_profile", "PATCH", "/api/profiles/{id}", L)
UPSERT = Operation("create_or_update_profile", "POST", "/api/profile-import", L)
MERGE = Operation("merge_profiles", "POST", "/api/profile-merge", M, Need.NOTHING)
LISTS = Operation("get_lists_for_profile", "GET", "/api/profiles/{id}/lists", S)
LIST_IDS = Operation("get_list_ids_for_profile", "GET", "/api/profiles/{id}/relationships/lists", S)
SEGMENTS = Operation("get_segments_for_profile", "GET", "/api/profiles/{id}/segments", S)
SEGMENT_IDS = Operation("get_segment_ids_for_profile", "GET", "/api/profiles/{id}/relationships/segments", S)
PUSH_TOKENS = Operation("get_push_tokens_for_profile", "GET", "/api/profiles/{id}/push-tokens", M)
PUSH_TOKEN_IDS = Operation("get_push_token_ids_for_profile", "GET", "/api/profiles/{id}/relationships/push-tokens", M)
CONVERSATION = Operation("get_conversation_for_profile", "GET", "/api/profiles/{id}/conversation", S)
CONVERSATION_ID = Operation(
    "get_conversation_id_for_profile", "GET", "/api/profiles/{id}/relationships/conversation", S
)
CONVERSATIONS = Operation("get_conversations_for_profile", "GET", "/api/profiles/{id}/conversations", S)
CONVERSATION_IDS = Operation(
    "get_conversation_ids_for_profile", "GET", "/api/profiles/{id}/relationships/conversations", S
)

_INCLUDE_CHARGES = {"lists": Charge("include=lists", XS), "segments": Charge("include=segments", XS)}
"""What ``get`` is charged to besides, where it includes these."""

ProfileInclude: TypeAlias = Literal["conversations", "lists", "push-tokens", "segments"]
ListedProfileInclude: TypeAlias = Literal["conversations", "push-tokens"]

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


class Profiles(Area):
    """``klaviyo.profiles``."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self._finder = ProfileFinder(caller, LIST)

    async def get(
        self,
        profile_id: str,
        *,
        include: Sequence[ProfileInclude] = (),
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> FullProfile:
        """One profile by Klaviyo's id; to find one by another identifier, see ``find``.

        Args:
            profile_id: 26 letters and digits; that of a merged profile leads to what it is part of now.
            include: What to resolve to objects; ``lists`` and ``segments`` are each charged to 1/s and 15/min.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(profile_id, query={**_shape(additional_fields, fields), "include": include})
        extra = tuple(_INCLUDE_CHARGES[name] for name in include if name in _INCLUDE_CHARGES)
        return await self._one(replace(call, charges=call.charges + extra), full_profile_from, deadline_seconds)

    async def find(
        self,
        *,
        external_id: str | None = None,
        email: str | None = None,
        phone_number: str | None = None,
        id: str | None = None,  # noqa: A002 - the API's own word
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Profile | None:
        """The profile with an identifier; None where there is none.

        Calls that run at about the same time are answered together: up to 100 of them cost one request. Each waits up
        to two milliseconds for others.

        Args:
            external_id: Exactly one of these four is needed.
            email: Without regard to letter case.
            phone_number: As E.164, such as +15005550006.
            id: Klaviyo's id.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all. The identifier always comes along.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Not exactly one identifier is given, or it is empty.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        given = {"external_id": external_id, "email": email, "phone_number": phone_number, "id": id}
        name, key = self._finder.only_one(given)
        return await self._finder.find(name, key, additional_fields, fields, deadline_seconds)

    async def find_many(
        self,
        *,
        external_ids: Iterable[str] | None = None,
        emails: Iterable[str] | None = None,
        phone_numbers: Iterable[str] | None = None,
        ids: Iterable[str] | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> dict[str, Profile]:
        """The profiles with any number of identifiers, each by the identifier as it was given; who is not there is not.

        It reads up to 100 profiles a request, and up to eight pages at a time. Where others should go first, use
        ``klaviyo.with_options(priority=Priority.BACKGROUND)``.

        Args:
            external_ids: Exactly one of these four is needed.
            emails: Without regard to letter case.
            phone_numbers: As E.164.
            ids: Klaviyo's ids.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all. The identifier always comes along.
            deadline_seconds: For each page; None means the client's.

        Raises:
            InvalidRequest: Not exactly one kind of identifiers is given, or one is empty.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        given = {"external_id": external_ids, "email": emails, "phone_number": phone_numbers, "id": ids}
        name, keys = self._finder.only_one(given)
        return await self._finder.find_many(name, keys, additional_fields, fields, deadline_seconds)

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: ProfileSort | None = None,
        include: Sequence[ListedProfileInclude] = (),
        page_size: int | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[FullProfile]:
        """Profiles, page after page.

        Args:
            filter: See ``aioklaviyo.filters``; on id, email, phone_number, external_id, created, updated and others.
            sort: One attribute, descending with a leading minus.
            include: What to resolve to objects on each profile.
            page_size: 1 to 100; Klaviyo's default is 20.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=full_profile_from,
            query={**_shape(additional_fields, fields), "include": include},
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
        if not attributes.has_identifier:
            raise _invalid("a profile needs one of email, phone_number and external_id", CREATE)
        data: Json = {"type": "profile", "attributes": attributes.wire()}
        call = CREATE.call(query=_shape(additional_fields, ()), data=data)
        return await self._one(call, profile_from, deadline_seconds)

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
            patch: Changes inside ``properties``, and to the further e-mail addresses.
            additional_fields: What to read back beyond the defaults.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            Conflict: An identifier belongs to another profile.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        resource: dict[str, Json] = {"type": "profile", "attributes": (attributes or ProfileAttributes()).wire()}
        if patch is not None and (meta := patch.meta()):
            resource["meta"] = meta
        call = UPDATE.call(
            profile_id,
            query=_shape(additional_fields, ()),
            data={**resource, "id": profile_id},
            is_repeatable=patch is None or patch.is_repeatable,
        )
        return await self._one(call, profile_from, deadline_seconds)

    async def upsert(
        self,
        attributes: ProfileAttributes,
        *,
        profile_id: str | None = None,
        kx: str | None = None,
        patch: ProfilePatch | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        deadline_seconds: float | None = None,
    ) -> Upserted:
        """Create a profile or update the one its identifiers find. Repeated after failures, unless ``patch`` appends.

        Args:
            attributes: At least one of email, phone_number and external_id, unless ``profile_id`` or ``kx`` is given.
            profile_id: Klaviyo's id, which is looked up before the other identifiers.
            kx: What Klaviyo's links carry as ``_kx``.
            patch: Changes inside ``properties``, and to the further e-mail addresses.
            additional_fields: What to read back beyond the defaults.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            Conflict: The identifiers belong to different profiles.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        imported = ProfileImport(attributes=attributes, id=profile_id or None, kx=kx or None, patch=patch)
        if not imported.has_identifier:
            raise _invalid("a profile needs one of email, phone_number and external_id", UPSERT)
        call = UPSERT.call(
            query=_shape(additional_fields, ()), data=imported.resource(), is_repeatable=imported.is_repeatable
        )
        reply = await self._caller.send(call, deadline_seconds)
        created: bool | None = None
        if reply.record.status == HTTPStatus.CREATED:
            created = True
        elif reply.record.status == HTTPStatus.OK and not reply.was_ambiguous:
            created = False
        return Upserted(reply.one(profile_from), created)

    async def merge(self, source_id: str, *, into_id: str, deadline_seconds: float | None = None) -> None:
        """Have a profile become part of another, in a while. Not repeated once it may have been accepted.

        Args:
            source_id: The profile that will be no more; its id leads to the other for some time.
            into_id: The profile that stays.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such profile.
            OutcomeUnknown: No answer came: it may be under way. To a merged profile, merging again is refused.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        sources: Json = {"profiles": {"data": identified("profile", [source_id])}}
        call = MERGE.call(data={"type": "profile-merge", "id": into_id, "relationships": sources})
        await self._done(call, deadline_seconds)

    def lists(
        self, profile_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[ProfileList]:
        """The lists a profile is on. Raises ``NotFound`` while iterating where there is no such profile."""
        return self._list(
            LISTS, profile_id, parse=list_from, query={"fields[list]": fields}, deadline_seconds=deadline_seconds
        )

    def list_ids(self, profile_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(LIST_IDS, profile_id, deadline_seconds=deadline_seconds)

    def segments(
        self, profile_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Segment]:
        """The segments a profile is in. Raises ``NotFound`` while iterating where there is no such profile."""
        return self._list(
            SEGMENTS,
            profile_id,
            parse=segment_from,
            query={"fields[segment]": fields},
            deadline_seconds=deadline_seconds,
        )

    def segment_ids(self, profile_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(SEGMENT_IDS, profile_id, deadline_seconds=deadline_seconds)

    def push_tokens(
        self, profile_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[PushToken]:
        """The push tokens of a profile. Raises ``NotFound`` while iterating where there is no such profile."""
        return self._list(
            PUSH_TOKENS,
            profile_id,
            parse=push_token_from,
            query={"fields[push-token]": fields},
            deadline_seconds=deadline_seconds,
        )

    def push_token_ids(self, profile_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(PUSH_TOKEN_IDS, profile_id, deadline_seconds=deadline_seconds)

    async def conversation(
        self, profile_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Conversation | None:
        """The conversation with a profile; None where there is none.

        Raises:
            NotFound: There is no such profile.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = CONVERSATION.call(profile_id, query={"fields[conversation]": fields})
        return await self._related(call, conversation_from, deadline_seconds)

    async def conversation_id(self, profile_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(CONVERSATION_ID.call(profile_id), deadline_seconds)

    def conversations(
        self, profile_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Conversation]:
        """The conversations with a profile, one a channel.

        Raises ``NotFound`` while iterating where there is no such profile.
        """
        return self._list(
            CONVERSATIONS,
            profile_id,
            parse=conversation_from,
            query={"fields[conversation]": fields},
            deadline_seconds=deadline_seconds,
        )

    def conversation_ids(self, profile_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(CONVERSATION_IDS, profile_id, deadline_seconds=deadline_seconds)


def _shape(additional_fields: Sequence[str], fields: Sequence[str]) -> Query:
    return {"additional-fields[profile]": additional_fields, "fields[profile]": fields}


def _invalid(problem: str, operation: Operation) -> InvalidRequest:
    return invalid_request(problem, method=operation.method, path=operation.path, pointer="/data/attributes")
