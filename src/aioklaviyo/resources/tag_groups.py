"""Groups of tags. Scopes ``tags:read``, ``tags:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.filters import Filter
from aioklaviyo.models.tag import Tag, TagGroup, tag_from, tag_group_from
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_tag_groups", "GET", "/api/tag-groups", S)
GET = Operation("get_tag_group", "GET", "/api/tag-groups/{id}", S)
CREATE = Operation("create_tag_group", "POST", "/api/tag-groups", S)
UPDATE = Operation("update_tag_group", "PATCH", "/api/tag-groups/{id}", S, Need.NOTHING)
DELETE = Operation("delete_tag_group", "DELETE", "/api/tag-groups/{id}", S, Need.NOTHING)
TAGS = Operation("get_tags_for_tag_group", "GET", "/api/tag-groups/{id}/tags", S)
TAG_IDS = Operation("get_tag_ids_for_tag_group", "GET", "/api/tag-groups/{id}/relationships/tags", S)

TagGroupSort: TypeAlias = Literal["id", "-id", "name", "-name"]


class TagGroups(Area):
    """``klaviyo.tag_groups``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: TagGroupSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[TagGroup]:
        """All groups, page after page; one of them is the account's default.

        Args:
            filter: On ``name``, ``exclusive`` and ``default``.
            sort: One attribute, descending with a leading minus.
            page_size: 1 to 25, which is also the default.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=tag_group_from,
            query={"fields[tag-group]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self, tag_group_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> TagGroup:
        """One group by its id.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(tag_group_id, query={"fields[tag-group]": fields})
        return await self._one(call, tag_group_from, deadline_seconds)

    async def create(
        self, name: str, *, exclusive: bool | None = None, deadline_seconds: float | None = None
    ) -> TagGroup:
        """Create a group, of which an account may have 50. Not repeated once it may have been processed.

        Args:
            name: What it is called.
            exclusive: True lets a thing have one tag of this group at most; it cannot be changed later. None is False.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"name": name}
        if exclusive is not None:
            attributes["exclusive"] = exclusive
        call = CREATE.call(data={"type": "tag-group", "attributes": attributes})
        return await self._one(call, tag_group_from, deadline_seconds)

    async def update(self, tag_group_id: str, *, name: str, deadline_seconds: float | None = None) -> None:
        """Rename a group. Klaviyo answers nothing, and nothing else of a group can be changed.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = UPDATE.call(tag_group_id, data={"type": "tag-group", "id": tag_group_id, "attributes": {"name": name}})
        await self._done(call, deadline_seconds)

    async def delete(self, tag_group_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a group and all its tags. The default group stays.

        Raises:
            NotFound: There is none with this id.
            RequestRejected: It is the default group.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(tag_group_id), deadline_seconds)

    def tags(
        self, tag_group_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Tag]:
        """The tags of a group. Raises ``NotFound`` while iterating where there is no such group."""
        return self._list(
            TAGS, tag_group_id, parse=tag_from, query={"fields[tag]": fields}, deadline_seconds=deadline_seconds
        )

    def tag_ids(self, tag_group_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(TAG_IDS, tag_group_id, deadline_seconds=deadline_seconds)
