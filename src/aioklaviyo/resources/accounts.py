"""The account behind the credentials. Scope ``accounts:read``."""

from collections.abc import Sequence

from aioklaviyo import jsonapi
from aioklaviyo.jsonapi import Json, MalformedDocumentError
from aioklaviyo.models.account import Account, account_from
from aioklaviyo.operations import Operation
from aioklaviyo.rates import XS
from aioklaviyo.resources.area import Area

GET_ALL = Operation("get_accounts", "GET", "/api/accounts", XS)
GET = Operation("get_account", "GET", "/api/accounts/{id}", XS)


class Accounts(Area):
    """``klaviyo.accounts``."""

    async def get(
        self, account_id: str | None = None, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Account:
        """The one account the credentials belong to.

        Args:
            account_id: Its id, where that is to be made sure of.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: The credentials belong to another account than ``account_id``.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"fields[account]": fields}
        if account_id is not None:
            return await self._one(GET.call(account_id, query=query), account_from, deadline_seconds)
        reply = await self._caller.send(GET_ALL.call(query=query), deadline_seconds)
        return reply.parsed(_first_account)


def _first_account(document: Json) -> Account:
    accounts = list(jsonapi.collection(document))
    if not accounts:
        raise MalformedDocumentError("data is empty")
    return account_from(accounts[0])
