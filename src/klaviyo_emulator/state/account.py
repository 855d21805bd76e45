"""What every account has from its first day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.state.records import all_records, create_record

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.state.minting import Mint

DEFAULT_TAG_GROUP = "Tags"


def furnish(connection: sqlite3.Connection, mint: Mint) -> None:
    """Give a new account its default tag group; an account that has one stays as it is."""
    if not any(group.body["default"] for group in all_records(connection, "tag-group")):
        body = {"name": DEFAULT_TAG_GROUP, "exclusive": False, "default": True}
        create_record(connection, mint, "tag-group", mint.uuid(), body)
