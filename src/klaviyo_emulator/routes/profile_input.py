"""Reading a profile out of a request body: from `/api/profiles`, from an import, and from within an event."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from klaviyo_emulator.errors import Refusal, invalid
from klaviyo_emulator.operations import LOCATION_FIELDS
from klaviyo_emulator.payload import (
    Object,
    as_list,
    as_object,
    check_value,
    is_too_long,
    member,
    only,
    properties,
    text,
)
from klaviyo_emulator.state.aliases import IDENTIFIERS
from klaviyo_emulator.state.profiles import STRONG, ProfileChange

MAXIMUM_EMAIL = 100
_NAMES = ("first_name", "last_name", "organization", "locale", "title", "image")
_COORDINATES = ("latitude", "longitude")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_META = ("patch_properties", "patch_identifiers")
_PATCHES = ("append", "unappend", "unset")
_IDENTIFIER_PATCHES = ("append", "unappend")
MAXIMUM_SECONDARY = 100
"""Secondary identifiers of a kind in one request: a limit of the emulator, for Klaviyo states none."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which members a profile has in one kind of request."""

    identifiers: tuple[str, ...]
    has_meta: bool = True
    forgives_phone: bool = False
    """Whether an invalid phone number beside a valid e-mail address is left out instead of refused."""


CREATED = Dialect(STRONG, has_meta=False)
UPDATED = Dialect(STRONG)
IMPORTED = Dialect((*STRONG, "_kx"))
IN_EVENT = Dialect((*STRONG, "_kx", "anonymous_id"), forgives_phone=True)


def read_profile(found: Object, dialect: Dialect, pointer: str) -> ProfileChange:
    """What a profile resource says. Raises a 400 refusal that names the member."""
    with_meta = ("meta",) if dialect.has_meta else ()
    only(found, ("type", "id", "attributes", *with_meta), "profile", pointer)
    attributes = member(found, "attributes", pointer)
    at = f"{pointer}/attributes"
    meta, patch_identifiers = _meta(found, attributes, pointer) if dialect.has_meta else ({}, {})
    only(attributes, {*dialect.identifiers, *_NAMES, "location", "properties", *with_meta}, "profile", at)
    details: Object = {name: text(attributes, name, at) for name in _NAMES if name in attributes}
    if "location" in attributes:
        details["location"] = _location(attributes["location"], f"{at}/location")
    if "properties" in attributes:
        value = attributes["properties"]
        details["properties"] = None if value is None else properties(value, f"{at}/properties")
    return ProfileChange(
        id=text(found, "id", pointer),
        identifiers=_identifiers(attributes, dialect, at),
        details=details,
        append=_values(meta, "append"),
        unappend=_values(meta, "unappend"),
        unset=_unset(meta),
        append_identifiers=_secondary(patch_identifiers, "append"),
        unappend_identifiers=_secondary(patch_identifiers, "unappend"),
    )


def require_identifier(change: ProfileChange, dialect: Dialect, pointer: str) -> None:
    """Raises a 400 refusal for a profile that names nobody."""
    if change.id is None and not any(change.identifiers.values()):
        names = ", ".join(dialect.identifiers)
        raise invalid(f"At least one identifier is needed: id, {names}.", f"{pointer}/attributes")


def _identifiers(attributes: Object, dialect: Dialect, at: str) -> dict[str, str | None]:
    identifiers: dict[str, str | None] = {}
    for name in dialect.identifiers:
        if name not in attributes:
            continue
        value = text(attributes, name, at)
        try:
            check_identifier(name, value, at)
        except Refusal:
            if name == "phone_number" and dialect.forgives_phone and identifiers.get("email"):
                continue
            raise
        identifiers[name] = value
    return identifiers


def check_identifier(name: str, value: str | None, at: str) -> None:
    """Refuse an e-mail address or phone number without the form of one, and any identifier that is blank."""
    if value is None:
        return
    if name == "email" and (len(value) > MAXIMUM_EMAIL or not _EMAIL.fullmatch(value)):
        raise invalid(f"Invalid email address. It may have {MAXIMUM_EMAIL} characters.", f"{at}/email")
    if name == "phone_number" and not _PHONE.fullmatch(value):
        example = "+12345678901"
        raise invalid(f"Invalid phone number format (Example of a valid format: {example}).", f"{at}/phone_number")
    if not value.strip():
        raise invalid(f"'{name}' must not be empty.", f"{at}/{name}")


def _location(found: object, at: str) -> Object | None:
    if found is None:
        return None
    location = as_object(found, at)
    only(location, LOCATION_FIELDS, "profile", at)
    for name in LOCATION_FIELDS:
        value = location.get(name)
        if name not in _COORDINATES:
            text(location, name, at)
        elif isinstance(value, bool | dict | list):
            raise invalid(f"'{name}' must be a string or a number.", f"{at}/{name}")
        else:
            check_value(value, at, name)
    return location


def _meta(found: Object, attributes: Object, pointer: str) -> tuple[Object, Object]:
    """The two patches of `meta`, which stands beside the attributes since 2026-10-15, and among them before.

    Each has its own place in the body as `pointer`; one that is not there is empty.
    """
    for holder, at in ((found, f"{pointer}/meta"), (attributes, f"{pointer}/attributes/meta")):
        if holder.get("meta") is None:
            continue
        meta = as_object(holder["meta"], at)
        only(meta, _META, "profile", at)
        return (
            _patch(meta, "patch_properties", _PATCHES, at),
            _patch(meta, "patch_identifiers", _IDENTIFIER_PATCHES, at),
        )
    return {}, {}


def _patch(meta: Object, name: str, known: tuple[str, ...], at: str) -> Object:
    if meta.get(name) is None:
        return {}
    patch = as_object(meta[name], f"{at}/{name}")
    only(patch, known, "profile", f"{at}/{name}")
    return {"pointer": f"{at}/{name}", **patch}


def _secondary(patch: Object, name: str) -> dict[str, list[str]]:
    """The identifiers to add or to remove, by kind: each a string or a list of them."""
    if patch.get(name) is None:
        return {}
    at = f"{patch['pointer']}/{name}"
    given = as_object(patch[name], at)
    only(given, IDENTIFIERS, "profile", at)
    found: dict[str, list[str]] = {}
    for kind, value in given.items():
        values = as_list([value] if isinstance(value, str) else value, f"{at}/{kind}")
        if len(values) > MAXIMUM_SECONDARY:
            raise invalid(f"There are more than {MAXIMUM_SECONDARY} identifiers.", f"{at}/{kind}")
        for item in values:
            if not isinstance(item, str):
                raise invalid("An identifier must be a string.", f"{at}/{kind}")
            check_identifier(kind, item, at)
        found[kind] = values
    return found


def _values(meta: Object, name: str) -> dict[str, list[Any]]:
    if meta.get(name) is None:
        return {}
    at = f"{meta['pointer']}/{name}"
    patch = properties(meta[name], at)
    return {key: cast("list[Any]", value) if isinstance(value, list) else [value] for key, value in patch.items()}


def _unset(meta: Object) -> list[str]:
    value = meta.get("unset")
    if value is None:
        return []
    at = f"{meta['pointer']}/unset"
    names = as_list([value] if isinstance(value, str) else value, at)
    for name in names:
        if not isinstance(name, str) or is_too_long(name):
            raise invalid("'unset' must be a property name or a list of them.", at)
    return names
