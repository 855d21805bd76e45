"""`dreamflow demo`: emulator, app and worker in one process, with three families who do not exist."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from dreamflow.bootstrap import DATABASE, House, Mirror, Overrides, build, open_database
from dreamflow.entrypoints import show
from dreamflow.entrypoints.delivering import delivering, mirror_of
from dreamflow.entrypoints.demo_state import DemoPersonas, demo_dir, issuer, tonight
from dreamflow.entrypoints.failures import CannotServe
from dreamflow.entrypoints.running import run as run_loop
from dreamflow.entrypoints.running import stop_on_signals
from dreamflow.entrypoints.serving import serving
from dreamflow.entrypoints.sockets import bind, url_of
from dreamflow.families import Family
from dreamflow.identity import demo_account
from dreamflow.kit.clock import OffsetClock, SystemClock
from dreamflow.kit.turn import TurnTaken, turn
from dreamflow.settings import (
    DatabaseSettings,
    IdentitySettings,
    KafkaSettings,
    KlaviyoSettings,
    RedisSettings,
    Settings,
)
from dreamflow.simulation import demo_families
from dreamflow.stories import Request
from klaviyo_emulator import Emulator, EmulatorConfig

_HOST = "127.0.0.1"
_SEED = 7
_TONIGHT = "john"  # two children, so that the first story shows how they share it


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asked for."""

    once: bool = False
    port: int = 8000
    data: Path | None = None
    at: str | None = None


def run(settings: Settings, options: DemoOptions, console: Console) -> None:
    """Run the demo until Ctrl-C, or once."""
    begins = tonight(options.at, SystemClock().now())
    if options.once and options.data is None:
        # Free ports and a folder of its own: it runs beside a demo that is open.
        with tempfile.TemporaryDirectory(prefix="dreamflow-demo-") as folder:
            run_loop(_demo(settings, options, Path(folder), begins, console))
    else:
        run_loop(_demo(settings, options, demo_dir(settings, options.data), begins, console))


async def _demo(settings: Settings, options: DemoOptions, folder: Path, begins: datetime, console: Console) -> None:
    stop = stop_on_signals()
    clock = OffsetClock(SystemClock(), begins)
    demo_issuer = issuer(folder)
    async with AsyncExitStack() as stack:
        # Bound before anything starts: a taken port is said at once.
        app_socket = stack.enter_context(bind(_HOST, 0 if options.once else options.port))
        emulator_socket = stack.enter_context(bind(_HOST, 0))
        stack.enter_context(_one_demo(folder))
        emulator = stack.enter_context(
            Emulator(
                EmulatorConfig(
                    database=str(folder / "klaviyo.sqlite"),
                    account_name="Dream Flow demo (emulator, simulated families)",
                    clock=clock.now,
                )
            )
        )
        await stack.enter_async_context(serving(emulator.app, emulator_socket))
        await _history(folder, begins)
        house = await stack.enter_async_context(
            build(
                _demo_settings(settings, folder, url_of(emulator_socket)),
                Overrides(clock=clock, issuers=(demo_issuer.config,), personas=DemoPersonas(demo_issuer)),
            )
        )
        await stack.enter_async_context(serving(house.app, app_socket))
        console.print(f"[bold]Tonight is open at {url_of(app_socket)}[/]\n")
        mirror = mirror_of(house.mirror)
        await _show_tonight(house, mirror, console, stop)
        if not options.once and not stop.is_set():
            _say_where(console, app_socket, emulator_socket)
            async with delivering(house.upkeep, mirror, stop, settings.worker.poll_seconds):
                await stop.wait()
        console.print("Good night.")


async def _history(folder: Path, tonight: datetime) -> None:
    """Live the families' weeks once, aside; the folder gets them whole or not at all."""
    database = folder / DATABASE
    if database.exists():
        return
    with tempfile.TemporaryDirectory(prefix=".history-", dir=folder) as aside:
        async with open_database(Path(aside), durable=False) as living:
            await demo_families.live(living, tonight - timedelta(minutes=5), seed=_SEED)
        lived = Path(aside) / DATABASE
        with lived.open("rb") as file:
            os.fsync(file.fileno())  # once for all that was not waited for
        lived.replace(database)


@contextmanager
def _one_demo(folder: Path) -> Generator[None]:
    """Two demos on one folder would share one Klaviyo and one history."""
    try:
        with turn(folder / "demo.turn"):
            yield
    except TurnTaken:
        raise CannotServe(
            "A demo runs on this folder already. Open it, or choose another folder with --data."
        ) from None


async def _show_tonight(house: House, mirror: Mirror, console: Console, stop: asyncio.Event) -> None:
    await mirror.worker.drain(stop)  # eight weeks arrive first, so that tonight's plan finds them in Klaviyo
    family = await _family(house, _TONIGHT)
    plan = await house.services.stories.tonight(family)
    show.plan(console, plan, house.services.stories.themes(family))
    show.story(console, await house.services.stories.tell(family, Request()))
    await mirror.worker.drain(stop)
    show.books(console, await house.deliveries.books())
    show.received(console, await mirror.received.recent(8))


async def _family(house: House, key: str) -> Family:
    email = next(demo.email for demo in demo_families.FAMILIES if demo.key == key)
    return await house.services.families.get(demo_account(email))


def _demo_settings(settings: Settings, folder: Path, emulator_url: str) -> Settings:
    """The demo never talks to a real account, nor to a real database, whatever the environment says."""
    klaviyo = KlaviyoSettings(api_key=SecretStr("pk_demo"), base_url=emulator_url)
    update = {
        "state_dir": folder,
        "database": DatabaseSettings(),
        "redis": RedisSettings(),
        "kafka": KafkaSettings(),
        "klaviyo": klaviyo,
        "identity": IdentitySettings(),
        "failpoint": "",
    }
    return settings.model_copy(update=update)


def _say_where(console: Console, app: socket.socket, emulator: socket.socket) -> None:
    console.print(f"\n[bold]Read on at {url_of(app)}[/]  (Ctrl-C ends it)")
    console.print(f"The emulated Klaviyo listens on {url_of(emulator)}.")
    console.print("Every family, child and evening here is made up.")
