"""Filling an empty account with made-up families and what they did."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from klaviyo_emulator.background.pump import Pump
from klaviyo_emulator.background.registry import HANDLERS
from klaviyo_emulator.clock import EPOCH, whole_seconds
from klaviyo_emulator.demo import furniture
from klaviyo_emulator.demo.families import (
    DAY,
    DAYS_OF_JOINING,
    METRICS,
    SIGNED_UP,
    STORY_GENERATED,
    Consent,
    Family,
    evenings,
    events,
    make_families,
    prediction,
)
from klaviyo_emulator.demo.operator import Operator
from klaviyo_emulator.state import consents
from klaviyo_emulator.state.account import is_half_filled, name_account, note_filling
from klaviyo_emulator.state.consents import Grant
from klaviyo_emulator.state.events import store_events
from klaviyo_emulator.state.lists import join_list
from klaviyo_emulator.state.mail import click_mail, list_mail, open_mail
from klaviyo_emulator.state.members import count_members
from klaviyo_emulator.state.metrics import ensure_metric
from klaviyo_emulator.state.new_events import NewEvents
from klaviyo_emulator.state.predictions import set_prediction
from klaviyo_emulator.state.profiles import Profile, ProfileChange, create_profile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from klaviyo_emulator.demo.furniture import Furniture
    from klaviyo_emulator.emulator import Emulator
    from klaviyo_emulator.routes.context import Context
    from klaviyo_emulator.state.minting import Mint

FAMILIES = 200
"""How many there are unless somebody says otherwise."""
MAXIMUM_FAMILIES = 100_000
ACCOUNT_NAME = "Bedtime stories (demo)"

_MOST_EVENINGS = 400_000
"""About how many evenings are told of at most: with very many families not every one is."""
_EVENINGS_OF_ONE = 25
"""How many a family has on average."""
_FAMILIES_AT_ONCE = 200
_EARLY_READERS = 100
_COUPON_DAYS_AGO = 30
_CAMPAIGN_DAYS_AGO = 6
_SILENT_SECONDS = 2.0
_HOUR = 3_600
_OPENS = 0.55
_CLICKS = 0.2
_ANYTHING = (
    "SELECT (SELECT count(*) FROM profile) + (SELECT count(*) FROM metric) + "
    "(SELECT count(*) FROM record WHERE type NOT IN ('tag-group', 'mapped-metric'))"
)

_CHANGED_LAST = "UPDATE profile SET updated = max(created, last_event) WHERE seq = ?"
"""Events move `updated` to the present, where these did not happen."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put into the account."""

    families: int
    events: int
    seconds: float


def fill(
    emulator: Emulator, families: int = FAMILIES, *, say: Callable[[str], None] = lambda _line: None
) -> Filled | None:
    """Fill an empty account; None, and nothing has changed, where there is something in it already.

    The same seed and the same time give the same account. `say` is told how far it is, beyond the first seconds.
    It blocks, also within an event loop. Raises ValueError for a number of families out of range.
    """
    if not 1 <= families <= MAXIMUM_FAMILIES:
        raise ValueError(f"families: a number from 1 to {MAXIMUM_FAMILIES:,} is needed")
    filling = _Filling(emulator.context, families, say)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(filling.run())
    with ThreadPoolExecutor(1) as aside:  # the caller's loop cannot run another one, as under a browser's driver
        return aside.submit(lambda: asyncio.run(filling.run())).result()


def fills(
    families: int | None, *, demo: bool, say: Callable[[str], None]
) -> Callable[[Emulator], Filled | None] | None:
    """What `--demo` and `--families` ask for, to be done to an emulator; None where neither was given.

    `say` is told too what was done, and that nothing was.
    """
    if not demo and families is None:
        return None

    def prepare(emulator: Emulator) -> Filled | None:
        filled = fill(emulator, families or FAMILIES, say=say)
        if filled is None and emulator.context.database.read(is_half_filled).result():
            say("the state is half filled, because filling it was interrupted; --demo fills an empty one")
        elif filled is None:
            say("the state is not empty, and was left as it is; --demo fills an empty one")
        else:
            say(f"filled in {filled.families:,} families with {filled.events:,} events; all of it is made up")
        return filled

    return prepare


