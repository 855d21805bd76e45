"""Batches of profiles that go to one of Klaviyo's bulk endpoints, and what becomes of them."""

import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from aioklaviyo.bulk import BulkResult, Failed, Progress, Splitter, Tally, in_background, patiently, settle_all
from aioklaviyo.calls import Caller, Reply
from aioklaviyo.cutting import Cut, Entry, cuts
from aioklaviyo.errors import CallRecord, KlaviyoError, NotFound, PayloadTooLarge, RequestRejected, invalid_request
from aioklaviyo.jsonapi import Json
from aioklaviyo.operations import Call, Operation, encoded

T = TypeVar("T")

MAX_BATCH_BYTES = 5_000_000
"""How long a body may be."""
_ENVELOPE_BYTES = 4_096
"""Left of it for what is around the profiles: lists, a source."""
_PLACE = re.compile(r"/data/attributes/profiles/data/(\d+)(?:/.*)?")
_PROFILES = b'"profiles":{"data":['

Finish = Callable[[Caller, Reply, Sequence[Entry[T]], Tally[T]], Awaitable[None]]
"""Waits for what a request has set going, and counts each entry."""


@dataclass(frozen=True)
class ProfileBatches(Generic[T]):
    """How profiles go to one endpoint."""

    operation: Operation
    kind: str
    """The type of the body's resource."""
    write: Callable[[T], bytes | None]
    """See ``cutting.cuts``."""
    most: int
    attributes: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """Beside the profiles."""
    relationships: Mapping[str, Json] = field(default_factory=dict[str, Json])
    is_repeatable: Callable[[Sequence[T]], bool] | None = None
    """None means what the operation says."""
    finish: Finish[T] | None = None
    """None where Klaviyo does not tell what became of what it took."""

    def call(self, entries: Sequence[Entry[T]]) -> Call:
        """The call that submits them."""
        resource: dict[str, Json] = {
            "type": self.kind,
            "attributes": {**self.attributes, "profiles": {"data": []}},
        }
        if self.relationships:
            resource["relationships"] = {**self.relationships}
        shell = encoded(self.operation.method, self.operation.path, {"data": resource})
        # Within text, quotes are escaped: these bytes are only where they are meant.
        before, mark, after = shell.partition(_PROFILES)
        body = before + mark + b",".join([entry.body for entry in entries]) + after
        is_repeatable = None if self.is_repeatable is None else self.is_repeatable([entry.thing for entry in entries])
        return replace(self.operation.call(is_repeatable=is_repeatable), body=body)

    def whole(self, things: Sequence[T]) -> Call:
        """The call that submits exactly these.

        Raises:
            PayloadTooLarge: There are more, or they are longer, than one call takes.
            InvalidRequest: One of them cannot be sent.
        """
        if len(things) > self.most:
            raise self._too_large(f"{len(things)} profiles in one call, of {self.most} allowed")
        entries: list[Entry[T]] = []
        for place, thing in enumerate(things):
            body = self.write(thing)
            if body is None:
                raise invalid_request(
                    f"profile {place} is a repeat of an earlier one",
                    method=self.operation.method,
                    path=self.operation.path,
                    pointer=f"/data/attributes/profiles/data/{place}",
                )
            entries.append(Entry(thing, body))
        call = self.call(entries)
        size = len(call.body or b"")
        if size > MAX_BATCH_BYTES:
            raise self._too_large(f"{size} bytes in one call, of {MAX_BATCH_BYTES} allowed")
        return call

    async def send_all(
        self,
        caller: Caller,
        source: Iterable[T] | AsyncIterable[T],
        *,
        max_in_flight: int,
        progress: Progress[T] | None,
    ) -> BulkResult[T]:
        """Send everything, in the background, and tell what became of each."""
        quiet = in_background(caller)
        splitter = Splitter[Entry[T], T](
            thing_of=lambda entry: entry.thing,
            submit=lambda entries, tally: self._submit(quiet, entries, tally),
            culprits=_named,
        )

        async def settle(cut: Cut[T], tally: Tally[T]) -> None:
            tally.refused += [Failed(thing, error) for thing, error in cut.refused]
            tally.duplicates += cut.duplicates
            await splitter.settle(cut.entries, tally)

        def cut(things: AsyncIterator[T]) -> AsyncGenerator[Cut[T], None]:
            return cuts(things, self.write, most=self.most, most_bytes=MAX_BATCH_BYTES - _ENVELOPE_BYTES)

        return await settle_all(source, cut, settle, max_in_flight=max_in_flight, progress=progress)

    def _too_large(self, problem: str) -> PayloadTooLarge:
        return PayloadTooLarge(f"Not sent: {problem}", CallRecord(self.operation.method, self.operation.path))

    async def _submit(self, caller: Caller, entries: Sequence[Entry[T]], tally: Tally[T]) -> None:
        things = [entry.thing for entry in entries]
        call = self.call(entries)
        try:
            reply = await patiently(caller, lambda: caller.send(call))
        except NotFound as error:
            if not self.relationships or _named(error, entries):
                raise
            # It is the list that is not there, for all of them.
            tally.failed(things, error)
        except RequestRejected:
            raise
        except KlaviyoError as error:
            tally.failed(things, error)
        else:
            if self.finish is None:
                tally.sent += len(entries)
            else:
                await self.finish(caller, reply, entries, tally)


def place_in(pointer: str | None) -> int | None:
    """Which profile of a batch a pointer is about."""
    found = _PLACE.fullmatch(pointer or "")
    return None if found is None else int(found[1])


def _named(error: RequestRejected, entries: Sequence[Entry[T]]) -> set[int]:
    places = (place_in(detail.pointer) for detail in error.errors)
    return {place for place in places if place is not None and place < len(entries)}
