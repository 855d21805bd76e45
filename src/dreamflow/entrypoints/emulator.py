"""`dreamflow emulator`: a Klaviyo on localhost, in a process of its own."""

from pathlib import Path

import typer

from dreamflow.entrypoints.http import CannotServe
from dreamflow.entrypoints.serving import bind
from klaviyo_emulator import EmulatorConfig, StateError
from klaviyo_emulator.__main__ import read_keys
from klaviyo_emulator.server import run as serve


def run(*, host: str, port: int, data: Path | None, latency_ms: int, limits: bool, keys: Path | None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    accepted = None if keys is None else read_keys(keys.read_text(encoding="utf-8"))
    config = EmulatorConfig(
        database=":memory:" if data is None else str(data),
        latency_ms=latency_ms,
        limits=limits,
        keys=None if accepted is None else frozenset(accepted),
        scopes={key: scopes for key, scopes in (accepted or {}).items() if scopes},
    )
    with bind(host, port) as listening:
        try:
            serve(config, listening, lambda url: typer.echo(f"Klaviyo is emulated at {url}"))
        except StateError as error:
            raise CannotServe(str(error)) from None
