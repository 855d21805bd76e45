"""What identity needs from outside."""

from typing import Protocol

from dreamflow.identity.model import IssuerConfig
from dreamflow.identity.rules.keyset import KeySet


class KeySource(Protocol):
    """Where the keys of issuers with a `jwks_url` come from."""

    async def keys_of(self, issuer: IssuerConfig, key_id: str | None) -> KeySet:
        """The issuer's usable keys, which may or may not contain the one asked for.

        Never raises because of the issuer: one that cannot be reached has no keys, or its last good
        ones. Answers within seconds, and asks the issuer at most every 30 s, however often it is called.
        """
        ...
