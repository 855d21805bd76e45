"""How templates made of blocks look. Lengths are pixels, colours text such as ``#112233``; what is None is not sent."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field
from typing_extensions import override

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.writing import WriteModel

BorderStyle: TypeAlias = Literal["dashed", "dotted", "groove", "inset", "none", "outset", "ridge", "solid"]
FontStyle: TypeAlias = Literal["italic", "normal"]
Alignment: TypeAlias = Literal["center", "left", "right"]
BackgroundFormat: TypeAlias = Literal["auto", "contain", "cover", "initial", "repeat"]
BackgroundPosition: TypeAlias = Literal[
    "center-bottom",
    "center-center",
    "center-top",
    "left-bottom",
    "left-center",
    "left-top",
    "right-bottom",
    "right-center",
    "right-top",
]
ColumnLayout: TypeAlias = Literal[
    "1-column-full-width",
    "2-columns-25%-75%",
    "2-columns-33%-67%",
    "2-columns-67%-33%",
    "2-columns-75%-25%",
    "2-columns-equal-width",
    "3-columns-25%-25%-50%",
    "3-columns-25%-50%-25%",
    "3-columns-50%-25%-25%",
    "3-columns-equal-width",
    "4-columns-equal-width",
]


class Look(WriteModel):
    """Attributes of which only those with a value are sent: here null says the same as nothing."""

    @override
    def wire(self) -> dict[str, Json]:
        return {name: value for name, value in super().wire().items() if value is not None}


class Padding(Look):
    """The space inside."""

    inner_padding_bottom: int | None = None
    inner_padding_left: int | None = None
    inner_padding_right: int | None = None
    inner_padding_top: int | None = None


class BlockPadding(Look):
    """A block's own background and the space around it."""

    block_background_color: str | None = None
    block_padding_bottom: int | None = None
    block_padding_left: int | None = None
    block_padding_right: int | None = None
    block_padding_top: int | None = None
    mobile_stretch_content: bool | None = None


class BlockBorder(Look):
    """The line around a block."""

    block_border_color: str | None = None
    block_border_style: BorderStyle | None = None
    block_border_width: int | None = None


class Border(Look):
    """A line."""

    border_color: str | None = None
    border_style: BorderStyle | None = None
    border_width: int | None = None


class Background(Look):
    """An image behind."""

    background_asset_id: str | None = None
    background_format: BackgroundFormat | None = None
    background_position: BackgroundPosition | None = None
    background_repeat: bool | None = None
    background_url: str | None = None


class LinkStyles(Look):
    """Links."""

    color: str | None = None
    font_style: FontStyle | None = None
    font_weight: str | None = None
    text_decoration: str | None = None


class Font(LinkStyles):
    """Letters."""

    font_family: str | None = None
    font_size: int | None = None
    letter_spacing: int | None = None
    text_align: Alignment | None = None


class TextBlockStyles(Font, Padding, BlockPadding, BlockBorder):
    """A block of text."""

    background_color: str | None = None
    extra_css_class: str | None = None
    line_height: float | None = None
    text_table_layout: Literal["auto", "fixed", "inherit", "initial"] | None = None


class ButtonBlockStyles(Font, Padding, BlockPadding, Border):
    """A button."""

    background_color: str | None = None
    border_radius: int | None = None
    drop_shadow_color: str | None = None
    stretch: bool | None = None


class ImageBlockStyles(Padding, BlockPadding, BlockBorder):
    """An image."""

    align: Alignment | None = None
    background_color: str | None = None
    full_width_mobile: bool | None = None
    height: int | None = None
    max_width: int | None = None
    width: int | None = None


class SpacerBlockStyles(Look):
    """Empty space."""

    background_color: str | None = None
    height: int | None = None


class HorizontalRuleBlockStyles(BlockPadding, Border):
    """A line across."""


class DropShadowBlockStyles(BlockPadding):
    """A shadow across."""

    shadow_color: Literal["dark", "light", "medium"] | None = None


class SectionStyles(Padding, Border, Background):
    """A section."""

    background_color: str | None = None
    background_image_full_width: bool | None = None
    column_align: Literal["baseline", "bottom", "middle", "top"] | None = None
    column_direction: Literal["ltr", "no-stack", "rtl"] | None = None
    content_color: str | None = None
    content_color_type: Literal["none", "section", "template"] | None = None
    stack_on_mobile: bool | None = None


class BaseStyles(Padding, Border, Background):
    """The whole template, and how it is edited."""

    border_radius: int | None = None
    content_background_color: str | None = None
    margin_top: int | None = None
    currency: str | None = None
    currency_set_on_template: bool | None = None
    disable_websafe_fonts: bool | None = None
    is_user_draggable: bool | None = None
    mobile_optimizations: bool | None = None
    tip_tap_enabled: bool | None = None


class TextStyles(Font):
    """Text, where a block does not say otherwise."""

    line_height: float | None = None
    mobile_font_size: int | None = None
    mobile_line_height: float | None = None


class HeadingStyles(TextStyles):
    """A level of headings."""

    margin_bottom: int | None = None


class MobileStyles(Look):
    """Small screens."""

    mobile_padding_override: bool | None = None
    mobile_block_padding_left: int | None = None
    mobile_block_padding_right: int | None = None
    mobile_margin: int | None = None
    mobile_padding_bottom: int | None = None
    mobile_padding_left: int | None = None
    mobile_padding_right: int | None = None
    mobile_padding_top: int | None = None


class TemplateStyles(WriteModel):
    """What holds in the whole template: Klaviyo wants exactly one of each kind, so each is sent, if empty."""

    base: BaseStyles = Field(default_factory=BaseStyles)
    text: TextStyles = Field(default_factory=TextStyles)
    heading_1: HeadingStyles = Field(default_factory=HeadingStyles)
    heading_2: HeadingStyles = Field(default_factory=HeadingStyles)
    heading_3: HeadingStyles = Field(default_factory=HeadingStyles)
    heading_4: HeadingStyles = Field(default_factory=HeadingStyles)
    link: LinkStyles = Field(default_factory=LinkStyles)
    mobile: MobileStyles = Field(default_factory=MobileStyles)

    _PROPERTIES: ClassVar = {
        "base": frozenset(
            {
                "currency",
                "currency_set_on_template",
                "disable_websafe_fonts",
                "is_user_draggable",
                "mobile_optimizations",
                "tip_tap_enabled",
            }
        ),
        "mobile": frozenset({"mobile_padding_override"}),
    }

    def listed(self) -> list[Json]:
        """The eight objects as they are sent."""
        return [self._sent(name, look) for name, look in super().wire().items() if isinstance(look, dict)]

    def _sent(self, name: str, look: dict[str, Json]) -> Json:
        sent: dict[str, Json] = {"style_type": f"{name.replace('_', '-')}-styles"}
        apart = self._PROPERTIES.get(name)
        if apart is None:
            return {**sent, "styles": look}
        return {
            **sent,
            "properties": {attribute: value for attribute, value in look.items() if attribute in apart},
            "styles": {attribute: value for attribute, value in look.items() if attribute not in apart},
        }
