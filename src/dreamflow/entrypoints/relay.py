"""`dreamflow relay`: what waits is published to Kafka."""

from contextlib import AsyncExitStack

from rich.console import Console

from dreamflow.bootstrap import open_relay
from dreamflow.entrypoints.running import run as run_loop
from dreamflow.entrypoints.running import stop_on_signals
from dreamflow.entrypoints.sockets import bind, url_of
from dreamflow.settings import Settings


def run(settings: Settings, console: Console, *, again: bool) -> None:
    """Publish until SIGTERM or Ctrl-C."""
    run_loop(_relay(settings, console, again=again))


async def _relay(settings: Settings, console: Console, *, again: bool) -> None:
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        port = settings.worker.port
        sock = None if port is None else stack.enter_context(bind(settings.http.host, port))
        relay = await stack.enter_async_context(open_relay(settings, again=again))
        console.print(f"Relay to the topic {settings.kafka.topic}")
        if sock is not None:
            from dreamflow.entrypoints.probing import probing

            await stack.enter_async_context(probing(sock, relay.database, relay.metrics, relay.is_alive))
            console.print(f"Health and metrics are at {url_of(sock)}")
        await relay.service.run(stop, poll_seconds=settings.worker.poll_seconds)
