"""Identifiers as something that is passed in.

They are UUIDv4 on purpose. A UUIDv7 would keep index pages warmer, but it carries the millisecond at
which it was made, and some of our identifiers leave the house: a story's id must not tell when the lights
went out.
"""

import random
import uuid
from typing import Protocol

from typing_extensions import override


class Ids(Protocol):
    """Where new identifiers come from."""

    def new(self) -> str:
        """A fresh identifier: 36 characters, lower case, a random UUID (RFC 9562, section 5.4)."""
        ...


class RandomIds(Ids):
    """Unguessable identifiers for production."""

    @override
    def new(self) -> str:
        return str(uuid.uuid4())


class SeededIds(Ids):
    """The same identifiers for the same seed: for seeded history and for tests."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable by intent

    @override
    def new(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
