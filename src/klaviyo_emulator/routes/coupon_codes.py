"""Coupon codes: listed by coupon or profile, changed one by one, created one by one and in bulk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import EPOCH, format_instant, parse_instant, whole_seconds
from klaviyo_emulator.errors import invalid, invalid_parameter
from klaviyo_emulator.payload import filled
from klaviyo_emulator.routes.bulk_jobs import BulkJob, described, job_routes
from klaviyo_emulator.routes.record_pages import record_pages
from klaviyo_emulator.routes.resources import (
    View,
    linked,
    many,
    one,
    record_type,
    related,
    related_ids,
    write_one,
    write_silently,
)
from klaviyo_emulator.state import coupons

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.config import Behaviour
    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes, Types
    from klaviyo_emulator.state.minting import Mint
    from klaviyo_emulator.state.records import Record

MAXIMUM_ENTRIES = 1000
MAXIMUM_JOBS = 100

_DAY_US = 86_400 * 1_000_000
_LIFE_DAYS: dict[Behaviour, int] = {"spec": 365, "live": 364}
"""How long a code is good where nobody said so. The live API's year has 52 weeks."""
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_ATTRIBUTES = "/data/attributes"
_REQUIRED_FILTERS = frozenset({"coupon.id", "profile.id"})


def _code_attributes(_view: View, code: Record) -> Document:
    return {
        "unique_code": code.body["unique_code"],
        "expires_at": format_instant(code.body["expires_at"] // 1_000_000),
        "status": code.body["status"],
    }


CODE = replace(
    record_type(
        coupons.CODE,
        "Coupon code",
        _code_attributes,
        relations=(
            linked("coupon", coupons.COUPON, many=False, always=True, of=coupons.CODE),
            replace(linked("profile", "profile", many=False, of=coupons.CODE), present=True),
        ),
    ),
    absence=coupons.CODE_ABSENCE,
    page=record_pages(coupons.CODE, memberships={"coupon.id": coupons.codes_of, "profile.id": coupons.codes_given_to}),
)


async def get_coupon_codes(context: Context, request: ApiRequest) -> Reply:
    """A page of the codes of some coupons, or of some profiles. One of the two must be named."""
    if not any(condition.field in _REQUIRED_FILTERS for condition in request.query.filters):
        raise invalid_parameter("A filter for 'coupon.id' or 'profile.id' is required.", "filter")
    return await many(CODE)(context, request)


async def create_coupon_code(context: Context, request: ApiRequest) -> Reply:
    """Make a code of a coupon."""
    data = request.resource()
    return await write_one(
        context, request, CODE, lambda connection: _create_code(context, connection, context.mint, data)
    )


async def update_coupon_code(context: Context, request: ApiRequest) -> Reply:
    """Change a code's status or when it expires."""
    attributes: Object = request.resource()["attributes"]

    def work(connection: sqlite3.Connection) -> Record:
        code = CODE.get(connection, request.arguments[0])
        changes: Object = {}
        if attributes.get("status") is not None:
            changes["status"] = attributes["status"]
        if "expires_at" in attributes:
            changes["expires_at"] = _expires_us(context, context.mint, attributes)
        return coupons.change_code(connection, context.mint, code, changes)

    return await write_one(context, request, CODE, work)


async def delete_coupon_code(context: Context, request: ApiRequest) -> Reply:
    """Delete a code that nobody was given."""

    def work(connection: sqlite3.Connection) -> None:
        coupons.delete_code(connection, CODE.get(connection, request.arguments[0]))

    return await write_silently(context, work)


def _create_code(context: Context, connection: sqlite3.Connection, mint: Mint, data: Object) -> Record:
    attributes: Object = data["attributes"]
    unique_code = filled(attributes, "unique_code", _ATTRIBUTES)
    coupon_id = _coupon_id(data)
    if coupon_id is None:
        raise invalid("'coupon' is a required relationship.", "/data/relationships/coupon/data")
    coupons.check_coupon_id(coupon_id, "/data/relationships/coupon/data/id")
    return coupons.create_code(connection, mint, coupon_id, unique_code, _expires_us(context, mint, attributes))


def _coupon_id(data: Object) -> str | None:
    found: Any = data["relationships"]["coupon"].get("data")
    return None if found is None else str(found["id"])


def _expires_us(context: Context, mint: Mint, attributes: Object) -> int:
    """When a code expires, in microseconds since 1970: as given, or in a year."""
    given = attributes.get("expires_at")
    if given is None:
        return mint.now_us() + _LIFE_DAYS[context.config.behaviour] * _DAY_US
    moment = parse_instant(given)
    if moment is None or not EPOCH <= moment <= _LATEST:
        raise invalid("'expires_at' must be a date and time from 1970 on.", f"{_ATTRIBUTES}/expires_at")
    return whole_seconds(moment) * 1_000_000


def _apply(context: Context, connection: sqlite3.Connection, mint: Mint, entry: Object) -> str:
    return _create_code(context, connection, mint, entry).id


def _code_id(entry: Object) -> str:
    return f"{_coupon_id(entry)}-{entry['attributes']['unique_code']}"


CODE_JOB = BulkJob(
    type="coupon-code-bulk-create-job",
    absence="A coupon code bulk create job with the id '{id}' does not exist.",
    entries="coupon-codes",
    target=coupons.CODE,
    apply=_apply,
    name=_code_id,
    maximum_entries=MAXIMUM_ENTRIES,
    maximum_jobs=MAXIMUM_JOBS,
    navigable=True,
)
_CODE_JOB = described(CODE_JOB)
TYPES: Types = {kind.name: kind for kind in (CODE, _CODE_JOB)}

ROUTES: Routes = {
    "get_coupon_codes": get_coupon_codes,
    "get_coupon_code": one(CODE),
    "create_coupon_code": create_coupon_code,
    "update_coupon_code": update_coupon_code,
    "delete_coupon_code": delete_coupon_code,
    "get_coupon_for_coupon_code": related(CODE, "coupon"),
    "get_coupon_id_for_coupon_code": related_ids(CODE, "coupon"),
    **job_routes(
        CODE_JOB,
        _CODE_JOB,
        submit="bulk_create_coupon_codes",
        get="get_bulk_create_coupon_codes_job",
        listing="get_bulk_create_coupon_code_jobs",
    ),
}
