"""Lists. Scopes ``lists:read``, ``lists:write``; members also need ``profiles:read`` or ``profiles:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.errors import CallRecord, PayloadTooLarge
from aioklaviyo.filters import Filter
from aioklaviyo.models.flow import Flow, flow_from
from aioklaviyo.models.profile import ProfileExtra
from aioklaviyo.models.profile_list import Member, OptInProcess, ProfileList, list_from, member_from
from aioklaviyo.models.tag import Tag, tag_from
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L, M, Rate, S
from aioklaviyo.resources.area import Area, identified

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_lists", "GET", "/api/lists", L)
GET = Operation("get_list", "GET", "/api/lists/{id}", L)
CREATE = Operation("create_list", "POST", "/api/lists", Rate(10, 150, 150))
UPDATE = Operation("update_list", "PATCH", "/api/lists/{id}", M)
DELETE = Operation("delete_list", "DELETE", "/api/lists/{id}", M, Need.NOTHING)
MEMBERS = Operation("get_profiles_for_list", "GET", "/api/lists/{id}/profiles", L)
MEMBER_IDS = Operation("get_profile_ids_for_list", "GET", "/api/lists/{id}/relationships/profiles", L)
ADD = Operation(
    "add_profiles_to_list", "POST", "/api/lists/{id}/relationships/profiles", M, Need.NOTHING, is_repeatable=True
)
REMOVE = Operation("remove_profiles_from_list", "DELETE", "/api/lists/{id}/relationships/profiles", M, Need.NOTHING)
TAGS = Operation("get_tags_for_list", "GET", "/api/lists/{id}/tags", S)
TAG_IDS = Operation("get_tag_ids_for_list", "GET", "/api/lists/{id}/relationships/tags", S)
FLOW_TRIGGERS = Operation("get_flows_triggered_by_list", "GET", "/api/lists/{id}/flow-triggers", S)
FLOW_TRIGGER_IDS = Operation(
    "get_ids_for_flows_triggered_by_list", "GET", "/api/lists/{id}/relationships/flow-triggers", S
)

MAX_MEMBERS_PER_CALL = 1_000
"""How many profiles one call may add or remove."""

ListInclude: TypeAlias = Literal["flow-triggers", "tags"]
ListSort: TypeAlias = Literal["created", "-created", "id", "-id", "name", "-name", "updated", "-updated"]
ListExtra: TypeAlias = Literal["profile_count"]
MemberSort: TypeAlias = Literal["joined_group_at", "-joined_group_at"]


class Lists(Area):
    """``klaviyo.lists``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: ListSort | None = None,
        include: Sequence[ListInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[ProfileList]:
        """All lists, page after page.

        Args:
            filter: ``any_of`` on ``name`` and ``id``; ``greater_than`` on ``created`` and ``updated``.
            sort: One attribute, descending with a leading minus.
            include: What to resolve to objects on each list.
            page_size: 1 to 10, which is also the default.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=list_from,
            query={"fields[list]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        list_id: str,
        *,
        include: Sequence[ListInclude] = (),
        additional_fields: Sequence[ListExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> ProfileList:
        """One list by its id.

        Args:
            list_id: Six letters and digits.
            include: What to resolve to objects.
            additional_fields: What to read beyond the defaults; ``profile_count`` is charged to a stricter limit.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"additional-fields[list]": additional_fields, "fields[list]": fields, "include": include}
        return await self._one(GET.call(list_id, query=query), list_from, deadline_seconds)

    async def create(
        self, name: str, *, opt_in_process: OptInProcess | None = None, deadline_seconds: float | None = None
    ) -> ProfileList:
        """Create a list. Not repeated once it may have been processed: names need not be unique.

        Args:
            name: What it is called.
            opt_in_process: None means the account's default.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"name": name}
        if opt_in_process is not None:
            attributes["opt_in_process"] = opt_in_process
        call = CREATE.call(data={"type": "list", "attributes": attributes})
        return await self._one(call, list_from, deadline_seconds)

    async def update(
        self,
        list_id: str,
        *,
        name: str | None = None,
        opt_in_process: OptInProcess | None = None,
        deadline_seconds: float | None = None,
    ) -> ProfileList:
        """Change a list; what is None stays.

        Args:
            list_id: Six letters and digits.
            name: What it is to be called.
            opt_in_process: How subscriptions are confirmed from now on.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {"name": name, "opt_in_process": opt_in_process}
        changes = {attribute: value for attribute, value in changes.items() if value is not None}
        call = UPDATE.call(list_id, data={"type": "list", "id": list_id, "attributes": changes})
        return await self._one(call, list_from, deadline_seconds)

    async def delete(self, list_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a list; its members stay profiles.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(list_id), deadline_seconds)

    def members(
        self,
        list_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: MemberSort | None = None,
        page_size: int | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Member]:
        """The profiles of a list, page after page.

        Args:
            list_id: Six letters and digits.
            filter: ``any_of`` on ``email``, ``phone_number`` and ``push_token``; ``equals`` on ``_kx``; ranges on
                ``joined_group_at``.
            sort: By when they joined, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 20.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: There is no such list.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            MEMBERS,
            list_id,
            parse=member_from,
            query={"additional-fields[profile]": additional_fields, "fields[profile]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def member_ids(
        self,
        list_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: MemberSort | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same profiles; parameters and errors as in ``members``."""
        return self._list_ids(
            MEMBER_IDS,
            list_id,
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def add_members(
        self, list_id: str, profile_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Put profiles on a list. It changes no consent: to subscribe somebody, see ``subscriptions``.

        Args:
            list_id: Six letters and digits.
            profile_ids: At most 1,000. Members already there stay; nobody at all sends nothing.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            PayloadTooLarge: There are more than 1,000; nothing was sent.
            NotFound: There is no such list or profile.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._change_members(ADD, list_id, profile_ids, deadline_seconds)

    async def remove_members(
        self, list_id: str, profile_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Take profiles off a list; parameters and errors as in ``add_members``."""
        await self._change_members(REMOVE, list_id, profile_ids, deadline_seconds)

    async def _change_members(
        self, operation: Operation, list_id: str, profile_ids: Sequence[str], deadline_seconds: float | None
    ) -> None:
        if len(profile_ids) > MAX_MEMBERS_PER_CALL:
            problem = f"Not sent: one call changes at most {MAX_MEMBERS_PER_CALL:,} members"
            raise PayloadTooLarge(problem, CallRecord(operation.method, operation.path))
        if profile_ids:
            await self._done(operation.call(list_id, data=identified("profile", profile_ids)), deadline_seconds)

    def tags(self, list_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None) -> Listing[Tag]:
        """The tags of a list. Raises ``NotFound`` while iterating where there is no such list."""
        return self._list(
            TAGS, list_id, parse=tag_from, query={"fields[tag]": fields}, deadline_seconds=deadline_seconds
        )

    def tag_ids(self, list_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(TAG_IDS, list_id, deadline_seconds=deadline_seconds)

    def flow_triggers(
        self, list_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Flow]:
        """The flows that begin when somebody joins. Raises ``NotFound`` while iterating where there is no such list."""
        return self._list(
            FLOW_TRIGGERS, list_id, parse=flow_from, query={"fields[flow]": fields}, deadline_seconds=deadline_seconds
        )

    def flow_trigger_ids(self, list_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(FLOW_TRIGGER_IDS, list_id, deadline_seconds=deadline_seconds)
