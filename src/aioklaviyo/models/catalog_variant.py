"""Variants of the catalogue's items: what has a SKU, a price and a stock."""

from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.catalog import EntryId, Identity, Number, Shown, written
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp
from aioklaviyo.models.writing import UNSET, Settable

InventoryPolicy: TypeAlias = Literal[0, 1, 2]
"""1 keeps a variant without stock out of product feeds and blocks; 0 and 2 do not."""


class CatalogVariant(ReadModel):
    """A variant. ``item_id`` is None where the answer does not name the item."""

    id: str
    external_id: str | None = None
    title: str | None = None
    description: str | None = None
    sku: str | None = None
    inventory_policy: int | None = None
    inventory_quantity: float | None = None
    price: float | None = None
    url: str | None = None
    image_full_url: str | None = None
    image_thumbnail_url: str | None = None
    images: tuple[str, ...] | None = None
    custom_metadata: Properties = Field(default_factory=dict[str, Any])
    published: bool | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    item_id: str | None = None


class NewCatalogVariant(Identity, Shown):
    """A variant to create, of an item that exists."""

    resource_type: ClassVar[str] = "catalog-variant"

    item_id: EntryId
    title: str
    description: str
    sku: str
    inventory_quantity: Number
    price: Number
    url: str
    inventory_policy: Settable[InventoryPolicy] = UNSET

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.wire()
        del attributes["item_id"]
        item: Json = {"data": {"type": "catalog-item", "id": self.item_id}}
        return written(self.resource_type, attributes, relationships={"item": item})


class CatalogVariantChanges(Shown):
    """Changes of the variant with this ``id``; see ``catalog_id``. A variant stays with its item."""

    resource_type: ClassVar[str] = "catalog-variant"

    id: EntryId
    title: Settable[str] = UNSET
    description: Settable[str] = UNSET
    sku: Settable[str] = UNSET
    inventory_quantity: Settable[Number] = UNSET
    price: Settable[Number] = UNSET
    url: Settable[str] = UNSET
    inventory_policy: Settable[InventoryPolicy] = UNSET

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.wire()
        del attributes["id"]
        return written(self.resource_type, attributes, entry_id=self.id)


def variant_from(resource: Resource) -> CatalogVariant:
    """Build from a resource object."""
    return CatalogVariant.model_validate(
        {**resource.attributes, "id": resource.id, "item_id": resource.related_id("item")}
    )
