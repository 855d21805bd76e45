"""What the minimal server answers to reads: full pages in Klaviyo's shape, made from a seed."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENTS = 1000
"""Events on a page, the most there may be; about 980 kB."""
PROFILES = 100
"""Profiles on a page, the most there may be; about 160 kB."""
_BASE = "https://a.klaviyo.com/api"
_THEMES = ("lamps", "harbour", "orchard", "attic")
_FIRST_SECOND = 1_780_000_000
_ID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Document = dict[str, Any]


def pages(seed: int) -> Mapping[str, bytes]:
    """The bodies by path. The same seed gives the same bytes."""
    chance = random.Random(seed)  # noqa: S311 - a load that can be repeated
    return {
        "/api/events": _page("events", [_event(chance, number) for number in range(EVENTS)]),
        "/api/profiles": _page("profiles", [_profile(chance, number) for number in range(PROFILES)]),
    }


def _page(name: str, resources: list[Document]) -> bytes:
    document = {"data": resources, "links": {"self": f"{_BASE}/{name}", "first": None, "next": None, "prev": None}}
    return json.dumps(document, separators=(",", ":")).encode()


def _event(chance: random.Random, number: int) -> Document:
    event, profile = f"4{_letters(chance, 10)}", f"01{_letters(chance, 24)}"
    here = f"{_BASE}/events/{event}"
    attributes = {
        "timestamp": _FIRST_SECOND + number,
        "event_properties": {
            "story_id": f"{chance.getrandbits(128):032x}",
            "theme_id": chance.choice(_THEMES),
            "theme_category": "quiet",
            "minutes": chance.randint(4, 12),
            "plan_version": 1,
            "arm": "none",
            "schema": 1,
            "seq": number,
            "tags": ["evening", "at home", "second story"],
            "page": "https://stories.example.com/tonight",
            "$event_id": f"{chance.getrandbits(128):032x}",
        },
        "datetime": f"2026-05-28T{number // 60 % 24:02d}:{number % 60:02d}:00+00:00",
        "uuid": f"{chance.getrandbits(32):08x}-5a8b-11f1-8001-{chance.getrandbits(48):012x}",
    }
    relationships = {
        "profile": {"data": {"type": "profile", "id": profile}, "links": _relation(here, "profile")},
        "metric": {"data": {"type": "metric", "id": "WnRs8k"}, "links": _relation(here, "metric")},
    }
    return {
        "type": "event",
        "id": event,
        "attributes": attributes,
        "relationships": relationships,
        "links": {"self": here},
    }


def _profile(chance: random.Random, number: int) -> Document:
    profile = f"01{_letters(chance, 24)}"
    here = f"{_BASE}/profiles/{profile}"
    attributes = {
        "email": f"parent-{number}@example.com",
        "phone_number": f"+1500555{number:04d}",
        "external_id": f"family-{number}",
        "first_name": "Sam",
        "last_name": "Weaver",
        "organization": None,
        "locale": "en-GB",
        "title": None,
        "image": None,
        "created": "2026-02-01T18:30:00+00:00",
        "updated": "2026-05-28T19:00:00+00:00",
        "last_event_date": "2026-05-28T18:55:00+00:00",
        "location": {
            "address1": "12 Mill Lane",
            "address2": None,
            "city": "Norwich",
            "country": "United Kingdom",
            "latitude": 52.6278,
            "longitude": 1.2983,
            "region": "Norfolk",
            "zip": "NR1 1AA",
            "timezone": "Europe/London",
            "ip": "203.0.113.7",
        },
        "properties": {
            "plan": chance.choice(("trial", "monthly", "yearly")),
            "signup_month": "2026-02",
            "stories_28d": "10-19",
            "favourite_theme_categories": ["quiet", "journey", "nature"],
            "reader_id": f"{chance.getrandbits(128):032x}",
            "notes": ["prefers short stories", "two children", "reads at seven", "asks for the sea"],
        },
    }
    related = ("lists", "segments", "push-tokens")
    return {
        "type": "profile",
        "id": profile,
        "attributes": attributes,
        "relationships": {name: {"links": _relation(here, name)} for name in related},
        "links": {"self": here},
    }


def _relation(here: str, name: str) -> Document:
    return {"self": f"{here}/relationships/{name}", "related": f"{here}/{name}"}


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(_ID_LETTERS, k=count))
