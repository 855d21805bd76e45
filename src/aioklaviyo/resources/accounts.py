"""The account behind the credentials. Scope ``accounts:read``; 1 call per second, 15 per minute."""

from collections.abc import Sequence

from aioklaviyo import jsonapi
from aioklaviyo.calls import Caller, read
from aioklaviyo.jsonapi import Json, MalformedDocumentError
from aioklaviyo.models.account import Account, account_from


class Accounts:
    """``klaviyo.accounts``."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def get(self, *, fields: Sequence[str] = (), deadline_seconds: float | None = None) -> Account:
        """The one account the credentials belong to.

        Args:
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        reply = await self._caller.send(read("/api/accounts", {"fields[account]": fields}), deadline_seconds)
        return reply.parsed(_first_account)


def _first_account(document: Json) -> Account:
    accounts = jsonapi.collection(document)
    if not accounts:
        raise MalformedDocumentError("data is empty")
    return account_from(accounts[0])
