"""Faults and rate windows: what keeps requests from their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.control.asking import Ask, ControlError, flag, sentence
from klaviyo_emulator.faults import FaultsError, read_faults, write_fault

if TYPE_CHECKING:
    from klaviyo_emulator.control.deck import Deck
    from klaviyo_emulator.faults import Fault, Scripted

_SHOWN = 4


async def get_faults(deck: Deck, _ask: Ask) -> dict[str, Any]:
    """What stands, in order."""
    script = deck.instruments.faults
    return {"faults": [_fault(entry) for entry in script.entries()], "held_connections": script.held}


async def put_faults(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Let the given faults stand and no others."""
    deck.instruments.faults.replace(_read(ask))
    return await get_faults(deck, ask)


async def add_faults(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Let the given faults stand too."""
    deck.instruments.faults.add(_read(ask))
    return await get_faults(deck, ask)


async def delete_faults(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Let no fault stand."""
    deck.instruments.faults.replace([])
    return await get_faults(deck, ask)


async def delete_fault(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Take one fault away."""
    (number,) = ask.arguments
    if not number.isascii() or not number.isdecimal() or not deck.instruments.faults.remove(int(number[:18])):
        raise ControlError(404, "There is no fault with this number; GET /__emulator__/faults lists them.")
    return await get_faults(deck, ask)


async def get_limits(deck: Deck, _ask: Ask) -> dict[str, Any]:
    """How full the windows are that have taken something."""
    limiter = deck.instruments.limiter
    windows = [
        {
            "account": hidden(fill.account),
            "rate": fill.rate,
            "limit": window.limit,
            "seconds": window.seconds,
            "taken": window.taken,
            "remaining": window.limit - window.taken,
        }
        for fill in limiter.fill()
        for window in fill.windows
    ]
    return {"enabled": limiter.enabled, "windows": windows}


async def set_limits(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Keep rate limits, or keep none."""
    deck.instruments.limiter.enabled = flag(ask.members("enabled"), "enabled")
    return await get_limits(deck, ask)


async def clear_limits(deck: Deck, ask: Ask) -> dict[str, Any]:
    """Forget what the windows have taken."""
    deck.instruments.limiter.clear()
    return await get_limits(deck, ask)


def hidden(account: str) -> str:
    """The name of a bucket without the whole of a token in it."""
    kind, _, token = account.partition(" ")
    return f"{kind} {token[:_SHOWN]}..." if len(token) > _SHOWN else account


def _read(ask: Ask) -> list[Fault]:
    try:
        return read_faults(ask.document())
    except FaultsError as error:
        raise ControlError(400, f"{sentence(error)} Nothing was changed.") from None


def _fault(entry: Scripted) -> dict[str, Any]:
    fault = entry.fault
    return {
        "number": entry.number,
        "text": write_fault(fault),
        "operation": fault.operation,
        "kind": fault.kind,
        **fault.options(),
        "effect": fault.effect,
        "skip": fault.skip,
        "times": fault.times,
        "probability": fault.probability,
        "seen": entry.seen,
        "happened": entry.happened,
        "left": entry.left,
    }
