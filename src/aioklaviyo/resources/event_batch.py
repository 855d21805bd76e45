"""A batch of events as one request body, or the reason why Klaviyo would refuse it.

Sending a batch that holds the same event twice loses all of it, and so does sending one that is too large; both are
noticed here, where nothing is lost.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aioklaviyo.calls import encoded
from aioklaviyo.errors import CallRecord, PayloadTooLarge, invalid_request
from aioklaviyo.models.event import NewEvent

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

BATCH_PATH = "/api/event-bulk-create-jobs"
MAX_BATCH_EVENTS = 1_000
MAX_BATCH_BYTES = 5_000_000


def encoded_batch(events: Sequence[NewEvent]) -> bytes:
    """The body that submits ``events``: one group per profile, in order of first appearance.

    Raises:
        PayloadTooLarge: More events or bytes than Klaviyo takes.
        InvalidRequest: Two events are, or may be, the same to Klaviyo.
    """
    if len(events) > MAX_BATCH_EVENTS:
        raise _too_large(f"{len(events)} events in one batch, of {MAX_BATCH_EVENTS} allowed")
    _refuse_duplicates(events)
    groups: dict[str, tuple[dict[str, Json], list[Json]]] = {}
    for event in events:
        profile = event.profile.wire()
        _, grouped = groups.setdefault(json.dumps(profile, sort_keys=True), (profile, []))
        grouped.append({"type": "event", "attributes": event.wire_attributes()})
    entries: list[Json] = [
        {"type": "event-bulk-create", "attributes": {"profile": {"data": profile}, "events": {"data": grouped}}}
        for profile, grouped in groups.values()
    ]
    document: Json = {
        "data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": entries}}}
    }
    body = encoded("POST", BATCH_PATH, document)
    if len(body) > MAX_BATCH_BYTES:
        raise _too_large(f"{len(body)} bytes in one batch, of {MAX_BATCH_BYTES} allowed")
    return body


@dataclass(slots=True)
class _Alike:
    """The events of one metric and one dedupe key so far, by what could make their profiles the same."""

    by_identifier: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    by_kinds: dict[frozenset[str], int] = field(default_factory=dict[frozenset[str], int])

    def earlier(self, identifiers: Mapping[str, str]) -> int | None:
        """The event whose profile may be this one: an identifier is equal, or none is comparable."""
        for identifier in identifiers.items():
            if identifier in self.by_identifier:
                return self.by_identifier[identifier]
        kinds = identifiers.keys()
        return next((index for seen, index in self.by_kinds.items() if seen.isdisjoint(kinds)), None)

    def add(self, index: int, identifiers: Mapping[str, str]) -> None:
        self.by_identifier.update((identifier, index) for identifier in identifiers.items())
        self.by_kinds.setdefault(frozenset(identifiers), index)


def _refuse_duplicates(events: Sequence[NewEvent]) -> None:
    seen: dict[tuple[str, tuple[str, str]], _Alike] = {}
    for index, event in enumerate(events):
        alike = seen.setdefault((event.metric, event.dedupe_key), _Alike())
        identifiers = event.profile.identifiers()
        if "email" in identifiers:
            # Klaviyo does not tell letter case apart in addresses.
            identifiers["email"] = identifiers["email"].casefold()
        earlier = alike.earlier(identifiers)
        if earlier is not None:
            same = "unique_id" if event.unique_id is not None else "second, without a unique_id,"
            raise invalid_request(
                f"events {earlier} and {index} have the same {same} for what may be the same profile and metric",
                method="POST",
                path=BATCH_PATH,
                pointer=f"/events/{index}/unique_id",
            )
        alike.add(index, identifiers)


def _too_large(problem: str) -> PayloadTooLarge:
    return PayloadTooLarge(f"Not sent: {problem}", CallRecord("POST", BATCH_PATH))
