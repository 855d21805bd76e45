"""Templates of messages, as written."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from typing_extensions import override

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.template_definition import TemplateDefinition, given
from aioklaviyo.models.writing import JsonObject, WriteModel, written

HtmlEditor: TypeAlias = Literal["CODE", "USER_DRAGGABLE"]
"""Who edits it in Klaviyo: programmers, or anybody in its regions that may be dragged."""


class HtmlTemplate(WriteModel):
    """A template of HTML to make. ``amp`` needs AMP to be enabled in the account."""

    name: Annotated[str, Field(min_length=1)]
    html: str
    text: str | None = None
    amp: str | None = None
    editor_type: HtmlEditor = "CODE"

    @override
    def wire(self) -> dict[str, Json]:
        return given(**super().wire())


class BlockTemplate(WriteModel):
    """A template of blocks to make (SYSTEM_DRAGGABLE); Klaviyo writes its HTML. A plain object is sent as it is."""

    name: Annotated[str, Field(min_length=1)]
    definition: TemplateDefinition | JsonObject
    text: str | None = None

    @override
    def wire(self) -> dict[str, Json]:
        return given(
            name=self.name, editor_type="SYSTEM_DRAGGABLE", definition=written(self.definition), text=self.text
        )


NewTemplate: TypeAlias = HtmlTemplate | BlockTemplate
