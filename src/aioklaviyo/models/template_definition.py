"""What a template made of blocks consists of: sections of rows of columns of blocks.

The seven kinds of blocks that most templates are made of have models; any other one is written as a plain object.
What is read of a definition stays a plain dict.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field
from typing_extensions import override

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.template_style import (
    ButtonBlockStyles,
    ColumnLayout,
    DropShadowBlockStyles,
    HorizontalRuleBlockStyles,
    ImageBlockStyles,
    Look,
    SectionStyles,
    SpacerBlockStyles,
    TemplateStyles,
    TextBlockStyles,
)
from aioklaviyo.models.writing import JsonObject, WriteModel, written

ShownOn: TypeAlias = Literal["all", "desktop", "mobile"]


class ContentRepeat(WriteModel):
    """Once for each item of ``repeat_for``, which is called ``item_alias`` there."""

    repeat_for: str
    item_alias: str


class Visibility(Look):
    """Whether something is shown at all: ``check`` is an expression such as ``person.vip``."""

    check: str | None = None
    definition: str | None = None
    is_code_only: bool | None = None


class DisplayOptions(Look):
    """Where, whether and how often something is shown."""

    show_on: ShownOn | None = None
    content_repeat: ContentRepeat | None = None
    visibility: Visibility | None = None
    layout_type: str | None = None
    layout_config: JsonObject | None = None


class TextBlock(WriteModel):
    """Text as HTML, with template tags."""

    kind: ClassVar = "text"

    content: str
    styles: TextBlockStyles = Field(default_factory=TextBlockStyles)
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, super().wire())


class HtmlBlock(WriteModel):
    """HTML of your own, with template tags."""

    kind: ClassVar = "html"

    content: str
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, super().wire())


class ButtonBlock(WriteModel):
    """A button that leads to ``href``."""

    kind: ClassVar = "button"

    content: str | None
    href: str | None = None
    styles: ButtonBlockStyles = Field(default_factory=ButtonBlockStyles)
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, with_properties(super().wire(), "href"))


class ImageBlock(WriteModel):
    """An image: one of the account's (``asset_id``), or the one at ``src``, which may have tags if ``dynamic``."""

    kind: ClassVar = "image"

    src: str | None = None
    asset_id: str | None = None
    alt_text: str | None = None
    href: str | None = None
    dynamic: bool = False
    styles: ImageBlockStyles = Field(default_factory=ImageBlockStyles)
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, with_properties(super().wire(), "src", "asset_id", "alt_text", "href", "dynamic"))


class SpacerBlock(WriteModel):
    """Empty space."""

    kind: ClassVar = "spacer"

    styles: SpacerBlockStyles = Field(default_factory=SpacerBlockStyles)
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, super().wire())


class HorizontalRuleBlock(WriteModel):
    """A line across."""

    kind: ClassVar = "horizontal_rule"

    styles: HorizontalRuleBlockStyles = Field(default_factory=HorizontalRuleBlockStyles)
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, super().wire())


class DropShadowBlock(WriteModel):
    """A shadow across."""

    kind: ClassVar = "drop_shadow"

    styles: DropShadowBlockStyles = Field(default_factory=DropShadowBlockStyles)
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, super().wire())


TemplateBlock: TypeAlias = (
    TextBlock | HtmlBlock | ButtonBlock | ImageBlock | SpacerBlock | HorizontalRuleBlock | DropShadowBlock
)


class Column(WriteModel):
    """Blocks below each other."""

    blocks: tuple[TemplateBlock | JsonObject, ...] = ()

    @override
    def wire(self) -> dict[str, Json]:
        return {"data": {}, "blocks": [written(each) for each in self.blocks]}


class Row(WriteModel):
    """Columns beside each other."""

    columns: tuple[Column, ...]
    column_layout: ColumnLayout | None = None

    @override
    def wire(self) -> dict[str, Json]:
        styles: dict[str, Json] = {} if self.column_layout is None else {"column_layout": self.column_layout}
        return {"data": {"styles": styles}, "columns": wired(self.columns)}


class Section(WriteModel):
    """Rows below each other."""

    rows: tuple[Row, ...]
    styles: SectionStyles = Field(default_factory=SectionStyles)
    display_options: DisplayOptions = Field(default_factory=DisplayOptions)

    @classmethod
    def of(cls, *blocks: TemplateBlock | JsonObject) -> "Section":
        """A section with these blocks below each other, as wide as the template."""
        return cls(rows=(Row(columns=(Column(blocks=blocks),)),))

    @override
    def wire(self) -> dict[str, Json]:
        return {
            "content_type": "section",
            "type": "section",
            "data": {
                "properties": {},
                "display_options": self.display_options.wire(),
                "styles": self.styles.wire(),
            },
            "rows": wired(self.rows),
        }


class TemplateDefinition(WriteModel):
    """A template made of blocks."""

    sections: tuple[Section, ...]
    styles: TemplateStyles = Field(default_factory=TemplateStyles)
    background_color: str | None = None
    width: Annotated[int, Field(gt=0)] | None = None
    css_class: str | None = None

    @override
    def wire(self) -> dict[str, Json]:
        return {
            "body": {
                "properties": given(css_class=self.css_class),
                "styles": given(background_color=self.background_color, width=self.width),
                "sections": wired(self.sections),
            },
            "styles": self.styles.listed(),
        }


def wired(parts: Iterable[WriteModel]) -> list[Json]:
    """Several models as they are sent."""
    return [part.wire() for part in parts]


def given(**attributes: Json) -> dict[str, Json]:
    """Those attributes that have a value."""
    return {name: value for name, value in attributes.items() if value is not None}


def block(kind: str, data: dict[str, Json]) -> dict[str, Json]:
    """A block as it is sent."""
    return {"content_type": "block", "type": kind, "data": data}


def with_properties(data: dict[str, Json], *names: str) -> dict[str, Json]:
    """The same data, these attributes of it together and without those that have no value."""
    rest: dict[str, Json] = {name: value for name, value in data.items() if name not in names}
    rest["properties"] = given(**{name: data[name] for name in names})
    return rest
