"""`dreamflow outbox`: what waits, what ended, and what an operator does about dead letters."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dreamflow.bootstrap import open_dead_letters
from dreamflow.outbox import DeadLetterService, DeliveryState, Letter, WholeLetter
from dreamflow.settings import Settings

T = TypeVar("T")


def ls(settings: Settings, *, state: str, limit: int, dropped: bool, as_json: bool) -> None:
    """Print the newest deliveries in a state."""
    which = DeliveryState(state)
    found = _run(settings, lambda letters: letters.listed(which, limit=limit, dropped=dropped))
    if as_json:
        typer.echo(json.dumps([_line(each) for each in found], indent=2))
    elif found:
        _print_table(found)
    else:
        typer.echo("There is no dropped dead letter." if dropped else f"No delivery is {which}.")


def show(settings: Settings, id_: str, *, as_json: bool) -> None:
    """Print all that is known of one delivery."""
    letter = _run(settings, lambda letters: letters.shown(id_))
    if as_json:
        typer.echo(json.dumps(_whole(letter), indent=2, ensure_ascii=False))
    else:
        _print_whole(letter)


def requeue(settings: Settings, ids: Sequence[str], *, everything: bool, reason_like: str | None, as_new: bool) -> None:
    """Send dead letters again, and say how many that are."""
    if everything == bool(ids):
        raise typer.BadParameter("Give ids, or --all.")
    if reason_like is not None and not everything:
        raise typer.BadParameter("It chooses among all of them: give --all with it.", param_hint="--reason-like")
    if everything:
        done = _run(settings, lambda letters: letters.requeue_all(reason_like=reason_like, as_new=as_new))
    else:
        done = _run(settings, lambda letters: letters.requeue(ids, as_new=as_new))
    said = [f"{done.waiting} to be sent again."] if done.waiting else []
    if done.superseded:
        said.append(f"{done.superseded} superseded: newer updates say all of it.")
    typer.echo(" ".join(said) or "There is nothing to send again.")


def drop(settings: Settings, ids: Sequence[str], *, reason: str) -> None:
    """Give dead letters up."""
    _run(settings, lambda letters: letters.drop(ids, reason))
    typer.echo(f"{len(set(ids))} dropped. They stay counted as dead; what they said is deleted.")


def _run(settings: Settings, ask: Callable[[DeadLetterService], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with open_dead_letters(settings) as letters:
            return await ask(letters)

    return asyncio.run(asked())


def _print_table(found: Sequence[Letter]) -> None:
    table = Table()
    table.add_column("id", no_wrap=True, overflow="ignore")  # to be copied, so it is never cut
    for column in ("family", "name", "since", "reason"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(each.id, each.parent[:8], each.name, f"{each.since:%d %b %H:%M}", escape(each.reason or ""))
    Console().print(table)


def _print_whole(letter: WholeLetter) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    whole = _whole(letter)
    batch: dict[str, object] = whole.pop("batch") or {}
    for name, value in (*whole.items(), *((f"batch_{name}", value) for name, value in batch.items())):
        if value is not None:
            words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            table.add_row(name.replace("_", " "), escape(words))
    Console().print(table, highlight=False)


def _line(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "parent": letter.parent,
        "name": letter.name,
        "state": letter.state.value,
        "reason": letter.reason,
        "since": letter.since.isoformat(),
    }


def _whole(letter: WholeLetter) -> dict[str, Any]:
    delivery, batch = letter.delivery, letter.batch
    return {
        "id": delivery.id,
        "state": letter.state.value,
        "reason": letter.reason,
        "dropped": letter.dropped,
        "ended_at": _moment(letter.ended_at),
        "parent": delivery.parent,
        "number": letter.number,
        "seq": delivery.seq,
        "kind": delivery.kind.value,
        "name": delivery.name,
        "occurred_at": _moment(delivery.occurred_at),
        "backfill": delivery.backfill,
        "purpose": delivery.purpose,
        "ledger_entry": delivery.ledger_entry,
        "fact": letter.fact,
        "identity": sorted(delivery.identity),
        "body": dict(delivery.body),
        "batch": None
        if batch is None
        else {
            "id": batch.id,
            "lane": batch.lane.value,
            "failed_tries": batch.attempts,
            "ambiguous": batch.is_ambiguous,
            "open": batch.is_open,
            "due": _moment(batch.due),
            "last_reason": batch.last_reason,
        },
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
