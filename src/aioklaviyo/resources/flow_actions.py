"""The actions of flows. Scopes ``flows:read``, ``flows:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.errors import InvalidRequest, invalid_request
from aioklaviyo.filters import Filter
from aioklaviyo.models.flow import Flow, FlowAction, FlowMessage, flow_action_from, flow_from, flow_message_from
from aioklaviyo.models.writing import JsonObject, written
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json
    from aioklaviyo.models.flow_definition import Action, Anchor

GET = Operation("get_flow_action", "GET", "/api/flow-actions/{id}", S)
CREATE = Operation("create_flow_action", "POST", "/api/flow-actions", S)
UPDATE = Operation("update_flow_action", "PATCH", "/api/flow-actions/{id}", S)
DELETE = Operation("delete_flow_action", "DELETE", "/api/flow-actions/{id}", S, Need.NOTHING)
FLOW = Operation("get_flow_for_flow_action", "GET", "/api/flow-actions/{id}/flow", S)
FLOW_ID = Operation("get_flow_id_for_flow_action", "GET", "/api/flow-actions/{id}/relationships/flow", S)
MESSAGES = Operation("get_flow_action_messages", "GET", "/api/flow-actions/{id}/flow-messages", S)
MESSAGE_IDS = Operation(
    "get_message_ids_for_flow_action", "GET", "/api/flow-actions/{id}/relationships/flow-messages", S
)

FlowActionInclude: TypeAlias = Literal["flow", "flow-messages"]
FlowMessageSort: TypeAlias = Literal["created", "-created", "id", "-id", "name", "-name", "updated", "-updated"]


class FlowActions(Area):
    """``klaviyo.flow_actions``. ``klaviyo.flows.actions`` lists those of a flow."""

    async def get(
        self,
        action_id: str,
        *,
        include: Sequence[FlowActionInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> FlowAction:
        """One action by its id.

        Args:
            action_id: Digits.
            include: What to resolve to objects.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            RequestRejected: The id is none that an action can have.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[flow-action]": fields, "include": include}
        return await self._one(GET.call(action_id, query=query), flow_action_from, deadline_seconds)

    async def create(
        self,
        definition: "Action | JsonObject",
        *,
        after: "Anchor | None" = None,
        flow_id: str | None = None,
        allow_live_action: bool | None = None,
        deadline_seconds: float | None = None,
    ) -> FlowAction:
        """Put a new action into a flow. Not repeated once it may have been processed: a repeat would add another.

        It says in exactly one way where it comes: ``after`` an action, ``flow_id`` as the first of a flow without
        actions, or with ``links`` in the definition before the action they lead to. Conditional, trigger and output
        splits and experiments cannot be put in. Messages come in as drafts.

        Args:
            definition: The action, with a ``temporary_id`` and no ``id``.
            after: Behind which action, and on which of its ways.
            flow_id: The flow whose first action it becomes.
            allow_live_action: True lets a delay or a split into a live flow, where it acts at once.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Both ``after`` and ``flow_id`` say where it comes, or what comes after another has no
                ``temporary_id``; nothing was sent.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        wired = written(definition)
        attributes: dict[str, Json] = {"definition": wired}
        data: dict[str, Json] = {"type": "flow-action", "attributes": attributes}
        if allow_live_action is not None:
            attributes["allow_live_action"] = allow_live_action
        if after is not None:
            attributes["anchor-action"] = {"data": after.resource(_temporary_id(wired, is_first=flow_id is not None))}
        if flow_id is not None:
            data["relationships"] = {"flow": {"data": {"type": "flow", "id": flow_id}}}
        return await self._one(CREATE.call(data=data), flow_action_from, deadline_seconds)

    async def update(
        self, action_id: str, definition: "Action | JsonObject", *, deadline_seconds: float | None = None
    ) -> FlowAction:
        """Give an action another definition, as a whole and of the same type.

        Args:
            action_id: Digits.
            definition: What it is to do; its ``id`` is this one.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"definition": written(definition)}
        call = UPDATE.call(action_id, data={"type": "flow-action", "id": action_id, "attributes": attributes})
        return await self._one(call, flow_action_from, deadline_seconds)

    async def delete(self, action_id: str, *, deadline_seconds: float | None = None) -> None:
        """Take an action out of its flow.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(action_id), deadline_seconds)

    async def flow(
        self, action_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Flow | None:
        """The flow of an action. Raises ``NotFound`` where there is no such action."""
        return await self._related(FLOW.call(action_id, query={"fields[flow]": fields}), flow_from, deadline_seconds)

    async def flow_id(self, action_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(FLOW_ID.call(action_id), deadline_seconds)

    def messages(
        self,
        action_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: FlowMessageSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[FlowMessage]:
        """The messages of an action, those of its experiment included.

        Args:
            action_id: Digits.
            filter: On ``id``, ``name``, ``created`` and ``updated``.
            sort: One attribute, descending with a leading minus.
            page_size: 1 to 50, which is also the default.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            NotFound: There is no such action.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            MESSAGES,
            action_id,
            parse=flow_message_from,
            query={"fields[flow-message]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    def message_ids(
        self,
        action_id: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: FlowMessageSort | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[str]:
        """The ids of the same messages; as in ``messages``, but for the filter, which knows no ``id``."""
        return self._list_ids(
            MESSAGE_IDS,
            action_id,
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )


def _temporary_id(definition: "dict[str, Json]", *, is_first: bool) -> str:
    if is_first:
        raise _refused("an action comes after another or first in a flow, not both", "/data/relationships/flow")
    found = definition.get("temporary_id")
    if not isinstance(found, str) or not found:
        raise _refused("a new action needs a temporary_id", "/data/attributes/definition/temporary_id")
    return found


def _refused(problem: str, pointer: str) -> InvalidRequest:
    return invalid_request(problem, method=CREATE.method, path=CREATE.path, pointer=pointer)
