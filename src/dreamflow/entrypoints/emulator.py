"""`dreamflow emulator`: a Klaviyo on localhost, in a process of its own."""

from pathlib import Path

import typer

from dreamflow.entrypoints.http import CannotServe
from dreamflow.entrypoints.serving import bind
from klaviyo_emulator import EmulatorConfig, KeysError, StateError, read_keys
from klaviyo_emulator.server import run as serve


def run(*, host: str, port: int, data: Path | None, latency_ms: int, limits: bool, keys: Path | None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        config = EmulatorConfig(
            database=":memory:" if data is None else str(data),
            latency_ms=latency_ms,
            limits=limits,
            keys=read_keys(keys) if keys else None,
        )
        with bind(host, port) as listening:
            serve(config, listening, lambda url: typer.echo(f"Klaviyo is emulated at {url}"))
    except (KeysError, StateError) as error:
        raise CannotServe(str(error)) from None
