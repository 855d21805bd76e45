"""Coupons and their codes: who gets which code, and when another one.

A coupon keeps the codes that can still be given away as links of its own, `unassigned`, so that taking one costs the
same however many there are.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.errors import conflict, invalid, not_found
from klaviyo_emulator.state import links
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import Record, Subquery, change_record, create_record, delete_record, find_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from klaviyo_emulator.state.minting import Mint

COUPON = "coupon"
CODE = "coupon-code"
UNASSIGNED = "UNASSIGNED"
ASSIGNED = "ASSIGNED_TO_PROFILE"
USED = "USED"
COUPON_ABSENCE = "A coupon with the given identifier '{id}' does not exist."
CODE_ABSENCE = "A coupon code with given identifier '{id}' does not exist."
_COUPON_ID = re.compile(r"[0-9_A-z]+", re.ASCII)
_POOL = "unassigned"


def check_coupon_id(coupon_id: str, pointer: str) -> None:
    """Raises a 400 refusal for what cannot be the id of a coupon."""
    if not _COUPON_ID.fullmatch(coupon_id):
        raise invalid(f"'{coupon_id}' does not match '^[0-9_A-z]+$'.", pointer)


def find_coupon(connection: sqlite3.Connection, coupon_id: str) -> Record | None:
    """The coupon with this id. Raises a 400 refusal for what cannot be one."""
    check_coupon_id(coupon_id, "/data/id")
    return find_record(connection, COUPON, coupon_id)


def create_coupon(connection: sqlite3.Connection, mint: Mint, coupon_id: str, body: dict[str, Any]) -> Record:
    """Store a new coupon. Raises a 409 refusal for an id that is taken."""
    if find_record(connection, COUPON, coupon_id) is not None:
        raise conflict(f"A coupon with the identifier '{coupon_id}' already exists.", "/data/attributes/external_id")
    return create_record(connection, mint, COUPON, coupon_id, body)


def delete_coupon(connection: sqlite3.Connection, coupon_id: str) -> None:
    """Delete a coupon with its codes."""
    for code in links.ids(connection, codes_of([coupon_id])):
        delete_record(connection, CODE, code)
    delete_record(connection, COUPON, coupon_id)


def codes_of(coupon_ids: Iterable[str]) -> Subquery:
    """The ids of the codes of coupons."""
    return _codes_linked("coupon", coupon_ids)


def codes_given_to(profile_ids: Iterable[str]) -> Subquery:
    """The ids of the codes that profiles were given."""
    return _codes_linked("profile", profile_ids)


def create_code(
    connection: sqlite3.Connection, mint: Mint, coupon_id: str, unique_code: str, expires_us: int
) -> Record:
    """Store a new code. Raises a 404 refusal for a coupon that does not exist, and 409 for a code that does."""
    if find_coupon(connection, coupon_id) is None:
        raise not_found(COUPON_ABSENCE.format(id=coupon_id))
    code_id = f"{coupon_id}-{unique_code}"
    if find_record(connection, CODE, code_id) is not None:
        raise conflict(f"A coupon code with the identifier '{code_id}' already exists.", "/data/attributes/unique_code")
    body = {"unique_code": unique_code, "expires_at": expires_us, "status": UNASSIGNED}
    code = create_record(connection, mint, CODE, code_id, body)
    links.link(connection, mint, Relationship(CODE, code_id, "coupon"), [coupon_id])
    links.link(connection, mint, _pool(coupon_id), [code_id])
    return code


def change_code(connection: sqlite3.Connection, mint: Mint, code: Record, changes: dict[str, Any]) -> Record:
    """Change `status` or `expires_at` of a code. One that becomes unassigned is nobody's any more."""
    changed = change_record(connection, mint, code, changes)
    pool = _pool(_coupon_of(connection, code))
    if changed.body["status"] == UNASSIGNED:
        links.relink(connection, mint, Relationship(CODE, code.id, "profile"), [])
        links.link(connection, mint, pool, [code.id])
    else:
        links.unlink(connection, pool, [code.id])
    return changed


