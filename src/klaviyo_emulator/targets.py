"""Where the emulator may send requests of its own to: https anywhere, plain http to this machine only."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from klaviyo_emulator.hosts import is_loopback

MAXIMUM_URL = 2048


class TargetError(ValueError):
    """Nothing is sent to this URL. The message says why."""


def check_target(url: str) -> SplitResult:
    """The parts of a URL that may be sent to. Raises TargetError."""
    if len(url) > MAXIMUM_URL or not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise TargetError(f"it must have up to {MAXIMUM_URL} printable ASCII characters and no space")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise TargetError("it is not a URL") from None
    host = parts.hostname
    if not host or parts.username is not None or parts.password is not None:
        raise TargetError("it must have a host, and no user or password")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise TargetError("it must begin with https://, or with http:// and a loopback address")
    return parts


def masked(url: str) -> str:
    """The URL as Klaviyo shows it: `https://host/*****`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/*****"
