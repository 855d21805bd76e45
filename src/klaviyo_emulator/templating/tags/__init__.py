"""All tags by name, and what to say about a name that is none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.templating.tags.flow import FLOW_TAGS
from klaviyo_emulator.templating.tags.klaviyo import KLAVIYO_TAGS
from klaviyo_emulator.templating.tags.output import OUTPUT_TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.templating.parser import TagParser

ALL_TAGS: Mapping[str, TagParser] = {**FLOW_TAGS, **KLAVIYO_TAGS, **OUTPUT_TAGS}

UNSUPPORTED_TAGS = (
    "barcode",
    "block",
    "csrf_token",
    "customobject",
    "customobjects",
    "debug",
    "extends",
    "include",
    "load",
    "lorem",
    "querystring",
    "resetcycle",
    "url",
)
"""Tags that Django or Klaviyo has and the emulator has not."""

_ADVICE: Mapping[str, str] = {
    "assign": "with name=value",
    "capture": "with name=value",
    "case": "if",
    "elsif": "elif",
    "elseif": "elif",
    "raw": "verbatim",
    "unless": "if not",
    "manage_preferences_url": "manage_preferences_link",
    "unsubscribe_url": "unsubscribe_link",
    "web_view_url": "web_view_link",
}


def explain(name: str) -> str | None:
    """What to say about a tag that is not supported or is known from elsewhere; None for any other name."""
    if name in UNSUPPORTED_TAGS:
        return f"The emulator does not support the tag '{name}'"
    if name in _ADVICE:
        return f"There is no tag '{name}'; use '{_ADVICE[name]}'"
    if name in {"else", "elif", "empty"} or (name.startswith("end") and name[3:] in ALL_TAGS):
        return f"The tag '{name}' has nothing to belong to here"
    return None
