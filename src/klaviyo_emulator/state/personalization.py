"""What the template of a message to one profile can ask for: the person, the account, links, coupon codes, items."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state.catalog import ITEM, compound_id
from klaviyo_emulator.state.coupons import take_code
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.templating import Message

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.profiles import Profile

SENDER_ADDRESS = "sender@emulated.test"
"""The account's own address, which a message has that names no other."""
_SITE = "https://www.emulated.test"
_LINKS = "https://klaviyo.example"


def context_for(profile: Profile, account_name: str) -> dict[str, Any]:
    """The names a template can use of a profile: `email`, `first_name` and so on, `person`, `organization`.

    `person` has the custom properties too; where one is named like an attribute, the attribute wins.
    """
    details = {name: value for name, value in profile.details.items() if name != "properties"}
    own = {
        **details,
        "id": profile.id,
        "email": profile.email,
        "phone_number": profile.phone_number,
        "external_id": profile.external_id,
    }
    properties: dict[str, Any] = profile.details.get("properties") or {}
    return {**own, "person": {**properties, **own}, "organization": organization(account_name)}


def organization(account_name: str) -> dict[str, Any]:
    """What templates know of the account."""
    return {
        "name": account_name,
        "url": _SITE,
        "homepage": _SITE,
        "email": SENDER_ADDRESS,
        "full_address": f"{account_name}, 1 Example Street, Exampletown",
        "phone_number": "",
    }


def message_for(connection: sqlite3.Connection, mint: Mint, profile: Profile, message_id: str) -> Message:
    """What the message around a template knows: links of the recipient's own, coupon codes, the catalogue.

    A code that a template shows is assigned to the profile.
    """
    of_recipient = f"{profile.id}/{message_id}"
    return Message(
        unsubscribe_link=f"{_LINKS}/unsubscribe/{of_recipient}",
        manage_preferences_link=f"{_LINKS}/manage-preferences/{of_recipient}",
        web_view_link=f"{_LINKS}/web-view/{of_recipient}",
        coupon_code=lambda coupon: take_code(connection, mint, coupon, profile.id),
        catalog_item=partial(_catalog_item, connection),
    )


def _catalog_item(
    connection: sqlite3.Connection, item_id: str, options: Mapping[str, str]
) -> Mapping[str, object] | None:
    """An item of the custom catalogue by its external id or its whole id."""
    record = find_record(connection, ITEM.type, compound_id(item_id)) or find_record(connection, ITEM.type, item_id)
    if record is None or not (record.body["published"] or options.get("unpublished")):
        return None
    image = {"src": record.body["image_full_url"]}
    thumbnail = {"src": record.body["image_thumbnail_url"]}
    return {
        **record.body,
        "id": record.body["external_id"],
        "featured_image": {"full": image, "thumbnail": thumbnail},
        "metadata": record.body["custom_metadata"],
    }
