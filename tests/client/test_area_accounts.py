"""The account over a real socket."""

import pytest

from aioklaviyo import NotFound
from client.client_server import Connect, Reply, Serve
from client.emulated import account, resources


async def test_every_operation_on_accounts_does_what_it_says() -> None:
    async with account(account_name="Sleepy Owl") as here:
        accounts = here.klaviyo.accounts
        found = await accounts.get()
        assert found.contact_information is not None
        assert (found.contact_information.organization_name, found.public_api_key) == ("Sleepy Owl", found.id)
        assert await accounts.get(found.id) == found
        bare = await accounts.get(fields=("timezone",))
        assert (bare.id, bare.contact_information, bare.timezone) == (found.id, None, found.timezone)
        with pytest.raises(NotFound):
            await accounts.get("NOPE01")
        assert here.succeeded() >= resources("accounts")
        here.check()


async def test_what_klaviyo_adds_to_an_account_is_kept(serve: Serve, connect: Connect) -> None:
    data = {"type": "account", "id": "WBXHNX", "attributes": {"preferred_currency": None, "mood": "fine"}}
    client = await connect((await serve(Reply(document={"data": [data]}))).url)
    found = await client.accounts.get()
    assert (found.id, found.preferred_currency, found.model_extra) == ("WBXHNX", None, {"mood": "fine"})
