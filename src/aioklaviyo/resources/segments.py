"""Segments. Scopes ``segments:read``, ``segments:write``; members also need ``profiles:read``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.errors import invalid_request
from aioklaviyo.filters import Filter
from aioklaviyo.models.flow import Flow, flow_from
from aioklaviyo.models.profile import ProfileExtra
from aioklaviyo.models.profile_list import Member, member_from
from aioklaviyo.models.segment.segment import Segment, segment_from
from aioklaviyo.models.tag import Tag, tag_from
from aioklaviyo.models.writing import JsonObject, written
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L, Rate, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json
    from aioklaviyo.models.segment.definition import SegmentDefinition

LIST = Operation("get_segments", "GET", "/api/segments", L)
GET = Operation("get_segment", "GET", "/api/segments/{id}", L)
CREATE = Operation("create_segment", "POST", "/api/segments", Rate(1, 15, 100))
UPDATE = Operation("update_segment", "PATCH", "/api/segments/{id}", Rate(1, 15, 100))
DELETE = Operation("delete_segment", "DELETE", "/api/segments/{id}", S, Need.NOTHING)
MEMBERS = Operation("get_profiles_for_segment", "GET", "/api/segments/{id}/profiles", L)
MEMBER_IDS = Operation("get_profile_ids_for_segment", "GET", "/api/segments/{id}/relationships/profiles", L)
TAGS = Operation("get_tags_for_segment", "GET", "/api/segments/{id}/tags", S)
TAG_IDS = Operation("get_tag_ids_for_segment", "GET", "/api/segments/{id}/relationships/tags", S)
FLOW_TRIGGERS = Operation("get_flows_triggered_by_segment", "GET", "/api/segments/{id}/flow-triggers", S)
FLOW_TRIGGER_IDS = Operation(
    "get_ids_for_flows_triggered_by_segment", "GET", "/api/segments/{id}/relationships/flow-triggers", S
)

SegmentInclude: TypeAlias = Literal["flow-triggers", "tags"]
SegmentSort: TypeAlias = Literal["created", "-created", "id", "-id", "name", "-name", "updated", "-updated"]
SegmentExtra: TypeAlias = Literal["profile_count"]
SegmentMemberSort: TypeAlias = Literal["joined_group_at", "-joined_group_at"]


class Segments(Area):
    """``klaviyo.segments``. What a definition is made of is in ``aioklaviyo.models.segment``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: SegmentSort | None = None,
        include: Sequence[SegmentInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Segment]:
        """All segments, page after page.

        Args:
            filter: On ``name``, ``id``, ``created``, ``updated``, ``is_active`` and ``is_starred``; the live API was
                seen to take the last two and not to apply them.
            sort: One attribute, descending with a leading minus.
            include: What to resolve to objects on each segment.
            page_size: 1 to 10, which is also the default.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=segment_from,
            query={"fields[segment]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        segment_id: str,
        *,
        include: Sequence[SegmentInclude] = (),
        additional_fields: Sequence[SegmentExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Segment:
        """One segment by its id.

        Args:
            segment_id: Six letters and digits.
            include: What to resolve to objects.
            additional_fields: What to read beyond the defaults; ``profile_count`` is charged to a stricter limit.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"additional-fields[segment]": additional_fields, "fields[segment]": fields, "include": include}
        return await self._one(GET.call(segment_id, query=query), segment_from, deadline_seconds)

    async def create(
        self,
        name: str,
        definition: "SegmentDefinition | JsonObject",
        *,
        is_starred: bool | None = None,
        deadline_seconds: float | None = None,
    ) -> Segment:
        """Create a segment; 100 a day. Not repeated once it may have been processed: names need not be unique.

        Klaviyo finds its members later: the live API was seen to take nine minutes, and to say at once that
        ``is_processing`` is over.

        Args:
            name: What it is called.
            definition: Who is in it; as plain JSON where Klaviyo's grammar has grown beyond the models.
            is_starred: Whether it is shown first in Klaviyo.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"name": name, "definition": written(definition)}
        if is_starred is not None:
            attributes["is_starred"] = is_starred
        call = CREATE.call(data={"type": "segment", "attributes": attributes})
        return await self._one(call, segment_from, deadline_seconds)

    async def update(
        self,
        segment_id: str,
        *,
        name: str | None = None,
        definition: "SegmentDefinition | JsonObject | None" = None,
        is_starred: bool | None = None,
        is_active: bool | None = None,
        deadline_seconds: float | None = None,
    ) -> Segment:
        """Change a segment; what is None stays. 100 a day.

        Args:
            segment_id: Six letters and digits.
            name: What it is to be called.
            definition: Who is to be in it, instead of the former definition.
            is_starred: Whether it is shown first in Klaviyo.
            is_active: False stops it, and everything that uses it: campaigns, flows, forms. It has to come alone.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: ``is_active=False`` came with something else; nothing was sent.
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {"name": name, "is_starred": is_starred, "is_active": is_active}
        changes = {attribute: value for attribute, value in changes.items() if value is not None}
        if definition is not None:
            changes["definition"] = written(definition)
        if is_active is False and len(changes) > 1:
            raise invalid_request(
                "a segment is deactivated by is_active alone",
                method=UPDATE.method,
                path=UPDATE.path,
                pointer="/data/attributes/is_active",
            )
        call = UPDATE.call(segment_id, data={"type": "segment", "id": segment_id, "attributes": changes})
        return await self._one(call, segment_from, deadline_seconds)

    async def delete(self, segment_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a segment; its members stay profiles.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(segment_id), deadline_seconds)

    def members(
        self,
        segment_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: SegmentMemberSort | None = None,
        page_size: int | None = None,
        additional_fields: Sequence[ProfileExtra] = (),
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Member]:
        """The profiles in a segment, page after page.

        Args:
            segment_id: Six letters and digits.
            filter: On ``profile_id``, ``email``, ``phone_number``, ``push_token``, ``_kx`` and ``joined_group_at``.
            sort: By when they joined, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 20.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: There is no such segment.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            MEMBERS,
            segment_id,
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
        segment_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: SegmentMemberSort | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same profiles; parameters and errors as in ``members``."""
        return self._list_ids(
            MEMBER_IDS,
            segment_id,
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def tags(
        self, segment_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Tag]:
        """The tags of a segment. Raises ``NotFound`` while iterating where there is no such segment."""
        return self._list(
            TAGS, segment_id, parse=tag_from, query={"fields[tag]": fields}, deadline_seconds=deadline_seconds
        )

    def tag_ids(self, segment_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(TAG_IDS, segment_id, deadline_seconds=deadline_seconds)

    def flow_triggers(
        self, segment_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Listing[Flow]:
        """The flows that begin when somebody comes in. Raises ``NotFound`` while iterating where there is none."""
        return self._list(
            FLOW_TRIGGERS,
            segment_id,
            parse=flow_from,
            query={"fields[flow]": fields},
            deadline_seconds=deadline_seconds,
        )

    def flow_trigger_ids(self, segment_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(FLOW_TRIGGER_IDS, segment_id, deadline_seconds=deadline_seconds)
