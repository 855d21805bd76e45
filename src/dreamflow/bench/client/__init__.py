"""How fast and how steadfast the client is, with the official SDK and a bare aiohttp loop beside it in the same run.

Contestants and servers are modules of this package that run in processes of their own. What measures them is therefore
imported when it is asked for: they are to have nothing of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamflow.bench.client.bench import BENCH

__all__ = ["BENCH"]


def __getattr__(name: str) -> object:
    """`BENCH` (PEP 562)."""
    if name != "BENCH":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.bench").BENCH
