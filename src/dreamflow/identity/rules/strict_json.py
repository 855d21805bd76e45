"""JSON as RFC 8259 has it, without the freedoms it leaves to readers.

Two readers that resolve a repeated name differently can be played against each other (RFC 8725,
section 2.6 on encodings; RFC 7515, section 4 forbids repeated header names), so repeats are errors here.
"""

import json
from typing import NoReturn, cast


def read_object(data: bytes) -> dict[str, object]:
    """Read one JSON object.

    Raises:
        ValueError: not UTF-8, not JSON, not an object, a repeated name at any depth, NaN or
            Infinity, a number of thousands of digits, or nested too deeply.
    """
    try:
        value: object = json.loads(data.decode(), object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the reader's one error
    return cast("dict[str, object]", value)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a repeated name")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("not a JSON number")
