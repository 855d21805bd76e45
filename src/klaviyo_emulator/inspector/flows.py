"""Pages about flows, and about what happened to whom on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.inspector.layout import (
    Column,
    Visit,
    empty,
    facts,
    heading,
    instant_us,
    page,
    pill,
    profile_link,
    table,
)
from klaviyo_emulator.inspector.markup import join, tag
from klaviyo_emulator.state import inspection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.inspector.layout import Cell
    from klaviyo_emulator.inspector.markup import Html
    from klaviyo_emulator.state.inspection import SeenFlow, SeenRun

_SHOWN = 100
_SECTION = "/inspector/flows"
_STATUSES = {"live": "good", "manual": "warn"}
_RUN_STATUSES = {"finished": "good", "left": "warn"}


async def flows(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """The flows."""
    found = await deck.context.read(lambda connection: inspection.flows(connection, _SHOWN))
    columns = (
        Column("Name"),
        Column("Status", "short"),
        Column("Trigger", wide=True),
        Column("Entered", "num"),
        Column("On their way", "num"),
        Column("Created", "time", wide=True),
    )
    rows = [
        (
            tag("a", flow.name or flow.id, href=f"{_SECTION}/{flow.id}"),
            pill(flow.status, _STATUSES.get(flow.status)),
            flow.trigger_type,
            f"{flow.runs:,}",
            f"{flow.running:,}",
            instant_us(flow.created_us),
        )
        for flow in found
    ]
    content = (
        table(columns, rows)
        if rows
        else empty("There are no flows yet. POST /api/flows makes one; it acts once its status is live.")
    )
    note = f"The newest {_SHOWN}, with how many profiles have entered each."
    return page(visit, "Flows", heading(visit, "Flows", note), content)


async def flow(deck: Deck, visit: Visit, flow_id: str) -> bytes | None:
    """Who entered a flow, and what happened at each action; None if there is none with this id."""

    def work(connection: sqlite3.Connection) -> tuple[SeenFlow, list[SeenRun]] | None:
        found = inspection.find_flow(connection, flow_id)
        return None if found is None else (found, inspection.latest_runs_of_flow(connection, flow_id, _SHOWN))

    result = await deck.context.read(work)
    if result is None:
        return None
    found, runs = result
    told: dict[str, Cell] = {
        "id": tag("code", found.id),
        "status": pill(found.status, _STATUSES.get(found.status)),
        "trigger": found.trigger_type,
        "created": instant_us(found.created_us),
        "entered": f"{found.runs:,}",
        "on their way": f"{found.running:,}",
    }
    parts = (
        heading(visit, found.name or found.id),
        facts(told),
        tag("h2", "Who entered, newest first"),
        run_table(runs) if runs else empty("Nobody has entered it."),
    )
    return page(visit, found.name or found.id, *parts, section=_SECTION)


def run_table(runs: Sequence[SeenRun], *, of_profile: bool = False) -> Html:
    """Ways through flows, with what happened at each action."""
    columns = (
        Column("Entered", "time"),
        Column("Flow" if of_profile else "Profile"),
        Column("Status", "short", wide=True),
        Column("What happened"),
    )
    rows = [
        (
            instant_us(run.entered_us),
            tag("a", run.flow or run.flow_id, href=f"{_SECTION}/{run.flow_id}")
            if of_profile
            else profile_link(run.profile_id, run.email),
            pill(run.status, _RUN_STATUSES.get(run.status)),
            join(
                tag(
                    "div",
                    tag("span", instant_us(step.at_us), class_="dim"),
                    " ",
                    step.type or step.action,
                    ": ",
                    step.words,
                )
                for step in run.steps
            ),
        )
        for run in runs
    ]
    return table(columns, rows)
