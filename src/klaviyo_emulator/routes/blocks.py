"""The blocks that templates and universal content are put together from."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.flows.shapes import members, required
from klaviyo_emulator.payload import as_object

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from klaviyo_emulator.flows.shapes import Shape
    from klaviyo_emulator.payload import Object

_DISPLAY: Mapping[str, Shape] = {
    "show_on": "all|desktop|mobile",
    "visible_check": "string",
    "content_repeat": {"repeat_for*": "string", "item_alias*": "string"},
}
_STYLES: Mapping[str, Shape] = {
    **dict.fromkeys(
        (
            "background_color",
            "block_background_color",
            "block_border_color",
            "color",
            "extra_css_class",
            "font_family",
            "font_weight",
            "text_decoration",
        ),
        "string",
    ),
    **dict.fromkeys(
        (
            "block_border_width",
            "block_padding_bottom",
            "block_padding_left",
            "block_padding_right",
            "block_padding_top",
            "font_size",
            "inner_padding_bottom",
            "inner_padding_left",
            "inner_padding_right",
            "inner_padding_top",
            "letter_spacing",
        ),
        "integer",
    ),
    "block_border_style": "dashed|dotted|groove|inset|none|outset|ridge|solid",
    "font_style": "italic|normal",
    "line_height": "number",
    "mobile_stretch_content": "boolean",
    "text_align": "center|left|right",
    "text_table_layout": "auto|fixed|inherit|initial",
}
_CONTENTS: Mapping[str, Mapping[str, Shape]] = {
    "html": {"content*": "string", "display_options*": _DISPLAY},
    "text": {"content*": "string", "display_options*": _DISPLAY, "styles*": _STYLES},
}
"""The `data` of the blocks whose insides are known; that of others is any object, or null."""
_BLOCK: Mapping[str, Shape] = {
    "content_type*": "block",
    "type*": "string",
    **dict.fromkeys(("id", "data_id", "universal_id"), "string"),
}
_WITH_SUBBLOCKS = frozenset({"split", "table"})
TEMPLATE_BLOCKS = (
    "button",
    "coupon",
    "drop_shadow",
    "header",
    "horizontal_rule",
    "html",
    "image",
    "product",
    "review",
    "social",
    "spacer",
    "split",
    "table",
    "text",
    "video",
)
"""The blocks that a template may have."""


def read_block(value: object, pointer: str, kinds: Collection[str]) -> Object:
    """A block of one of these kinds. Raises a 400 refusal that names the member."""
    block = as_object(value, pointer)
    kind = block.get("type")
    if block.get("content_type") != "block":
        raise invalid("'content_type' must be 'block'.", f"{pointer}/content_type")
    if kind not in kinds:
        raise invalid(f"'type' must be one of {', '.join(kinds)}.", f"{pointer}/type")
    inside = _CONTENTS.get(str(kind))
    if inside is not None and block.get("data") is None:
        raise required("data", pointer)
    more: Mapping[str, Shape] = {"subblocks": ["object"]} if kind in _WITH_SUBBLOCKS else {}
    return members({**_BLOCK, "data*?": inside or "object", **more}, block, pointer, "a block")


def check_blocks(definition: Object, pointer: str) -> None:
    """Refuse a definition of a template, checked but for its blocks, with a block that is none."""
    levels = ("sections", "rows", "columns", "blocks")
    found: list[tuple[Object, str]] = [(definition.get("body") or {}, f"{pointer}/body")]
    for level in levels:
        found = [
            (inner, f"{at}/{level}/{index}")
            for holder, at in found
            for index, inner in enumerate(cast("list[Object]", holder.get(level) or []))
        ]
    for block, at in found:
        read_block(block, at, TEMPLATE_BLOCKS)
