"""`dreamflow worker`: delivery in a process of its own, on the same database."""

from contextlib import AsyncExitStack
from dataclasses import replace

from rich.console import Console

from dreamflow.bootstrap import build
from dreamflow.entrypoints.http import delivering, klaviyo_line, mirror_of
from dreamflow.entrypoints.serving import bind, serving, stop_on_signals, url_of
from dreamflow.entrypoints.serving import run as run_loop
from dreamflow.kit.ids import RandomIds
from dreamflow.settings import Settings
from dreamflow.web.app import create_probes


def run(settings: Settings, console: Console) -> None:
    """Deliver until SIGTERM or Ctrl-C."""
    run_loop(_work(settings, console))


async def _work(settings: Settings, console: Console) -> None:
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        port = settings.worker.port
        sock = None if port is None else stack.enter_context(bind(settings.http.host, port))
        house = await stack.enter_async_context(build(settings))
        mirror = mirror_of(house)
        console.print(await klaviyo_line(mirror))
        if sock is not None:
            # Entered before delivery, so that it tells of the draining until the last send has ended.
            house.readiness.require(mirror.delivers)
            everybody = replace(house.exposition, is_public=True)  # who reaches a port of its own may read it
            await stack.enter_async_context(serving(create_probes(house.readiness, everybody, RandomIds()), sock))
            console.print(f"Health and metrics are at {url_of(sock)}")
        await stack.enter_async_context(delivering(house, stop, settings.worker.poll_seconds))
        await stop.wait()
        house.readiness.drain()
