"""`dreamflow worker`: delivery in a process of its own, on the same database."""

from contextlib import AsyncExitStack

from rich.console import Console

from dreamflow.bootstrap import open_worker
from dreamflow.entrypoints.delivering import delivering, klaviyo_line, mirror_of
from dreamflow.entrypoints.running import run as run_loop
from dreamflow.entrypoints.running import stop_on_signals
from dreamflow.entrypoints.sockets import bind, url_of
from dreamflow.settings import Settings


def run(settings: Settings, console: Console) -> None:
    """Deliver until SIGTERM or Ctrl-C."""
    run_loop(_work(settings, console))


async def _work(settings: Settings, console: Console) -> None:
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        port = settings.worker.port
        sock = None if port is None else stack.enter_context(bind(settings.http.host, port))
        worker = await stack.enter_async_context(open_worker(settings))
        mirror = mirror_of(worker.mirror)
        console.print(await klaviyo_line(mirror))
        ready = None
        if sock is not None:
            from dreamflow.entrypoints.probing import probing

            # Entered before delivery, so that it tells of the draining until the last send has ended.
            probes = probing(sock, worker.database, worker.metrics, mirror.delivers)
            ready = await stack.enter_async_context(probes)
            console.print(f"Health and metrics are at {url_of(sock)}")
        await stack.enter_async_context(delivering(worker.upkeep, mirror, stop, settings.worker.poll_seconds))
        await stop.wait()
        if ready is not None:
            ready.drain()
