"""The names by which conditions call the properties of a profile.

`email`, `first_name` and the like stand for themselves; `location['city']` is a field of the location, and
`properties['Favorite Color']` a custom property. Double quotes do as well, and so do dots: `location.city`,
`properties.Tier`. A backslash before a quote or a backslash takes it as it is. Only top-level properties have names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from klaviyo_emulator.errors import invalid
from klaviyo_emulator.operations import LOCATION_FIELDS

IDENTIFIERS = ("email", "phone_number", "external_id", "id")
"""Texts that have columns of their own."""
INSTANTS = ("created", "updated", "last_event_date")
"""Instants that have columns of their own."""
DETAILS = ("first_name", "last_name", "organization", "title", "locale", "image")
"""Texts that are kept with the custom properties."""

_QUOTED = re.compile(r"""(properties|location)\[(['"])(.*)\2\]""", re.DOTALL)
_DOTTED = re.compile(r"(properties|location)\.(.+)", re.DOTALL)
_ESCAPED = re.compile(r"""\\(['"\\])""")
_NESTED = re.compile(r"""['"]\s*\]\s*\[\s*['"]""")


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a profile: a member of the profile itself, of its location, or of its custom properties."""

    holder: Literal["profile", "location", "properties"]
    name: str


def parse_property(written: str, pointer: str) -> Property:
    """The property that is meant. Raises a 400 refusal for a name that no profile can have."""
    if written in {*IDENTIFIERS, *INSTANTS, *DETAILS}:
        return Property("profile", written)
    quoted = _QUOTED.fullmatch(written)
    found = quoted or _DOTTED.fullmatch(written)
    if found is None:
        detail = f"'{written}' is not a profile property. A custom one is written as properties['{written}']."
        raise invalid(detail, pointer)
    name = found[3] if quoted else found[2]
    if quoted and _NESTED.search(name):
        raise invalid("Only top-level properties can be used in a condition.", pointer)
    if quoted:
        name = _ESCAPED.sub(r"\1", name)
    if not name:
        raise invalid("The name of a property is needed.", pointer)
    if found[1] == "location":
        if name not in LOCATION_FIELDS:
            raise invalid(f"'{name}' is not a field of a location: {', '.join(LOCATION_FIELDS)}.", pointer)
        return Property("location", name)
    return Property("properties", name)
