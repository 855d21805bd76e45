"""Deliveries of Klaviyo's system webhooks: from (headers, body, secret) to typed events, or a refusal.

::

    try:
        delivery = webhooks.verify(request.headers, await request.read(), secret, now=datetime.now(UTC))
    except webhooks.WebhookRejected as rejected:
        return Response(status=rejected.answer_status)
    for notice in delivery.notices:
        if notice.topic == webhooks.SystemTopic.OPENED_EMAIL:
            ...

One request holds up to 1,000 events of the whole account. Klaviyo promises neither order nor that an event comes once:
drop repeats by ``external_id``, which is also what makes the replay of a recorded request harmless.

A flow's webhook action is not signed; give it a header with a secret of its own and ask ``has_secret``.

Nothing here reads a clock, sends anything or needs a web framework. It does not wait either: a batch of 1,000 events
keeps the calling thread busy for some tens of milliseconds. Limit the size of bodies where they are received.
"""

from aioklaviyo.webhooks.delivery import DamagedNotice, Delivery, Notice, parse
from aioklaviyo.webhooks.rejections import MalformedDelivery, SignatureMismatch, StaleDelivery, WebhookRejected
from aioklaviyo.webhooks.topics import SystemTopic, Topic
from aioklaviyo.webhooks.verification import MAX_AGE, MAX_SKEW, Secrets, has_secret, verify

__all__ = [
    "MAX_AGE",
    "MAX_SKEW",
    "DamagedNotice",
    "Delivery",
    "MalformedDelivery",
    "Notice",
    "Secrets",
    "SignatureMismatch",
    "StaleDelivery",
    "SystemTopic",
    "Topic",
    "WebhookRejected",
    "has_secret",
    "parse",
    "verify",
]
