"""Conversations: nobody converses with the emulator, so there are none; profiles are related to them all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.routes.resources import View, record_type

if TYPE_CHECKING:
    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.routes.context import Types
    from klaviyo_emulator.state.records import Record


def _attributes(_view: View, conversation: Record) -> Document:
    return {"channel": conversation.body["channel"]}


CONVERSATION = record_type("conversation", "Conversation", _attributes)
TYPES: Types = {"conversation": CONVERSATION}
