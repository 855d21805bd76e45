"""Ids of new rows: seeded, following the clock, never repeated when a file is opened again."""

from __future__ import annotations

import base64
import random
import threading
import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from klaviyo_emulator.clock import EPOCH, Clock, seconds, whole_seconds
from klaviyo_emulator.ids import short_id, ulid

if TYPE_CHECKING:
    import sqlite3


@dataclass(slots=True)
class Agenda:
    """When the next task is due, in microseconds since 1970, or earlier: a hint that spares a look at the state."""

    earliest_us: int | None = None
    noticed: int = 0
    """How often something was planned, so that who looks at the state can tell whether it has changed since."""
    _gate: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def notice(self, due_us: int) -> None:
        """A task is due then."""
        with self._gate:
            self.noticed += 1
            if self.earliest_us is None or due_us < self.earliest_us:
                self.earliest_us = due_us

    def settle(self, earliest_us: int | None, noticed: int) -> None:
        """A look at the state found this, unless something was planned since it was `noticed` so often."""
        with self._gate:
            if self.noticed == noticed:
                self.earliest_us = earliest_us


@dataclass(slots=True)
class Mint:
    """Makes ids and tells the time. Used on the writer thread only, so that a seed gives one sequence."""

    chance: random.Random
    clock: Clock
    event_key: int
    account_id: str
    agenda: Agenda = field(default_factory=Agenda)
    """When the next task is due."""
    posts: Agenda = field(default_factory=Agenda)
    """When the next request of the emulator's own is due."""

    account_name: str = ""
    """The account's own name; empty where it has the configured one."""

    def follow(self, other: Mint) -> None:
        """Go on as another mint does, whose state has taken the place of this one's."""
        self.chance = other.chance
        self.event_key = other.event_key
        self.account_id = other.account_id
        self.account_name = other.account_name
        self.agenda.earliest_us = other.agenda.earliest_us
        self.posts.earliest_us = other.posts.earliest_us

    def at(self, moment_us: int) -> Mint:
        """This mint with its clock stopped, for what is done later than it happened. Microseconds since 1970."""
        moment = EPOCH + timedelta(microseconds=moment_us)
        return replace(self, clock=lambda: moment)

    def now(self) -> int:
        """The present in whole seconds."""
        return whole_seconds(self.clock())

    def now_us(self) -> int:
        """The present in whole microseconds."""
        return (self.clock() - EPOCH) // timedelta(microseconds=1)

    def ulid(self) -> str:
        """A new ULID of the present: profiles, campaigns, webhooks, most jobs and others."""
        return ulid(self.chance, int(seconds(self.clock()) * 1000))

    def uuid(self) -> str:
        """A new random UUID: tags, tag groups, import errors, reports."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def hexadecimal_id(self) -> str:
        """32 new hexadecimal digits: push tokens."""
        return f"{self.chance.getrandbits(128):032x}"

    def job_id(self) -> str:
        """The id of a new import job: unpadded base64url of account, kind, time and chance, as the live ones are."""
        parts = f"{self.account_id}_maintenance.{short_id(self.chance)}.{self.now()}.{short_id(self.chance)}"
        return base64.urlsafe_b64encode(parts.encode("ascii")).decode("ascii").rstrip("=")

    def short_id(self) -> str:
        """Six new alphanumerics; the caller checks that they are free."""
        return short_id(self.chance)


def open_mint(connection: sqlite3.Connection, seed: int, clock: Clock) -> Mint:
    """The mint of a state. A state remembers its own key and account, and how often it was opened.

    The count is part of the seed: a file that is opened again goes on with other ids than before.
    """
    settings = {str(name): str(value) for name, value in connection.execute("SELECT name, value FROM setting")}
    first = random.Random(f"{seed}:account")  # noqa: S311 - ids are to be repeatable
    settings.setdefault("event_key", str(first.getrandbits(64)))
    settings.setdefault("account_id", short_id(first))
    settings["opened"] = str(int(settings.get("opened", "0")) + 1)
    connection.executemany("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", settings.items())
    agenda = Agenda(connection.execute("SELECT min(due_us) FROM task").fetchone()[0])
    posts = Agenda(connection.execute("SELECT min(due_us) FROM post").fetchone()[0])
    return Mint(
        agenda=agenda,
        posts=posts,
        chance=random.Random(f"{seed}:{settings['opened']}"),  # noqa: S311 - as above
        clock=clock,
        event_key=int(settings["event_key"]),
        account_id=settings["account_id"],
        account_name=settings.get("account_name", ""),
    )
