"""Profiles as read: people."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import Properties, ReadModel, Timestamp
from aioklaviyo.models.subscription import Subscriptions

ProfileExtra: TypeAlias = Literal["subscriptions", "predictive_analytics"]
"""What a profile carries only when asked; predictions are also charged against a stricter limit."""


class Location(ReadModel):
    """Where a person is, as far as Klaviyo knows."""

    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    country: str | None = None
    region: str | None = None
    zip: str | None = None
    latitude: float | str | None = None
    longitude: float | str | None = None
    timezone: str | None = None
    ip: str | None = None


class PredictiveAnalytics(ReadModel):
    """Klaviyo's own predictions; all None until the account has enough orders."""

    historic_clv: float | None = None
    predicted_clv: float | None = None
    total_clv: float | None = None
    historic_number_of_orders: float | None = None
    predicted_number_of_orders: float | None = None
    average_days_between_orders: float | None = None
    average_order_value: float | None = None
    churn_probability: float | None = None
    expected_date_of_next_order: Timestamp | None = None
    ranked_channel_affinity: tuple[str, ...] | None = None


class Profile(ReadModel):
    """A person as Klaviyo sees them. ``subscriptions`` and ``predictive_analytics`` come when asked for."""

    id: str
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    created: Timestamp | None = None
    updated: Timestamp | None = None
    last_event_date: Timestamp | None = None
    location: Location | None = None
    properties: Properties = Field(default_factory=dict[str, Any])
    subscriptions: Subscriptions | None = None
    predictive_analytics: PredictiveAnalytics | None = None


@dataclass(frozen=True, slots=True)
class Upserted:
    """The profile after an upsert.

    ``created`` is True for a new profile, False for an existing one, and None when it cannot be told: an earlier
    attempt of the same call got no answer, so the profile found now may be the one it made.
    """

    profile: Profile
    created: bool | None


def profile_from(resource: Resource) -> Profile:
    """Build from a resource object."""
    return Profile.model_validate({**resource.attributes, "id": resource.id})
