"""Writing profiles: attributes, additional fields, relationships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.jsonapi import Document, Linker, relationship, resource, select
from klaviyo_emulator.operations import LOCATION_FIELDS, PREDICTIVE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.query import Query
    from klaviyo_emulator.state.profiles import Profile

_NEVER = "NEVER_SUBSCRIBED"
MAIN_RELATIONSHIPS = ("lists", "segments", "push-tokens", "conversations")
ONE_CONVERSATION = ("lists", "segments", "push-tokens", "conversation")
"""A profile that was written, or that came along with an event, has a singular conversation."""


def profile_resource(
    linker: Linker, profile: Profile, query: Query, relations: tuple[str, ...] = MAIN_RELATIONSHIPS
) -> Document:
    """The resource object of a profile. Additional fields come on top of a sparse fieldset that names none of them."""
    additional = query.additional.get("profile", frozenset())
    fields = query.fields.get("profile")
    attributes = select(profile_attributes(profile), fields)
    for name, write in (("subscriptions", _subscriptions), ("predictive_analytics", _predictive)):
        if name in additional:
            value = {name: write(profile)}
            attributes |= (select(value, fields) if fields is not None else value) or value
    owner = linker.resource("profile", profile.id)
    related: Document = {
        name: relationship(owner, name, [] if name in (query.include or ()) else None) for name in relations
    }
    return resource(linker, "profile", profile.id, attributes, related)


def profile_attributes(profile: Profile) -> Document:
    """The attributes that every read of a profile has."""
    details: Mapping[str, Any] = profile.details
    location: Mapping[str, Any] = details.get("location", {})
    return {
        "email": profile.email,
        "phone_number": profile.phone_number,
        "external_id": profile.external_id,
        "first_name": details.get("first_name"),
        "last_name": details.get("last_name"),
        "organization": details.get("organization"),
        "locale": details.get("locale"),
        "title": details.get("title"),
        "image": details.get("image"),
        "created": format_instant(profile.created),
        "updated": format_instant(profile.updated),
        "last_event_date": None if profile.last_event is None else format_instant(profile.last_event),
        "location": {name: location.get(name) for name in LOCATION_FIELDS},
        "properties": details.get("properties", {}),
    }


def _predictive(_profile: Profile) -> Document:
    """All null, as until an account qualifies."""
    return dict.fromkeys(PREDICTIVE_FIELDS)


def _subscriptions(profile: Profile) -> Document:
    """The state of somebody who was never asked."""
    tracking: Document = {
        "consent": _NEVER,
        "consent_timestamp": None,
        "last_updated": None,
        "created_timestamp": None,
        "metadata": None,
        "can_receive": False,
        "valid_until": None,
    }
    text: Document = {
        "consent": _NEVER,
        "consent_timestamp": None,
        "method": None,
        "method_detail": None,
        "last_updated": None,
    }
    return {
        "email": {
            "marketing": {
                "can_receive_email_marketing": profile.email is not None,
                "consent": _NEVER,
                "consent_timestamp": None,
                "last_updated": None,
                "method": None,
                "method_detail": None,
                "custom_method_detail": None,
                "double_optin": None,
                "suppression": [],
                "list_suppressions": [],
            },
            "open_tracking": tracking,
            "click_tracking": dict(tracking),
        },
        "sms": {
            "marketing": {"can_receive_sms_marketing": False, **text},
            "transactional": {"can_receive_sms_transactional": False, **text},
        },
        "mobile_push": {
            "marketing": {"can_receive_push_marketing": False, "consent": _NEVER, "consent_timestamp": None}
        },
        "whatsapp": None,
    }
