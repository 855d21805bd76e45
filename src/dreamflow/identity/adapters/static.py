"""Keys that never change: nothing is fetched."""

from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from dreamflow.identity.model import IssuerConfig
from dreamflow.identity.ports import KeySource
from dreamflow.identity.rules.keyset import NO_KEYS, KeySet


class StaticKeys(KeySource):
    """Key sets by issuer; without any, for issuers that need no source (the demo, a shared secret)."""

    def __init__(self, keys: Mapping[str, KeySet] | None = None) -> None:
        self._keys: Final = dict(keys or {})

    @override
    async def keys_of(self, issuer: IssuerConfig, key_id: str | None) -> KeySet:
        return self._keys.get(issuer.issuer, NO_KEYS)
