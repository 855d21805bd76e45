"""The shapes of Klaviyo's ids. Every function is pure, or draws from the `random.Random` it is given.

An event's public id and the node of its uuid are computed from its row number by an invertible mix of 64 bits, so that
neither needs a column or an index, and ids still look like chance.
"""

from __future__ import annotations

import string
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE62_VALUE = {character: value for value, character in enumerate(_BASE62)}
_EVENT_ID_LENGTH = 11
_MASK64 = (1 << 64) - 1
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_INVERSES = tuple(pow(multiplier, -1, 1 << 64) for multiplier in _MULTIPLIERS)
_SHIFTS = (30, 27, 31)
_UUID_EPOCH_OFFSET = 0x01B21DD213814000  # 100 ns steps between 1582-10-15 and 1970-01-01


def ulid(chance: random.Random, milliseconds: int) -> str:
    """26 characters: 48 bits of time, 80 of chance. Profiles have these."""
    number = (max(milliseconds, 0) & ((1 << 48) - 1)) << 80 | chance.getrandbits(80)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def short_id(chance: random.Random) -> str:
    """Six alphanumerics with a letter in front: accounts, metrics, integrations."""
    alphabet = string.ascii_letters + string.digits
    return chance.choice(string.ascii_uppercase) + "".join(chance.choices(alphabet, k=5))


def error_id(chance: random.Random) -> str:
    """A random UUID, as errors carry."""
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def event_id(sequence: int, key: int) -> str:
    """The public id, 11 characters of base 62, of the event in row `sequence`."""
    number = _mix(sequence ^ key)
    digits = [""] * _EVENT_ID_LENGTH
    for position in range(_EVENT_ID_LENGTH - 1, -1, -1):
        number, digit = divmod(number, 62)
        digits[position] = _BASE62[digit]
    return "".join(digits)


def event_sequence(text: str, key: int) -> int | None:
    """The row an event id names, which need not exist; None when the text is no event id."""
    if len(text) != _EVENT_ID_LENGTH:
        return None
    number = 0
    for character in text:
        value = _BASE62_VALUE.get(character)
        if value is None:
            return None
        number = number * 62 + value
    return _unmix(number) ^ key if number <= _MASK64 else None


def event_uuid(sequence: int, key: int, epoch_seconds: int) -> str:
    """A UUID version 1 whose time is the event's, with clock sequence 1 (`8001`)."""
    ticks = epoch_seconds * 10_000_000 + _UUID_EPOCH_OFFSET
    node = _mix(sequence ^ key) & ((1 << 48) - 1)
    return f"{ticks & 0xFFFFFFFF:08x}-{ticks >> 32 & 0xFFFF:04x}-1{ticks >> 48 & 0x0FFF:03x}-8001-{node:012x}"


def _mix(number: int) -> int:
    number &= _MASK64
    number = (number ^ number >> _SHIFTS[0]) * _MULTIPLIERS[0] & _MASK64
    number = (number ^ number >> _SHIFTS[1]) * _MULTIPLIERS[1] & _MASK64
    return number ^ number >> _SHIFTS[2]


def _unmix(number: int) -> int:
    number = _unshift(number, _SHIFTS[2]) * _INVERSES[1] & _MASK64
    number = _unshift(number, _SHIFTS[1]) * _INVERSES[0] & _MASK64
    return _unshift(number, _SHIFTS[0])


def _unshift(number: int, shift: int) -> int:
    """Undo `number ^ number >> shift`; three rounds are enough because every shift is at least 27 of 64 bits."""
    result = number
    for _ in range(3):
        result = number ^ result >> shift
    return result
