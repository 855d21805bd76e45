"""From an issuer's published keys to those a signature may be checked with.

A key that is weak, ambiguous, meant for something else or of another algorithm is left out, so that no
later step has to remember to look (RFC 7517; RFC 8725, sections 3.1 and 3.5).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from dreamflow.identity.rules.compact import LONGEST_KEY_ID

PublicKey: TypeAlias = EllipticCurvePublicKey | RSAPublicKey

_KEY_TYPES: Final = {"ES256": "EC", "RS256": "RSA"}
_RSA_BITS: Final = range(2048, 8192 + 1)  # RFC 7518, section 3.3; the upper bound keeps a check affordable
_LONGEST_NUMBER: Final = 2048  # characters of base64url: well above 8192 bits
# Members of private keys (RFC 7518, section 6). Who publishes them has lost the key.
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the one algorithm it is used with."""

    key_id: str
    algorithm: str
    public_key: PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of one issuer, by their `kid`."""

    keys: Mapping[str, VerificationKey] = field(default_factory=lambda: MappingProxyType({}))

    def find(self, key_id: str | None) -> VerificationKey | None:
        """The key a token names. A token that names none has none: guessing is not offered."""
        return None if key_id is None else self.keys.get(key_id)


NO_KEYS: Final = KeySet()


def from_jwks(document: Mapping[str, object], algorithm: str) -> KeySet:
    """Keep the keys of a JWK Set (RFC 7517, section 5) that may verify tokens of an algorithm.

    A `kid` that occurs twice is ambiguous and names no key at all, whatever its holders are.

    Raises:
        ValueError: the document is no JWK Set.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("not a JWK Set")  # noqa: TRY004 - the reader's one error
    entries = [cast("dict[str, object]", entry) for entry in cast("list[object]", listed) if isinstance(entry, dict)]
    seen = Counter(key_id for entry in entries if isinstance(key_id := entry.get("kid"), str))
    keys: dict[str, VerificationKey] = {}
    for key_id, times in seen.items():
        if times == 1 and 0 < len(key_id) <= LONGEST_KEY_ID:
            entry = next(entry for entry in entries if entry.get("kid") == key_id)
            public_key = _usable(entry, algorithm)
            if public_key is not None:
                keys[key_id] = VerificationKey(key_id, algorithm, public_key)
    return KeySet(MappingProxyType(keys))


def _usable(entry: dict[str, object], algorithm: str) -> PublicKey | None:
    """The public key of an entry, or nothing if it must not verify tokens of this algorithm."""
    if entry.get("kty") != _KEY_TYPES[algorithm] or not _is_meant_to_verify(entry, algorithm):
        return None
    if not _PRIVATE.isdisjoint(entry) or any(_is_oversized(entry.get(name)) for name in ("n", "e", "x", "y")):
        return None
    try:
        key: object = PyJWK(entry, algorithm).key
    except (PyJWTError, UnsupportedAlgorithm, TypeError, ValueError):
        return None
    if isinstance(key, EllipticCurvePublicKey):
        return key if isinstance(key.curve, SECP256R1) else None
    return key if isinstance(key, RSAPublicKey) and key.key_size in _RSA_BITS else None


def _is_meant_to_verify(entry: dict[str, object], algorithm: str) -> bool:
    """Whether `use`, `key_ops` and `alg`, where given, allow it (RFC 7517, sections 4.2 to 4.4)."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in cast("list[object]", operations)
    )


def _is_oversized(number: object) -> bool:
    return isinstance(number, str) and len(number) > _LONGEST_NUMBER
