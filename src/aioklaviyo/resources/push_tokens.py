"""Push tokens. Scopes ``push-tokens:read`` with ``profiles:read``, ``push-tokens:write`` with ``profiles:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.errors import invalid_request
from aioklaviyo.filters import Filter
from aioklaviyo.models.new_event import ProfileRef
from aioklaviyo.models.profile import Profile, ProfileExtra, profile_from
from aioklaviyo.models.push_token import NewPushToken, PushToken, push_token_from
from aioklaviyo.operations import Need, Operation, Query
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L, M, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_push_tokens", "GET", "/api/push-tokens", M)
GET = Operation("get_push_token", "GET", "/api/push-tokens/{id}", M)
CREATE = Operation("create_push_token", "POST", "/api/push-tokens", L, Need.NOTHING)
DELETE = Operation("delete_push_token", "DELETE", "/api/push-tokens/{id}", S, Need.NOTHING)
PROFILE = Operation("get_profile_for_push_token", "GET", "/api/push-tokens/{id}/profile", M)
PROFILE_ID = Operation("get_profile_id_for_push_token", "GET", "/api/push-tokens/{id}/relationships/profile", M)

PushTokenInclude: TypeAlias = Literal["profile"]


class PushTokens(Area):
    """``klaviyo.push_tokens``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        include: Sequence[PushTokenInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        profile_fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[PushToken]:
        """All tokens, page after page.

        Args:
            filter: Equality of ``id``, ``profile.id``, ``enablement_status`` and ``platform``.
            include: What to resolve to objects on each token.
            page_size: 1 to 100; Klaviyo's default is 20.
            fields: Only these attributes; empty means all.
            profile_fields: Only these attributes of an included profile; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=push_token_from,
            query=_shape(include, fields, profile_fields),
            where=filter,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        token_id: str,
        *,
        include: Sequence[PushTokenInclude] = (),
        fields: Sequence[str] = (),
        profile_fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> PushToken:
        """One token by Klaviyo's id, which is not the token itself.

        Args:
            token_id: Klaviyo's id.
            include: What to resolve to objects.
            fields: Only these attributes; empty means all.
            profile_fields: Only these attributes of an included profile; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(token_id, query=_shape(include, fields, profile_fields))
        return await self._one(call, push_token_from, deadline_seconds)

    async def create(self, token: NewPushToken, profile: ProfileRef, *, deadline_seconds: float | None = None) -> None:
        """Register a token or update a known one, which goes to this profile if it had another.

        Klaviyo means this for tokens that come from elsewhere; its mobile SDKs register by themselves. Repeated after
        failures, unless the profile's ``patch`` appends.

        Args:
            token: The token, with what is known of its device.
            profile: Whose it is, created where there is none. ``anonymous_id`` is of no use here.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: The profile has an ``anonymous_id``.
            NotFound: There is no profile with the id given.
            PayloadTooLarge: More than 100 KB.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if profile.anonymous_id is not None:
            raise invalid_request(
                "the profile of a push token has no anonymous_id",
                method=CREATE.method,
                path=CREATE.path,
                pointer="/data/attributes/profile/data/attributes/anonymous_id",
            )
        attributes: dict[str, Json] = {**token.wire(), "profile": {"data": profile.wire()}}
        call = CREATE.call(data={"type": "push-token", "attributes": attributes}, is_repeatable=profile.is_repeatable)
        await self._done(call, deadline_seconds)

    async def delete(self, token_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a token.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(token_id), deadline_seconds)

    async def profile(
        self,
        token_id: str,
        *,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Profile | None:
        """Whose token it is.

        Args:
            token_id: Klaviyo's id.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such token.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query: Query = {"additional-fields[profile]": additional_fields, "fields[profile]": fields}
        return await self._related(PROFILE.call(token_id, query=query), profile_from, deadline_seconds)

    async def profile_id(self, token_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(PROFILE_ID.call(token_id), deadline_seconds)


def _shape(include: Sequence[str], fields: Sequence[str], profile_fields: Sequence[str]) -> Query:
    return {"fields[profile]": profile_fields, "fields[push-token]": fields, "include": include}
