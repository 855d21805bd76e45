"""Sleeping until something changes."""

import asyncio
from collections.abc import Awaitable


async def doze(sleep: Awaitable[object], changed: asyncio.Event) -> None:
    """Wait until a sleep ends or an event is set, whichever comes first; what the sleep raises is raised."""
    sleeping = asyncio.ensure_future(sleep)
    changing = asyncio.ensure_future(changed.wait())
    try:
        await asyncio.wait((sleeping, changing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        changing.cancel()
        sleeping.cancel()
    if sleeping.done():
        sleeping.result()
