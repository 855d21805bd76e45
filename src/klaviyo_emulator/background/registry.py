"""Which handler does which kind of task."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler

HANDLERS: Mapping[str, TaskHandler] = {}
