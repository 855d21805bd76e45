"""Whether a signature holds.

One decoder per algorithm, each knowing that algorithm alone, each a private instance: what a token's header
says cannot choose another one (RFC 8725, section 3.1), and neither can whoever registers algorithms with the
library's global decoder while the program runs. Secrets and public keys have separate ways in.
"""

from typing import Final

from jwt import PyJWS, PyJWTError

from dreamflow.identity.errors import InvalidToken
from dreamflow.identity.rules.compact import UnverifiedToken
from dreamflow.identity.rules.keyset import PublicKey, VerificationKey

_PUBLIC_KEY_DECODERS: Final = {name: PyJWS(algorithms=[name]) for name in ("ES256", "RS256")}
_SECRET_DECODER: Final = PyJWS(algorithms=["HS256"])


def check_with_key(token: UnverifiedToken, key: VerificationKey) -> None:
    """Check a signature with a public key.

    Raises:
        InvalidToken: it does not hold.
    """
    _check(_PUBLIC_KEY_DECODERS[key.algorithm], token, key.public_key, key.algorithm)


def check_with_secret(token: UnverifiedToken, secret: bytes) -> None:
    """Check a signature with a shared secret.

    Raises:
        InvalidToken: it does not hold.
    """
    _check(_SECRET_DECODER, token, secret, "HS256")


def _check(decoder: PyJWS, token: UnverifiedToken, key: PublicKey | bytes, algorithm: str) -> None:
    try:
        decoder.decode_complete(
            token.text,
            key,
            algorithms=[algorithm],
            options={"verify_signature": True, "enforce_minimum_key_length": True},
        )
    except (PyJWTError, TypeError, ValueError):
        raise InvalidToken from None
