"""Segments that somebody is about to look at are brought up to date first, if anything has changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.state.profiles import find_profile
from klaviyo_emulator.state.segments import refresh_segments

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.routes.context import ApiRequest, Context, Handler, Reply


async def refresh_stale(context: Context, segment_id: str | None = None) -> None:
    """Refresh a segment, or all of them, unless neither the state nor the time is another than at the last look."""
    present = (context.changes.count, context.mint.now())
    key = segment_id or ""
    if context.changes.refreshed.get(key) == present:
        return
    chosen = None if segment_id is None else [segment_id]
    ready = await context.write_quietly(lambda connection: refresh_segments(connection, context.mint, chosen))
    if ready:
        context.changes.refreshed[key] = present


def with_fresh_segment(handler: Handler) -> Handler:
    """A handler that reads the members of the segment in its path."""

    async def handle(context: Context, request: ApiRequest) -> Reply:
        await refresh_stale(context, request.arguments[0])
        return await handler(context, request)

    return handle


def with_fresh_segments(handler: Handler, include: str | None = None) -> Handler:
    """A handler that reads which segments the profile in its path is in, once these know of it what they should.

    With `include`, only where the query includes them.
    """

    async def handle(context: Context, request: ApiRequest) -> Reply:
        def work(connection: sqlite3.Connection) -> None:
            profile = find_profile(connection, request.arguments[0])
            if profile is not None:
                refresh_segments(connection, context.mint, only=[profile.seq])

        if include is None or include in (request.query.include or ()):
            await context.write_quietly(work)
        return await handler(context, request)

    return handle
