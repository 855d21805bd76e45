"""What goes wrong with the requests, and how often: ten kinds of faults, each as likely as the others."""

from __future__ import annotations

SHARE = 0.12
"""The share of the requests that something happens to, each drawn by itself."""
KINDS = (
    "429,retry-after=1",
    "500",
    "500,effect=yes",
    "503",
    "reset-before",
    "reset-after",
    "timeout-before",
    "timeout-after",
    "truncated",
    "short-close",
)
"""As the emulator writes them. Of a 500 nobody can tell whether the request had its effect, so half of them have."""


def faults(share: float = SHARE) -> str:
    """The faults for the emulator, which asks one after the other: the later ones see only who was spared so far."""
    each = share / len(KINDS)
    return "; ".join(f"*:{kind}@{each / (1 - each * before)!r}" for before, kind in enumerate(KINDS))
