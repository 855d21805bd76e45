"""Who asks: private keys and bearer tokens, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.errors import authentication_failed, not_authenticated, permission_denied

if TYPE_CHECKING:
    from pathlib import Path

    from klaviyo_emulator.config import EmulatorConfig
    from klaviyo_emulator.operations import Operation

_PRIVATE_KEY_PREFIX = "pk_"
_ACCOUNT = "account"
_WEBHOOK_SCOPES = frozenset({"webhooks:read", "webhooks:write"})


class KeysError(ValueError):
    """A file of keys cannot be read. The message names the file and says why."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An accepted credential. All private keys share the bucket of the account; every bearer token has its own."""

    credential: str
    bucket: str


def read_keys(path: Path) -> dict[str, frozenset[str]]:
    """Keys and tokens with their scopes, one on each line of a file; `#` begins a comment. No scopes means all.

    Raises KeysError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise KeysError(f"cannot read the keys in {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeysError(f"cannot read the keys in {path}: it is not UTF-8 text") from None
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return {words[0]: frozenset(words[1:]) for words in lines if words}


def authenticate(header: bytes | None, config: EmulatorConfig) -> Caller:
    """Read the Authorization header. Raises a 401 refusal."""
    if header is None:
        raise not_authenticated()
    scheme, _, credential = header.decode("latin-1").strip().partition(" ")
    credential = credential.strip()
    match scheme.lower():
        case "klaviyo-api-key":
            accepted = credential in config.keys if config.keys is not None else _is_private_key(credential)
            bucket = _ACCOUNT
        case "bearer":
            accepted = credential in config.keys if config.keys is not None else bool(credential)
            bucket = f"app {credential}"
        case _:
            raise authentication_failed()
    if not accepted:
        raise authentication_failed()
    return Caller(credential, bucket)


def authorize(caller: Caller, operation: Operation, config: EmulatorConfig) -> None:
    """Raises a 403 refusal when the credential lacks a scope of the operation, or the account what webhooks need."""
    if (
        operation.scopes & _WEBHOOK_SCOPES
        and config.behaviour == "live"
        and not config.advanced_kdp
        and caller.bucket == _ACCOUNT
    ):
        raise permission_denied("You must have Advanced KDP enabled to use this endpoint.")
    granted = (config.keys or {}).get(caller.credential)
    if not granted:
        return
    missing = sorted(operation.scopes - granted)
    if missing:
        raise permission_denied(f"The API key is missing the required scopes: {', '.join(missing)}.")


def _is_private_key(credential: str) -> bool:
    return credential.startswith(_PRIVATE_KEY_PREFIX) and len(credential) > len(_PRIVATE_KEY_PREFIX)
