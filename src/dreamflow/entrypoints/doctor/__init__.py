"""`dreamflow doctor`: a look at every part of the house, one line each."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from dreamflow.entrypoints.doctor.delivery import Records
from dreamflow.entrypoints.doctor.folder import look_at_folder
from dreamflow.entrypoints.doctor.model import Finding, Look, State
from dreamflow.entrypoints.doctor.neighbours import look_at_kafka, look_at_klaviyo, look_at_redis
from dreamflow.kit.clock import SystemClock
from dreamflow.settings import Settings, SettingsError

_PATIENCE_SECONDS: Final = 20.0
_COLOURS: Final = {State.OK: "green", State.WARNING: "yellow", State.TROUBLE: "bold red", State.SKIPPED: "dim"}


def run(*, as_json: bool) -> None:
    """Look, tell, and end with status 1 when there is trouble."""
    findings = asyncio.run(_findings())
    is_trouble = any(found.state is State.TROUBLE for found in findings)
    if as_json:
        checks = [
            {"part": found.part, "state": found.state, "says": found.says, "do": found.do or None} for found in findings
        ]
        typer.echo(json.dumps({"trouble": is_trouble, "checks": checks}, indent=2))
    else:
        _tell(findings)
    if is_trouble:
        raise typer.Exit(1)


async def _findings() -> Sequence[Finding]:
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        # Nothing else can be known without them.
        return [Finding("settings", State.TROUBLE, str(error))]
    found = [Finding("settings", State.OK, "all can be used")]
    for part, look in _looks(settings):
        found.append(await _safely(part, look))
    return found


def _looks(settings: Settings) -> Iterator[tuple[str, Look]]:
    yield "state folder", lambda: look_at_folder(settings)
    yield from Records(settings, SystemClock()).looks()
    yield "Klaviyo", lambda: look_at_klaviyo(settings)
    yield "Redis", lambda: look_at_redis(settings)
    yield "Kafka", lambda: look_at_kafka(settings)


async def _safely(part: str, look: Look) -> Finding:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await look()
    except Exception as error:  # noqa: BLE001 - half a house may be broken; the other half is looked at all the same
        return Finding(part, State.TROUBLE, f"it could not be looked at ({type(error).__name__})")


def _tell(findings: Sequence[Finding]) -> None:
    console = Console()
    width = max(len(found.part) for found in findings)
    for found in findings:
        line = Text.assemble(
            (f"{found.state:<8}", _COLOURS[found.state]),
            f"{found.part:<{width}}  ",
            f"{found.says}.",
            f" {found.do}".rstrip(),
        )
        console.print(line, soft_wrap=True)
