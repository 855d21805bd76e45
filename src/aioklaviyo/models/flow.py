"""Flows: what Klaviyo does by itself when something happens. Their actions, and the messages that these send.

Definitions are read as plain JSON; ``FlowDefinition.model_validate(flow.definition)`` makes a typed one.
"""

from dataclasses import replace
from typing import Any

from pydantic import Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.tag import Tag, tag_from
from aioklaviyo.models.template import Template, template_from


class Flow(ReadModel):
    """A flow. ``trigger_type`` and ``status`` are plain text: an unknown one must not break a read.

    ``actions`` and ``tags`` are objects when included; ``definition`` comes when asked for, and with a new flow.
    """

    id: str
    name: str | None = None
    status: str | None = None
    archived: bool | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    trigger_type: str | None = None
    definition: dict[str, Any] | None = Field(default=None, repr=False)
    actions: "tuple[FlowAction, ...] | None" = None
    tags: tuple[Tag, ...] | None = None


class FlowAction(ReadModel):
    """A step of a flow. ``flow`` and ``messages`` are objects when included; Klaviyo may tell their ids without."""

    id: str
    definition: dict[str, Any] | None = Field(default=None, repr=False)
    created: Timestamp | None = None
    updated: Timestamp | None = None
    flow_id: str | None = None
    flow: Flow | None = None
    message_ids: tuple[str, ...] = ()
    messages: "tuple[FlowMessage, ...] | None" = None

    @property
    def type(self) -> str | None:
        """What kind of step it is, such as ``send-email``."""
        found = (self.definition or {}).get("type")
        return found if isinstance(found, str) else None


class FlowMessage(ReadModel):
    """What a flow sends. ``action`` and ``template`` are objects when included; Klaviyo may tell their ids without."""

    id: str
    channel: str | None = None
    definition: dict[str, Any] | None = Field(default=None, repr=False)
    created: Timestamp | None = None
    updated: Timestamp | None = None
    action_id: str | None = None
    action: FlowAction | None = None
    template_id: str | None = None
    template: Template | None = None


def flow_from(resource: Resource) -> Flow:
    """Build from a resource object and what was included beside it."""
    return Flow.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "actions": resource.included_as("flow-actions", "flow-action", _action_alone),
            "tags": resource.included_as("tags", "tag", tag_from),
        }
    )


def flow_action_from(resource: Resource) -> FlowAction:
    """Build from a resource object and what was included beside it."""
    flow = resource.related("flow", "flow")
    return FlowAction.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "flow_id": resource.related_id("flow"),
            "flow": None if flow is None else flow_from(_alone(flow)),
            "message_ids": resource.related_ids("flow-messages"),
            "messages": resource.included_as("flow-messages", "flow-message", _message_alone),
        }
    )


def flow_message_from(resource: Resource) -> FlowMessage:
    """Build from a resource object and what was included beside it."""
    action, template = resource.related("flow-action", "flow-action"), resource.related("template", "template")
    return FlowMessage.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "action_id": resource.related_id("flow-action"),
            "action": None if action is None else _action_alone(action),
            "template_id": resource.related_id("template"),
            "template": None if template is None else template_from(template),
        }
    )


def _action_alone(resource: Resource) -> FlowAction:
    return flow_action_from(_alone(resource))


def _message_alone(resource: Resource) -> FlowMessage:
    return flow_message_from(_alone(resource))


def _alone(resource: Resource) -> Resource:
    # Included resources name each other: to follow them further could lead around in a circle.
    return replace(resource, included={})
