"""Webhooks as they are kept, over a real socket."""

import pytest
from pydantic import SecretStr

from aioklaviyo import CredentialsRejected, InvalidRequest, NewEvent, NotFound, OutcomeUnknown, ProfileRef
from client.client_server import Connect, Reply, Reset, Serve
from client.emulated import account, body_of, resources

OPENED, BOUNCED, READ = "event:klaviyo.opened_email", "event:klaviyo.bounced_email", "event:api.read"
SECRET = "sixteen or more of them"
URL = "https://example.org/hooks/7f3a"


async def test_every_operation_of_webhooks_does_what_it_says() -> None:
    async with account() as here:
        webhooks = here.klaviyo.webhooks
        await here.klaviyo.events.create(NewEvent(metric="Read", profile=ProfileRef(email="ann@example.org")))
        assert {OPENED, BOUNCED, READ} <= {topic.id async for topic in webhooks.topics()}
        assert (await webhooks.get_topic(READ)).id == READ
        made = await webhooks.create(
            "Mine", URL, secret_key=SecretStr(SECRET), topics=[OPENED, READ], description="For tests"
        )
        assert (made.name, made.description, made.enabled) == ("Mine", "For tests", True)
        assert made.endpoint_url == "https://example.org/*****"
        assert set(made.topic_ids) == {OPENED, READ}
        assert made.created_at is not None
        found = await webhooks.get(made.id, include=("webhook-topics",))
        assert {topic.id for topic in found.topics or ()} == {OPENED, READ}
        changed = await webhooks.update(
            made.id,
            name="Ours",
            description=None,
            endpoint_url="https://example.com/x",
            secret_key=SECRET * 2,
            enabled=False,
            topics=[BOUNCED],
        )
        assert (changed.name, changed.description, changed.enabled) == ("Ours", None, False)
        assert (changed.endpoint_url, changed.topic_ids) == ("https://example.com/*****", (BOUNCED,))
        assert (await webhooks.update(made.id, enabled=True)).enabled
        assert body_of(here.sent[-1]) == {
            "data": {"type": "webhook", "id": made.id, "attributes": {"enabled": True}},
        }
        listed = [each async for each in webhooks.list(include=("webhook-topics",), fields=("name",))]
        assert [(each.name, each.enabled, [topic.id for topic in each.topics or ()]) for each in listed] == [
            ("Ours", None, [BOUNCED])
        ]
        await webhooks.delete(made.id)
        with pytest.raises(NotFound):
            await webhooks.get(made.id)
        assert here.succeeded() >= resources("webhooks")
        here.check()


async def test_an_account_without_the_advanced_platform_is_told_so() -> None:
    async with account(behaviour="live", advanced_kdp=False) as here:
        with pytest.raises(CredentialsRejected) as caught:
            await here.klaviyo.webhooks.create("Mine", URL, secret_key=SECRET, topics=[OPENED])
        assert caught.value.status == 403
        assert "Advanced KDP" in str(caught.value.errors[0].detail)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "http://10.0.0.1/x", "ftp://example.org", "example.org/x", "https://", "http://[x", ""],
)
async def test_an_endpoint_that_is_not_https_is_refused(connect: Connect, url: str) -> None:
    klaviyo = await connect("http://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match="https"):
        await klaviyo.webhooks.create("Mine", url, secret_key=SECRET, topics=[OPENED])
    with pytest.raises(InvalidRequest, match="https"):
        await klaviyo.webhooks.update("01M1", endpoint_url=url)


async def test_an_endpoint_on_this_machine_may_be_told_without_tls() -> None:
    async with account() as here:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            made = await here.klaviyo.webhooks.create("M", f"http://{host}:1/x", secret_key=SECRET, topics=[OPENED])
            assert made.endpoint_url == f"http://{host}:1/*****"


async def test_a_webhook_without_topics_is_refused(connect: Connect) -> None:
    klaviyo = await connect("http://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match="needs a topic"):
        await klaviyo.webhooks.create("Mine", URL, secret_key=SECRET, topics=[])
    with pytest.raises(InvalidRequest, match="needs a topic"):
        await klaviyo.webhooks.update("01M1", topics=())


async def test_making_a_webhook_is_not_repeated_and_its_secret_not_told(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset())
    klaviyo = await connect(server.url)
    with pytest.raises(OutcomeUnknown) as caught:
        await klaviyo.webhooks.create("Mine", URL, secret_key=SECRET, topics=[OPENED])
    assert len(server.received) == 1
    assert server.received[0].json["data"]["attributes"]["secret_key"] == SECRET
    assert SECRET not in repr(caught.value) + str(caught.value.record)


async def test_changing_a_webhook_is_repeated(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(document={"data": {"type": "webhook", "id": "01M1", "attributes": {}}}))
    klaviyo = await connect(server.url)
    assert (await klaviyo.webhooks.update("01M1", description="x", secret_key=SECRET)).topic_ids == ()
    assert [request.json["data"]["attributes"] for request in server.received] == [
        {"description": "x", "secret_key": SECRET}
    ] * 2
