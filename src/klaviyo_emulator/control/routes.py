"""The paths of the control API, as a table: what they do, and who does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.control import account, mail, people, trouble, watching
from klaviyo_emulator.control.account import SQLITE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from klaviyo_emulator.answers import Answer
    from klaviyo_emulator.control.asking import Ask
    from klaviyo_emulator.control.deck import Deck

__all__ = ["ROUTES", "SQLITE", "ControlRoute"]

Handle = Callable[["Deck", "Ask"], Awaitable["dict[str, Any] | Answer"]]


@dataclass(frozen=True, slots=True)
class ControlRoute:
    """One path with one method. A segment in braces stands for anything."""

    method: str
    path: str
    summary: str
    handle: Handle
    parameters: tuple[str, ...] = ()
    takes_image: bool = False

    def match(self, segments: Sequence[str]) -> tuple[str, ...] | None:
        """What stands in the place of the parameters; None for another path."""
        own = self.path.strip("/").split("/")
        if len(own) != len(segments):
            return None
        pairs = list(zip(own, segments, strict=True))
        if not all(mine == theirs or (mine.startswith("{") and theirs) for mine, theirs in pairs):
            return None
        return tuple(theirs for mine, theirs in pairs if mine.startswith("{"))


async def _index(deck: Deck, _ask: Ask) -> dict[str, Any]:
    return {
        "account_id": deck.context.mint.account_id,
        "paths": [
            {"method": route.method, "path": f"/__emulator__{route.path.rstrip('/')}", "summary": route.summary}
            for route in ROUTES
        ],
    }


_PAGED = ("after", "limit")
ROUTES: tuple[ControlRoute, ...] = (
    ControlRoute("GET", "/", "what there is", _index),
    ControlRoute("GET", "/health", "whether it answers, and what is stored", watching.health),
    ControlRoute("GET", "/clock", "the time it is for the emulator", account.get_clock),
    ControlRoute(
        "POST",
        "/clock",
        'put it: {"set": instant}, {"advance_seconds": n}, {"stopped": true}, or {"follow": "system"}',
        account.set_clock,
    ),
    ControlRoute("POST", "/settle", "wait until what is due has happened, webhooks and all", account.settle),
    ControlRoute("POST", "/seed", 'begin all chance anew: {"seed": n}', account.set_seed),
    ControlRoute("POST", "/reset", "empty the account, and be as at the start", account.reset),
    ControlRoute("GET", "/dump", "a copy of the state, a SQLite file", account.dump),
    ControlRoute("POST", "/load", "put such a copy in the place of the state", account.load, takes_image=True),
    ControlRoute(
        "PUT", "/predictions", "set predictive_analytics: {profile id or e-mail: {...}}", people.set_predictions
    ),
    ControlRoute("POST", "/profiles/{id}/confirm", "confirm a double opt-in that waits", people.confirm_consent),
    ControlRoute(
        "POST", "/profiles/{id}/refuse-mail", 'bounce or complain: {"reason": "HARD_BOUNCE"}', people.refuse_mail
    ),
    ControlRoute("GET", "/faults", "what is to go wrong, and how often it did", trouble.get_faults),
    ControlRoute("PUT", "/faults", 'replace them: {"faults": [...]} or {"faults": "text"}', trouble.put_faults),
    ControlRoute("POST", "/faults", "add to them", trouble.add_faults),
    ControlRoute("DELETE", "/faults", "end all of them, and let go what they hold", trouble.delete_faults),
    ControlRoute("DELETE", "/faults/{number}", "end one of them", trouble.delete_fault),
    ControlRoute("GET", "/limits", "how full the rate windows are", trouble.get_limits),
    ControlRoute("POST", "/limits", 'keep them or not: {"enabled": true}', trouble.set_limits),
    ControlRoute("DELETE", "/limits", "empty the rate windows", trouble.clear_limits),
    ControlRoute("GET", "/outbox", "mail that was sent, in order", mail.list_outbox, (*_PAGED, "to")),
    ControlRoute("GET", "/outbox/{id}", "one mail with its HTML and text", mail.get_mail),
    ControlRoute("POST", "/outbox/{id}/open", "record that it was opened", mail.open_one),
    ControlRoute("POST", "/outbox/{id}/click", 'record that a link was clicked: {"url": ...}', mail.click_one),
    ControlRoute("POST", "/outbox/{id}/bounce", "record that it came back; its address gets no more", mail.bounce_one),
    ControlRoute("POST", "/outbox/{id}/complain", "record that it was marked as spam", mail.complain_one),
    ControlRoute("POST", "/outbox/{id}/unsubscribe", "unsubscribe, as by the link in it", mail.unsubscribe_one),
    ControlRoute("GET", "/acceptance", "what was accepted, in order of commit", watching.list_acceptance, _PAGED),
    ControlRoute("POST", "/acceptance", 'note it or not: {"enabled": true}', watching.set_acceptance),
    ControlRoute("GET", "/requests", "the last requests, newest first", watching.list_requests, ("limit",)),
    ControlRoute("GET", "/tasks", "what is due when", watching.list_tasks, _PAGED),
    ControlRoute("GET", "/jobs", "asynchronous jobs, newest first", watching.list_jobs, ("limit",)),
    ControlRoute(
        "GET",
        "/flow-runs",
        "who entered a flow, and what happened at each action",
        watching.list_flow_runs,
        (*_PAGED, "flow", "profile"),
    ),
    ControlRoute("GET", "/posts", "webhooks and other requests of its own", watching.list_posts, _PAGED),
)
