"""Deliveries to Klaviyo. It knows no domain: what it sends was closed and serialised when it was accepted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pydantic import ValidationError
from typing_extensions import override

from aioklaviyo import (
    CredentialsRejected,
    Klaviyo,
    KlaviyoError,
    NewEvent,
    ProfileAttributes,
    ProfileRef,
    RateLimited,
    RequestRejected,
)
from dreamflow.outbox.model import Delivery, DeliveryKind
from dreamflow.outbox.ports import Accepted, Answer, Deferred, OneByOne, Rejected, Sink

_CREDENTIALS_WAIT_SECONDS: Final = 60.0


class KlaviyoSink(Sink):
    """Sends to one Klaviyo account.

    Args:
        client: open for as long as the sink is used.
    """

    def __init__(self, client: Klaviyo) -> None:
        self._client = client

    @override
    async def send_one(self, delivery: Delivery) -> Answer:
        async def send() -> None:
            if delivery.kind is DeliveryKind.PROFILE:
                await self._client.profiles.upsert(_profile(delivery))
            else:
                await self._client.events.create(_event(delivery))

        return await _answer(send, lambda words: Rejected({delivery.id: words}))

    @override
    async def send_bulk(self, deliveries: Sequence[Delivery]) -> Answer:
        async def send() -> None:
            await self._client.events.bulk_create([_event(delivery) for delivery in deliveries])

        # All or nothing, and the refusal may mean that one is there already: singles tell which.
        return await _answer(send, lambda _: OneByOne())


async def _answer(send: Callable[[], Awaitable[None]], refused: Callable[[str], Answer]) -> Answer:
    try:
        await send()
    except RateLimited as error:
        return Deferred("Klaviyo asked to wait", error.retry_after_seconds)
    except CredentialsRejected:
        # The key is to be mended, not the facts: they wait, however long it takes.
        return Deferred("Klaviyo refused the credentials", _CREDENTIALS_WAIT_SECONDS)
    except RequestRejected as error:
        return refused(_words(error))
    except ValidationError as error:
        # One bad delivery must not hold up all that come after it.
        return refused("not sent: " + "; ".join(f"{item['type']} at {item['loc']}" for item in error.errors()))
    except KlaviyoError as error:
        return Deferred(type(error).__name__)
    return Accepted()


def _words(error: RequestRejected) -> str:
    """Code and place of a refusal; Klaviyo's sentences may quote what was sent and are left out."""
    places = [f"{detail.code} at {detail.pointer or detail.parameter or 'request'}" for detail in error.errors]
    return f"refused with {error.status}: " + ("; ".join(places) or "no reason given")


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
