"""`dreamflow worker`: delivery in a process of its own, on the same database."""

from rich.console import Console

from dreamflow.bootstrap import build
from dreamflow.entrypoints.http import CannotServe, delivering, klaviyo_line
from dreamflow.entrypoints.serving import run as run_loop
from dreamflow.entrypoints.serving import stop_on_signals
from dreamflow.settings import Settings


def run(settings: Settings, console: Console) -> None:
    """Deliver until SIGTERM or Ctrl-C."""
    if settings.klaviyo.api_key is None:
        raise CannotServe("There is nowhere to deliver to. Set DREAMFLOW_KLAVIYO__API_KEY.")
    run_loop(_work(settings, console))


async def _work(settings: Settings, console: Console) -> None:
    stop = stop_on_signals()
    async with build(settings) as house:
        console.print(await klaviyo_line(house))
        if house.worker is not None:
            async with delivering(house.worker, house.worker_turn, stop, settings.worker.poll_seconds):
                await stop.wait()
