"""Items of the catalogue."""

from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.catalog import EntryId, Identity, Number, Shown, related_to, written
from aioklaviyo.models.catalog_variant import CatalogVariant, variant_from
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp
from aioklaviyo.models.segment.grammar import Several
from aioklaviyo.models.writing import UNSET, Settable, Unset

CatalogItemInclude: TypeAlias = Literal["variants"]


class CatalogItem(ReadModel):
    """An item. ``variants`` are objects when included."""

    id: str
    external_id: str | None = None
    title: str | None = None
    description: str | None = None
    price: float | None = None
    url: str | None = None
    image_full_url: str | None = None
    image_thumbnail_url: str | None = None
    images: tuple[str, ...] | None = None
    custom_metadata: Properties = Field(default_factory=dict[str, Any])
    published: bool | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    variants: tuple[CatalogVariant, ...] | None = None


class NewCatalogItem(Identity, Shown):
    """An item to create, in categories that exist."""

    resource_type: ClassVar[str] = "catalog-item"

    title: str
    description: str
    url: str
    price: Settable[Number] = UNSET
    category_ids: Several[EntryId] = ()

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.wire()
        del attributes["category_ids"]
        categories = related_to("catalog-category", self.category_ids)
        return written(
            self.resource_type, attributes, relationships={"categories": categories} if self.category_ids else None
        )


class CatalogItemChanges(Shown):
    """Changes of the item with this ``id``; see ``catalog_id``. ``category_ids`` replace the present ones."""

    resource_type: ClassVar[str] = "catalog-item"

    id: EntryId
    title: Settable[str] = UNSET
    description: Settable[str] = UNSET
    url: Settable[str] = UNSET
    price: Settable[Number] = UNSET
    category_ids: Several[EntryId] | Literal[Unset.UNSET] = UNSET

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.wire()
        del attributes["id"]
        relationships: dict[str, Json] | None = None
        if self.category_ids is not UNSET:
            del attributes["category_ids"]
            relationships = {"categories": related_to("catalog-category", self.category_ids)}
        return written(self.resource_type, attributes, entry_id=self.id, relationships=relationships)


def item_from(resource: Resource) -> CatalogItem:
    """Build from a resource object and what was included beside it."""
    return CatalogItem.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "variants": resource.included_as("variants", "catalog-variant", variant_from),
        }
    )
