"""A family of a house under test. Programs that only write facts need no more of the house than this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A family: its parent's id, and the ledger entries that let things leave."""

    parent: str
    subject: str
    """As its issuer calls the parent."""
    service: str
    suggestions: str
