"""What the template of a message to one profile can ask for: the person, the account, links, coupon codes, items."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.state import links
from klaviyo_emulator.state.catalog import CATEGORY, ITEM, compound_id, related_ids
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
_STREET = "1 Example Street"
_CITY = "Exampletown"
_LINKS = "https://klaviyo.example"
_CURRENCY = "USD"
_CURRENCY_SIGN = "$"


def context_for(profile: Profile, account_name: str) -> dict[str, Any]:
    """The names a template can use of a profile: `email`, `first_name` and so on, `person`, `organization`.

    `person` has the custom properties too, and what Klaviyo names in its own way (`City`, `$region`, `KlaviyoID`; its
    `id` is the external id); where a property is named like one of these, the property is hidden. What a profile has
    not got does not exist, so that it writes nothing.
    """
    details = {name: value for name, value in profile.details.items() if name != "properties"}
    identifiers = {
        "email": profile.email,
        "phone_number": profile.phone_number,
        "external_id": profile.external_id,
    }
    own = _known({**details, **identifiers})
    properties: dict[str, Any] = profile.details.get("properties") or {}
    person = {**properties, **_klaviyos_names(profile, own), **own}
    return {**own, "person": person, "organization": organization(account_name)}


def _klaviyos_names(profile: Profile, own: Mapping[str, Any]) -> dict[str, Any]:
    """The built-in properties of a profile under the names that only templates give them."""
    location: dict[str, Any] = profile.details.get("location") or {}
    names = (own.get("first_name"), own.get("last_name"))
    of_templates = {
        "City": location.get("city"),
        "Country": location.get("country"),
        "KlaviyoID": profile.id,
        "Region": location.get("region"),
        "Zipcode": location.get("zip"),
        "full_name": " ".join(name for name in names if name) or None,
        "id": profile.external_id,
    }
    with_sign = {**own, **location, "id": profile.external_id}
    return _known({**of_templates, **{f"${name}": value for name, value in with_sign.items()}})


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def organization(account_name: str) -> dict[str, Any]:
    """What templates know of the account."""
    return {
        "name": account_name,
        "url": _SITE,
        "homepage": _SITE,
        "email": SENDER_ADDRESS,
        "full_address": f"{account_name}, {_STREET}, {_CITY}",
        "street_address": _STREET,
        "street_address2": "",
        "city": _CITY,
        "region": "",
        "zip_code": "",
        "phone_number": "",
    }


def message_for(connection: sqlite3.Connection, mint: Mint, profile: Profile, message_id: str) -> Message:
    """What the message around a template knows: links of the recipient's own, coupon codes, the catalogue.

    A code that a template shows is assigned to the profile.
    """
    of_recipient = f"{profile.id}/{message_id}"
    return replace(
        message_to_nobody(connection),
        unsubscribe_link=f"{_LINKS}/unsubscribe/{of_recipient}",
        manage_preferences_link=f"{_LINKS}/manage-preferences/{of_recipient}",
        web_view_link=f"{_LINKS}/web-view/{of_recipient}",
        coupon_code=partial(take_code, connection, mint, profile_id=profile.id),
    )


def reachable(content: str, base: str) -> str:
    """What a mail says, with the recipient's own unsubscribe link leading to the emulator at a URL."""
    return content.replace(f"{_LINKS}/unsubscribe/", f"{base}/unsubscribe/")


def message_to_nobody(connection: sqlite3.Connection) -> Message:
    """What can be known without a recipient: the catalogue. Links lead to placeholders."""
    return Message(catalog_item=partial(_catalog_item, connection))


def _catalog_item(
    connection: sqlite3.Connection, item_id: str, options: Mapping[str, str]
) -> Mapping[str, object] | None:
    """An item of the custom catalogue by its external id or its whole id.

    With `unpublished="cancel"` an item that is not published is as good as none.
    """
    record = find_record(connection, ITEM.type, compound_id(item_id)) or find_record(connection, ITEM.type, item_id)
    if record is None or (options.get("unpublished") == "cancel" and not record.body["published"]):
        return None
    metadata: dict[str, Any] = record.body["custom_metadata"] or {}
    image = {"src": record.body["image_full_url"]}
    thumbnail = {"src": record.body["image_thumbnail_url"]}
    categories = [
        find_record(connection, CATEGORY.type, category)
        for category in links.ids(connection, related_ids(ITEM, record.id))
    ]
    return {
        **record.body,
        "id": record.body["external_id"],
        "featured_image": {"full": image, "thumbnail": thumbnail},
        "metadata": {**_known({"price": record.body["price"]}), **metadata},
        "categories": [category.body["name"] for category in categories if category is not None],
        "currency_code": _CURRENCY,
        "currency_symbol": _CURRENCY_SIGN,
    }
