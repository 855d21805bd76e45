"""Reading a token before anything of it is believed.

JWS compact serialisation (RFC 7515, section 7.1): header.payload.signature. What is read here serves to
pick the issuer and the key, and nothing else, until the signature holds.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from dreamflow.identity.errors import InvalidToken
from dreamflow.identity.rules.strict_json import read_object

LONGEST_TOKEN: Final = 8 * 1024
LONGEST_KEY_ID: Final = 256

# No padding, no blanks, nothing empty: three segments are a JWS, five would be a JWE (RFC 7516).
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_TYPES: Final = frozenset({"jwt", "at+jwt"})
# `jku`, `x5u`, `jwk`, `x5c`: a token does not bring its own keys (RFC 8725, section 3.10).
# `crit`, `b64`: no extension is understood here, so a critical one must be refused (RFC 7515, 4.1.11).
# `cty`: a token within a token. `zip`, `enc`: parts of an encrypted token.
_REFUSED_PARAMETERS: Final = frozenset({"jku", "x5u", "jwk", "x5c", "crit", "b64", "cty", "zip", "enc"})


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A well-formed token that nobody vouches for yet."""

    text: str = field(repr=False)
    algorithm: str
    key_id: str | None
    issuer: str
    claims: dict[str, object] = field(repr=False)


def read(token: object) -> UnverifiedToken:
    """Take a token apart.

    Accepts anything: what arrives here was chosen by a stranger.

    Raises:
        InvalidToken: it is not a signed JWT of a form that is accepted.
    """
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN or _SHAPE.fullmatch(token) is None:
        raise InvalidToken
    try:
        header_bytes, payload_bytes, _ = (_decode(segment) for segment in token.split("."))
        header, claims = read_object(header_bytes), read_object(payload_bytes)
    except ValueError:
        raise InvalidToken from None
    algorithm, key_id, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str) or not isinstance(issuer, str):
        raise InvalidToken
    if not _REFUSED_PARAMETERS.isdisjoint(header) or not _is_accepted_type(header):
        raise InvalidToken
    if "kid" not in header:
        return UnverifiedToken(token, algorithm, None, issuer, claims)
    if not isinstance(key_id, str) or not 0 < len(key_id) <= LONGEST_KEY_ID:
        raise InvalidToken
    return UnverifiedToken(token, algorithm, key_id, issuer, claims)


def _decode(segment: str) -> bytes:
    """Undo base64url without padding (RFC 7515, section 2); one spelling per value.

    Raises:
        ValueError: not base64url, or stray bits in the last character.
    """
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment.encode():
        raise ValueError("not the one spelling of its value")
    return data


def _is_accepted_type(header: dict[str, object]) -> bool:
    """Whether `typ` is absent or names an access token (RFC 8725, section 3.11; RFC 9068, section 2.1)."""
    if "typ" not in header:
        return True
    kind = header["typ"]
    return isinstance(kind, str) and kind.lower().removeprefix("application/") in _TYPES
