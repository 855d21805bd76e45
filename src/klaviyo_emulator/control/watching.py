"""Looking on: what was accepted and refused, what is waiting, whether it is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.control.asking import Ask, ControlError, flag
from klaviyo_emulator.requestlog import KEPT
from klaviyo_emulator.state import inspection
from klaviyo_emulator.state.acceptance import acceptances

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.requestlog import Asked
    from klaviyo_emulator.state.inspection import SeenRun


async def health(deck: Deck, _ask: Ask) -> dict[str, Any]:
    """That it answers, its state too."""
    counts = await deck.context.read(inspection.count_rows)
    return {
        "status": "ok",
        "account_id": deck.context.mint.account_id,
        "uptime_seconds": deck.uptime_seconds,
        "requests": deck.instruments.requests.count,
        "stored": counts,
    }


async def list_acceptance(deck: Deck, ask: Ask) -> dict[str, Any]:
    """A page of what was accepted."""
    after, limit = ask.page()
    found = await deck.context.read(lambda connection: acceptances(connection, after, limit + 1))
    page = found[:limit]
    return {
        "enabled": deck.instruments.notes_acceptance,
        "acceptance": [
            {"seq": row.seq, "at": format_micros(row.at_us), "operation": row.operation, **row.summary} for row in page
        ],
        "next": page[-1].seq if len(found) > limit else None,
    }


async def set_acceptance(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Note from now on what is accepted, or do not."""
    deck.instruments.notes_acceptance = flag(ask.members("enabled"), "enabled")
    return {"enabled": deck.instruments.notes_acceptance}


async def list_requests(deck: Deck, ask: Ask) -> dict[str, Any]:
    """The last requests."""
    latest = deck.instruments.requests.latest(ask.limit(KEPT, KEPT))
    return {"requests": [_request(asked) for asked in latest]}


async def list_tasks(deck: Deck, ask: Ask) -> dict[str, Any]:
    """What is due, in order of time; `after` skips that many."""
    after, limit = ask.page()
    await deck.catch_up()
    found = await deck.context.read(lambda connection: inspection.tasks(connection, after, limit + 1))
    return {
        "tasks": [{"due": format_micros(task.due_us), "kind": task.kind, **task.payload} for task in found[:limit]],
        "next": after + limit if len(found) > limit else None,
    }


async def list_jobs(deck: Deck, ask: Ask) -> dict[str, Any]:
    """The last asynchronous jobs."""
    limit = ask.limit()
    await deck.catch_up()
    found = await deck.context.read(lambda connection: inspection.jobs(connection, limit))
    return {
        "jobs": [
            {
                "type": job.type,
                "id": job.id,
                "created": format_micros(job.created_us),
                "status": job.status,
                "failed": job.failed,
            }
            for job in found
        ]
    }


async def list_posts(deck: Deck, ask: Ask) -> dict[str, Any]:
    """The emulator's own requests, in the order they were made."""
    after, limit = ask.page()
    await deck.catch_up()
    found = await deck.context.read(lambda connection: inspection.posts(connection, after, limit + 1))
    page = found[:limit]
    return {
        "posts": [
            {
                "seq": post.seq,
                "webhook_id": post.webhook or None,
                "url": post.url,
                "created": format_micros(post.created_us),
                "due": None if post.due_us is None else format_micros(post.due_us),
                "attempts": post.attempts,
                "outcome": post.outcome or None,
                "headers": post.headers,
                "body": post.body,
            }
            for post in page
        ],
        "next": page[-1].seq if len(found) > limit else None,
    }


async def list_flow_runs(deck: Deck, ask: Ask) -> dict[str, Any]:
    """A page of profiles' ways through flows, in the order of entering: what happened at each action."""
    after, limit = ask.page()
    flow_id = ask.parameters.get("flow")
    name = ask.parameters.get("profile")
    await deck.catch_up()

    def work(connection: sqlite3.Connection) -> list[SeenRun]:
        if flow_id is not None and inspection.find_flow(connection, flow_id) is None:
            raise ControlError(404, f"There is no flow with the id {flow_id[:40]!r}.")
        profile = None if name is None else inspection.find_profile_by(connection, name)
        if name is not None and profile is None:
            raise ControlError(404, f"There is no profile with the id or e-mail {name[:80]!r}.")
        seq = None if profile is None else profile.seq
        return inspection.flow_runs(connection, after, limit + 1, flow_id=flow_id, profile=seq)

    found = await deck.context.read(work)
    page = found[:limit]
    return {"flow_runs": [_run(run) for run in page], "next": page[-1].seq if len(found) > limit else None}


def _run(run: SeenRun) -> dict[str, Any]:
    return {
        "seq": run.seq,
        "flow_id": run.flow_id,
        "flow": run.flow,
        "profile_id": run.profile_id,
        "entered": format_micros(run.entered_us),
        "status": run.status,
        "steps": [
            {"at": format_micros(step.at_us), "action_id": step.action, "type": step.type, "what": step.words}
            for step in run.steps
        ],
    }


def _request(asked: Asked) -> dict[str, Any]:
    return {
        "number": asked.number,
        "at": asked.at.isoformat(),
        "method": asked.method,
        "path": asked.path,
        "query": asked.query,
        "operation": asked.operation,
        "status": asked.status,
        "reason": asked.reason,
        "fault": asked.fault,
        "milliseconds": None if asked.milliseconds is None else round(asked.milliseconds, 3),
    }
