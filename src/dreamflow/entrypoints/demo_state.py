"""Where the demo keeps its state and keys, so that `dreamflow token` in another shell matches it."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from dreamflow.entrypoints.failures import CannotRun
from dreamflow.identity import DemoIssuer, Role
from dreamflow.identity.adapters.demo_keys import load_or_create
from dreamflow.kit.clock import SystemClock
from dreamflow.settings import Settings
from dreamflow.simulation.demo_families import FAMILIES, ZONE

STORY_TIME: Final = time(19, 10)
_YEARS: Final = range(2001, 2100)
OPERATOR_EMAIL: Final = "operator@dreamflow.example"


class UnreadableTime(CannotRun):
    """`--at` is neither a time nor a date with a time."""


def demo_dir(settings: Settings, data: Path | None) -> Path:
    """The demo's folder: as asked, or its own below the state folder."""
    return data if data is not None else settings.state_dir / "demo"


def issuer(folder: Path) -> DemoIssuer:
    """The demo's issuer; its key is made on first use."""
    return DemoIssuer(load_or_create(folder / "issuer.pem"), SystemClock())


def tonight(at: str | None, now: datetime) -> datetime:
    """When the demo's evening begins: at ten past seven in the families' zone, or as asked.

    Args:
        at: "HH:MM" today, or an ISO date and time (in the families' zone when it names none).
        now: the present moment.

    Raises:
        UnreadableTime: `at` is neither.
    """
    today = now.astimezone(ZONE).date()
    if at is None:
        return datetime.combine(today, STORY_TIME, ZONE).astimezone(UTC)
    try:
        if len(at) <= len("HH:MM"):
            return datetime.combine(today, time.fromisoformat(at.zfill(5)), ZONE).astimezone(UTC)
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise UnreadableTime(f"Cannot read the time {at!r}. Give HH:MM or 2026-11-23T19:10.") from None
    if moment.year not in _YEARS:
        raise UnreadableTime(f"The demo knows the years {_YEARS.start} to {_YEARS.stop - 1}.")
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZONE)).astimezone(UTC)


class DemoPersonas:
    """The people one can be in the demo.

    Args:
        demo_issuer: vouches for them.
    """

    def __init__(self, demo_issuer: DemoIssuer) -> None:
        self._issuer = demo_issuer

    def names(self) -> Mapping[str, str]:
        """A sentence about each persona, by its key."""
        return {demo.key: demo.about for demo in FAMILIES} | {"operator": "An operator who looks after Klaviyo"}

    def token(self, persona: str) -> str | None:
        """A token for a persona; none when there is no such persona."""
        if persona == "operator":
            return self._issuer.mint(email=OPERATOR_EMAIL, role=Role.OPERATOR)
        email = next((demo.email for demo in FAMILIES if demo.key == persona), None)
        return None if email is None else self._issuer.mint(email=email)
