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
_FILLING = "filling"


def name_account(connection: sqlite3.Connection, mint: Mint, name: str) -> None:
    """Give the account a name of its own, which stands before the configured one until it is reset."""
    connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('account_name', ?)", (name,))
    mint.account_name = name


def note_filling(connection: sqlite3.Connection, *, is_done: bool) -> None:
    """Note that the account is being filled, or that it is done."""
    if is_done:
        connection.execute("DELETE FROM setting WHERE name = ?", (_FILLING,))
    else:
        connection.execute("INSERT INTO setting (name, value) VALUES (?, '')", (_FILLING,))


def is_half_filled(connection: sqlite3.Connection) -> bool:
    """Whether filling the account was begun and not ended."""
    return connection.execute("SELECT 1 FROM setting WHERE name = ?", (_FILLING,)).fetchone() is not None


def furnish(connection: sqlite3.Connection, mint: Mint) -> None:
    """Give a new account its default tag group and its slots for mapped metrics; what is there stays as it is."""
    if not any(group.body["default"] for group in all_records(connection, "tag-group")):
        body = {"name": DEFAULT_TAG_GROUP, "exclusive": False, "default": True}
        create_record(connection, mint, "tag-group", mint.uuid(), body)
    known = {slot.id for slot in all_records(connection, "mapped-metric")}
    for slot in MAPPED_METRICS:
        if slot not in known:
            create_record(connection, mint, "mapped-metric", slot, {"changes": 0})
