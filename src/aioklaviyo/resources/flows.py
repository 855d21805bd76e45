"""Flows. Scopes ``flows:read``, ``flows:write``; tags also need ``tags:read``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.filters import Filter
from aioklaviyo.models.flow import Flow, FlowAction, flow_action_from, flow_from
from aioklaviyo.models.tag import Tag, tag_from
from aioklaviyo.models.writing import JsonObject, written
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import Rate, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    # A program that only looks at flows does not pay for the grammar.
    from aioklaviyo.models.flow_definition import FlowDefinition, FlowStatus

LIST = Operation("get_flows", "GET", "/api/flows", S)
GET = Operation("get_flow", "GET", "/api/flows/{id}", S)
CREATE = Operation("create_flow", "POST", "/api/flows", Rate(1, 15, 100))
UPDATE = Operation("update_flow", "PATCH", "/api/flows/{id}", S)
DELETE = Operation("delete_flow", "DELETE", "/api/flows/{id}", S, Need.NOTHING)
ACTIONS = Operation("get_actions_for_flow", "GET", "/api/flows/{id}/flow-actions", S)
ACTION_IDS = Operation("get_action_ids_for_flow", "GET", "/api/flows/{id}/relationships/flow-actions", S)
TAGS = Operation("get_tags_for_flow", "GET", "/api/flows/{id}/tags", S)
TAG_IDS = Operation("get_tag_ids_for_flow", "GET", "/api/flows/{id}/relationships/tags", S)

FlowInclude: TypeAlias = Literal["flow-actions", "tags"]
FlowSort: TypeAlias = Literal[
    "created",
    "-created",
    "id",
    "-id",
    "name",
    "-name",
    "status",
    "-status",
    "trigger_type",
    "-trigger_type",
    "updated",
    "-updated",
]
FlowExtra: TypeAlias = Literal["definition"]
FlowActionSort: TypeAlias = Literal[
    "action_type", "-action_type", "created", "-created", "id", "-id", "status", "-status", "updated", "-updated"
]


class Flows(Area):
    """``klaviyo.flows``. What a definition is made of is in ``aioklaviyo.models.flow_definition``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: FlowSort | None = None,
        include: Sequence[FlowInclude] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Flow]:
        """All flows, page after page.

        Args:
            filter: On ``id``, ``name``, ``status``, ``archived``, ``created``, ``updated`` and ``trigger_type``
                (Added to List, Date Based, Low Inventory, Metric, Price Drop, Unconfigured).
            sort: One attribute, descending with a leading minus.
            include: What to resolve to objects on each flow.
            page_size: 1 to 50, which is also the default.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=flow_from,
            query={"fields[flow]": fields, "include": include},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        flow_id: str,
        *,
        include: Sequence[FlowInclude] = (),
        additional_fields: Sequence[FlowExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Flow:
        """One flow by its id.

        Args:
            flow_id: Six letters and digits.
            include: What to resolve to objects.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"additional-fields[flow]": additional_fields, "fields[flow]": fields, "include": include}
        return await self._one(GET.call(flow_id, query=query), flow_from, deadline_seconds)

    async def create(
        self,
        name: str,
        definition: "FlowDefinition | JsonObject",
        *,
        additional_fields: Sequence[FlowExtra] = (),
        deadline_seconds: float | None = None,
    ) -> Flow:
        """Create a flow, as a draft; 100 a day. Not repeated once it may have been processed: names need not be unique.

        Args:
            name: What it is called.
            definition: What it does. The answer's ``definition`` has Klaviyo's ids in place of temporary ones.
            additional_fields: What to read beyond the defaults; Klaviyo says that it answers the definition anyway.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = CREATE.call(
            query={"additional-fields[flow]": additional_fields},
            data={"type": "flow", "attributes": {"name": name, "definition": written(definition)}},
        )
        return await self._one(call, flow_from, deadline_seconds)

    async def update(self, flow_id: str, *, status: "FlowStatus", deadline_seconds: float | None = None) -> Flow:
        """Make a flow, and all its actions, draft, manual or live. Nothing else of a flow can be changed as a whole.

        Args:
            flow_id: Six letters and digits.
            status: ``manual`` collects messages for somebody to send.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = UPDATE.call(flow_id, data={"type": "flow", "id": flow_id, "attributes": {"status": status}})
        return await self._one(call, flow_from, deadline_seconds)

    async def delete(self, flow_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a flow with its actions and messages.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(flow_id), deadline_seconds)

    def actions(
        self,
        flow_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: FlowActionSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[FlowAction]:
        """The actions of a flow, page after page.

        Args:
            flow_id: Six letters and digits.
            filter: On ``id``, ``action_type``, ``status``, ``created`` and ``updated``. Here the type is written
                ``SEND_EMAIL``, though the action's own definition says ``send-email``.
            sort: One attribute, descending with a leading minus.
            page_size: 1 to 50, which is also the default.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: There is no such flow.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            ACTIONS,
            flow_id,
            parse=flow_action_from,
            query={"fields[flow-action]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def action_ids(
        self,
        flow_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: FlowActionSort | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same actions; parameters and errors as in ``actions``."""
        return self._list_ids(
            ACTION_IDS,
            flow_id,
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def tags(self, flow_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None) -> Listing[Tag]:
        """The tags of a flow. Raises ``NotFound`` while iterating where there is no such flow."""
        return self._list(
            TAGS, flow_id, parse=tag_from, query={"fields[tag]": fields}, deadline_seconds=deadline_seconds
        )

    def tag_ids(self, flow_id: str, *, deadline_seconds: float | None = None) -> Listing[str]:
        """The same, their ids alone."""
        return self._list_ids(TAG_IDS, flow_id, deadline_seconds=deadline_seconds)
