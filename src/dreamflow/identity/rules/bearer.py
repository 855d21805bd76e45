"""Reading the `Authorization` header (RFC 6750, section 2.1; RFC 9110, section 11.6.2)."""

import re
from collections.abc import Sequence
from typing import Final

from dreamflow.identity.errors import InvalidToken
from dreamflow.identity.rules.compact import LONGEST_TOKEN

_CREDENTIALS: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9._~+/-]+=*)", re.ASCII)
_LONGEST_VALUE: Final = len("Bearer ") + LONGEST_TOKEN


def token_in(values: Sequence[str]) -> str | None:
    """The bearer token in the values of all `Authorization` headers of a request; None without any.

    Raises:
        InvalidToken: more than one header (a proxy and we might read different ones), another scheme, or
            anything but one space between scheme and token.
    """
    if not values:
        return None
    match = _CREDENTIALS.fullmatch(values[0]) if len(values) == 1 and len(values[0]) <= _LONGEST_VALUE else None
    if match is None:
        raise InvalidToken
    return match[1]
