"""Which handler does which kind of task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.background import arrivals, bulk_jobs, campaigns, consents, flows, imports, merges, webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.background.pump import TaskHandler

HANDLERS: Mapping[str, TaskHandler] = {
    **arrivals.HANDLERS,
    **bulk_jobs.HANDLERS,
    **campaigns.HANDLERS,
    **consents.HANDLERS,
    **flows.HANDLERS,
    **imports.HANDLERS,
    **merges.HANDLERS,
    **webhooks.HANDLERS,
}
