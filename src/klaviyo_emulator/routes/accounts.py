"""Accounts: there is one."""

from __future__ import annotations

from klaviyo_emulator.errors import not_found
from klaviyo_emulator.jsonapi import Document, collection, resource, select, single
from klaviyo_emulator.routes.context import ApiRequest, Context, Reply, Routes


async def get_accounts(context: Context, request: ApiRequest) -> Reply:
    """The account, in a list."""
    return Reply(200, collection([_account(context, request)], request.self_link(context.linker)))


async def get_account(context: Context, request: ApiRequest) -> Reply:
    """The account, if that is its id."""
    (account_id,) = request.arguments
    if account_id != context.mint.account_id:
        raise not_found(f"Account with id {account_id} not found.")
    return Reply(200, single(_account(context, request), request.self_link(context.linker)))


def _account(context: Context, request: ApiRequest) -> Document:
    account_id = context.mint.account_id
    name = context.account_name
    address = dict.fromkeys(("address1", "address2", "city", "region", "country", "zip"))
    attributes: Document = {
        "test_account": True,
        "contact_information": {
            "default_sender_name": name,
            "default_sender_email": "sender@emulated.test",
            "website_url": None,
            "organization_name": name,
            "street_address": address,
        },
        "industry": None,
        "timezone": "UTC",
        "preferred_currency": "USD",
        "public_api_key": account_id,
        "locale": "en-US",
    }
    return resource(context.linker, "account", account_id, select(attributes, request.query.fields.get("account")))


ROUTES: Routes = {"get_accounts": get_accounts, "get_account": get_account}
