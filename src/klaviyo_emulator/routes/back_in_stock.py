"""Who wants to know when a variant is back: an event on their profile, which a flow can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.routes.profile_input import CREATED, read_profile, require_identifier
from klaviyo_emulator.routes.profiles import conflicting_identifiers
from klaviyo_emulator.routes.resources import write_silently
from klaviyo_emulator.state import catalog, links
from klaviyo_emulator.state.profiles import DuplicateProfileError, Profile, UnknownProfileError, upsert_profile
from klaviyo_emulator.state.system_events import record_event

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes
    from klaviyo_emulator.state.profiles import ProfileChange
    from klaviyo_emulator.state.records import Record

METRIC = "Subscribed to Back in Stock"
_PROFILE = "/data/attributes/profile"
_VARIANT = "/data/relationships/variant/data"


async def create_back_in_stock_subscription(context: Context, request: ApiRequest) -> Reply:
    """Note that a profile, which may be new, waits for a variant."""
    data = request.resource()
    channels: list[str] = data["attributes"]["channels"]
    if not channels:
        raise invalid("'channels' must name at least one channel.", "/data/attributes/channels")
    change = _read_profile(data)
    wanted = data["relationships"]["variant"].get("data")
    if wanted is None:
        raise invalid("'data' is a required field.", _VARIANT)

    def work(connection: sqlite3.Connection) -> Profile:
        variant = catalog.find_entry(connection, catalog.VARIANT, wanted["id"])
        try:
            profile, _ = upsert_profile(connection, context.mint, change)
        except DuplicateProfileError as error:
            raise conflicting_identifiers(error, f"{_PROFILE}/data") from None
        except UnknownProfileError as error:
            raise invalid(f"Profile with id {error.profile_id} not found.", f"{_PROFILE}/data/id") from None
        properties = {**_properties(connection, variant), "Channels": channels}
        record_event(connection, context.mint, profile.id, METRIC, properties)
        return profile

    return await write_silently(context, work, 202)


def _read_profile(data: Object) -> ProfileChange:
    holder = data["attributes"].get("profile")
    if holder is None:
        raise invalid("'profile' is a required field.", _PROFILE)
    pointer = f"{_PROFILE}/data"
    change = read_profile(holder["data"], CREATED, pointer)
    require_identifier(change, CREATED, pointer)
    return change


def _properties(connection: sqlite3.Connection, variant: Record) -> Object:
    """What the event says of the variant and its item."""
    (item_id,) = links.ids(connection, catalog.related_ids(catalog.VARIANT, variant.id))
    item = catalog.find_entry(connection, catalog.ITEM, item_id)
    return {
        "ProductID": item.body["external_id"],
        "ProductName": item.body["title"],
        "VariantId": variant.body["external_id"],
        "VariantName": variant.body["title"],
        "SKU": variant.body["sku"],
        "Price": variant.body["price"],
        "URL": variant.body["url"],
        "ImageURL": variant.body["image_full_url"],
    }


ROUTES: Routes = {"create_back_in_stock_subscription": create_back_in_stock_subscription}
