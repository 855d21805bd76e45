"""Pages about the emulator itself: where to begin, jobs, rate windows, faults, requests."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from klaviyo_emulator.control.trouble import hidden
from klaviyo_emulator.faults import GRAMMAR, write_fault
from klaviyo_emulator.inspector.layout import (
    Column,
    Visit,
    empty,
    heading,
    instant,
    instant_us,
    page,
    pill,
    status_pill,
    table,
)
from klaviyo_emulator.inspector.markup import Html, join, tag
from klaviyo_emulator.inspector.people import new_event
from klaviyo_emulator.state import inspection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.requestlog import Asked
    from klaviyo_emulator.state.inspection import SeenJob, SeenTask

_SHOWN = 100
_RECENT = 8
_MINUTE = 60
_COUNTED = {
    "profiles": "/inspector/profiles",
    "events": "/inspector/events",
    "flows": "/inspector/flows",
    "mail": "/inspector/mail",
    "tasks": "/inspector/jobs",
    "posts": "/inspector/webhooks",
}
_CALLED = {"tasks": "tasks due", "posts": "webhook calls"}


async def overview(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """What a newcomer sees first."""
    counts = await deck.context.read(inspection.count_rows)
    instruments = deck.instruments
    counted = [_count(counts[name], _CALLED.get(name, name), path) for name, path in _COUNTED.items()]
    counted.append(_count(instruments.requests.count, "requests", "/inspector/requests"))
    clock = instruments.clock
    about = join(
        (
            "Listening on ",
            tag("code", visit.base),
            f" for {_duration(deck.uptime_seconds)}. ",
            "Here it is ",
            instant_us(deck.context.mint.now_us()),
            " UTC",
            ""
            if clock.is_followed
            else ", by a clock that stands still"
            if clock.is_stopped
            else ", by a clock that was put",
            ".",
        )
    )
    recent = instruments.requests.latest(_RECENT)
    parts = [
        heading(visit, deck.context.account_name, about),
        _warnings(deck),
        tag("div", *counted, class_="counts"),
        tag("h2", "Point something at it"),
        _beginnings(visit.base),
        tag("h2", "Last requests"),
        request_table(recent) if recent else empty("Nobody has asked anything yet. This does:", new_event(visit.base)),
    ]
    return page(visit, "Overview", *parts)


async def jobs(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """Asynchronous jobs, and what is due."""

    def work(connection: sqlite3.Connection) -> tuple[list[SeenJob], list[SeenTask]]:
        return inspection.jobs(connection, _SHOWN), inspection.tasks(connection, 0, _SHOWN)

    found, due = await deck.context.read(work)
    job_columns = (
        Column("Created", "time"),
        Column("Type"),
        Column("Status"),
        Column("Failed", "num"),
        Column("Id", wide=True),
    )
    job_rows = [
        (
            instant_us(job.created_us),
            job.type,
            pill(job.status or "-", ("warn" if job.failed else "good") if job.status == "complete" else None),
            job.failed,
            tag("code", job.id),
        )
        for job in found
    ]
    task_columns = (Column("Due", "time"), Column("What"), Column("With", wide=True))
    task_rows = [
        (
            instant_us(task.due_us),
            task.kind,
            tag("code", ", ".join(f"{key} {value}" for key, value in task.payload.items())),
        )
        for task in due
    ]
    later = (
        f"curl {visit.base}/__emulator__/clock -H 'Content-Type: application/json' -d '{{\"advance_seconds\":86400}}'"
    )
    parts = (
        heading(visit, "Jobs", "What takes time: imports, merges, campaigns, flows that wait."),
        tag("h2", "Due"),
        table(task_columns, task_rows) if due else empty("Nothing is due."),
        tag("p", "To be there sooner, put the clock forward:", class_="dim") if due else None,
        tag("pre", later) if due else None,
        tag("h2", "Jobs, newest first"),
        table(job_columns, job_rows) if found else empty("There were no jobs yet."),
    )
    return page(visit, "Jobs", *parts)


async def limits(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """How full the rate windows are."""
    limiter = deck.instruments.limiter
    columns = (
        Column("Charged"),
        Column("By", wide=True),
        Column("Window"),
        Column("Taken", "num"),
        Column("Fill", wide=True),
    )
    rows = [
        (
            tag("code", fill.rate),
            hidden(fill.account),
            f"{window.seconds} s",
            f"{window.taken} of {window.limit}",
            tag("meter", value=str(window.taken), max=str(window.limit), high=str(window.limit * 0.8)),
        )
        for fill in limiter.fill()
        for window in fill.windows
    ]
    if not limiter.enabled:
        content = empty("Rate limits are off: nothing is counted.", _switch(visit.base, "limits", on=True))
    elif rows:
        content = table(columns, rows)
    else:
        content = empty("Every window is empty. Ask something, and look again within a minute.")
    note = "Klaviyo's burst, steady and daily windows that have taken requests and are not over."
    return page(visit, "Limits", heading(visit, "Limits", note), content)


async def faults(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """What is to go wrong."""
    script = deck.instruments.faults
    columns = (
        Column("No.", "num"),
        Column("Fault"),
        Column("Asked", "num", wide=True),
        Column("Happened", "num"),
        Column("Left", "num"),
    )
    rows = [
        (
            entry.number,
            tag("code", write_fault(entry.fault)),
            entry.seen,
            entry.happened,
            "∞" if entry.left is None else entry.left,
        )
        for entry in script.entries()
    ]
    example = (
        f"curl -X PUT {visit.base}/__emulator__/faults -H 'Content-Type: application/json' \\\n"
        '  -d \'{"faults": "create_event:429,retry-after=2*3; get_*:timeout-after@0.1"}\''
    )
    stop = f"curl -X DELETE {visit.base}/__emulator__/faults"
    parts = [
        heading(visit, "Faults", "What goes wrong because somebody asked for it."),
        table(columns, rows)
        if rows
        else empty("Nothing is to go wrong. This lets three events be throttled:", example),
        tag("p", f"{script.held} connections are held open by a timeout.") if script.held else None,
        join((tag("p", "To end all of them:", class_="dim"), tag("pre", stop))) if rows else None,
        tag("h2", "How a fault is written"),
        tag("pre", GRAMMAR),
    ]
    return page(visit, "Faults", *parts)


async def requests(deck: Deck, visit: Visit, _parameters: Mapping[str, str]) -> bytes:
    """The last requests, and why some were refused."""
    found = deck.instruments.requests.latest()
    content = (
        request_table(found) if found else empty("Nobody has asked anything yet. This does:", new_event(visit.base))
    )
    note = "The last 200, newest first, with the reason of each refusal. Bodies and credentials are not kept."
    return page(visit, "Requests", heading(visit, "Requests", note), content)


def request_table(found: Sequence[Asked]) -> Html:
    """Requests with their answers."""
    columns = (Column("Time", "time"), Column("Request"), Column("Answer", "short"), Column("Took", "num", wide=True))
    rows = [
        (
            instant(asked.at.timestamp()),
            join(
                (
                    tag("code", f"{asked.method} {_readable(asked)}"),
                    tag("span", asked.reason, class_="why") if asked.reason else None,
                )
            ),
            join((status_pill(asked.status), " ", pill(f"fault {asked.fault}", "bad") if asked.fault else None)),
            "waiting" if asked.milliseconds is None else f"{asked.milliseconds:.1f} ms",
        )
        for asked in found
    ]
    return table(columns, rows)


def _readable(asked: Asked) -> str:
    return unquote_plus(f"{asked.path}?{asked.query}" if asked.query else asked.path)


def _count(number: int, name: str, path: str) -> Html:
    return tag("a", tag("b", f"{number:,}"), tag("span", name), href=path)


def _warnings(deck: Deck) -> Html | None:
    script = deck.instruments.faults
    waiting = [entry for entry in script.entries() if entry.left != 0]
    if not waiting:
        return None
    many = f"{len(waiting)} fault{'' if len(waiting) == 1 else 's'} will make requests go wrong. "
    return tag("p", many, tag("a", "See which", href="/inspector/faults"), class_="note")


def _beginnings(base: str) -> Html:
    python = (
        "from klaviyo_api import KlaviyoAPI\n\n"
        f'klaviyo = KlaviyoAPI("pk_anything", test_host="{base}")\n'
        "klaviyo.Accounts.get_accounts()"
    )
    node = (
        'import { ApiKeySession, ProfilesApi } from "klaviyo-api";\n\n'
        'const session = new ApiKeySession("pk_anything");\nconst profiles = new ProfilesApi(session);\n'
        f'profiles.basePath = "{base}";'
    )
    command = (
        f"curl {base}/api/profiles \\\n  -H 'Authorization: Klaviyo-API-Key pk_anything' \\\n"
        "  -H 'revision: 2026-07-15'"
    )
    control = f"curl {base}/__emulator__"
    kinds: Mapping[str, str] = {
        "The official Python SDK": python,
        "The official Node SDK": node,
        "curl": command,
        "Clock, faults, reset and more: the control API": control,
    }
    return tag(
        "div",
        *(tag("div", tag("p", name, class_="dim"), tag("pre", text)) for name, text in kinds.items()),
        class_="two",
    )


def _switch(base: str, name: str, *, on: bool) -> str:
    state = "true" if on else "false"
    return f"curl {base}/__emulator__/{name} -H 'Content-Type: application/json' -d '{{\"enabled\": {state}}}'"


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
