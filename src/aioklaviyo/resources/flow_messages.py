"""The messages of flows. Scopes ``flows:read``; templates need ``templates:read``."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from aioklaviyo.models.flow import FlowAction, FlowMessage, flow_action_from, flow_message_from
from aioklaviyo.models.template import Template, template_from
from aioklaviyo.operations import Operation
from aioklaviyo.rates import S
from aioklaviyo.resources.area import Area

GET = Operation("get_flow_message", "GET", "/api/flow-messages/{id}", S)
ACTION = Operation("get_action_for_flow_message", "GET", "/api/flow-messages/{id}/flow-action", S)
ACTION_ID = Operation("get_action_id_for_flow_message", "GET", "/api/flow-messages/{id}/relationships/flow-action", S)
TEMPLATE = Operation("get_template_for_flow_message", "GET", "/api/flow-messages/{id}/template", S)
TEMPLATE_ID = Operation("get_template_id_for_flow_message", "GET", "/api/flow-messages/{id}/relationships/template", S)

FlowMessageInclude: TypeAlias = Literal["flow-action", "template"]


class FlowMessages(Area):
    """``klaviyo.flow_messages``. ``klaviyo.flow_actions`` lists them, and changes them with their action."""

    async def get(
        self,
        message_id: str,
        *,
        include: Sequence[FlowMessageInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> FlowMessage:
        """One message by its id.

        Args:
            message_id: Six letters and digits.
            include: What to resolve to objects.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[flow-message]": fields, "include": include}
        return await self._one(GET.call(message_id, query=query), flow_message_from, deadline_seconds)

    async def action(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> FlowAction | None:
        """The action that sends a message. Raises ``NotFound`` where there is no such message."""
        call = ACTION.call(message_id, query={"fields[flow-action]": fields})
        return await self._related(call, flow_action_from, deadline_seconds)

    async def action_id(self, message_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(ACTION_ID.call(message_id), deadline_seconds)

    async def template(
        self, message_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Template | None:
        """The message's own copy of a template; None where it has none. Raises ``NotFound`` without the message."""
        call = TEMPLATE.call(message_id, query={"fields[template]": fields})
        return await self._related(call, template_from, deadline_seconds)

    async def template_id(self, message_id: str, *, deadline_seconds: float | None = None) -> str | None:
        """The same, its id alone."""
        return await self._related_id(TEMPLATE_ID.call(message_id), deadline_seconds)
