"""The account as a whole: its time, its chance, its state."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.answers import Answer
from klaviyo_emulator.clock import format_micros
from klaviyo_emulator.control.asking import Ask, ControlError, flag, instant, real, sentence, whole
from klaviyo_emulator.state.schema import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from klaviyo_emulator.clock import AdjustableClock
    from klaviyo_emulator.control.deck import Deck

SQLITE = "application/vnd.sqlite3"


async def get_clock(deck: Deck, _ask: Ask) -> dict[str, Any]:
    """The present, and how the clock stands to the one behind it."""
    clock = deck.instruments.clock
    return {
        "now": format_micros(deck.context.mint.now_us()),
        "stopped": clock.is_stopped,
        "follows_system": clock.is_followed,
    }


async def set_clock(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Put the clock; what is due by then has happened when this is answered."""
    clock = deck.instruments.clock
    members = ask.members("set", "advance_seconds", "stopped", "follow")
    if len(members) > 1 and set(members) != {"set", "stopped"} and set(members) != {"advance_seconds", "stopped"}:
        raise ControlError(400, "Give one of set, advance_seconds and follow; stopped may go with the first two.")
    if "follow" in members:
        if members["follow"] != "system":
            raise ControlError(400, 'follow must be "system".')
        clock.follow()
    else:
        stopped = flag(members, "stopped") if "stopped" in members else clock.is_stopped
        try:
            clock.put(_moment(clock, members), stopped=stopped)
        except ValueError as error:
            raise ControlError(400, sentence(error)) from None
    await deck.settle()
    return await get_clock(deck, ask)


async def set_seed(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Begin all chance anew."""
    seed = whole(ask.members("seed"), "seed")
    await deck.reseed(seed)
    return {"seed": seed}


async def reset(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Empty the account."""
    ask.nothing()
    await deck.reset()
    return {"account_id": deck.context.mint.account_id}


async def dump(deck: Deck, _ask: Ask) -> Answer:
    """A copy of the state."""
    name = f'attachment; filename="klaviyo-{deck.context.mint.account_id}.db"'
    return Answer(200, await deck.dump(), SQLITE, {"Content-Disposition": name})


async def load(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Put a copy in the place of the state."""
    try:
        await deck.load(ask.body)
    except StateError as error:
        raise ControlError(400, f"{sentence(error)} Nothing was changed.") from None
    return {"account_id": deck.context.mint.account_id}


async def settle(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Wait until what is due has happened."""
    ask.nothing()
    await deck.settle()
    return await get_clock(deck, ask)


def _moment(clock: AdjustableClock, members: Mapping[str, Any]) -> datetime:
    if "set" in members:
        return instant(members, "set")
    by_seconds = real(members, "advance_seconds") if "advance_seconds" in members else 0
    try:
        return clock() + timedelta(seconds=by_seconds)
    except OverflowError:
        raise ValueError("the clock does not know such times") from None
