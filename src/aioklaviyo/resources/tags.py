"""Tags, and what they are put on. Scopes ``tags:read``, ``tags:write``, and those of what is tagged."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.filters import Filter
from aioklaviyo.models.tag import Tag, TagGroup, tag_from, tag_group_from
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import S
from aioklaviyo.resources.area import Area, identified

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_tags", "GET", "/api/tags", S)
GET = Operation("get_tag", "GET", "/api/tags/{id}", S)
CREATE = Operation("create_tag", "POST", "/api/tags", S)
UPDATE = Operation("update_tag", "PATCH", "/api/tags/{id}", S, Need.NOTHING)
DELETE = Operation("delete_tag", "DELETE", "/api/tags/{id}", S, Need.NOTHING)
TAG_GROUP = Operation("get_tag_group_for_tag", "GET", "/api/tags/{id}/tag-group", S)
TAG_GROUP_ID = Operation("get_tag_group_id_for_tag", "GET", "/api/tags/{id}/relationships/tag-group", S)
CAMPAIGN_IDS = Operation("get_campaign_ids_for_tag", "GET", "/api/tags/{id}/relationships/campaigns", S)
TAG_CAMPAIGNS = Operation(
    "tag_campaigns", "POST", "/api/tags/{id}/relationships/campaigns", S, Need.NOTHING, is_repeatable=True
)
UNTAG_CAMPAIGNS = Operation(
    "remove_tag_from_campaigns", "DELETE", "/api/tags/{id}/relationships/campaigns", S, Need.NOTHING
)
FLOW_IDS = Operation("get_flow_ids_for_tag", "GET", "/api/tags/{id}/relationships/flows", S)
TAG_FLOWS = Operation("tag_flows", "POST", "/api/tags/{id}/relationships/flows", S, Need.NOTHING, is_repeatable=True)
UNTAG_FLOWS = Operation("remove_tag_from_flows", "DELETE", "/api/tags/{id}/relationships/flows", S, Need.NOTHING)
LIST_IDS = Operation("get_list_ids_for_tag", "GET", "/api/tags/{id}/relationships/lists", S)
TAG_LISTS = Operation("tag_lists", "POST", "/api/tags/{id}/relationships/lists", S, Need.NOTHING, is_repeatable=True)
UNTAG_LISTS = Operation("remove_tag_from_lists", "DELETE", "/api/tags/{id}/relationships/lists", S, Need.NOTHING)
SEGMENT_IDS = Operation("get_segment_ids_for_tag", "GET", "/api/tags/{id}/relationships/segments", S)
TAG_SEGMENTS = Operation(
    "tag_segments", "POST", "/api/tags/{id}/relationships/segments", S, Need.NOTHING, is_repeatable=True
)
UNTAG_SEGMENTS = Operation(
    "remove_tag_from_segments", "DELETE", "/api/tags/{id}/relationships/segments", S, Need.NOTHING
)

TagInclude: TypeAlias = Literal["tag-group"]
TagSort: TypeAlias = Literal["id", "-id", "name", "-name"]


class Tags(Area):
    """``klaviyo.tags``. What is tagged also tells its tags: ``klaviyo.lists.tags`` and the like."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: TagSort | None = None,
        include: Sequence[TagInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Tag]:
        """All tags, page after page.

        Args:
            filter: On ``name``.
            sort: One attribute, descending with a leading minus.
            include: What to resolve to objects on each tag.
            page_size: 1 to 50, which is also the default.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=tag_from,
            query={"fields[tag]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        tag_id: str,
        *,
        include: Sequence[TagInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Tag:
        """One tag by its id.

        Args:
            tag_id: A UUID.
            include: What to resolve to objects.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(tag_id, query={"fields[tag]": fields, "include": include})
        return await self._one(call, tag_from, deadline_seconds)

    async def create(self, name: str, *, tag_group_id: str | None = None, deadline_seconds: float | None = None) -> Tag:
        """Create a tag, of which an account may have 500. Not repeated once it may have been processed.

        Args:
            name: What it is called.
            tag_group_id: Where it belongs, for good; None means the account's default group.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such group.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        data: dict[str, Json] = {"type": "tag", "attributes": {"name": name}}
        if tag_group_id is not None:
            data["relationships"] = {"tag-group": {"data": {"type": "tag-group", "id": tag_group_id}}}
        return await self._one(CREATE.call(data=data), tag_from, deadline_seconds)

    async def update(self, tag_id: str, *, name: str, deadline_seconds: float | None = None) -> None:
        """Rename a tag. Klaviyo answers nothing, and nothing else of a tag can be changed.

        Args:
            tag_id: A UUID.
            name: What it is to be called.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = UPDATE.call(tag_id, data={"type": "tag", "id": tag_id, "attributes": {"name": name}})
        await self._done(call, deadline_seconds)

    async def delete(self, tag_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a tag; what it was on loses it.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(tag_id), deadline_seconds)

    async def tag_group(
        self, tag_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> TagGroup | None:
        """The group of a tag. Raises ``NotFound`` where there is no such tag."""
        call = TAG_GROUP.call(tag_id, query={"fields[tag-group]": fields})
        return await self._related(call, tag_group_from, deadline_seconds)

    async def tag_group_id(self, tag_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(TAG_GROUP_ID.call(tag_id), deadline_seconds)

    def campaign_ids(self, tag_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The ids of the campaigns with a tag. Raises ``NotFound`` while iterating where there is no such tag."""
        return self._list_ids(CAMPAIGN_IDS, tag_id, deadline_seconds=deadline_seconds)

    async def tag_campaigns(
        self, tag_id: str, campaign_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Put a tag on campaigns, each of which may have 100.

        Of an exclusive group a thing can have one tag only.

        Args:
            tag_id: A UUID.
            campaign_ids: Those that have it already keep it; none at all sends nothing.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is no such tag or campaign.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if campaign_ids:
            await self._done(TAG_CAMPAIGNS.call(tag_id, data=identified("campaign", campaign_ids)), deadline_seconds)

    async def untag_campaigns(
        self, tag_id: str, campaign_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Take a tag off campaigns; parameters and errors as in ``tag_campaigns``."""
        if campaign_ids:
            await self._done(UNTAG_CAMPAIGNS.call(tag_id, data=identified("campaign", campaign_ids)), deadline_seconds)

    def flow_ids(self, tag_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The ids of the flows with a tag; parameters and errors as in ``campaign_ids``."""
        return self._list_ids(FLOW_IDS, tag_id, deadline_seconds=deadline_seconds)

    async def tag_flows(self, tag_id: str, flow_ids: Sequence[str], *, deadline_seconds: float | None = None) -> None:
        """Put a tag on flows; parameters and errors as in ``tag_campaigns``."""
        if flow_ids:
            await self._done(TAG_FLOWS.call(tag_id, data=identified("flow", flow_ids)), deadline_seconds)

    async def untag_flows(self, tag_id: str, flow_ids: Sequence[str], *, deadline_seconds: float | None = None) -> None:
        """Take a tag off flows; parameters and errors as in ``tag_campaigns``."""
        if flow_ids:
            await self._done(UNTAG_FLOWS.call(tag_id, data=identified("flow", flow_ids)), deadline_seconds)

    def list_ids(self, tag_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The ids of the lists with a tag; parameters and errors as in ``campaign_ids``."""
        return self._list_ids(LIST_IDS, tag_id, deadline_seconds=deadline_seconds)

    async def tag_lists(self, tag_id: str, list_ids: Sequence[str], *, deadline_seconds: float | None = None) -> None:
        """Put a tag on lists; parameters and errors as in ``tag_campaigns``."""
        if list_ids:
            await self._done(TAG_LISTS.call(tag_id, data=identified("list", list_ids)), deadline_seconds)

    async def untag_lists(self, tag_id: str, list_ids: Sequence[str], *, deadline_seconds: float | None = None) -> None:
        """Take a tag off lists; parameters and errors as in ``tag_campaigns``."""
        if list_ids:
            await self._done(UNTAG_LISTS.call(tag_id, data=identified("list", list_ids)), deadline_seconds)

    def segment_ids(self, tag_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The ids of the segments with a tag; parameters and errors as in ``campaign_ids``."""
        return self._list_ids(SEGMENT_IDS, tag_id, deadline_seconds=deadline_seconds)

    async def tag_segments(
        self, tag_id: str, segment_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Put a tag on segments; parameters and errors as in ``tag_campaigns``."""
        if segment_ids:
            await self._done(TAG_SEGMENTS.call(tag_id, data=identified("segment", segment_ids)), deadline_seconds)

    async def untag_segments(
        self, tag_id: str, segment_ids: Sequence[str], *, deadline_seconds: float | None = None
    ) -> None:
        """Take a tag off segments; parameters and errors as in ``tag_campaigns``."""
        if segment_ids:
            await self._done(UNTAG_SEGMENTS.call(tag_id, data=identified("segment", segment_ids)), deadline_seconds)
