"""Reading an item, a variant, or a category out of a request body: alone, or as an entry of a bulk job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.state.catalog import CATALOG, Entry, compound_id

if TYPE_CHECKING:
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.state.catalog import CatalogKind

MAXIMUM_METADATA_BYTES = 100 * 1024
_ATTRIBUTES = "/data/attributes"


def entry_id(data: Object) -> str:
    """The id of an entry: its own, or the one that its external id will give it."""
    return str(data["id"]) if "id" in data else compound_id(data["attributes"]["external_id"])


def read_entry(kind: CatalogKind, data: Object) -> Entry:
    """What a resource object says, whose shape is checked. Raises a 400 refusal for what is beyond a limit."""
    attributes: Object = data.get("attributes") or {}
    if "id" not in data:
        _check_identity(attributes)
    if attributes.get("custom_metadata") is not None:
        _check_metadata(attributes["custom_metadata"])
    return Entry(id=entry_id(data), attributes=attributes, related=_related(kind, data))


def _check_identity(attributes: Object) -> None:
    if not attributes["external_id"].strip():
        raise invalid("'external_id' must not be empty.", f"{_ATTRIBUTES}/external_id")
    if attributes.get("catalog_type") not in {None, CATALOG}:
        raise invalid(f"'catalog_type' must be '{CATALOG}'.", f"{_ATTRIBUTES}/catalog_type")


def _check_metadata(metadata: Object) -> None:
    at = f"{_ATTRIBUTES}/custom_metadata"
    for name, value in metadata.items():
        if isinstance(value, dict | list):
            raise invalid("'custom_metadata' must be flat: its values are no objects and no arrays.", f"{at}/{name}")
    if len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode("utf-8")) > MAXIMUM_METADATA_BYTES:
        raise invalid(f"'custom_metadata' may have {MAXIMUM_METADATA_BYTES} bytes.", at)


def _related(kind: CatalogKind, data: Object) -> list[str] | None:
    """The ids in the association of the kind, each once; None where the body does not speak of it."""
    name = kind.association.name
    relationships: Object = data.get("relationships") or {}
    relationship: Object = relationships.get(name) or {}
    found: Any = relationship.get("data")
    if found is None:
        if "id" not in data and kind.needs_association:
            raise invalid(f"'{name}' is a required relationship.", f"/data/relationships/{name}/data")
        return None
    listed = cast("list[Object]", found if isinstance(found, list) else [found])
    return list(dict.fromkeys(str(item["id"]) for item in listed))
