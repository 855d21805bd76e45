"""`dreamflow emulator`: a Klaviyo on localhost, in a process of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from dreamflow.entrypoints.failures import CannotRun
from dreamflow.entrypoints.sockets import bind
from klaviyo_emulator import EmulatorConfig, KeysError, StateError, read_keys
from klaviyo_emulator.demo import MAXIMUM_FAMILIES, fills
from klaviyo_emulator.hosts import exposure
from klaviyo_emulator.server import run as serve


def run(
    *,
    host: str,
    names: Sequence[str],
    port: int,
    data: Path | None,
    keys: Path | None,
    demo: bool,
    families: int | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Serve until SIGTERM or Ctrl-C; the options are fields of `EmulatorConfig`."""
    if families is not None and not 1 <= families <= MAXIMUM_FAMILIES:
        raise CannotRun(f"--families: a number from 1 to {MAXIMUM_FAMILIES:,} is needed")
    prepare = fills(families, demo=demo, say=lambda line: typer.echo(f"dreamflow: {line}", err=True))
    config = _config(hosts=(host, *names), database=":memory:" if data is None else str(data), key_file=keys, **options)
    with bind(host, port) as listening:
        if warning := exposure(host):
            typer.echo(f"dreamflow: {warning}", err=True)
        try:
            serve(config, listening, lambda url: typer.echo(f"Klaviyo is emulated at {url}"), prepare)
        except StateError as error:
            raise CannotRun(str(error)) from None


def _config(*, key_file: Path | None, **fields: Any) -> EmulatorConfig:  # noqa: ANN401 - as above
    try:
        return EmulatorConfig(keys=read_keys(key_file) if key_file else None, **fields)
    except KeysError as error:
        raise CannotRun(str(error)) from None
    except ValueError as error:
        raise CannotRun(f"--{error}") from None
