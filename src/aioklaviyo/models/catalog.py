"""What items, variants and categories of the catalogue have in common: their ids, and how they are written."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from aioklaviyo import jsonapi
from aioklaviyo.jsonapi import Json, MalformedDocumentError
from aioklaviyo.models.segment.grammar import Several
from aioklaviyo.models.writing import UNSET, JsonObject, Settable, Unset, WriteModel

INTEGRATION = "$custom"
"""What owns entries that are written through the API."""
CATALOG = "$default"
MAX_METADATA_BYTES = 100 * 1024

CatalogSort: TypeAlias = Literal["created", "-created"]
Integration: TypeAlias = Literal["$custom"]


def catalog_id(external_id: str, *, integration: str = INTEGRATION, catalog: str = CATALOG) -> str:
    """The id of an item, a variant or a category: ``$custom:::$default:::SKU-1`` for ``SKU-1``.

    Args:
        external_id: Your own id, as it was given when the thing was created.
        integration: What owns it; things made by an integration have names such as ``$shopify``.
        catalog: Klaviyo knows one so far.
    """
    return f"{integration}:::{catalog}:::{external_id}"


def _small(metadata: JsonObject) -> JsonObject:
    try:
        size = len(jsonapi.encode(dict(metadata)))
    except MalformedDocumentError:
        raise ValueError("must be JSON") from None
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"must not be longer than {MAX_METADATA_BYTES} bytes")
    return metadata


if TYPE_CHECKING:
    from decimal import Decimal

    Number: TypeAlias = int | float | Decimal
    """A price or a quantity."""
else:
    # JSON has no decimals: what is kept is what is sent.
    Number = int | Annotated[float, Field(allow_inf_nan=False)]
ExternalId: TypeAlias = Annotated[str, Field(min_length=1, pattern=r"\S")]
EntryId: TypeAlias = Annotated[str, Field(min_length=1)]
Metadata: TypeAlias = Annotated[JsonObject, AfterValidator(_small)]
"""What else is to be known: names with texts, numbers or flags, without nesting, 100 KB at most."""


class Identity(WriteModel):
    """What a new entry is called. Klaviyo takes no other integration or catalogue than the defaults so far."""

    external_id: ExternalId
    integration_type: Integration | Literal[Unset.UNSET] = UNSET
    catalog_type: Annotated[str, Field(min_length=1)] | Literal[Unset.UNSET] = UNSET

    @property
    def id(self) -> str:
        """The id it will have."""
        return catalog_id(
            self.external_id, integration=self.integration_type or INTEGRATION, catalog=self.catalog_type or CATALOG
        )


class Shown(WriteModel):
    """What an item and a variant may have: ``UNSET`` leaves an attribute alone, None gives Klaviyo's default."""

    image_full_url: Settable[str] = UNSET
    image_thumbnail_url: Settable[str] = UNSET
    images: Settable[Several[str]] = UNSET
    custom_metadata: Settable[Metadata] = UNSET
    published: Settable[bool] = UNSET


def written(
    resource_type: str,
    attributes: dict[str, Json],
    *,
    entry_id: str | None = None,
    relationships: dict[str, Json] | None = None,
) -> dict[str, Json]:
    """A resource object as it is sent, alone or in a job."""
    resource: dict[str, Json] = {"type": resource_type}
    if entry_id is not None:
        resource["id"] = entry_id
    resource["attributes"] = attributes
    if relationships:
        resource["relationships"] = relationships
    return resource


def related_to(resource_type: str, entry_ids: Sequence[str]) -> Json:
    """A to-many relationship as it is sent."""
    return {"data": [{"type": resource_type, "id": entry_id} for entry_id in entry_ids]}
