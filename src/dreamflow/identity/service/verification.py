"""Who is asking: from a token to a caller, or to the one refusal."""

from collections.abc import Mapping, Sequence
from typing import Final

from dreamflow.identity.errors import InvalidToken
from dreamflow.identity.model import Caller, IssuerConfig
from dreamflow.identity.ports import KeySource
from dreamflow.identity.rules import claims, compact, keyset, signature
from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import FieldError, Invalid


class IdentityService:
    """Verifies access tokens of the configured issuers.

    Raises:
        Invalid: on construction, when two configurations name one issuer, or one has no usable key.
    """

    def __init__(self, issuers: Sequence[IssuerConfig], keys: KeySource, clock: Clock) -> None:
        self._issuers: Final = {config.issuer: config for config in issuers}
        if len(self._issuers) != len(issuers):
            raise Invalid(FieldError("/issuer", "An issuer may be configured only once."))
        self._fixed_keys: Final = {
            config.issuer: _fixed_keys(config.public_jwks, config.signed_with)
            for config in issuers
            if config.public_jwks is not None
        }
        self._secrets: Final = {
            config.issuer: config.hs256_secret.encode() for config in issuers if config.hs256_secret is not None
        }
        self._keys: Final = keys
        self._clock: Final = clock

    async def verify(self, token: str) -> Caller:
        """Recognise the caller a token speaks for.

        Raises:
            InvalidToken: whatever is wrong with it, and also when its issuer's keys cannot be had.
        """
        unverified = compact.read(token)
        config = self._issuers.get(unverified.issuer)
        # The algorithm is compared before keys are looked for: no fetch for a token that cannot pass.
        if config is None or unverified.algorithm != config.signed_with:
            raise InvalidToken
        if config.issuer in self._secrets:
            signature.check_with_secret(unverified, self._secrets[config.issuer])
        else:
            signature.check_with_key(unverified, await self._key(config, unverified.key_id))
        return claims.caller(unverified.claims, config, self._clock.now())

    async def _key(self, config: IssuerConfig, key_id: str | None) -> keyset.VerificationKey:
        if key_id is None:
            raise InvalidToken
        keys = self._fixed_keys.get(config.issuer)
        if keys is None:
            keys = await self._keys.keys_of(config, key_id)
        key = keys.find(key_id)
        if key is None:
            raise InvalidToken
        return key


def _fixed_keys(document: Mapping[str, object], algorithm: str) -> keyset.KeySet:
    try:
        keys = keyset.from_jwks(document, algorithm)
    except ValueError:
        keys = keyset.NO_KEYS
    if not keys.keys:
        raise Invalid(FieldError("/public_jwks", "The key set has no usable public key for the issuer's algorithm."))
    return keys
