"""Repeating a POST without repeating its effect (the `Idempotency-Key` header).

The key is stored in the transaction of the effect, so either both exist or neither. A key belongs to one
account and one kind of request; the same key with another content is a mistake of the caller.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dreamflow.kit.errors import Refused

KEPT_FOR: Final = timedelta(hours=24)


class KeyReused(Refused):
    """The key was used before with other content."""

    code = "idempotency-key-reused"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A caller's promise that two requests are one.

    Attributes:
        scope: account and kind of request, e.g. "<parent>/stories".
        key: as the caller chose it.
        fingerprint: of the request's content.
        at: when it was asked.
    """

    scope: str
    key: str
    fingerprint: str
    at: datetime


def fingerprint(content: object) -> str:
    """A stable digest of a JSON value."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
