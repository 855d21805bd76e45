"""`dreamflow relay`: what waits is published to Kafka."""

from rich.console import Console

from dreamflow.bootstrap import relay
from dreamflow.entrypoints.serving import run as run_loop
from dreamflow.entrypoints.serving import stop_on_signals
from dreamflow.settings import Settings


def run(settings: Settings, console: Console, *, again: bool) -> None:
    """Publish until SIGTERM or Ctrl-C."""
    run_loop(_relay(settings, console, again=again))


async def _relay(settings: Settings, console: Console, *, again: bool) -> None:
    stop = stop_on_signals()
    async with relay(settings, again=again) as service:
        console.print(f"Relay to the topic {settings.kafka.topic}")
        await service.run(stop, poll_seconds=settings.worker.poll_seconds)
