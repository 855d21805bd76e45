"""A profile's consents per channel, as read with ``additional_fields=("subscriptions",)``.

Consents are plain text (SUBSCRIBED, UNSUBSCRIBED, NEVER_SUBSCRIBED so far): an unknown one must not break a read.
"""

from typing import Any

from aioklaviyo.models.reading import ReadModel, Timestamp


class Consent(ReadModel):
    """What every channel's consent has."""

    consent: str | None = None
    consent_timestamp: Timestamp | None = None
    last_updated: Timestamp | None = None


class Suppression(ReadModel):
    """Why and since when a profile gets no e-mail."""

    reason: str | None = None
    timestamp: Timestamp | None = None


class ListSuppression(Suppression):
    """The same, for one list."""

    list_id: str | None = None


class EmailMarketing(Consent):
    """Marketing by e-mail."""

    can_receive_email_marketing: bool | None = None
    method: str | None = None
    method_detail: str | None = None
    custom_method_detail: str | None = None
    double_optin: bool | None = None
    suppression: tuple[Suppression, ...] | None = None
    list_suppressions: tuple[ListSuppression, ...] | None = None


class Tracking(Consent):
    """Whether opens or clicks may be tracked, and consents of the newer channels."""

    can_receive: bool | None = None
    created_timestamp: Timestamp | None = None
    valid_until: Timestamp | None = None
    metadata: dict[str, Any] | None = None


class EmailSubscriptions(ReadModel):
    """The e-mail channel."""

    marketing: EmailMarketing | None = None
    open_tracking: Tracking | None = None
    click_tracking: Tracking | None = None


class SmsMarketing(Consent):
    """Marketing by text message."""

    can_receive_sms_marketing: bool | None = None
    method: str | None = None
    method_detail: str | None = None


class SmsTransactional(Consent):
    """Transactional text messages."""

    can_receive_sms_transactional: bool | None = None
    method: str | None = None
    method_detail: str | None = None


class SmsSubscriptions(ReadModel):
    """The text message channel."""

    marketing: SmsMarketing | None = None
    transactional: SmsTransactional | None = None


class PushMarketing(Consent):
    """Marketing by push notification."""

    can_receive_push_marketing: bool | None = None


class PushSubscriptions(ReadModel):
    """The push channel."""

    marketing: PushMarketing | None = None


class WhatsappConsent(Tracking):
    """A WhatsApp consent."""

    phone_number: str | None = None


class WhatsappSubscriptions(ReadModel):
    """The WhatsApp channel."""

    marketing: WhatsappConsent | None = None
    transactional: WhatsappConsent | None = None
    conversational: WhatsappConsent | None = None


class Subscriptions(ReadModel):
    """Consents of a profile; a channel the account does not use is None."""

    email: EmailSubscriptions | None = None
    sms: SmsSubscriptions | None = None
    mobile_push: PushSubscriptions | None = None
    whatsapp: WhatsappSubscriptions | None = None
