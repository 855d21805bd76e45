"""Coupons: what a code is a code of."""

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel
from aioklaviyo.models.writing import WriteModel

MIN_LOW_BALANCE = 100
COUPON_ID = re.compile(r"[0-9_A-z]+", re.ASCII)
"""What a coupon may be called: letters, digits, underscores."""

AssignUsed: TypeAlias = Literal["ALWAYS_ASSIGN", "ASSIGN_IF_EXPIRED", "NEVER_ASSIGN"]
AssignUnusedExpired: TypeAlias = Literal["ALWAYS_ASSIGN", "NEVER_ASSIGN"]


def _number(value: object) -> int | None:
    # Klaviyo takes a number and answers with its digits.
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else None
    return value if isinstance(value, int) else None


class CouponMonitor(ReadModel):
    """When Klaviyo warns that codes run out."""

    low_balance_threshold: Annotated[int | None, BeforeValidator(_number)] = None


class CouponAssigner(ReadModel):
    """Whether a profile that has had a code is given another one."""

    used: str | None = None
    unused_expired: str | None = None


class Coupon(ReadModel):
    """A coupon; its id is its external id."""

    id: str
    external_id: str | None = None
    description: str | None = None
    monitor_configuration: CouponMonitor | None = None
    assigner_configuration: CouponAssigner | None = None


class MonitorConfiguration(WriteModel):
    """When Klaviyo is to warn: when fewer codes than this are left to be given, 100 at least."""

    low_balance_threshold: Annotated[int, Field(ge=MIN_LOW_BALANCE)]


class AssignerConfiguration(WriteModel):
    """Whether a profile is given another code when the one it has is used, or expired without being used."""

    used: AssignUsed
    unused_expired: AssignUnusedExpired


def coupon_from(resource: Resource) -> Coupon:
    """Build from a resource object."""
    return Coupon.model_validate({**resource.attributes, "id": resource.id})
