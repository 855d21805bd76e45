"""Whose turn it is: the faults that stand, how often each has happened, and the chance of the next.

A script is asked once for each request. Its faults are asked in order; the first that has its turn happens. Chance is
drawn from the seed, for each fault by itself, so that one more fault does not change when another happens.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klaviyo_emulator.faults.model import WEBHOOK, Fault, OfDelivery
from klaviyo_emulator.faults.reading import write_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(slots=True)
class Scripted:
    """A fault in a script."""

    number: int
    """Counts up; names the fault for as long as it stands."""
    fault: Fault
    chance: random.Random
    seen: int = 0
    """Requests that it was asked about."""
    happened: int = 0

    @property
    def left(self) -> int | None:
        """How often it can still happen; None for as long as it stands."""
        return None if self.fault.times is None else self.fault.times - self.happened

    def takes_turn(self) -> bool:
        """Whether it happens to the request that it is asked about."""
        if self.left == 0:
            return False
        self.seen += 1
        if self.seen <= self.fault.skip:
            return False
        if self.fault.probability < 1 and self.chance.random() >= self.fault.probability:
            return False
        self.happened += 1
        return True


@dataclass(slots=True)
class FaultScript:
    """The faults of one emulator. Callable from any thread."""

    seed: int
    _entries: list[Scripted] = field(default_factory=list[Scripted])
    _next: int = 1
    _gate: threading.Lock = field(default_factory=threading.Lock)
    _closing: bool = False
    _held: dict[object, Callable[[], object]] = field(default_factory=dict[object, "Callable[[], object]"])

    def next_for(self, operation: str) -> Fault | None:
        """What happens to a request of an operation that has just come; None for nothing."""
        if not self._entries:
            return None
        with self._gate:
            for entry in self._entries:
                if entry.fault.matches(operation) and entry.takes_turn():
                    return entry.fault
        return None

    def webhook_fault(self) -> OfDelivery | None:
        """What happens to a delivery of a webhook that is about to be sent; None for nothing.

        `Duplicate` sends the same bytes `copies` times, `Reorder` sends it after the delivery that follows (or last, if
        none does), `Drop` never sends it and does not try again.
        """
        fault = self.next_for(WEBHOOK)
        return fault.trouble if fault is not None and isinstance(fault.trouble, OfDelivery) else None

    def entries(self) -> tuple[Scripted, ...]:
        """What stands, in order; faults that have happened as often as they should are listed too."""
        with self._gate:
            return tuple(self._entries)

    def add(self, faults: Sequence[Fault]) -> None:
        """Append faults."""
        with self._gate:
            self._append(faults)

    def replace(self, faults: Sequence[Fault]) -> None:
        """Let these faults stand and no others. Connections that a timeout holds are closed."""
        with self._gate:
            self._entries = []
            self._append(faults)
        self.release()

    def restart(self, faults: Sequence[Fault]) -> None:
        """Let these faults stand, and count them from one again."""
        with self._gate:
            self._next = 1
        self.replace(faults)

    def remove(self, number: int) -> bool:
        """Take one fault away; False if none has this number."""
        with self._gate:
            kept = [entry for entry in self._entries if entry.number != number]
            found = len(kept) != len(self._entries)
            self._entries = kept
        return found

    def reseed(self, seed: int) -> None:
        """Begin the chance of every fault anew."""
        with self._gate:
            self.seed = seed
            for entry in self._entries:
                entry.chance = self._chance(entry.number, entry.fault)

    def hold(self, key: object, release: Callable[[], object]) -> None:
        """Note that a connection is held; `release` is called, from any thread, when it should be let go."""
        with self._gate:
            self._held[key] = release
            closing = self._closing
        if closing:
            release()

    def let_go(self, key: object) -> None:
        """Note that a connection is held no more."""
        with self._gate:
            self._held.pop(key, None)

    def release(self) -> int:
        """Close every connection that is held, and answer how many there were."""
        with self._gate:
            held, self._held = self._held, {}
        for release in held.values():
            release()
        return len(held)

    def close(self) -> None:
        """Hold no connection from now on: the server ends."""
        self._closing = True
        self.release()

    @property
    def held(self) -> int:
        """How many connections are held now."""
        return len(self._held)

    def _append(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            self._entries.append(Scripted(self._next, fault, self._chance(self._next, fault)))
            self._next += 1

    def _chance(self, number: int, fault: Fault) -> random.Random:
        return random.Random(f"{self.seed}:fault {number}:{write_fault(fault)}")  # noqa: S311 - to be repeatable
