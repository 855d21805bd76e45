"""What profiles do outside the API: they are predicted, they confirm, their mailboxes refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.clock import parse_instant
from klaviyo_emulator.control.asking import Ask, ControlError, text
from klaviyo_emulator.operations import PREDICTIVE_FIELDS
from klaviyo_emulator.segments.definition import AFFINITIES, CHANNELS, GENDERS
from klaviyo_emulator.state.consents import (
    HARD_BOUNCE,
    INVALID_EMAIL,
    SPAM_COMPLAINT,
    confirm,
    mark_undeliverable,
    pending_of,
)
from klaviyo_emulator.state.inspection import find_profile_by
from klaviyo_emulator.state.predictions import set_prediction

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.state.profiles import Profile

_DATE = "expected_date_of_next_order"
_RANKED = "ranked_channel_affinity"
_GENDER = "predicted_gender"
_AFFINITY = "channel_affinity"
_PREDICTIONS = (*PREDICTIVE_FIELDS, _GENDER, _AFFINITY)
"""What can be predicted; the last two are for segments only, no profile shows them."""
_MOST_PREDICTIONS = 10_000
_OF_MAILBOXES = (HARD_BOUNCE, INVALID_EMAIL, SPAM_COMPLAINT)


async def set_predictions(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Set what is predicted of some profiles, or none of them."""
    document = ask.document() if ask.body.strip() else None
    if not isinstance(document, dict) or not document:
        raise ControlError(400, 'The body must be an object such as {"kim@example.org": {"churn_probability": 0.8}}.')
    given = {name: _prediction(name, value) for name, value in cast("dict[str, object]", document).items()}
    if len(given) > _MOST_PREDICTIONS:
        raise ControlError(413, f"At most {_MOST_PREDICTIONS} profiles at once.")

    def work(connection: sqlite3.Connection) -> None:
        for name, prediction in given.items():
            set_prediction(connection, _find(connection, name).seq, prediction)

    await deck.context.write(work)
    return {"profiles": len(given)}


def _prediction(name: str, value: object) -> dict[str, Any] | None:
    """What is predicted of one profile; members that are not given are null."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ControlError(400, f"{name[:80]}: an object of predictions, or null, is needed.")
    found = cast("dict[str, object]", value)
    for member, predicted in found.items():
        if member not in _PREDICTIONS:
            known = ", ".join(_PREDICTIONS)
            raise ControlError(400, f"There is no prediction {member[:40]!r}; there are {known}.")
        if predicted is not None and not _is_prediction(member, predicted):
            raise ControlError(400, f"{name[:80]}: {member} must be {_wanted(member)}, or null.")
    return found


def _is_prediction(member: str, value: object) -> bool:
    if member == _RANKED:
        return isinstance(value, list) and _is_ranking(cast("list[object]", value))
    if member == _AFFINITY:
        return isinstance(value, dict) and _are_affinities(cast("dict[str, object]", value))
    if member == _GENDER:
        return value in GENDERS
    if member == _DATE:
        return isinstance(value, str) and parse_instant(value) is not None
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 53
    return number and (member != "churn_probability" or 0 <= cast("float", value) <= 1)


def _is_ranking(channels: list[object]) -> bool:
    return all(channel in CHANNELS for channel in channels) and len(channels) == len({*map(str, channels)})


def _are_affinities(found: dict[str, object]) -> bool:
    return all(channel in CHANNELS and affinity in AFFINITIES for channel, affinity in found.items())


def _wanted(member: str) -> str:
    if member == _RANKED:
        return f"a list of {', '.join(CHANNELS)}"
    if member == _AFFINITY:
        return f"an object of {', '.join(CHANNELS)}, each of them {', '.join(AFFINITIES)}"
    if member == _GENDER:
        return f"one of {', '.join(GENDERS)}"
    if member == _DATE:
        return "an instant such as 2026-11-20T12:00:00Z"
    return "a number from 0 to 1" if member == "churn_probability" else "a number"


async def confirm_consent(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Do what a double opt-in waits for: for one list, for the account (an empty id), or for all that wait."""
    members = {} if ask.body.strip() in {b"", b"{}"} else ask.members("list_id")
    wanted = text(members, "list_id") if members else None

    def work(connection: sqlite3.Connection) -> list[str]:
        profile = _find(connection, ask.arguments[0])
        waiting = dict.fromkeys(list_id for list_id, _ in pending_of(connection, profile.seq))
        chosen = [list_id for list_id in waiting if wanted is None or list_id == wanted]
        if not chosen:
            raise ControlError(409, "Nothing waits for this confirmation.")
        for list_id in chosen:
            confirm(connection, deck.context.mint, profile.seq, list_id)
        return chosen

    confirmed = await deck.context.write(work)
    await deck.settle()
    return {"confirmed_lists": confirmed}


async def refuse_mail(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Say that a mailbox does not exist or complained; the profile gets no mail from then on."""
    reason = text(ask.members("reason"), "reason")
    if reason not in _OF_MAILBOXES:
        raise ControlError(400, f"reason must be one of {', '.join(_OF_MAILBOXES)}.")

    def work(connection: sqlite3.Connection) -> str:
        profile = _find(connection, ask.arguments[0])
        mark_undeliverable(connection, profile.seq, reason, deck.context.mint.now())
        return profile.id

    return {"profile_id": await deck.context.write(work), "reason": reason}


def _find(connection: sqlite3.Connection, name: str) -> Profile:
    profile = find_profile_by(connection, name)
    if profile is None:
        raise ControlError(404, f"There is no profile with the id or e-mail {name[:80]!r}. Nothing was changed.")
    return profile
