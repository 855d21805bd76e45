"""`dreamflow tonight`: the plan of one of the demo's families."""

import asyncio
import json
from pathlib import Path

import typer
from rich.console import Console

from dreamflow.bootstrap import DATABASE, Overrides, open_database, services
from dreamflow.entrypoints import show
from dreamflow.entrypoints.demo_state import demo_dir
from dreamflow.entrypoints.demo_state import tonight as tonight_at
from dreamflow.entrypoints.failures import CannotServe
from dreamflow.identity import demo_account
from dreamflow.kit.clock import ManualClock, SystemClock
from dreamflow.settings import Settings
from dreamflow.stories import Theme, Tonight
from dreamflow.stories.http import plan_body


def run(settings: Settings, *, email: str, at: str | None, data: Path | None, as_json: bool) -> None:
    """Print the plan."""
    begins = tonight_at(at, SystemClock().now())
    plan, themes = asyncio.run(_plan(demo_dir(settings, data), email, ManualClock(begins)))
    if as_json:
        fields = {name: field.model_dump(mode="json") for name, field in plan_body(plan.plan).items()}
        typer.echo(json.dumps({"evening": plan.evening.isoformat(), "plan": fields}, indent=2))
    else:
        show.plan(Console(), plan, themes)


async def _plan(folder: Path, email: str, clock: ManualClock) -> tuple[Tonight, tuple[Theme, ...]]:
    if not (folder / DATABASE).exists():
        raise CannotServe("There is no demo here yet. Run `dreamflow demo` first, or name its folder with --data.")
    async with open_database(folder) as database:
        house = services(database, Overrides(clock=clock))
        family = await house.families.get(demo_account(email))
        return await house.stories.tonight(family), house.stories.themes(family)
