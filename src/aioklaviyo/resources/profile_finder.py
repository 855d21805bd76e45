"""Finding profiles by their identifiers, many with one request."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from aioklaviyo.batching import MAX_KEYS, Gatherer, chunks, weight_of
from aioklaviyo.calls import Caller
from aioklaviyo.errors import InvalidRequest, invalid_request
from aioklaviyo.filters import any_of
from aioklaviyo.models.profile import Profile, profile_from
from aioklaviyo.operations import Operation
from aioklaviyo.resources.area import Area

G = TypeVar("G")

_PAGES_IN_FLIGHT = 8
_FEW = 4


class ProfileFinder(Area):
    """Reads pages of profiles by their identifiers.

    Args:
        caller: Makes the calls.
        listing: The operation that lists profiles.
    """

    def __init__(self, caller: Caller, listing: Operation) -> None:
        super().__init__(caller)
        self._listing = listing
        self._gatherers: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Gatherer[Profile]] = {}

    async def find(
        self,
        name: str,
        key: str,
        additional_fields: Sequence[str],
        fields: Sequence[str],
        deadline_seconds: float | None,
    ) -> Profile | None:
        """The profile with an identifier, read together with others that are asked for at the same time."""
        self._check([key])
        seconds = self._caller.options.timeout_seconds if deadline_seconds is None else deadline_seconds
        if not 0 < seconds < float("inf"):
            raise self._invalid("deadline_seconds must be positive and finite")
        place = name, tuple(additional_fields), tuple(fields)
        gatherer = self._gatherers.get(place)
        if gatherer is None:
            gatherer = self._gatherers[place] = self._gatherer(name, place[1], place[2])
        return await gatherer.get(key, deadline_seconds=seconds)

    async def find_many(
        self,
        name: str,
        keys: Iterable[str],
        additional_fields: Sequence[str],
        fields: Sequence[str],
        deadline_seconds: float | None,
    ) -> dict[str, Profile]:
        """The profiles with these identifiers, by them."""
        if isinstance(keys, str):
            raise TypeError("the identifiers must be several, not one string")
        wanted = list(dict.fromkeys(keys))
        self._check(wanted)
        room = asyncio.Semaphore(_PAGES_IN_FLIGHT)

        async def read(part: Sequence[str]) -> Mapping[str, Profile]:
            async with room:
                return await self._read(name, part, additional_fields, fields, deadline_seconds)

        pages = [asyncio.ensure_future(read(part)) for part in chunks(wanted)]
        try:
            found = await asyncio.gather(*pages)
        finally:
            for page in pages:
                page.cancel()
            if pages:
                # Their connections are given back before anybody goes on.
                await asyncio.wait(pages)
        return {key: profile for part in found for key, profile in part.items()}

    def only_one(self, given: Mapping[str, G | None]) -> tuple[str, G]:
        """The one kind of identifier that is given.

        Raises:
            InvalidRequest: There is none, or there are more.
        """
        named = [(name, keys) for name, keys in given.items() if keys is not None]
        if len(named) != 1:
            raise self._invalid("exactly one kind of identifier is needed")
        return named[0]

    def _gatherer(self, name: str, additional_fields: Sequence[str], fields: Sequence[str]) -> Gatherer[Profile]:
        async def read(keys: Sequence[str], within_seconds: float) -> Mapping[str, Profile]:
            return await self._read(name, keys, additional_fields, fields, within_seconds)

        return Gatherer(read, _own, monotonic=self._caller.monotonic, path=self._listing.path)

    async def _read(
        self,
        name: str,
        keys: Sequence[str],
        additional_fields: Sequence[str],
        fields: Sequence[str],
        deadline_seconds: float | None,
    ) -> dict[str, Profile]:
        """One page by these identifiers; no two of the profiles share anything that can be changed."""
        # What tells whose profile it is has to come along.
        shown = [*fields, name] if fields and name not in fields else fields
        listing = self._list(
            self._listing,
            parse=profile_from,
            query={"additional-fields[profile]": additional_fields, "fields[profile]": shown},
            where=any_of(name, keys),
            page_size=MAX_KEYS,
            deadline_seconds=deadline_seconds,
        )
        strays: dict[str, Profile] = {}
        by_key: dict[str, Profile] = {}
        async for profile in listing:
            strays[profile.id] = profile
            value: str | None = getattr(profile, name)
            if value is not None:
                by_key[_compared(name, value)] = profile
        found: dict[str, Profile] = {}
        for key in keys:
            profile = by_key.get(_compared(name, key))
            if profile is not None:
                found[key] = profile if strays.pop(profile.id, None) else _own(profile)
        # A profile may be found by what it does not show, as another address or the id it had before a merge. Asked
        # for a single key, Klaviyo says by answering whose it is.
        if strays and len(keys) == 1:
            return dict.fromkeys(keys, next(iter(strays.values())))
        if strays:
            for part in _parted([key for key in keys if key not in found]):
                found |= await self._read(name, part, additional_fields, fields, deadline_seconds)
        return found

    def _check(self, keys: Sequence[str]) -> None:
        try:
            is_good = all(keys) and sum(map(weight_of, keys)) >= 0
        except ValueError:
            is_good = False
        if not is_good:
            raise self._invalid("an identifier must be valid text and not empty")

    def _invalid(self, problem: str) -> InvalidRequest:
        return invalid_request(problem, method=self._listing.method, path=self._listing.path, parameter="filter")


def _parted(keys: Sequence[str]) -> list[Sequence[str]]:
    """What to ask for again: each of a few keys alone, and halves of many, most of which may be nobody's."""
    if len(keys) <= _FEW:
        return [[key] for key in keys]
    middle = len(keys) // 2
    return [keys[:middle], keys[middle:]]


def _own(profile: Profile) -> Profile:
    return profile.model_copy(deep=True)


def _compared(name: str, key: str) -> str:
    # Klaviyo does not tell letter case apart in addresses.
    return key.casefold() if name == "email" else key
