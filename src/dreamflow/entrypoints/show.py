"""Plans, stories and deliveries on a terminal."""

import textwrap
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dreamflow.outbox import Books, ReceivedEvent
from dreamflow.stories import Chosen, Plan, Story, Theme, Tonight

_WIDTH = 72


def plan(console: Console, tonight: Tonight, themes: Sequence[Theme]) -> None:
    """Tonight's plan, each choice with its reasons."""
    names = {listener.id: listener.name for listener in tonight.listeners}
    titles = {theme.id: theme.title for theme in themes}
    table = Table(title=f"Tonight, {tonight.evening:%A %-d %B}", title_justify="left", show_lines=True)
    table.add_column("choice")
    table.add_column("tonight")
    table.add_column("why")
    for name, chosen, words in _fields(tonight.plan, names, titles):
        table.add_row(name, escape(words), escape("\n".join(reason.text for reason in chosen.reasons)))
    console.print(table)
    if tonight.view.note:
        console.print(f"[dim]{escape(tonight.view.note)}; the plan does without.[/]")


def story(console: Console, told: Story) -> None:
    """The story, to be read aloud."""
    console.print(f"\n[bold]{escape(told.draft.title)}[/]\n")
    for paragraph in told.draft.paragraphs:
        console.print(escape(textwrap.fill(paragraph, _WIDTH)), highlight=False)
        console.print()


def books(console: Console, state: Books) -> None:
    """How many deliveries there were and where they are."""
    console.print(
        f"Deliveries: {state.accepted} accepted, {state.delivered} delivered, {state.withheld} withheld, "
        f"{state.dead} dead, {state.pending} waiting. {'The books balance.' if state.balanced else 'NOT BALANCED.'}"
    )


def received(console: Console, events: Sequence[ReceivedEvent]) -> None:
    """The newest events at Klaviyo."""
    table = Table(title="The newest events Klaviyo has, read back from it", title_justify="left")
    for column in ("event", "hour", "family", "properties"):
        table.add_column(column)
    for event in events:
        at = "" if event.at is None else f"{event.at:%d %b %H:%M} UTC"
        properties = ", ".join(f"{name}={value}" for name, value in sorted(event.properties.items()))
        table.add_row(event.metric, at, event.parent[:8], escape(properties))
    console.print(table)


def _fields(plan: Plan, names: dict[Any, str], titles: dict[Any, str]) -> list[tuple[str, Chosen[Any], str]]:
    start, end = plan.energy.value
    return [
        ("world", plan.theme, titles.get(plan.theme.value, plan.theme.value)),
        ("length", plan.minutes, f"{plan.minutes.value} minutes"),
        ("energy", plan.energy, f"from {start} down to {end}"),
        ("pace", plan.pacing, f"{plan.pacing.value} words a minute"),
        ("lead", plan.lead, names[plan.lead.value]),
        ("with", plan.companions, ", ".join(names[id_] for id_ in plan.companions.value) or "nobody else"),
        ("novelty", plan.novelty, plan.novelty.value),
    ]
