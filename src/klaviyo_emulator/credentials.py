"""Who asks: private keys and bearer tokens, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.errors import authentication_failed, not_authenticated, permission_denied

if TYPE_CHECKING:
    from klaviyo_emulator.config import EmulatorConfig
    from klaviyo_emulator.operations import Operation

_PRIVATE_KEY_PREFIX = "pk_"


@dataclass(frozen=True, slots=True)
class Caller:
    """An accepted credential. All private keys share the bucket of the account; every bearer token has its own."""

    credential: str
    bucket: str


def authenticate(header: bytes | None, config: EmulatorConfig) -> Caller:
    """Read the Authorization header. Raises a 401 refusal."""
    if header is None:
        raise not_authenticated()
    scheme, _, credential = header.decode("latin-1").strip().partition(" ")
    credential = credential.strip()
    match scheme.lower():
        case "klaviyo-api-key":
            accepted = credential in config.keys if config.keys is not None else _is_private_key(credential)
            bucket = "account"
        case "bearer":
            accepted = credential in config.keys if config.keys is not None else bool(credential)
            bucket = f"app {credential}"
        case _:
            raise authentication_failed()
    if not accepted:
        raise authentication_failed()
    return Caller(credential, bucket)


def authorize(caller: Caller, operation: Operation, config: EmulatorConfig) -> None:
    """Raises a 403 refusal when the credential lacks a scope of the operation."""
    granted = config.scopes.get(caller.credential)
    if granted is None:
        return
    missing = sorted(operation.scopes - granted)
    if missing:
        raise permission_denied(f"The API key is missing the required scopes: {', '.join(missing)}.")


def _is_private_key(credential: str) -> bool:
    return credential.startswith(_PRIVATE_KEY_PREFIX) and len(credential) > len(_PRIVATE_KEY_PREFIX)
