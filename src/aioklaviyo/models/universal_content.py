"""Blocks that templates share, as read and as written."""

from typing import Any, ClassVar, TypeAlias

from pydantic import Field
from typing_extensions import override

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.template_definition import ContentRepeat, ShownOn, block
from aioklaviyo.models.template_style import Look, TextBlockStyles
from aioklaviyo.models.writing import WriteModel


class UniversalContent(ReadModel):
    """A shared block or section. ``screenshot_status`` is plain text; ``definition`` is as Klaviyo writes it."""

    id: str
    name: str | None = None
    definition: dict[str, Any] | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    screenshot_status: str | None = None
    screenshot_url: str | None = None


class UniversalDisplayOptions(Look):
    """Where, whether and how often a shared block is shown; ``visible_check`` is an expression."""

    show_on: ShownOn | None = None
    visible_check: str | None = None
    content_repeat: ContentRepeat | None = None


class UniversalTextBlock(WriteModel):
    """Text as HTML, with template tags."""

    kind: ClassVar = "text"

    content: str
    styles: TextBlockStyles = Field(default_factory=TextBlockStyles)
    display_options: UniversalDisplayOptions = Field(default_factory=UniversalDisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, super().wire())


class UniversalHtmlBlock(WriteModel):
    """HTML of your own, with template tags."""

    kind: ClassVar = "html"

    content: str
    display_options: UniversalDisplayOptions = Field(default_factory=UniversalDisplayOptions)

    @override
    def wire(self) -> dict[str, Json]:
        return block(self.kind, super().wire())


UniversalBlock: TypeAlias = UniversalTextBlock | UniversalHtmlBlock


def universal_content_from(resource: Resource) -> UniversalContent:
    """Build from a resource object."""
    return UniversalContent.model_validate({**resource.attributes, "id": resource.id})
