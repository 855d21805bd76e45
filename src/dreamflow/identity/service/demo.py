"""The demo's own issuer, so that it runs without an identity provider.

Whoever holds its key can be anyone, which is why `serve` refuses `DEMO_ISSUER`.
"""

import hashlib
import json
from datetime import timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from jwt.algorithms import ECAlgorithm

from dreamflow.identity.model import DEMO_ISSUER, Account, IssuerConfig, Role
from dreamflow.identity.rules.claims import is_plausible_email
from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import FieldError, Invalid

_AUDIENCE: Final = "dreamflow"
_LIFETIME: Final = timedelta(hours=12)


def demo_account(email: str) -> Account:
    """The account of an e-mail address in the demo: the same one in every run."""
    return Account(DEMO_ISSUER, str(uuid5(NAMESPACE_URL, f"mailto:{email.lower()}")))


class DemoIssuer:
    """Signs access tokens for the demo (ES256), and says how to verify them.

    Args:
        key: a P-256 private key, e.g. from `adapters.demo_keys.load_or_create`.
        clock: the machine's, which the `IdentityService` reads too; not the demo's, which stands at story time.
    """

    def __init__(self, key: EllipticCurvePrivateKey, clock: Clock) -> None:
        if not isinstance(key.curve, SECP256R1):
            raise Invalid(FieldError("/key", "The demo signs with a P-256 key."))
        self._key: Final = key
        self._clock: Final = clock
        self._jwk: Final[dict[str, object]] = dict(ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
        self._key_id: Final = _thumbprint(self._jwk)

    @property
    def config(self) -> IssuerConfig:
        """How the demo's tokens are verified."""
        public_jwk = {**self._jwk, "kid": self._key_id, "use": "sig", "alg": "ES256"}
        return IssuerConfig(
            issuer=DEMO_ISSUER,
            audience=_AUDIENCE,
            public_jwks={"keys": [public_jwk]},
            role_claim="app_metadata.role",
        )

    def mint(self, *, email: str, role: Role = Role.PARENT) -> str:
        """Sign an access token for the account of an e-mail address, which goes into it as verified.

        Raises:
            Invalid: the e-mail cannot be one.
        """
        if not is_plausible_email(email):
            raise Invalid(FieldError("/email", "This is not an e-mail address."))
        now = self._clock.now()
        claims = {
            "iss": DEMO_ISSUER,
            "aud": _AUDIENCE,
            "sub": demo_account(email).subject,
            "iat": int(now.timestamp()),
            "exp": int((now + _LIFETIME).timestamp()),
            "email": email,
            "email_verified": True,
            "app_metadata": {"role": role.value},
        }
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})


def _thumbprint(jwk: dict[str, object]) -> str:
    """Name a key by itself (RFC 7638, section 3): the same key has the same `kid` in every run."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
