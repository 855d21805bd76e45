"""Deliveries to Klaviyo. It knows no domain: what it sends was closed and serialised when it was accepted.

What Klaviyo does with repeats decides everything here. A single event with a known `unique_id` is dropped in silence. A
batch with one is refused as a whole, and nothing of it is processed. An import of the same values changes nothing.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from pydantic import ValidationError
from typing_extensions import override

from aioklaviyo import (
    CredentialsRejected,
    Klaviyo,
    KlaviyoError,
    NewEvent,
    NotFound,
    PayloadTooLarge,
    Priority,
    ProfileAttributes,
    ProfileRef,
    RateLimited,
    RequestRejected,
)
from dreamflow.outbox.model import (
    Accepted,
    Answer,
    Deferred,
    Delivery,
    DeliveryKind,
    Locked,
    OneByOne,
    PartlyAccepted,
    Rejected,
    TooLarge,
)
from dreamflow.outbox.ports import Sink

T = TypeVar("T")

SINGLE_SECONDS: Final = 30.0
BULK_SECONDS: Final = 30.0
"""Deadlines of a call, waiting for the rate limit included. A bulk request may not be repeated, so its one try has all
of it: a Klaviyo that is silent holds it up no longer. What gets no place in time is not sent and comes again."""
_JOB_SECONDS: Final = 120.0
_PLACE: Final = re.compile(r"/data/attributes/events-bulk-create/data/(\d+)(?:/attributes/events/data/(\d+))?(/.*)?")
_UNIQUE_ID: Final = "/unique_id"
_LOCKED: Final = (
    "Klaviyo refuses the credentials: is DREAMFLOW_KLAVIYO__API_KEY right, and has it all scopes?",
    "Klaviyo does not know the address: is DREAMFLOW_KLAVIYO__BASE_URL right?",
)


class KlaviyoSink(Sink):
    """Sends to one Klaviyo account.

    Args:
        client: open for as long as the sink is used.
    """

    def __init__(self, client: Klaviyo) -> None:
        self._client = client
        self._patient = client.with_options(priority=Priority.BACKGROUND, timeout_seconds=BULK_SECONDS)

    @override
    async def send_one(self, delivery: Delivery) -> Answer:
        async def send() -> Answer:
            try:
                if delivery.kind is DeliveryKind.PROFILE:
                    await self._client.profiles.upsert(_profile(delivery), deadline_seconds=SINGLE_SECONDS)
                else:
                    await self._client.events.create(_event(delivery), deadline_seconds=SINGLE_SECONDS)
            except ValidationError as error:
                return Rejected({delivery.id: _not_sent(error)})
            return Accepted()

        return await _answer(send, lambda error: Rejected({delivery.id: _words(error)}))

    @override
    async def send_events(self, deliveries: Sequence[Delivery]) -> Answer:
        events, unsendable = _written(deliveries, _event)
        if unsendable:
            # Nothing was sent; the others go on without them.
            return Rejected(unsendable)

        async def send() -> Answer:
            await self._patient.events.bulk_create(events)
            return Accepted()

        return await _answer(send, lambda error: _refused_batch(error, deliveries))

    @override
    async def send_profiles(self, deliveries: Sequence[Delivery]) -> Answer:
        profiles, unsendable = _written(deliveries, _profile)
        if unsendable:
            return Rejected(unsendable)

        async def send() -> Answer:
            delivery_of = {id(profile): delivery for profile, delivery in zip(profiles, deliveries, strict=True)}
            result = await self._patient.profile_imports.import_all(profiles, job_timeout_seconds=_JOB_SECONDS)
            failed = next(iter((*result.unknown, *result.unsent)), None)
            if failed is not None:
                # Importing all of it again is harmless, and simpler than to tell them apart.
                return Deferred(type(failed.error).__name__, is_ambiguous=bool(result.sent or result.unknown))
            return PartlyAccepted({delivery_of[id(each.item)].id: _words(each.error) for each in result.refused})

        # Who is to blame is not known: upserts tell.
        return await _answer(send, lambda _: OneByOne())


async def _answer(send: Callable[[], Awaitable[Answer]], refused: Callable[[RequestRejected], Answer]) -> Answer:
    try:
        return await send()
    except (CredentialsRejected, NotFound) as error:
        # The key or the address is to be mended, not the facts: they wait, however long it takes.
        return Locked(_LOCKED[isinstance(error, NotFound)])
    except PayloadTooLarge:
        return TooLarge()
    except RequestRejected as error:
        return refused(error)
    except KlaviyoError as error:
        asked = error.retry_after_seconds if isinstance(error, RateLimited) else None
        return Deferred(type(error).__name__, asked, is_ambiguous=error.record.may_be_done)


def _refused_batch(error: RequestRejected, deliveries: Sequence[Delivery]) -> Answer:
    """Who is to blame for the refusal of a batch, which nobody of was processed."""
    if error.record.may_be_done:
        return OneByOne()
    groups: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(delivery.parent, []).append(delivery)
    in_order = list(groups.values())  # as they stand in the body: one group a profile, in order of first appearance
    reasons: dict[str, str] = {}
    for detail in error.errors:
        place = _PLACE.fullmatch(detail.pointer or "")
        if place is None or int(place[1]) >= len(in_order):
            continue
        if (place[3] or "").endswith(_UNIQUE_ID):
            return OneByOne()  # it is there already, which is no fault
        group = in_order[int(place[1])]
        named = group if place[2] is None else group[int(place[2]) : int(place[2]) + 1]
        reasons |= {delivery.id: _words(error) for delivery in named}
    return Rejected(reasons)


def _words(error: KlaviyoError) -> str:
    """Code and place of a refusal; Klaviyo's sentences may quote what was sent and are left out."""
    places = [f"{detail.code} at {detail.pointer or detail.parameter or 'request'}" for detail in error.errors]
    refused = "not sent" if error.status is None else f"refused with {error.status}"
    return f"{refused}: " + ("; ".join(places) or "no reason given")


def _not_sent(error: ValidationError) -> str:
    return "not sent: " + "; ".join(f"{item['type']} at {item['loc']}" for item in error.errors())


def _written(deliveries: Sequence[Delivery], write: Callable[[Delivery], T]) -> tuple[list[T], dict[str, str]]:
    """What deliveries are to the client, and why some are nothing to it."""
    written: list[T] = []
    unsendable: dict[str, str] = {}
    for delivery in deliveries:
        try:
            written.append(write(delivery))
        except ValidationError as error:
            unsendable[delivery.id] = _not_sent(error)
    return written, unsendable


def _event(delivery: Delivery) -> NewEvent:
    return NewEvent(
        metric=delivery.name,
        profile=ProfileRef(external_id=delivery.parent),
        properties=dict(delivery.body),
        time=delivery.occurred_at,
        unique_id=delivery.id,
        backfill=delivery.backfill,
    )


def _profile(delivery: Delivery) -> ProfileAttributes:
    own = {name: value for name, value in delivery.body.items() if name in delivery.identity}
    properties = {name: value for name, value in delivery.body.items() if name not in delivery.identity}
    return ProfileAttributes.model_validate({"external_id": delivery.parent, **own, "properties": properties})
