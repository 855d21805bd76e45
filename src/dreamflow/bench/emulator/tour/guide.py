"""Takes the tour: the steps, then whatever can be read that no step has read, then the steps that remove.

What there is to see comes from the tables of facts and from the SDK, not from the steps, so that nothing is forgotten.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dreamflow.bench.emulator.tour import messages, people, shop
from dreamflow.bench.emulator.tour.official import RefusedError, Sdk
from dreamflow.bench.emulator.tour.steps import MissingError, Pad, Step, Wait, resources
from klaviyo_emulator.operations import operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AREAS = (
    "Accounts",
    "Events",
    "Metrics",
    "Profiles",
    "Lists",
    "Segments",
    "Campaigns",
    "Templates",
    "Catalogs",
    "Coupons",
    "Flows",
    "Tags",
    "Webhooks",
    "Data Privacy",
    "Reporting",
)
"""What the emulator serves, as the SDK divides the API."""
EXPECTED = frozenset(name for name, operation in operations().items() if operation.area in AREAS)
"""Their operations, as far as the emulator knows. What the SDK has beyond them is a part of the tour, too."""
_REVISION = "2026-10-15"
_COLLECTION = re.compile(r"/api/([^/]+)/\{")
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Toured:
    """What came of a tour."""

    operations: frozenset[str]
    """All that there is to drive: what the emulator knows, and what the SDK has."""
    failed: Mapping[str, str]
    """Why an operation was not driven: what was wrong with a call of it, or that there was none. Also of operations of
    other areas that were to help."""

    @property
    def driven(self) -> frozenset[str]:
        """The operations all of whose calls succeeded, of which each had one at least."""
        return self.operations - self.failed.keys()


def take(url: str, key: str = "pk_tour") -> Toured:
    """Drive every operation of an empty emulator without rate windows. Raises SdkMissingError."""
    tour = _Tour(url, key)
    tour.go([*people.STEPS, *shop.STEPS, *messages.STEPS])
    tour.read()
    tour.go([*messages.LAST, *shop.LAST, *people.LAST])
    return tour.result()


class _Tour:
    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._sdk = Sdk(url, key)
        self._pad = Pad()
        offered = [names for area in AREAS for names in self._sdk.operations(area)]
        # An operation that only the SDK knows is in the list by its first name, and nobody drives it.
        self._operations = EXPECTED.union(min(names & EXPECTED, default=min(names)) for names in offered)
        self._done: set[str] = set()
        self._failed: dict[str, str] = {}

    def go(self, steps: Iterable[Step | Wait]) -> None:
        """Take steps; one that fails does not stop those that do not need what it was to make."""
        for step in steps:
            if isinstance(step, Wait):
                self._wait(step.seconds)
            else:
                self._step(step)

    def read(self) -> None:
        """Read what was not read so far, with all that can be included."""
        for name in sorted(self._operations):
            operation = operations().get(name)
            if operation is None or operation.method != "GET" or name in self._done:
                continue
            reading = operation.reading(_REVISION)
            query = {
                f"additional_fields_{kind.replace('-', '_')}": sorted(some) for kind, some in reading.additional.items()
            }
            if reading.includes:
                query["include"] = list(reading.includes)
            self._step(Step(name, query=query))

    def result(self) -> Toured:
        never = dict.fromkeys(self._operations - self._done, "no step calls it")
        return Toured(self._operations, never | self._failed)

    def _step(self, step: Step) -> None:
        operation, pad = operations()[step.operation], self._pad
        self._done.add(step.operation)
        try:
            collection = _COLLECTION.match(operation.path)
            arguments: list[object] = [pad[step.of or collection[1]]] if collection else []
            if step.body is not None:
                arguments.append(step.body(pad) if callable(step.body) else step.body)
            answer = self._sdk.call(operation.area, step.operation, *arguments, **step.query)
            if not step.keeps:
                pad.note(answer)
            elif found := resources(answer):
                pad.keep(step.keeps, found[0]["id"])
        except (MissingError, RefusedError) as error:
            self._failed.setdefault(step.operation, str(error))

    def _wait(self, seconds: float) -> None:
        where = urlsplit(self._url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=_TIMEOUT)
        try:
            body = json.dumps({"advance_seconds": seconds})
            connection.request("POST", "/__emulator__/clock", body, {"Content-Type": "application/json"})
            connection.getresponse().read()
        finally:
            connection.close()
