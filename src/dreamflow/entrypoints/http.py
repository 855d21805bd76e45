"""`dreamflow serve`: the app, with delivery in the same process unless it is told otherwise."""

import asyncio
from contextlib import AsyncExitStack

from rich.console import Console

from dreamflow.bootstrap import build
from dreamflow.entrypoints.delivering import announcing, delivering
from dreamflow.entrypoints.failures import CannotServe
from dreamflow.entrypoints.running import run as run_loop
from dreamflow.entrypoints.running import stop_on_signals
from dreamflow.entrypoints.serving import serving
from dreamflow.entrypoints.sockets import bind, url_of
from dreamflow.identity import DEMO_ISSUER
from dreamflow.settings import Settings


def run(settings: Settings, console: Console) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    if not settings.identity.issuers:
        raise CannotServe(
            "No issuer is configured, so nobody could sign in. Set DREAMFLOW_IDENTITY__ISSUERS, "
            "or run `dreamflow demo` to look around."
        )
    if any(issuer.issuer == DEMO_ISSUER for issuer in settings.identity.issuers):
        raise CannotServe("The demo's issuer vouches for anybody. Take it out of DREAMFLOW_IDENTITY__ISSUERS.")
    run_loop(_serve(settings, console))


async def _serve(settings: Settings, console: Console) -> None:
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        sock = stack.enter_context(bind(settings.http.host, settings.http.port))
        house = await stack.enter_async_context(build(settings))
        await stack.enter_async_context(announcing(house.mirror, console))
        if settings.worker.embedded:
            beside = delivering(house.upkeep, house.mirror, stop, settings.worker.poll_seconds)
            await stack.enter_async_context(beside)
            if house.mirror is not None:
                house.readiness.require(house.mirror.delivers)
        # Entered last, so that it closes first: nobody is let in while the rest stops.
        await stack.enter_async_context(serving(house.app, sock))
        console.print(f"Dream Flow is open at {url_of(sock)}")
        await stop.wait()
        # Whoever sends requests here by what /readyz says has to notice before the door closes.
        house.readiness.drain()
        await asyncio.sleep(settings.http.drain_seconds)