class _Filling:
    def __init__(self, context: Context, count: int, say: Callable[[str], None]) -> None:
        self._context = context
        self._count = count
        self._say = say
        self._chance = random.Random(f"{context.config.seed}:demo")  # noqa: S311 - the same account each time
        self._now = whole_seconds(context.config.clock())
        self._began = self._told = time.monotonic()
        self._events = 0

    async def run(self) -> Filled | None:
        if (await self._context.read(lambda connection: connection.execute(_ANYTHING).fetchone()))[0]:
            return None
        founding = self._at(self._now - (DAYS_OF_JOINING + 5) * DAY)
        await self._context.write(self._begin)
        metrics = await founding.write(lambda connection: _metrics(connection, founding.mint))
        furnished = await furniture.furnish(Operator(founding))
        people = make_families(self._chance, self._count, self._now)
        share = min(1.0, _MOST_EVENINGS / (_EVENINGS_OF_ONE * self._count))
        for first in range(0, self._count, _FAMILIES_AT_ONCE):
            chunk = people[first : first + _FAMILIES_AT_ONCE]
            await self._context.write(lambda connection, chunk=chunk: self._settle(connection, furnished, chunk, share))
            self._tell(first + len(chunk))
        await self._finish(furnished, metrics)
        await self._context.write(lambda connection: note_filling(connection, is_done=True))
        return Filled(self._count, self._events, time.monotonic() - self._began)

    def _begin(self, connection: sqlite3.Connection) -> None:
        note_filling(connection, is_done=False)
        name_account(connection, self._context.mint, ACCOUNT_NAME)

    def _at(self, moment: int) -> Context:
        """The account as somebody finds it at another time."""
        then = EPOCH + timedelta(seconds=moment)
        config = replace(self._context.config, clock=lambda: then)
        return replace(self._context, config=config, mint=self._context.mint.at(moment * 1_000_000))

    def _tell(self, done: int) -> None:
        now = time.monotonic()
        if now - self._told >= _SILENT_SECONDS:
            self._told = now
            self._say(f"filling in {self._count:,} families: {100 * done // self._count} %")

    def _settle(self, connection: sqlite3.Connection, furnished: Furniture, chunk: list[Family], share: float) -> None:
        """Store some families with all they did."""
        readers = _EARLY_READERS - count_members(connection, furnished.early_readers)
        lived: list[NewEvents] = []
        rows: list[tuple[int]] = []
        for family in chunk:
            joined = self._context.mint.at(family.joined * 1_000_000)
            change = ProfileChange(identifiers={"email": family.email}, details=family.details())
            profile = create_profile(connection, joined, change)
            self._consent(connection, profile, family, furnished)
            if readers and family.consent in {Consent.SUBSCRIBED, Consent.LETTERS}:
                join_list(connection, joined, furnished.early_readers, [profile], historical=True)
                readers -= 1
            found = events(family, list(evenings(self._chance, family, self._now, share=share)))
            found = [event for event in found if event.time is not None and event.time <= self._now]
            lived.append(NewEvents(ProfileChange(id=profile.id), found))
            rows.append((profile.seq,))
            if family.is_paying:
                set_prediction(connection, profile.seq, prediction(self._chance, family, self._now))
        self._events += len(store_events(connection, self._context.mint, lived))
        connection.executemany(_CHANGED_LAST, rows)

    def _consent(self, connection: sqlite3.Connection, profile: Profile, family: Family, furnished: Furniture) -> None:
        """Let a family agree to e-mail when it joins, and change its mind later."""
        if family.consent is Consent.NEVER:
            return
        mint = self._context.mint.at(family.joined * 1_000_000)
        newsletter = Grant(at=family.joined, list_id=furnished.newsletter, historical=True)
        consents.subscribe(connection, mint, profile, [consents.EMAIL], newsletter)
        later = family.joined + int((self._now - family.joined) * self._chance.random())
        match family.consent:
            case Consent.LETTERS | Consent.PENDING:
                asked = Grant(at=family.joined, list_id=furnished.letters, needs_confirmation=True, historical=True)
                consents.subscribe(connection, mint, profile, [consents.EMAIL], asked)
                if family.consent is Consent.LETTERS:
                    confirming = self._context.mint.at(min(later, family.joined + _HOUR) * 1_000_000)
                    consents.confirm(connection, confirming, profile.seq, furnished.letters)
            case Consent.UNSUBSCRIBED:
                consents.unsubscribe(connection, mint, profile, [consents.EMAIL], at=later)
            case Consent.SUPPRESSED:
                consents.suppress(connection, mint, [profile], at=later)
            case Consent.BOUNCED:
                consents.mark_undeliverable(connection, profile.seq, consents.HARD_BOUNCE, later)
            case _:
                pass

    async def _finish(self, furnished: Furniture, metrics: dict[str, str]) -> None:
        """What needs people to be there."""
        await furniture.coupon(Operator(self._at(self._now - _COUPON_DAYS_AGO * DAY)))
        moment = self._now - _CAMPAIGN_DAYS_AGO * DAY
        await furniture.send_campaign(Operator(self._at(moment)), furnished)
        await Pump(self._at(moment + _HOUR), HANDLERS).run()
        await self._context.write(self._read_letters)
        operator = Operator(self._at(self._now - DAY))
        await furniture.segments(operator, metrics[STORY_GENERATED], furnished.tag)
        await furniture.welcome_flow(operator, furnished, metrics[SIGNED_UP])

    def _read_letters(self, connection: sqlite3.Connection) -> None:
        """Open some of the mail, and follow its link."""
        for mail in list_mail(connection, limit=_EARLY_READERS):
            opened = self._context.mint.at((mail.sent + self._chance.randrange(_HOUR, 2 * DAY)) * 1_000_000)
            if self._chance.random() < _OPENS:
                open_mail(connection, opened, mail)
                if self._chance.random() < _CLICKS / _OPENS:
                    click_mail(connection, opened, mail, "https://bedtime.example/stories")


def _metrics(connection: sqlite3.Connection, mint: Mint) -> dict[str, str]:
    """Make the metrics; answers their ids."""
    return {name: ensure_metric(connection, mint, name, None).id for name in METRICS}
