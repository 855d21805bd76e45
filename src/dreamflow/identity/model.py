"""Who is asking, and whom we believe about it. Frozen values; no token is read here.

An account is the pair (issuer, subject): an e-mail address may change hands, a subject may not be
reissued (OpenID Connect Core 1.0, section 5.7).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from jwt import InvalidKeyError
from jwt.algorithms import HMACAlgorithm

from dreamflow.kit import urls
from dreamflow.kit.errors import FieldError, Invalid

ParentId = NewType("ParentId", str)
"""The house's own, random name of a parent; `families` hands them out, one per account."""

DEMO_ISSUER: Final = "urn:dreamflow:demo"
"""The issuer of the demo's tokens. Anyone with the demo's key file is anyone: `serve` refuses this issuer."""

_ALGORITHMS: Final = frozenset({"ES256", "RS256", "HS256"})
_SHORTEST_SECRET_BYTES: Final = 32  # RFC 7518, section 3.2: a key of at least the hash's size
_LONGEST_NAME: Final = 512
_CLAIM_PATH: Final = re.compile(r"[A-Za-z0-9_:/-]+(\.[A-Za-z0-9_:/-]+)*", re.ASCII)
# What signed-in users edit themselves, in the dialects of the common identity providers.
_EDITABLE_BY_USERS: Final = frozenset({"user_metadata", "raw_user_meta_data", "unsafe_metadata"})


class Role(StrEnum):
    """What a caller may be."""

    PARENT = "parent"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Account:
    """The key of an account: who vouches, and the name used there."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as vouched for by a verified token.

    Attributes:
        account: the key to everything the caller owns.
        email: only when the issuer says it was verified; left out of `repr`, which ends up in logs.
        role: what the issuer's role claim says; a parent without one.
        expires_at: when the token ends; nothing derived from it (a session) may outlive this.
    """

    account: Account
    email: str | None = field(repr=False)
    role: Role
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """One issuer whose tokens are believed, and how they are checked.

    Exactly one of `jwks_url`, `public_jwks` and `hs256_secret` says where the keys are. It validates
    itself: a configuration that would weaken the check does not come into being.

    Attributes:
        issuer: compared with `iss` byte for byte.
        audience: must be the token's `aud` or one of them.
        jwks_url: where the issuer publishes its keys; https, except on the machine itself.
        public_jwks: a fixed set of public keys (RFC 7517, section 5).
        hs256_secret: a shared secret of at least 32 bytes; setting it is the opt-in to HS256.
        algorithm: the only one its tokens may be signed with (RFC 8725, section 3.1); by default ES256 for public
            keys and HS256 for a secret.
        trust_email: this issuer puts only confirmed addresses into tokens, though it does not say
            `email_verified`. An explicit `email_verified: false` still wins.
        role_claim: dotted path to the role, e.g. "app_metadata.role"; never one that users edit.
        max_age_seconds: refuse tokens issued longer ago than this, whatever their `exp`.

    Raises:
        Invalid: naming every field that is wrong, without its value.
    """

    issuer: str
    audience: str
    jwks_url: str | None = None
    public_jwks: dict[str, object] | None = field(default=None, repr=False, hash=False)
    hs256_secret: str | None = field(default=None, repr=False)
    algorithm: str | None = None
    trust_email: bool = False
    role_claim: str | None = None
    max_age_seconds: int | None = None

    def __post_init__(self) -> None:
        errors = [FieldError(f"/{name}", detail) for name, detail in self._faults()]
        if errors:
            raise Invalid(*errors)

    @property
    def signed_with(self) -> str:
        """The algorithm, said or by default."""
        return self.algorithm or ("ES256" if self.hs256_secret is None else "HS256")

    def _faults(self) -> Iterator[tuple[str, str]]:
        if not _is_name(self.issuer):
            yield "issuer", "The issuer must be a short text without control characters."
        if not _is_name(self.audience):
            yield "audience", "The audience must be a short text without control characters."
        if sum(source is not None for source in (self.jwks_url, self.public_jwks, self.hs256_secret)) != 1:
            yield "jwks_url", "Give exactly one source of keys, such as jwks_url or hs256_secret."
        if self.jwks_url is not None and not urls.is_safe(self.jwks_url):
            yield "jwks_url", "The key set's address must be https without user or fragment; http only on loopback."
        if self.hs256_secret is not None and not _is_strong_secret(self.hs256_secret):
            yield "hs256_secret", "The shared secret must have at least 32 bytes and must not be a key file."
        if self.algorithm is not None and self.algorithm not in _ALGORITHMS:
            yield "algorithm", "The algorithm must be ES256, RS256 or HS256."
        elif (self.signed_with == "HS256") != (self.hs256_secret is not None):
            yield "algorithm", "HS256 goes with hs256_secret, and only with it."
        if self.role_claim is not None and not _is_trusted_path(self.role_claim):
            yield "role_claim", "The role must come from a dotted claim path that users cannot edit themselves."
        if self.max_age_seconds is not None and self.max_age_seconds <= 0:
            yield "max_age_seconds", "The maximum age must be positive."


def _is_name(value: str) -> bool:
    return 0 < len(value) <= _LONGEST_NAME and value.isprintable() and value == value.strip()


def _is_strong_secret(value: str) -> bool:
    # A public key taken for a secret would let everybody sign (RFC 8725, section 2.1).
    # Ours and the library's idea of what looks like one differ; either is enough.
    looks_like_key = "-----BEGIN" in value or value.lstrip().startswith(("{", "ssh-", "ecdsa-"))
    try:
        secret = HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(value)
    except (InvalidKeyError, UnicodeEncodeError):
        return False
    return not looks_like_key and len(secret) >= _SHORTEST_SECRET_BYTES


def _is_trusted_path(path: str) -> bool:
    return _CLAIM_PATH.fullmatch(path) is not None and _EDITABLE_BY_USERS.isdisjoint(path.lower().split("."))
