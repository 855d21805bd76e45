"""Being forgotten, over a real socket."""

from typing import Any

import pytest

from aioklaviyo import InvalidRequest, NotFound, ProfileAttributes
from client.client_server import Connect, Reply, Reset, Serve, problem
from client.emulated import account, body_of, resources


async def test_a_person_is_forgotten_by_any_identifier() -> None:
    async with account() as here:
        profiles, privacy = here.klaviyo.profiles, here.klaviyo.data_privacy
        ann = (await profiles.upsert(ProfileAttributes(email="ann@example.org"))).profile.id
        bea = (await profiles.upsert(ProfileAttributes(phone_number="+4366412345678"))).profile.id
        cyd = (await profiles.upsert(ProfileAttributes(external_id="c"))).profile.id
        dan = (await profiles.upsert(ProfileAttributes(external_id="d"))).profile.id
        await privacy.request_deletion(email="ann@example.org")
        await privacy.request_deletion(phone_number="+4366412345678")
        await privacy.request_deletion(profile_id=cyd)
        assert body_of(here.sent[-1]) == {
            "data": {
                "type": "data-privacy-deletion-job",
                "attributes": {"profile": {"data": {"type": "profile", "id": cyd, "attributes": {}}}},
            }
        }
        for forgotten in (ann, bea, cyd):
            with pytest.raises(NotFound):
                await profiles.get(forgotten)
        assert (await profiles.get(dan)).external_id == "d"
        assert here.succeeded() >= resources("data_privacy")
        here.check()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"email": ""},
        {"email": "ann@example.org", "profile_id": "01M1"},
        {"email": "ann@example.org", "phone_number": ""},
        {"profile_id": "01M1", "phone_number": "+431", "email": "ann@example.org"},
    ],
)
async def test_not_exactly_one_identifier_is_refused_and_none_is_told(connect: Connect, given: dict[str, Any]) -> None:
    klaviyo = await connect("http://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match="exactly one of") as caught:
        await klaviyo.data_privacy.request_deletion(**given)
    assert "ann" not in str(caught.value)


async def test_a_deletion_is_repeated_and_may_then_find_nobody(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(202), Reset(), Reply(404, problem(404, "not_found")))
    klaviyo = await connect(server.url)
    await klaviyo.data_privacy.request_deletion(profile_id="01M1")
    with pytest.raises(NotFound) as caught:
        await klaviyo.data_privacy.request_deletion(profile_id="01M1")
    assert caught.value.attempts == 2
    assert len({request.body for request in server.received}) == 1
