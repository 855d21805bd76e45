"""Categories of the catalogue."""

from typing import ClassVar, Literal

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.catalog import EntryId, Identity, related_to, written
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.segment.grammar import Several
from aioklaviyo.models.writing import UNSET, Settable, Unset, WriteModel


class CatalogCategory(ReadModel):
    """A category."""

    id: str
    external_id: str | None = None
    name: str | None = None
    updated: Timestamp | None = None


class NewCatalogCategory(Identity):
    """A category to create, with items that exist."""

    resource_type: ClassVar[str] = "catalog-category"

    name: str
    item_ids: Several[EntryId] = ()

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.wire()
        del attributes["item_ids"]
        items = related_to("catalog-item", self.item_ids)
        return written(self.resource_type, attributes, relationships={"items": items} if self.item_ids else None)


class CatalogCategoryChanges(WriteModel):
    """Changes of the category with this ``id``; see ``catalog_id``. ``item_ids`` replace the present ones."""

    resource_type: ClassVar[str] = "catalog-category"

    id: EntryId
    name: Settable[str] = UNSET
    item_ids: Several[EntryId] | Literal[Unset.UNSET] = UNSET

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.wire()
        del attributes["id"]
        relationships: dict[str, Json] | None = None
        if self.item_ids is not UNSET:
            del attributes["item_ids"]
            relationships = {"items": related_to("catalog-item", self.item_ids)}
        return written(self.resource_type, attributes, entry_id=self.id, relationships=relationships)


def category_from(resource: Resource) -> CatalogCategory:
    """Build from a resource object."""
    return CatalogCategory.model_validate({**resource.attributes, "id": resource.id})