def delete_code(connection: sqlite3.Connection, code: Record) -> None:
    """Delete a code. Raises a 409 refusal for one that a profile was given."""
    if links.ids(connection, links.targets(Relationship(CODE, code.id, "profile"))):
        raise conflict(f"The coupon code '{code.id}' is assigned to a profile.", "/data/id")
    links.unlink(connection, _pool(_coupon_of(connection, code)), [code.id])
    delete_record(connection, CODE, code.id)


def take_code(connection: sqlite3.Connection, mint: Mint, coupon_id: str, profile_id: str) -> str | None:
    """The code of a coupon that a profile is to see, assigned to it from now on; None where there is none.

    Whoever has a code keeps seeing it; when it is used or expired, the coupon's `assigner_configuration` says whether
    another one is given. Without a configuration it is.
    """
    if not _COUPON_ID.fullmatch(coupon_id):
        return None
    coupon = find_record(connection, COUPON, coupon_id)
    if coupon is None:
        return None
    held = _latest_held(connection, coupon_id, profile_id)
    if held is not None and not _needs_another(coupon, held, mint.now_us()):
        return str(held.body["unique_code"])
    code = _next_free(connection, mint, coupon_id)
    if code is None:
        return None
    change_code(connection, mint, code, {"status": ASSIGNED})
    links.link(connection, mint, Relationship(CODE, code.id, "profile"), [profile_id])
    return str(code.body["unique_code"])


def _latest_held(connection: sqlite3.Connection, coupon_id: str, profile_id: str) -> Record | None:
    """The code of a coupon that a profile was given last."""
    sql = (
        "SELECT held.owner FROM link AS held JOIN link AS owned ON owned.type = held.type AND owned.owner = held.owner "
        "AND owned.relation = 'coupon' AND owned.target = ? "
        "WHERE held.type = ? AND held.relation = 'profile' AND held.target = ? "
        "ORDER BY held.created_us DESC, held.owner DESC LIMIT 1"
    )
    row = connection.execute(sql, (coupon_id, CODE, profile_id)).fetchone()
    return None if row is None else find_record(connection, CODE, row[0])


def _needs_another(coupon: Record, held: Record, now_us: int) -> bool:
    rules: dict[str, str] = coupon.body["assigner_configuration"] or {}
    expired = bool(held.body["expires_at"] <= now_us)
    if held.body["status"] == USED:
        rule = rules.get("used", "ALWAYS_ASSIGN")
        return rule == "ALWAYS_ASSIGN" or (rule == "ASSIGN_IF_EXPIRED" and expired)
    return expired and rules.get("unused_expired", "ALWAYS_ASSIGN") == "ALWAYS_ASSIGN"


def _next_free(connection: sqlite3.Connection, mint: Mint, coupon_id: str) -> Record | None:
    """A code that can be given away. Expired ones met on the way leave the pool."""
    pool = _pool(coupon_id)
    while True:
        sql = "SELECT target FROM link WHERE type = ? AND owner = ? AND relation = ? ORDER BY target LIMIT 1"
        row = connection.execute(sql, pool).fetchone()
        code = None if row is None else find_record(connection, CODE, row[0])
        if code is None or code.body["expires_at"] > mint.now_us():
            return code
        links.unlink(connection, pool, [code.id])


def _codes_linked(relation: str, targets: Iterable[str]) -> Subquery:
    sql = "SELECT owner FROM link WHERE type = ? AND relation = ? AND target IN (SELECT value FROM json_each(?))"
    return Subquery(sql, (CODE, relation, json.dumps(list(targets))))


def _coupon_of(connection: sqlite3.Connection, code: Record) -> str:
    return links.ids(connection, links.targets(Relationship(CODE, code.id, "coupon")))[0]


def _pool(coupon_id: str) -> Relationship:
    return Relationship(COUPON, coupon_id, _POOL)
