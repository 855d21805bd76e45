"""The account a key belongs to."""

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.reading import ReadModel


class StreetAddress(ReadModel):
    """Where the organisation is."""

    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    zip: str | None = None


class ContactInformation(ReadModel):
    """Who sends."""

    default_sender_name: str | None = None
    default_sender_email: str | None = None
    website_url: str | None = None
    organization_name: str | None = None
    street_address: StreetAddress | None = None


class Account(ReadModel):
    """A Klaviyo account; its id is also its public API key."""

    id: str
    test_account: bool | None = None
    contact_information: ContactInformation | None = None
    industry: str | None = None
    timezone: str | None = None
    preferred_currency: str | None = None
    public_api_key: str | None = None
    locale: str | None = None


def account_from(resource: Resource) -> Account:
    """Build from a resource object."""
    return Account.model_validate({**resource.attributes, "id": resource.id})
