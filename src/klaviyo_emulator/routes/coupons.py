"""Coupons, one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.routes.resources import (
    View,
    linked_back,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_one,
    write_silently,
)
from klaviyo_emulator.state import coupons
from klaviyo_emulator.state.records import Record, change_record

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.config import Behaviour
    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types

MINIMUM_LOW_BALANCE = 100
ASSIGNER_REVISION = "2026-10-15"
"""The first revision in which a coupon has an `assigner_configuration`."""

_ATTRIBUTES = "/data/attributes"
_THRESHOLD = "low_balance_threshold"
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)


def _coupon_attributes(view: View, coupon: Record) -> Document:
    attributes: Document = {
        "external_id": coupon.id,
        "description": coupon.body["description"],
        "monitor_configuration": _monitor(coupon.body["monitor_configuration"], view.context.config.behaviour),
    }
    if view.request.revision >= ASSIGNER_REVISION:
        attributes["assigner_configuration"] = coupon.body["assigner_configuration"]
    return attributes


def _monitor(stored: Object | None, behaviour: Behaviour) -> Object | None:
    """The live API answers the threshold as a string."""
    if stored is None or behaviour == "spec" or stored.get(_THRESHOLD) is None:
        return stored
    return {**stored, _THRESHOLD: str(stored[_THRESHOLD])}


COUPON = replace(
    record_type(
        coupons.COUPON,
        "Coupon",
        _coupon_attributes,
        relations=(replace(linked_back("coupon-codes", coupons.CODE, "coupon"), shown=False),),
    ),
    absence=coupons.COUPON_ABSENCE,
    find=coupons.find_coupon,
)
TYPES: Types = {COUPON.name: COUPON}


async def create_coupon(context: Context, request: ApiRequest) -> Reply:
    """Make a coupon, whose id is its external id."""
    attributes: Object = request.resource()["attributes"]
    coupon_id: str = attributes["external_id"]
    coupons.check_coupon_id(coupon_id, f"{_ATTRIBUTES}/external_id")
    body = {"description": None, "monitor_configuration": None, "assigner_configuration": None}
    body |= _read_coupon(attributes)

    def work(connection: sqlite3.Connection) -> Record:
        return coupons.create_coupon(connection, context.mint, coupon_id, body)

    return await write_one(context, request, COUPON, work, 201)


async def update_coupon(context: Context, request: ApiRequest) -> Reply:
    """Change a coupon's description or configuration."""
    changes = _read_coupon(request.resource()["attributes"])

    def work(connection: sqlite3.Connection) -> Record:
        return change_record(connection, context.mint, COUPON.get(connection, request.arguments[0]), changes)

    return await write_one(context, request, COUPON, work)


async def delete_coupon(context: Context, request: ApiRequest) -> Reply:
    """Delete a coupon with its codes."""

    def work(connection: sqlite3.Connection) -> None:
        coupons.delete_coupon(connection, COUPON.get(connection, request.arguments[0]).id)

    return await write_silently(context, work)


def _read_coupon(attributes: Object) -> Object:
    """The members of a coupon that can be changed, as far as they were given."""
    given = {
        name: attributes[name]
        for name in ("description", "monitor_configuration", "assigner_configuration")
        if name in attributes
    }
    monitor = given.get("monitor_configuration")
    if monitor is not None and monitor.get(_THRESHOLD) is not None:
        given["monitor_configuration"] = {**monitor, _THRESHOLD: _threshold(monitor[_THRESHOLD])}
    return given


def _threshold(given: object) -> int:
    """The balance to warn at. Digits in a string are a number too, because the live API answers them so."""
    pointer = f"{_ATTRIBUTES}/monitor_configuration/{_THRESHOLD}"
    number = int(given) if isinstance(given, str) and _DIGITS.fullmatch(given) else given
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid(f"'{_THRESHOLD}' must be an integer.", pointer)
    if number < MINIMUM_LOW_BALANCE:
        raise invalid(f"'{_THRESHOLD}' must be greater than or equal to {MINIMUM_LOW_BALANCE}", pointer)
    return number


ROUTES: Routes = {
    "get_coupons": many(COUPON),
    "get_coupon": one(COUPON),
    "create_coupon": create_coupon,
    "update_coupon": update_coupon,
    "delete_coupon": delete_coupon,
    "get_coupon_codes_for_coupon": related(COUPON, "coupon-codes"),
    "get_coupon_code_ids_for_coupon": related_ids(COUPON, "coupon-codes"),
}
