"""The other side's door: whether anything may be sent at all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from dreamflow.outbox.ports import Observer

T = TypeVar("T")

LOCKED_SECONDS: Final = 60.0
"""How often it is tried whether a locked door is open again."""


class Door:
    """Locked while the other side refuses everything: a wrong key, a wrong address. Then one knocks for all.

    Args:
        observer: told when it is locked, and when it is open again.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._locked_until: datetime | None = None

    def lock(self, until: datetime) -> None:
        """It was found locked, and is not tried before this moment."""
        self._locked_until = until
        self._observer.locked_out(is_locked=True)

    def unlock(self) -> None:
        """Somebody was answered."""
        if self._locked_until is not None:
            self._locked_until = None
            self._observer.locked_out(is_locked=False)

    def stays_shut(self, now: datetime, *, is_knocking: bool) -> bool:
        """Whether nothing is to be tried: it was locked a moment ago, or somebody is knocking already."""
        if self._locked_until is None:
            return False
        # Longer than that it is only by a clock that was put back.
        return is_knocking or timedelta() < self._locked_until - now <= timedelta(seconds=LOCKED_SECONDS)

    def admit(self, those: Sequence[T]) -> Sequence[T]:
        """Those who may try: all of them, or the first, whose knock tells whether it is open again."""
        return those if self._locked_until is None else those[:1]
