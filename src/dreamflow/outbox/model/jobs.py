"""Due jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class DueJob:
    """Something to be done at a time, as surely as a fact is delivered.

    Attributes:
        id: chosen by whoever asks for it, so that asking twice is asking once.
        name: which handler does it.
        due: not before this moment of the house's clock, aware.
        payload: JSON values for the handler.
        attempts: failed runs so far.
    """

    id: str
    name: str
    due: datetime
    payload: Mapping[str, Any]
    attempts: int = 0
