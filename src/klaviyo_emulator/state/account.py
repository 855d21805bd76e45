"""What every account has from its first day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.state.records import all_records, create_record

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint

DEFAULT_TAG_GROUP = "Tags"
MAPPED_METRICS = (
    "added_to_cart",
    "cancelled_sales",
    "ordered_product",
    "refunded_sales",
    "revenue",
    "started_checkout",
    "viewed_product",
)
"""The slots that metrics can be mapped to."""


def name_account(connection: sqlite3.Connection, mint: Mint, name: str) -> None:
    """Give the account a name of its own, which stands before the configured one until it is reset."""
    connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('account_name', ?)", (name,))
    mint.account_name = name


def furnish(connection: sqlite3.Connection, mint: Mint) -> None:
    """Give a new account its default tag group and its slots for mapped metrics; what is there stays as it is."""
    if not any(group.body["default"] for group in all_records(connection, "tag-group")):
        body = {"name": DEFAULT_TAG_GROUP, "exclusive": False, "default": True}
        create_record(connection, mint, "tag-group", mint.uuid(), body)
    known = {slot.id for slot in all_records(connection, "mapped-metric")}
    for slot in MAPPED_METRICS:
        if slot not in known:
            create_record(connection, mint, "mapped-metric", slot, {"changes": 0})
