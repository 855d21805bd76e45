"""`dreamflow db upgrade`: the database brought to this version's schema, when the operator says so."""

import asyncio

import typer

from dreamflow.bootstrap import upgrade
from dreamflow.settings import Settings


def run(settings: Settings) -> None:
    """Migrate, and say from where to where."""
    found = asyncio.run(upgrade(settings))
    if found.is_current:
        typer.echo(f"The database has schema {found.head} already; there was nothing to do.")
    elif found.current is None:
        typer.echo(f"The database was empty and has schema {found.head} now.")
    else:
        typer.echo(f"The database had schema {found.current} and has {found.head} now.")
