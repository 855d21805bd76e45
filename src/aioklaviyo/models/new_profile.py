"""Profiles as written: people."""

from typing import Annotated, Any, Literal

from pydantic import Field

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.writing import UNSET, JsonObject, Settable, Unset, WriteModel

Coordinate = float | str
"""Degrees. Klaviyo takes and gives numbers and text."""


class LocationAttributes(WriteModel):
    """A location to write."""

    address1: Settable[str] = UNSET
    address2: Settable[str] = UNSET
    city: Settable[str] = UNSET
    country: Settable[str] = UNSET
    region: Settable[str] = UNSET
    zip: Settable[str] = UNSET
    latitude: Settable[Coordinate] = UNSET
    longitude: Settable[Coordinate] = UNSET
    timezone: Settable[str] = UNSET
    ip: Settable[str] = UNSET


Identifier = Annotated[str, Field(min_length=1)]


class ProfileAttributes(WriteModel):
    """What to write of a profile: ``UNSET`` leaves an attribute alone, None clears it.

    ``properties`` are merged into the existing ones by name. A location cannot be cleared as a whole, only its parts.
    """

    email: Settable[Identifier] = UNSET
    phone_number: Settable[Identifier] = UNSET
    external_id: Settable[Identifier] = UNSET
    first_name: Settable[str] = UNSET
    last_name: Settable[str] = UNSET
    organization: Settable[str] = UNSET
    locale: Settable[str] = UNSET
    title: Settable[str] = UNSET
    image: Settable[str] = UNSET
    location: LocationAttributes | Literal[Unset.UNSET] = UNSET
    properties: Settable[JsonObject] = UNSET

    @property
    def has_identifier(self) -> bool:
        """Whether Klaviyo can tell whose attributes these are."""
        return bool(self.email or self.phone_number or self.external_id)


class ProfilePatch(WriteModel):
    """Changes that depend on what is there: inside ``properties``, and to the further e-mail addresses.

    ``append`` adds a value, or each of a list of values, to the list that a property holds; ``unappend`` takes them
    away; ``unset`` removes properties altogether. Klaviyo finds a profile by its further addresses as by its first.
    """

    append: JsonObject = Field(default_factory=dict[str, Any])
    unappend: JsonObject = Field(default_factory=dict[str, Any])
    unset: tuple[str, ...] = ()
    add_emails: tuple[Identifier, ...] = ()
    remove_emails: tuple[Identifier, ...] = ()

    @property
    def is_repeatable(self) -> bool:
        """Whether applying it twice is applying it once: appending twice may append two."""
        return not self.append

    def meta(self) -> dict[str, Json]:
        """The ``meta`` member of the resource object."""
        properties: dict[str, Json] = {}
        if self.append:
            properties["append"] = dict(self.append)
        if self.unappend:
            properties["unappend"] = dict(self.unappend)
        if self.unset:
            properties["unset"] = list(self.unset)
        identifiers: dict[str, Json] = {}
        if self.add_emails:
            identifiers["append"] = {"email": list(self.add_emails)}
        if self.remove_emails:
            identifiers["unappend"] = {"email": list(self.remove_emails)}
        patches: dict[str, Json] = {"patch_properties": properties, "patch_identifiers": identifiers}
        return {name: patch for name, patch in patches.items() if patch}


class ProfileImport(WriteModel):
    """A profile to import: attributes, and more ways to say whose they are.

    ``id`` is looked up first, then the identifiers among the attributes; ``kx`` is what Klaviyo's own links carry.
    """

    attributes: ProfileAttributes = Field(default_factory=ProfileAttributes)
    id: Identifier | None = None
    kx: Identifier | None = None
    patch: ProfilePatch | None = None

    @property
    def has_identifier(self) -> bool:
        """Whether Klaviyo can tell whose attributes these are."""
        return bool(self.id or self.kx or self.attributes.has_identifier)

    @property
    def is_repeatable(self) -> bool:
        """Whether importing it twice is importing it once."""
        return self.patch is None or self.patch.is_repeatable

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        attributes = self.attributes.wire()
        if self.kx is not None:
            attributes["_kx"] = self.kx
        resource: dict[str, Json] = {"type": "profile", "attributes": attributes}
        if self.id is not None:
            resource["id"] = self.id
        if self.patch is not None and (meta := self.patch.meta()):
            resource["meta"] = meta
        return resource
