"""How fast the Klaviyo emulator is: one process, a WAL file, no limits, and the load on the same cores."""

from __future__ import annotations

from dreamflow.bench.emulator.bench import BENCH

__all__ = ["BENCH"]
