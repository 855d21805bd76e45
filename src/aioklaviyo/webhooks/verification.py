"""Whether a request is Klaviyo's, and of now.

Klaviyo signs the body's bytes followed by those of the ``Klaviyo-Timestamp`` header, with nothing between: HMAC-SHA256
with the webhook's secret, as hexadecimal digits in ``Klaviyo-Signature``
(https://developers.klaviyo.com/en/docs/working_with_system_webhooks).

Bytes could be moved from one side of that seam to the other without changing the signature. It helps nobody: of all
the beginnings of a text, only one is a whole JSON object, white space aside.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, overload

from aioklaviyo.webhooks.delivery import Delivery, parse
from aioklaviyo.webhooks.rejections import MalformedDelivery, SignatureMismatch, StaleDelivery

Secrets: TypeAlias = str | Sequence[str]
"""One secret, or several that are all good: the new one and the old one, while a secret is being replaced."""

MAX_AGE: Final = dt.timedelta(hours=72)
"""How old a delivery may be unless told otherwise. Generous: Klaviyo does not say for how long it tries again."""
MAX_SKEW: Final = dt.timedelta(minutes=5)
"""How far ahead of the receiver's clock Klaviyo's may be."""

_SIGNATURE = "Klaviyo-Signature"
_TIMESTAMP = "Klaviyo-Timestamp"
_WEBHOOK_ID = "Klaviyo-Webhook-Id"


@overload
def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: Secrets,
    *,
    now: dt.datetime,
    max_age: dt.timedelta | None = MAX_AGE,
) -> Delivery: ...


@overload
def verify(headers: Mapping[str, str], body: bytes, secret: Secrets, *, max_age: None) -> Delivery: ...


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: Secrets,
    *,
    now: dt.datetime | None = None,
    max_age: dt.timedelta | None = MAX_AGE,
) -> Delivery:
    """Check a delivery of a system webhook and read it.

    The signature is compared in constant time and before anything of the body is read. The age is taken from the
    signed body, because the clock behind the ``Klaviyo-Timestamp`` header is known to be hours off.

    Args:
        headers: Of the request; upper and lower case are the same. One that occurs twice is as good as none.
        body: The bytes as they came, before anybody decodes, parses or re-encodes them.
        secret: What the webhook was created with, or several.
        now: The present, aware. It can only be left out with ``max_age=None``.
        max_age: How long ago it may have been sent; None accepts any age, also one that cannot be told.

    Raises:
        SignatureMismatch: It is not Klaviyo's, as far as can be told.
        StaleDelivery: It is older than ``max_age``, or more than ``MAX_SKEW`` ahead of ``now``.
        MalformedDelivery: It is signed, but cannot be read. An entry that cannot be read does not count: see
            ``Delivery.damaged``.
        ValueError: A secret is empty, there is none, ``now`` is naive, or ``max_age`` is negative.
        TypeError: A secret is not text, the body is not bytes, or ``now`` is missing.
    """
    keys = _keys(secret)
    _check_time(now, max_age)
    _check_bytes(body)
    signature, timestamp, webhook_id = (_only(headers, name) for name in (_SIGNATURE, _TIMESTAMP, _WEBHOOK_ID))
    if not _is_any(signature, [_sign(key, body, timestamp) for key in keys]):
        raise SignatureMismatch("The signature is not that of the body and its timestamp")
    delivery = parse(body)
    # The header is not signed, the body is.
    if delivery.webhook_id.encode() != webhook_id:
        raise SignatureMismatch(f"{_WEBHOOK_ID} is not the webhook that the body names")
    if now is not None and max_age is not None:
        _check_age(delivery.sent_at, now, max_age)
    return delivery


def has_secret(headers: Mapping[str, str], name: str, secret: Secrets) -> bool:
    """Whether a header holds the secret, compared in constant time.

    For the webhook action of a flow, which Klaviyo does not sign: add a header of your own to the action. It says who
    sends, and nothing of the body or its age.

    Args:
        headers: Of the request; upper and lower case are the same. One that occurs twice is as good as none.
        name: The header's.
        secret: What the action sends there, or several. ASCII; nothing else is accepted in a header.

    Raises:
        ValueError: A secret is empty, or there is none.
        TypeError: A secret is not text.
    """
    keys = _keys(secret)
    try:
        value = _only(headers, name)
    except SignatureMismatch:
        return False
    return _is_any(value, keys)


def _keys(secret: Secrets) -> list[bytes]:
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets:
        raise ValueError("there is no secret")
    return [_key(one) for one in secrets]


def _key(secret: object) -> bytes:
    if not isinstance(secret, str):
        raise TypeError("a secret must be text")
    if not secret:
        raise ValueError("a secret must not be empty")
    # Half of a surrogate pair must not raise: the error would carry the secret along.
    return secret.encode("utf-8", "surrogatepass")


def _check_time(now: dt.datetime | None, max_age: dt.timedelta | None) -> None:
    if now is None and max_age is not None:
        raise TypeError("now is needed to tell the age; max_age=None accepts any")
    if now is not None and now.utcoffset() is None:
        raise ValueError("now must be aware")
    if max_age is not None and max_age < dt.timedelta():
        raise ValueError("max_age must not be negative")


def _check_bytes(body: object) -> None:
    if not isinstance(body, bytes):
        raise TypeError("body must be the bytes that came, not what was made of them")


def _only(headers: Mapping[str, str], name: str) -> bytes:
    """The value of a header that occurs once.

    Raises:
        SignatureMismatch: It is missing, empty, there twice, or not ASCII.
    """
    values = _values(headers.items(), name.lower())
    if len(values) != 1:
        raise SignatureMismatch(f"{name} is there {len(values)} times instead of once")
    (value,) = values
    if not isinstance(value, str) or not value or not value.isascii():
        raise SignatureMismatch(f"{name} is empty or not ASCII text")
    return value.encode()


def _values(items: Iterable[tuple[object, object]], name: str) -> list[object]:
    return [value for key, value in items if isinstance(key, str) and key.lower() == name]


def _sign(key: bytes, body: bytes, timestamp: bytes) -> bytes:
    digest = hmac.new(key, body, hashlib.sha256)
    digest.update(timestamp)
    return digest.hexdigest().encode()


def _is_any(given: bytes, wanted: Sequence[bytes]) -> bool:
    # All are compared, so that the time does not tell which one it was.
    matches = [hmac.compare_digest(given, one) for one in wanted]
    return any(matches)


def _check_age(sent_at: dt.datetime | None, now: dt.datetime, max_age: dt.timedelta) -> None:
    if sent_at is None:
        raise MalformedDelivery("meta.timestamp is missing or unreadable, so the age cannot be told")
    age = now - sent_at
    if not -MAX_SKEW <= age <= max_age:
        raise StaleDelivery(age)
