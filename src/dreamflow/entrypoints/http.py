"""`dreamflow serve`: the app, with delivery in the same process unless it is told otherwise."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

from rich.console import Console

from dreamflow.bootstrap import House, Mirror, build
from dreamflow.entrypoints.failures import CannotRun
from dreamflow.entrypoints.serving import bind, serving, stop_on_signals, url_of
from dreamflow.entrypoints.serving import run as run_loop
from dreamflow.identity import DEMO_ISSUER
from dreamflow.kit.turn import TurnTaken, turn
from dreamflow.settings import Settings

_LAST_SEND_SECONDS = 5.0


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
        if house.mirror is not None and settings.worker.embedded:
            await stack.enter_async_context(delivering(house.mirror, stop, settings.worker.poll_seconds))
        # Entered last, so that it closes first: nobody is let in while the rest stops.
        await stack.enter_async_context(serving(house.app, sock))
        console.print(f"Dream Flow is open at {url_of(sock)}")
        await stop.wait()


def mirror_of(house: House) -> Mirror:
    """The account that is kept in step.

    Raises:
        CannotServe: none is configured.
    """
    if house.mirror is None:
        raise CannotServe("There is nowhere to deliver to. Set DREAMFLOW_KLAVIYO__API_KEY.")
    return house.mirror


@asynccontextmanager
async def delivering(mirror: Mirror, stop: asyncio.Event, poll_seconds: float) -> AsyncGenerator[None]:
    """Deliver while the block runs, as the only worker on this database; at its end the send under way may finish.

    Raises:
        CannotServe: another process delivers already.
    """
    with ExitStack() as held:
        try:
            held.enter_context(turn(mirror.worker_turn))
        except TurnTaken:
            raise CannotServe(
                "Another process delivers for this database already. Stop it, or set DREAMFLOW_WORKER__EMBEDDED=false."
            ) from None
        task = asyncio.create_task(mirror.worker.run(stop, poll_seconds=poll_seconds))
        try:
            yield
        finally:
            stop.set()
            # What is cut off after this goes out again at the next start; its id makes the repeat harmless.
            await asyncio.wait({task}, timeout=_LAST_SEND_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def klaviyo_line(mirror: Mirror | None) -> str:
    """One sentence about the account that is kept in step."""
    if mirror is None:
        return "Klaviyo is not configured: bedtime works, and what would be sent waits. Set DREAMFLOW_KLAVIYO__API_KEY."
    return f"Klaviyo account: {await mirror.account_name()}"
