"""Whether delivery loses, doubles or reorders anything, whatever is killed meanwhile, and how fast it is.

Some modules of this package run in processes of their own. What measures them is imported when it is asked for: they
are to have nothing of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamflow.bench.delivery.bench import BENCH

__all__ = ["BENCH"]


def __getattr__(name: str) -> object:
    """`BENCH` (PEP 562)."""
    if name != "BENCH":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.bench").BENCH
