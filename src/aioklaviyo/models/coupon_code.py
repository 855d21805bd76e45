"""Codes of coupons, each for one profile."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.batch_job import BatchJob, job_values
from aioklaviyo.models.coupon import Coupon, coupon_from
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.writing import WriteModel

CouponCodeStatus: TypeAlias = Literal[
    "ASSIGNED_TO_PROFILE", "DELETING", "PROCESSING", "UNASSIGNED", "USED", "VERSION_NOT_ACTIVE"
]


class CouponCode(ReadModel):
    """A code. ``coupon`` is an object when included; ``profile_id`` is whose it is, where Klaviyo tells."""

    id: str = Field(repr=False)
    unique_code: str | None = Field(default=None, repr=False)
    expires_at: Timestamp | None = None
    status: str | None = None
    coupon_id: str | None = None
    profile_id: str | None = None
    coupon: Coupon | None = None


class NewCouponCode(WriteModel):
    """A code to make of a coupon that exists. Without ``expires_at`` it is good for a year."""

    coupon_id: Annotated[str, Field(min_length=1)]
    unique_code: Annotated[str, Field(min_length=1, pattern=r"\S")] = Field(repr=False)
    expires_at: AwareDatetime | None = None

    @property
    def id(self) -> str:
        """The id it will have."""
        return f"{self.coupon_id}-{self.unique_code}"

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes: dict[str, Json] = {"unique_code": self.unique_code}
        if self.expires_at is not None:
            attributes["expires_at"] = self.expires_at.isoformat()
        coupon: Json = {"data": {"type": "coupon", "id": self.coupon_id}}
        return {"type": "coupon-code", "attributes": attributes, "relationships": {"coupon": coupon}}


class CouponCodeJob(BatchJob):
    """A job that makes codes. ``coupon_codes`` are objects when included."""

    coupon_codes: tuple[CouponCode, ...] | None = None


def coupon_code_from(resource: Resource) -> CouponCode:
    """Build from a resource object and what was included beside it."""
    coupon = resource.related("coupon", "coupon")
    return CouponCode.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "coupon_id": resource.related_id("coupon"),
            "profile_id": resource.related_id("profile"),
            "coupon": None if coupon is None else coupon_from(coupon),
        }
    )


def coupon_code_job_from(resource: Resource) -> CouponCodeJob:
    """Build from a resource object and what was included beside it."""
    codes = resource.included_as("coupon-codes", "coupon-code", coupon_code_from)
    return CouponCodeJob.model_validate({**job_values(resource, "coupon-codes"), "coupon_codes": codes})
