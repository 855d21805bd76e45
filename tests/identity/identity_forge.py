"""Tokens by hand, honest and forged, without the library under test."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from typing_extensions import override

from dreamflow.identity import IdentityService, IssuerConfig, KeySource
from dreamflow.identity.rules.keyset import NO_KEYS, KeySet, from_jwks
from dreamflow.kit.clock import ManualClock

NOW = datetime(2026, 3, 4, 19, 10, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
AUDIENCE = "authenticated"
ES_ISSUER = "https://stars.example/auth/v1"
RS_ISSUER = "https://moon.example/auth/v1"
HS_ISSUER = "https://lamp.example/auth/v1"
KID = "evening-1"
SECRET = "a-shared-secret-of-more-than-thirty-two-bytes"

ES_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_ES_KEY = ec.generate_private_key(ec.SECP256R1())
ES384_KEY = ec.generate_private_key(ec.SECP384R1())
K1_KEY = ec.generate_private_key(ec.SECP256K1())
RS_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RS_KEY = rsa.generate_private_key(65537, 2048)
WEAK_RS_KEY = rsa.generate_private_key(65537, 1024)  # the least the library still makes

Signer = Callable[[bytes], bytes]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def as_bytes(value: Mapping[str, Any] | bytes) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def jws(header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, signer: Signer) -> str:
    signed = f"{b64(as_bytes(header))}.{b64(as_bytes(claims))}"
    return f"{signed}.{b64(signer(signed.encode()))}"


def es256(key: ec.EllipticCurvePrivateKey, size: int = 32) -> Signer:
    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256() if size == 32 else SHA384())))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return sign


def rs256(key: rsa.RSAPrivateKey) -> Signer:
    return lambda data: key.sign(data, padding.PKCS1v15(), SHA256())


def hs256(secret: bytes) -> Signer:
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def nothing(_data: bytes) -> bytes:
    return b""


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def ec_jwk(key: ec.EllipticCurvePrivateKey, kid: str | None = KID, **extra: Any) -> dict[str, Any]:
    numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp256k1": "secp256k1"}[key.curve.name]
    jwk = {"kty": "EC", "crv": curve, "x": number(numbers.x, size), "y": number(numbers.y, size)}
    return {**jwk, **({} if kid is None else {"kid": kid}), **extra}


def rsa_jwk(key: rsa.RSAPrivateKey, kid: str | None = KID, **extra: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    return {**jwk, **({} if kid is None else {"kid": kid}), **extra}


def header(**changes: Any) -> dict[str, Any]:
    return changed({"alg": "ES256", "typ": "JWT", "kid": KID}, changes)


def claims(**changes: Any) -> dict[str, Any]:
    honest = {
        "iss": ES_ISSUER,
        "aud": AUDIENCE,
        "sub": "0190c0de-0000-7000-8000-000000000001",
        "iat": EPOCH - 60,
        "exp": EPOCH + 3600,
        "role": "authenticated",
        "email": "parent@example.org",
        "email_verified": True,
    }
    return changed(honest, changes)


ABSENT = object()


def changed(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**base, **changes}.items() if value is not ABSENT}


def honest(**changes: Any) -> str:
    """A token of the ES256 issuer that is right but for the changed claims."""
    return jws(header(), claims(**changes), es256(ES_KEY))


def with_header(**changes: Any) -> str:
    """A token of the ES256 issuer that is right but for the changed header."""
    return jws(header(**changes), claims(), es256(ES_KEY))


def with_payload(text: str) -> str:
    """An honestly signed token with a payload written by hand; "..." stands for the honest claims."""
    inner = json.dumps(claims())[1:-1]
    return jws(header(), text.replace("...", inner).encode(), es256(ES_KEY))


def config(**changes: Any) -> IssuerConfig:
    """The ES256 issuer."""
    return IssuerConfig(
        **changed({"issuer": ES_ISSUER, "audience": AUDIENCE, "jwks_url": "https://stars.example/jwks"}, changes)
    )


class StaticKeys(KeySource):
    """Keys that never change, by issuer; nothing is fetched."""

    def __init__(self, keys: Mapping[str, KeySet] | None = None) -> None:
        self._keys = keys or {}

    @override
    async def keys_of(self, issuer: IssuerConfig, key_id: str | None) -> KeySet:
        return self._keys.get(issuer.issuer, NO_KEYS)


@dataclass
class House:
    """A service that believes three issuers, one of each kind."""

    service: IdentityService
    clock: ManualClock


def house(**changes: Any) -> House:
    clock = ManualClock(NOW)
    keys = StaticKeys({ES_ISSUER: from_jwks({"keys": [ec_jwk(ES_KEY)]}, "ES256")})
    issuers = [
        config(**changes),
        IssuerConfig(RS_ISSUER, AUDIENCE, public_jwks={"keys": [rsa_jwk(RS_KEY)]}, algorithm="RS256"),
        IssuerConfig(HS_ISSUER, AUDIENCE, hs256_secret=SECRET),
    ]
    return House(IdentityService(issuers, keys, clock), clock)
