"""Consents to write: who is to be subscribed to which channels, or unsubscribed from them."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AwareDatetime, Field, model_validator

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.new_profile import Identifier
from aioklaviyo.models.push_token import NewPushToken
from aioklaviyo.models.writing import WriteModel

SubscribeChannel: TypeAlias = Literal[
    "email.marketing",
    "email.open_tracking",
    "email.click_tracking",
    "sms.marketing",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "push.marketing",
]
"""What somebody can be subscribed to."""
UnsubscribeChannel: TypeAlias = Literal[
    "email.marketing",
    "email.open_tracking",
    "email.click_tracking",
    "sms.marketing",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "whatsapp.conversational",
    "push.marketing",
]
"""What somebody can be unsubscribed from."""

_UNDATED = frozenset({"email.open_tracking", "email.click_tracking"})
"""Klaviyo keeps no moment of consent to these."""


class Subscriber(WriteModel):
    """Somebody who consents.

    E-mail channels go to ``email``, SMS and WhatsApp to ``phone_number`` (E.164), each of which may also be known from
    the profile with ``id``. ``consented_at``, when the consent was given, is for historical imports alone: one moment
    for all channels, or one for each.
    """

    channels: Annotated[tuple[SubscribeChannel, ...], Field(min_length=1)]
    email: Identifier | None = None
    phone_number: Identifier | None = None
    id: Identifier | None = None
    anonymous_id: Identifier | None = None
    consented_at: AwareDatetime | Mapping[SubscribeChannel, AwareDatetime] | None = None
    push_tokens: tuple[NewPushToken, ...] = ()
    age_gated_date_of_birth: dt.date | None = None

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if not (self.id or self.email or self.phone_number or self.anonymous_id):
            raise ValueError("one of id, email, phone_number and anonymous_id is needed")
        if (self.push_tokens or self.anonymous_id) and "push.marketing" not in self.channels:
            raise ValueError("push_tokens and anonymous_id need the channel push.marketing")
        return self

    @property
    def is_dated(self) -> bool:
        """Whether every channel that can have a moment of consent has one."""
        return all(channel in _UNDATED or self._moment(channel) is not None for channel in self.channels)

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        subscriptions: dict[str, dict[str, Json]] = {}
        for channel in self.channels:
            kind, _, purpose = channel.partition(".")
            consent: dict[str, Json] = {"consent": "SUBSCRIBED"}
            moment = None if channel in _UNDATED else self._moment(channel)
            if moment is not None:
                consent["consented_at"] = moment.isoformat()
            subscriptions.setdefault(kind, {})[purpose] = consent
        if self.push_tokens:
            subscriptions["push"]["tokens"] = [token.wire() for token in self.push_tokens]
        if self.anonymous_id is not None:
            subscriptions["push"]["anonymous_id"] = self.anonymous_id
        attributes: dict[str, Json] = {**_named(self.email, self.phone_number), "subscriptions": {**subscriptions}}
        if self.age_gated_date_of_birth is not None:
            attributes["age_gated_date_of_birth"] = self.age_gated_date_of_birth.isoformat()
        resource: dict[str, Json] = {"type": "profile", "attributes": attributes}
        if self.id is not None:
            resource["id"] = self.id
        return resource

    def _moment(self, channel: SubscribeChannel) -> dt.datetime | None:
        given = self.consented_at
        return given.get(channel) if isinstance(given, Mapping) else given


class Unsubscriber(WriteModel):
    """Somebody who withdraws consent. ``push_tokens`` are removed from the profile with ``push.marketing``."""

    channels: Annotated[tuple[UnsubscribeChannel, ...], Field(min_length=1)]
    email: Identifier | None = None
    phone_number: Identifier | None = None
    push_tokens: tuple[NewPushToken, ...] = ()

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if not (self.email or self.phone_number):
            raise ValueError("email or phone_number is needed")
        if self.push_tokens and "push.marketing" not in self.channels:
            raise ValueError("push_tokens need the channel push.marketing")
        return self

    @property
    def identifiers(self) -> tuple[str, ...]:
        """By what it is known whom this is about, without regard to the letter case of an address."""
        given = (None if self.email is None else self.email.casefold(), self.phone_number)
        return tuple(identifier for identifier in given if identifier is not None)

    def resource(self) -> dict[str, Json]:
        """The resource object."""
        subscriptions: dict[str, dict[str, Json]] = {}
        for channel in self.channels:
            kind, _, purpose = channel.partition(".")
            subscriptions.setdefault(kind, {})[purpose] = {"consent": "UNSUBSCRIBED"}
        if "push" in subscriptions:
            # Required, though there may be none.
            subscriptions["push"]["tokens"] = [token.wire() for token in self.push_tokens]
        return {
            "type": "profile",
            "attributes": {**_named(self.email, self.phone_number), "subscriptions": {**subscriptions}},
        }


def _named(email: str | None, phone_number: str | None) -> dict[str, Json]:
    given = {"email": email, "phone_number": phone_number}
    return {name: value for name, value in given.items() if value is not None}
