"""`dreamflow worker`: delivery in a process of its own, on the same database."""

from rich.console import Console

from dreamflow.bootstrap import build
from dreamflow.entrypoints.http import delivering, klaviyo_line, mirror_of
from dreamflow.entrypoints.serving import run as run_loop
from dreamflow.entrypoints.serving import stop_on_signals
from dreamflow.settings import Settings


def run(settings: Settings, console: Console) -> None:
    """Deliver until SIGTERM or Ctrl-C."""
    run_loop(_work(settings, console))


async def _work(settings: Settings, console: Console) -> None:
    stop = stop_on_signals()
    async with build(settings) as house:
        mirror = mirror_of(house)
        console.print(await klaviyo_line(mirror))
        async with delivering(mirror, stop, settings.worker.poll_seconds):
            await stop.wait()
