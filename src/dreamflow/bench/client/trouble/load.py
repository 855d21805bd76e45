"""The calls that are made in trouble, and how each ended for its caller."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from aioklaviyo import KlaviyoError, NewEvent, ProfileAttributes, ProfileRef, filters
from dreamflow.bench.client.contestants.contestant import METRIC, in_flight, properties
from dreamflow.bench.subject import SubjectError

if TYPE_CHECKING:
    from aioklaviyo import Klaviyo

KNOWN = 1000
"""Profiles that there are before: as many as one bulk request makes."""
_MANY = 20
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Ended:
    """A call, and what came of it."""

    kind: str
    marker: str
    """Stands in the body of its requests, where they have one."""
    seconds: float
    failure: str | None
    """The name of the error that was raised; None for success."""


@dataclass(frozen=True, slots=True)
class Known:
    """A profile that there is before."""

    id: str
    external_id: str


Make = Callable[[int, str], Awaitable[object]]
"""Makes the call of a number, with a marker."""


async def known_profiles(klaviyo: Klaviyo) -> Sequence[Known]:
    """Make some profiles, and find out their ids."""
    events = [NewEvent(metric="Joined", profile=ProfileRef(external_id=f"known-{number}")) for number in range(KNOWN)]
    await klaviyo.events.bulk_create(events)
    found = [Known(one.id, one.external_id or "") async for one in klaviyo.profiles.list(page_size=_PAGE)]
    if len(found) != KNOWN:
        raise SubjectError(f"{len(found):,} profiles are known instead of {KNOWN:,}")
    return found


def mixed(klaviyo: Klaviyo, known: Sequence[Known]) -> Mapping[str, Make]:
    """Reads of one and of many, events with a unique id, imports of new profiles."""

    async def get(number: int, _marker: str) -> None:
        asked = known[number % len(known)]
        _expect((await klaviyo.profiles.get(asked.id)).id, asked.id)

    async def get_many(number: int, _marker: str) -> None:
        asked = [known[(number + step) % len(known)].external_id for step in range(_MANY)]
        listing = klaviyo.profiles.list(filter=filters.any_of("external_id", asked), page_size=_PAGE)
        _expect({profile.external_id async for profile in listing}, set(asked))

    async def create_event(number: int, marker: str) -> None:
        profile = ProfileRef(external_id=known[number % len(known)].external_id)
        event = NewEvent(metric=METRIC, profile=profile, properties=properties(number), unique_id=marker)
        await klaviyo.events.create(event)

    async def import_profile(_number: int, marker: str) -> None:
        done = await klaviyo.profiles.upsert(ProfileAttributes(external_id=marker))
        _expect(done.profile.external_id, marker)

    return {"get": get, "get-many": get_many, "create-event": create_event, "profile-import": import_profile}


def creating(klaviyo: Klaviyo) -> Mapping[str, Make]:
    """New profiles by `profiles.create`, which must not be done twice."""

    async def create(_number: int, marker: str) -> None:
        _expect((await klaviyo.profiles.create(ProfileAttributes(external_id=marker))).external_id, marker)

    return {"create": create}


async def run(makes: Mapping[str, Make], count: int, at_once: int, seed: int) -> list[Ended]:
    """Make so many calls, as many of each kind, in an order that is drawn."""
    kinds = [list(makes)[number % len(makes)] for number in range(count)]
    random.Random(seed).shuffle(kinds)  # noqa: S311 - to be repeated
    ended: list[Ended] = []

    async def one(number: int) -> None:
        kind, marker, failure = kinds[number], f"call-{number}", None
        began = perf_counter()
        try:
            await makes[kind](number, marker)
        except KlaviyoError as error:
            failure = type(error).__name__
        ended.append(Ended(kind, marker, perf_counter() - began, failure))

    await in_flight(one, count, at_once)
    return ended


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise SubjectError("a call succeeded with the wrong answer")
