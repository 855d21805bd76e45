"""Writing profiles: attributes, what is written only on request, relationships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.operations import LOCATION_FIELDS, PREDICTIVE_FIELDS
from klaviyo_emulator.state import consents
from klaviyo_emulator.state.consents import Consent, Suppression, consents_of, suppressions_of
from klaviyo_emulator.state.predictions import find_prediction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.state.profiles import Profile

_NEVER = Consent(consents.NEVER_SUBSCRIBED, 0, 0, None, None, None, double_optin=False)


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


def profile_predictions(connection: sqlite3.Connection, profile: Profile) -> Document:
    """`predictive_analytics`: all null, as until an account qualifies, but for what the state says."""
    found = find_prediction(connection, profile.seq)
    return {name: found.get(name) for name in PREDICTIVE_FIELDS}


def profile_subscriptions(connection: sqlite3.Connection, profile: Profile) -> Document:
    """`subscriptions`: consent on every channel, and the suppressions."""
    given = consents_of(connection, profile.seq)
    suppressed = suppressions_of(connection, profile.seq)
    email = {"marketing": _email(given.get(consents.EMAIL), suppressed)}
    email |= {
        channel.partition(".")[2]: _permission(given.get(channel))
        for channel in (consents.OPEN_TRACKING, consents.CLICK_TRACKING)
    }
    push = given.get(consents.PUSH, _NEVER)
    return {
        "email": email,
        "sms": {
            "marketing": _text(given.get(consents.SMS), "can_receive_sms_marketing"),
            "transactional": _text(given.get(consents.SMS_TRANSACTIONAL), "can_receive_sms_transactional"),
        },
        "mobile_push": {
            "marketing": {
                "can_receive_push_marketing": push.status == consents.SUBSCRIBED,
                "consent": push.status,
                "consent_timestamp": None if push is _NEVER else format_instant(push.consented),
            }
        },
        "whatsapp": _whatsapp(given, profile),
    }


def _email(consent: Consent | None, suppressed: Sequence[Suppression]) -> Document:
    """Who was never asked can be sent e-mail; who is unsubscribed or suppressed cannot."""
    everywhere = [item for item in suppressed if not item.list_id]
    unsubscribed = consent is not None and consent.status == consents.UNSUBSCRIBED
    changes = [item.at for item in everywhere] + ([] if consent is None else [consent.updated])
    return {
        "can_receive_email_marketing": not everywhere and not unsubscribed,
        **_consented(consent),
        "last_updated": format_instant(max(changes)) if changes else None,
        **_method(consent),
        "custom_method_detail": None if consent is None else consent.custom_method_detail,
        "double_optin": None if consent is None else consent.double_optin,
        "suppression": [{"reason": item.reason, "timestamp": format_instant(item.at)} for item in everywhere],
        "list_suppressions": [
            {"list_id": item.list_id, "reason": item.reason, "timestamp": format_instant(item.at)}
            for item in suppressed
            if item.list_id
        ],
    }


def _text(consent: Consent | None, can_receive: str) -> Document:
    """A channel of text messages."""
    return {
        can_receive: consent is not None and consent.status == consents.SUBSCRIBED,
        **_consented(consent),
        **_method(consent),
        "last_updated": None if consent is None else format_instant(consent.updated),
    }


def _permission(consent: Consent | None) -> Document:
    """A channel that is a permission: tracking, WhatsApp."""
    moment = None if consent is None else format_instant(consent.consented)
    return {
        **_consented(consent),
        "last_updated": None if consent is None else format_instant(consent.updated),
        "created_timestamp": moment,
        "metadata": None,
        "can_receive": consent is not None and consent.status == consents.SUBSCRIBED,
        "valid_until": None,
    }


def _whatsapp(given: Mapping[str, Consent], profile: Profile) -> Document | None:
    """Null for somebody who never said anything of WhatsApp."""
    if not any(channel in given for channel in consents.WHATSAPP):
        return None
    return {
        channel.partition(".")[2]: {**_permission(given.get(channel)), "phone_number": profile.phone_number}
        for channel in consents.WHATSAPP
    }


def _consented(consent: Consent | None) -> Document:
    return {
        "consent": (consent or _NEVER).status,
        "consent_timestamp": None if consent is None else format_instant(consent.consented),
    }


def _method(consent: Consent | None) -> Document:
    known = consent or _NEVER
    return {"method": known.method, "method_detail": known.method_detail}
