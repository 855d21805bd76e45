"""What the emulator is sent: the events of story nights, made from a seed."""

from __future__ import annotations

import datetime as dt
import json
import random
from typing import TYPE_CHECKING, Any

from dreamflow.bench.http_load import post

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dreamflow.kit.clock import Clock

HEADERS: Mapping[str, str] = {
    "Authorization": "Klaviyo-API-Key pk_bench",
    "revision": "2026-07-15",
    "Content-Type": "application/vnd.api+json",
}
METRICS = ("Story Generated", "Story Completed", "Story Skipped", "Viewed Theme")
PLANS = ("trial", "monthly", "yearly")
BULK = 1000
"""Events of one bulk request, the most there may be."""
PER_PROFILE = 10
"""Events of one profile in one bulk request."""
_WEEKS = 8
_THEMES = (("lamps", "quiet"), ("harbour", "journey"), ("orchard", "nature"), ("attic", "discovery"))

Document = dict[str, Any]


class Traffic:
    """Makes requests. Every event has a unique id of its own, and a time within the last eight weeks, to the hour."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a load that can be repeated
        now = clock.now().astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
        hours = range(1, _WEEKS * 7 * 24)
        self._times = [(now - dt.timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ") for hour in hours]
        self._count = 0

    def singles(self, count: int, profiles: int) -> Iterator[bytes]:
        """Requests with one event each, of profiles drawn by chance."""
        for _ in range(count):
            attributes = self._event(self._chance.choice(METRICS)) | {"profile": self._profile(profiles)}
            document = {"data": {"type": "event", "attributes": attributes}}
            yield post("/api/events", _encode(document), HEADERS)

    def bulks(self, count: int, profiles: int) -> Iterator[bytes]:
        """Requests with a thousand events each: ten of each of a hundred profiles drawn by chance."""
        for _ in range(count):
            yield self._bulk([self._entry(self._profile(profiles), PER_PROFILE) for _ in range(BULK // PER_PROFILE)])

    def population(self, profiles: int, events: int) -> Iterator[bytes]:
        """Requests in which every profile has so many events, and its plan as a property."""
        together = BULK // events
        for first in range(0, profiles, together):
            numbers = range(first, min(first + together, profiles))
            who = [_profile(number, plan=PLANS[number % len(PLANS)]) for number in numbers]
            yield self._bulk([self._entry(profile, events) for profile in who])

    def history(self, external_id: str, events: int) -> Iterator[bytes]:
        """Requests that give one profile many events of the first metric."""
        profile: Document = {"data": {"type": "profile", "attributes": {"external_id": external_id}}}
        for first in range(0, events, BULK):
            listed = [self._event(METRICS[0]) for _ in range(min(BULK, events - first))]
            yield self._bulk([_entry(profile, listed)])

    def _bulk(self, entries: list[Document]) -> bytes:
        attributes = {"events-bulk-create": {"data": entries}}
        document = {"data": {"type": "event-bulk-create-job", "attributes": attributes}}
        return post("/api/event-bulk-create-jobs", _encode(document), HEADERS)

    def _entry(self, profile: Document, events: int) -> Document:
        return _entry(profile, [self._event(METRICS[number % len(METRICS)]) for number in range(events)])

    def _profile(self, profiles: int) -> Document:
        return _profile(self._chance.randrange(profiles))

    def _event(self, metric: str) -> Document:
        chance = self._chance
        self._count += 1
        theme, category = chance.choice(_THEMES)
        return {
            "properties": {
                "story_id": f"{chance.getrandbits(128):032x}",
                "theme_id": theme,
                "theme_category": category,
                "minutes": chance.randint(4, 12),
                "plan_version": 1,
                "arm": "none",
                "schema": 1,
                "seq": self._count,
            },
            "time": chance.choice(self._times),
            "unique_id": f"{chance.getrandbits(128):032x}",
            "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        }


def _profile(number: int, **properties: str) -> Document:
    attributes: Document = {"external_id": f"family-{number}"}
    if properties:
        attributes["properties"] = properties
    return {"data": {"type": "profile", "attributes": attributes}}


def _entry(profile: Document, events: list[Document]) -> Document:
    listed = [{"type": "event", "attributes": attributes} for attributes in events]
    return {"type": "event-bulk-create", "attributes": {"profile": profile, "events": {"data": listed}}}


def _encode(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
