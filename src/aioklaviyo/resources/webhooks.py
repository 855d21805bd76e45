"""Webhooks: where Klaviyo tells of events, up to ten per account. Scopes ``webhooks:read``, ``webhooks:write``.

Klaviyo lets only accounts with its advanced data platform (Advanced KDP) and apps with OAuth use them: a private key of
another account gets ``CredentialsRejected`` (403) from every call here, whatever its scopes are.

What arrives at an endpoint is verified and read by ``aioklaviyo.webhooks``.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import SecretStr

from aioklaviyo.models.webhook import Webhook, WebhookTopic, webhook_from, webhook_topic_from
from aioklaviyo.models.writing import UNSET, Settable
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import XS
from aioklaviyo.resources.area import Area, identified

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_webhooks", "GET", "/api/webhooks", XS)
GET = Operation("get_webhook", "GET", "/api/webhooks/{id}", XS)
CREATE = Operation("create_webhook", "POST", "/api/webhooks", XS)
UPDATE = Operation("update_webhook", "PATCH", "/api/webhooks/{id}", XS)
DELETE = Operation("delete_webhook", "DELETE", "/api/webhooks/{id}", XS, Need.NOTHING)
TOPICS = Operation("get_webhook_topics", "GET", "/api/webhook-topics", XS)
GET_TOPIC = Operation("get_webhook_topic", "GET", "/api/webhook-topics/{id}", XS)

WebhookInclude: TypeAlias = Literal["webhook-topics"]


class Webhooks(Area):
    """``klaviyo.webhooks``. Every call, at 15 a minute, may raise ``CredentialsRejected``: see the module."""

    def list(
        self,
        *,
        include: Sequence[WebhookInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Listing[Webhook]:
        """All webhooks, in one page.

        Args:
            include: What to resolve to objects on each webhook.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            CredentialsRejected: While iterating: the account may not use webhooks, or the key lacks the scope.
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=webhook_from,
            query={"fields[webhook]": fields, "include": include},
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        webhook_id: str,
        *,
        include: Sequence[WebhookInclude] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Webhook:
        """One webhook by its id.

        Args:
            webhook_id: 26 letters and digits.
            include: What to resolve to objects.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(webhook_id, query={"fields[webhook]": fields, "include": include})
        return await self._one(call, webhook_from, deadline_seconds)

    async def create(
        self,
        name: str,
        endpoint_url: str,
        *,
        secret_key: str | SecretStr,
        topics: Sequence[str],
        description: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Webhook:
        """Create a webhook; it is enabled and tells of what happens from now on, give or take three minutes.

        Not repeated once it may have been processed: everything would be told twice.

        Args:
            name: What it is called.
            endpoint_url: Where to; https. Klaviyo shows nothing but its host again.
            secret_key: What deliveries are signed with; Klaviyo never shows it again. It is said to need 16 characters.
            topics: Ids as ``topics`` has them, at least one.
            description: What it is for.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: The endpoint is not https, or there are no topics.
            CredentialsRejected: The account may not use webhooks, or the key lacks the scope.
            RequestRejected: There is no such topic, or there are ten webhooks already.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        _check(CREATE, endpoint_url, topics)
        attributes: dict[str, Json] = {
            "name": name,
            "endpoint_url": endpoint_url,
            "secret_key": _revealed(secret_key),
            **({} if description is None else {"description": description}),
        }
        data: Json = {"type": "webhook", "attributes": attributes, "relationships": _listening(topics)}
        return await self._one(CREATE.call(data=data), webhook_from, deadline_seconds)

    async def update(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        description: Settable[str] = UNSET,
        endpoint_url: str | None = None,
        secret_key: str | SecretStr | None = None,
        enabled: bool | None = None,
        topics: Sequence[str] | None = None,
        deadline_seconds: float | None = None,
    ) -> Webhook:
        """Change a webhook; what is None stays.

        Args:
            webhook_id: 26 letters and digits.
            name: What it is to be called.
            description: What it is for; ``UNSET`` leaves it alone. None clears it according to Klaviyo's specification,
                but the live API has been seen to keep what was there.
            endpoint_url: Where to from now on; https.
            secret_key: What deliveries are signed with from now on: let your endpoint accept both for a while.
            enabled: Whether it tells of anything.
            topics: All that it tells of from now on, at least one.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: The endpoint is not https, or there are no topics.
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        _check(UPDATE, endpoint_url, topics)
        changes: dict[str, Json] = {"name": name, "endpoint_url": endpoint_url, "enabled": enabled}
        changes = {attribute: value for attribute, value in changes.items() if value is not None}
        if secret_key is not None:
            changes["secret_key"] = _revealed(secret_key)
        if description is not UNSET:
            changes["description"] = description
        data: dict[str, Json] = {"type": "webhook", "id": webhook_id, "attributes": changes}
        if topics is not None:
            data["relationships"] = _listening(topics)
        return await self._one(UPDATE.call(webhook_id, data=data), webhook_from, deadline_seconds)

    async def delete(self, webhook_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a webhook.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(webhook_id), deadline_seconds)

    def topics(self, *, deadline_seconds: float | None = None) -> Listing[WebhookTopic]:
        """What webhooks can tell of, in one page: Klaviyo's own topics, and one for each metric of the account."""
        return self._list(TOPICS, parse=webhook_topic_from, deadline_seconds=deadline_seconds)

    async def get_topic(self, topic_id: str, *, deadline_seconds: float | None = None) -> WebhookTopic:
        """One topic by its id, such as ``event:klaviyo.opened_email``. Raises ``NotFound`` where there is none."""
        return await self._one(GET_TOPIC.call(topic_id), webhook_topic_from, deadline_seconds)


def _revealed(secret: str | SecretStr) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def _listening(topics: Sequence[str]) -> "dict[str, Json]":
    return {"webhook-topics": {"data": identified("webhook-topic", topics)}}


def _check(operation: Operation, endpoint_url: str | None, topics: Sequence[str] | None) -> None:
    if endpoint_url is not None and not _may_be_told(endpoint_url):
        raise operation.refused("the endpoint must be an https URL", "/data/attributes/endpoint_url")
    if topics is not None and not topics:
        raise operation.refused("a webhook needs a topic", "/data/relationships/webhook-topics/data")


def _may_be_told(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    # Klaviyo cannot reach this machine anyway: such a URL is meant for a stand-in of Klaviyo that runs here.
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
