"""Why a delivery is refused, and what to answer.

::

    WebhookRejected
    ├── SignatureMismatch    401  not from Klaviyo, altered, or signed with another secret
    ├── StaleDelivery        403  Klaviyo's, but of another time: a replay, or a clock that is off
    └── MalformedDelivery    400  Klaviyo's, but not a delivery this module can read

These are about a request that came in, not about a call, so they are no ``KlaviyoError``. What is wrong in the
receiver itself (an empty secret, a body that was decoded already) raises ``ValueError`` or ``TypeError`` instead and
deserves a 500. No message quotes a secret, a header or the body.
"""

import datetime as dt
from http import HTTPStatus
from typing import ClassVar

from typing_extensions import override


class WebhookRejected(Exception):
    """Base of the refusals. Nothing of the request may be used."""

    answer_status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    """What to answer. Whether Klaviyo sends a refused delivery again, it does not say."""


class SignatureMismatch(WebhookRejected):
    """The headers do not prove that this body is Klaviyo's: one is missing, ambiguous or does not fit."""

    answer_status: ClassVar[HTTPStatus] = HTTPStatus.UNAUTHORIZED


class StaleDelivery(WebhookRejected):
    """Signed, but sent too long before ``now``, or after it."""

    answer_status: ClassVar[HTTPStatus] = HTTPStatus.FORBIDDEN

    def __init__(self, age: dt.timedelta) -> None:
        super().__init__(age)
        self.age = age
        """From the sending to ``now``; negative where it claims to be from the future."""

    @override
    def __str__(self) -> str:
        seconds = self.age.total_seconds()
        return f"Sent {abs(seconds):.0f} s {'after' if seconds < 0 else 'before'} now"


class MalformedDelivery(WebhookRejected):
    """The body is not JSON, or lacks what every delivery has: ``data``, ``meta`` and its webhook's id."""
