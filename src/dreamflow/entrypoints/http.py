"""`dreamflow serve`: the app, with delivery in the same process unless it is told otherwise."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from rich.console import Console

from dreamflow.bootstrap import House, Mirror, build
from dreamflow.entrypoints.failures import CannotRun
from dreamflow.entrypoints.serving import bind, serving, stop_on_signals, url_of
from dreamflow.entrypoints.serving import run as run_loop
from dreamflow.identity import DEMO_ISSUER
from dreamflow.settings import Settings


class CannotServe(CannotRun):
    """What was asked for does not make a house that may be opened."""


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
        console.print(await klaviyo_line(house.mirror))
        if settings.worker.embedded:
            await stack.enter_async_context(delivering(house, stop, settings.worker.poll_seconds))
            if house.mirror is not None:
                house.readiness.require(house.mirror.delivers)
        # Entered last, so that it closes first: nobody is let in while the rest stops.
        await stack.enter_async_context(serving(house.app, sock))
        console.print(f"Dream Flow is open at {url_of(sock)}")
        await stop.wait()
        # Whoever sends requests here by what /readyz says has to notice before the door closes.
        house.readiness.drain()
        await asyncio.sleep(settings.http.drain_seconds)


def mirror_of(house: House) -> Mirror:
    """The account that is kept in step.

    Raises:
        CannotServe: none is configured.
    """
    if house.mirror is None:
        raise CannotServe("There is nowhere to deliver to. Set DREAMFLOW_KLAVIYO__API_KEY.")
    return house.mirror


@asynccontextmanager
async def delivering(house: House, stop: asyncio.Event, poll_seconds: float) -> AsyncGenerator[None]:
    """Deliver and see to the house while the block runs; without an account nothing is sent.

    At its end what is being sent may finish, and what this process holds is given back.
    """
    tasks = [asyncio.create_task(house.upkeep.run(stop))]
    if house.mirror is not None:
        tasks.append(asyncio.create_task(house.mirror.worker.run(stop, poll_seconds=poll_seconds)))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def klaviyo_line(mirror: Mirror | None) -> str:
    """One sentence about the account that is kept in step."""
    if mirror is None:
        return "Klaviyo is not configured: bedtime works, and what would be sent waits. Set DREAMFLOW_KLAVIYO__API_KEY."
    return f"Klaviyo account: {await mirror.account_name()}"
