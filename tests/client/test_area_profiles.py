"""Profiles, their imports, consents and push tokens over a real socket."""

import datetime as dt
from collections.abc import Sequence

import pytest
from pydantic import ValidationError
from typing_extensions import override

from aioklaviyo import (
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    ProfileAttributes,
    ProfilePatch,
    ProfileRef,
    filters,
)
from aioklaviyo.models.consent import Subscriber, Unsubscriber
from aioklaviyo.models.full_profile import FullProfile
from aioklaviyo.models.new_profile import ProfileImport
from aioklaviyo.models.push_token import DeviceMetadata, NewPushToken
from aioklaviyo.pacing.model import NoPacing, Priority, Slot
from aioklaviyo.rates import Charge
from client.client_server import Connect, Reply, Reset, Serve, profile
from client.emulated import Account, account, body_of, resources

TOKEN = NewPushToken(
    token="t-1", platform="ios", vendor="apns", device_metadata=DeviceMetadata(device_id="d", os_name="ios")
)
LONG_AGO = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)


async def everybody(here: Account, **more: object) -> list[FullProfile]:
    return [found async for found in here.klaviyo.profiles.list(sort="email", page_size=100, **more)]  # pyright: ignore[reportArgumentType]


async def test_every_operation_on_profiles_does_what_it_says() -> None:
    async with account(job_ms=0) as here:
        profiles, lists = here.klaviyo.profiles, here.klaviyo.lists
        ann = await profiles.create(ProfileAttributes(email="ann@example.org", properties={"likes": ["tea"]}))
        bob = (await profiles.upsert(ProfileAttributes(email="bob@example.org"))).profile
        renamed = await profiles.update(
            ann.id, ProfileAttributes(first_name="Ann"), patch=ProfilePatch(append={"likes": "milk"})
        )
        assert (renamed.first_name, renamed.properties) == ("Ann", {"likes": ["tea", "milk"]})
        letters = await lists.create("Letters")
        await lists.add_members(letters.id, [ann.id])
        await here.klaviyo.push_tokens.create(TOKEN, ProfileRef(id=ann.id))

        read = await profiles.get(
            ann.id,
            include=("lists", "segments", "push-tokens", "conversations"),
            additional_fields=("subscriptions", "predictive_analytics"),
        )
        assert read.lists is not None
        assert read.push_tokens is not None
        assert [found.name for found in read.lists] == ["Letters"]
        assert [found.token for found in read.push_tokens] == ["t-1"]
        assert (read.segments, read.conversations) == ((), ())
        assert read.subscriptions is not None
        assert read.predictive_analytics is not None
        bare = await profiles.get(ann.id)
        assert (bare.lists, bare.push_tokens, bare.subscriptions) == (None, None, None)
        listed = await everybody(here, include=("push-tokens", "conversations"))
        assert [(found.email, len(found.push_tokens or ())) for found in listed] == [
            ("ann@example.org", 1),
            ("bob@example.org", 0),
        ]

        assert [found.id async for found in profiles.lists(ann.id, fields=("name",))] == [letters.id]
        assert [found async for found in profiles.list_ids(ann.id)] == [letters.id]
        assert [found async for found in profiles.segments(ann.id)] == []
        assert [found async for found in profiles.segment_ids(ann.id)] == []
        tokens = [found async for found in profiles.push_tokens(ann.id)]
        assert [found.token for found in tokens] == ["t-1"]
        assert [found async for found in profiles.push_token_ids(ann.id)] == [tokens[0].id]
        assert await profiles.conversation(ann.id) is None
        assert await profiles.conversation_id(ann.id) is None
        assert [found async for found in profiles.conversations(ann.id)] == []
        assert [found async for found in profiles.conversation_ids(ann.id)] == []

        await profiles.merge(bob.id, into_id=ann.id)
        here.emulator.settle()
        assert [found.email for found in await everybody(here)] == ["ann@example.org"]
        assert (await profiles.get(bob.id)).id == ann.id
        with pytest.raises(NotFound):
            await profiles.get("01M1PAAR5HBCRHA3NN9NG5WRTA")
        assert here.succeeded() >= resources("profiles")
        here.check()


async def test_a_profile_has_further_addresses() -> None:
    async with account() as here:
        profiles = here.klaviyo.profiles
        made = await profiles.upsert(
            ProfileAttributes(email="ann@example.org"), patch=ProfilePatch(add_emails=("a@example.org",))
        )
        assert body_of(here.sent[0]) == {
            "data": {
                "type": "profile",
                "attributes": {"email": "ann@example.org"},
                "meta": {"patch_identifiers": {"append": {"email": ["a@example.org"]}}},
            }
        }
        again = await profiles.upsert(ProfileAttributes(email="a@example.org"))
        assert (again.profile.id, again.created) == (made.profile.id, False)
        await profiles.update(made.profile.id, patch=ProfilePatch(remove_emails=("a@example.org",)))
        other = await profiles.upsert(ProfileAttributes(email="a@example.org"))
        assert other.created
        assert ProfilePatch(add_emails=("a@example.org",)).is_repeatable
        here.check()


async def test_including_lists_is_charged_to_its_own_limit(serve: Serve, connect: Connect) -> None:
    charged: list[set[str]] = []

    class Watching(NoPacing):
        @override
        async def slot(self, charges: Sequence[Charge], *, priority: Priority, within_seconds: float) -> Slot:
            charged.append({charge.key for charge in charges})
            return await super().slot(charges, priority=priority, within_seconds=within_seconds)

    server = await serve(Reply(document={"data": profile()}))
    client = await connect(server.url, pacing=Watching())
    await client.profiles.get("01M1", include=("lists", "push-tokens"), additional_fields=("predictive_analytics",))
    await client.profiles.get("01M1")
    assert charged == [
        {"GET /api/profiles/{id}", "include=lists", "additional-fields[profile]=predictive_analytics"},
        {"GET /api/profiles/{id}"},
    ]


async def test_who_merged_does_not_know_is_told_so(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset())
    client = await connect(server.url)
    with pytest.raises(OutcomeUnknown):
        await client.profiles.merge("01M1", into_id="01M2")
    assert len(server.received) == 1


async def test_an_upsert_goes_by_what_klaviyos_links_carry(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": profile()}))
    client = await connect(server.url)
    await client.profiles.upsert(ProfileAttributes(first_name="Ann"), kx="k.x")
    assert server.received[0].json["data"] == {"type": "profile", "attributes": {"first_name": "Ann", "_kx": "k.x"}}
    with pytest.raises(InvalidRequest):
        await client.profiles.upsert(ProfileAttributes(first_name="Ann"))


# Push tokens


async def test_every_operation_on_push_tokens_does_what_it_says() -> None:
    async with account() as here:
        tokens = here.klaviyo.push_tokens
        await tokens.create(TOKEN, ProfileRef(email="ann@example.org", first_name="Ann"))
        await tokens.create(
            NewPushToken(token="t-2", platform="android", vendor="fcm", enablement_status="DENIED"),
            ProfileRef(external_id="b"),
        )
        wanted = filters.all_of(filters.equals("platform", "ios"), filters.equals("enablement_status", "AUTHORIZED"))
        (found,) = [token async for token in tokens.list(filter=wanted, include=("profile",), page_size=100)]
        assert found.metadata is not None
        assert found.profile is not None
        assert (found.token, found.metadata.os_name, found.profile.first_name) == ("t-1", "ios", "Ann")
        assert "t-1" not in repr(found)
        read = await tokens.get(found.id, include=("profile",), profile_fields=("email",))
        assert read.profile is not None
        assert (read.profile.email, read.profile.first_name) == ("ann@example.org", None)
        assert (await tokens.get(found.id)).profile is None
        owner = await tokens.profile(found.id, additional_fields=("subscriptions",))
        assert owner is not None
        assert (owner.id, owner.subscriptions is not None) == (found.profile_id, True)
        assert await tokens.profile_id(found.id) == owner.id
        await tokens.create(TOKEN, ProfileRef(external_id="b"))
        assert await tokens.profile_id(found.id) != owner.id
        await tokens.delete(found.id)
        assert [token.token async for token in tokens.list()] == ["t-2"]
        with pytest.raises(NotFound):
            await tokens.get(found.id)
        with pytest.raises(InvalidRequest):
            await tokens.create(TOKEN, ProfileRef(anonymous_id="n"))
        assert here.succeeded() >= resources("push_tokens")
        here.check()


async def test_a_push_token_is_registered_again_unless_that_would_append_twice(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset(), Reply(202))
    client = await connect(server.url)
    await client.push_tokens.create(TOKEN, ProfileRef(id="01M1"))
    assert len(server.received) == 2
    server = await serve(Reset(), Reply(202))
    client = await connect(server.url)
    with pytest.raises(OutcomeUnknown):
        await client.push_tokens.create(TOKEN, ProfileRef(id="01M1", patch=ProfilePatch(append={"skus": "1"})))
    assert len(server.received) == 1


# Imports


async def test_every_operation_on_imports_does_what_it_says() -> None:
    async with account(job_ms=1_000) as here:
        imports = here.klaviyo.profile_imports
        letters = await here.klaviyo.lists.create("Letters")
        job = await imports.create(
            [
                ProfileAttributes(email="ann@example.org", first_name="Ann"),
                ProfileImport(attributes=ProfileAttributes(email="bob@example.org", last_name=None)),
                ProfileAttributes(email="nobody"),
            ],
            list_ids=[letters.id],
        )
        assert (job.status, job.total_count, job.list_ids, job.is_finished) == ("queued", 3, (letters.id,), False)
        here.emulator.advance(seconds=2)
        states: list[str | None] = []
        done = await imports.wait(job, progress=lambda state: states.append(state.status))
        assert (done.status, done.completed_count, done.failed_count) == ("complete", 2, 1)
        assert states[-1] == "complete"
        read = await imports.get(job.id, include=("lists",))
        assert read.lists is not None
        assert [found.name for found in read.lists] == ["Letters"]
        wanted = filters.equals("status", "complete")
        assert [found.id async for found in imports.list(filter=wanted, sort="-created_at")] == [job.id]
        assert [found.id async for found in imports.lists(job.id)] == [letters.id]
        assert [found async for found in imports.list_ids(job.id)] == [letters.id]
        made = [found async for found in imports.profiles(job.id, page_size=1, additional_fields=("subscriptions",))]
        assert {found.email for found in made} == {"ann@example.org", "bob@example.org"}
        assert {found async for found in imports.profile_ids(job.id)} == {found.id for found in made}
        (error,) = [found async for found in imports.errors(job.id)]
        assert error.pointer == "/data/attributes/profiles/data/2/attributes/email"
        assert error.original_payload == {"type": "profile", "attributes": {"email": "nobody"}}
        assert "nobody" not in repr(error)
        assert here.succeeded() >= resources("profile_imports")
        here.check()


async def test_an_import_that_klaviyo_would_refuse_is_not_sent(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(202))
    client = await connect(server.url)
    with pytest.raises(InvalidRequest, match="needs one of"):
        await client.profile_imports.create([ProfileAttributes(first_name="Ann")])
    with pytest.raises(InvalidRequest):
        await client.profile_imports.create([])
    with pytest.raises(PayloadTooLarge, match="10001 profiles"):
        await client.profile_imports.create([ProfileAttributes(external_id="x")] * 10_001)
    heavy = ProfileAttributes(external_id="x", properties={"t": "x" * 102_400})
    with pytest.raises(PayloadTooLarge, match="102400 allowed"):
        await client.profile_imports.create([heavy])
    fat = ProfileAttributes(external_id="x", properties={"t": "x" * 100_000})
    with pytest.raises(PayloadTooLarge, match="5000000 allowed"):
        await client.profile_imports.create([fat] * 50)
    assert server.received == []


async def test_an_import_is_repeated_unless_it_appends(serve: Serve, connect: Connect) -> None:
    accepted = Reply(202, {"data": {"type": "profile-bulk-import-job", "id": "J", "attributes": {"status": "new!"}}})
    server = await serve(Reset(), accepted)
    client = await connect(server.url)
    job = await client.profile_imports.create([ProfileAttributes(email="ann@example.org")])
    assert (job.status, job.is_finished, len(server.received)) == ("new!", False, 2)
    server = await serve(Reset(), accepted)
    client = await connect(server.url)
    with pytest.raises(OutcomeUnknown):
        await client.profile_imports.create([ProfileImport(id="01M1", patch=ProfilePatch(append={"a": 1}))])
    assert len(server.received) == 1


# Consents


async def consents(here: Account, email: str) -> tuple[str | None, bool | None]:
    found = await here.klaviyo.profiles.find(email=email, additional_fields=("subscriptions",))
    assert found is not None
    assert found.subscriptions is not None
    assert found.subscriptions.email is not None
    marketing = found.subscriptions.email.marketing
    assert marketing is not None
    return marketing.consent, marketing.can_receive_email_marketing


async def test_every_operation_on_subscriptions_does_what_it_says() -> None:
    async with account(job_ms=1_000) as here:
        subscriptions, lists = here.klaviyo.subscriptions, here.klaviyo.lists
        letters = await lists.create("Letters")
        await subscriptions.subscribe(
            [
                Subscriber(
                    channels=("email.marketing", "email.open_tracking", "email.click_tracking", "sms.marketing"),
                    email="ann@example.org",
                    phone_number="+15005550006",
                ),
                Subscriber(channels=("push.marketing",), email="bob@example.org", push_tokens=(TOKEN,)),
            ],
            list_id=letters.id,
            custom_source="Fair",
        )
        here.emulator.advance(seconds=2)
        assert await consents(here, "ann@example.org") == ("SUBSCRIBED", True)
        assert len([member async for member in lists.members(letters.id)]) == 2
        assert [token.token async for token in here.klaviyo.push_tokens.list()] == ["t-1"]
        await subscriptions.unsubscribe(
            [
                Unsubscriber(channels=("email.marketing",), email="ann@example.org"),
                Unsubscriber(channels=("push.marketing",), email="bob@example.org", push_tokens=(TOKEN,)),
            ]
        )
        here.emulator.advance(seconds=2)
        assert await consents(here, "ann@example.org") == ("UNSUBSCRIBED", False)
        assert [token async for token in here.klaviyo.push_tokens.list()] == []

        job = await subscriptions.suppress(["bob@example.org"])
        assert (job.kind, job.is_finished) == ("suppress", False)
        here.emulator.advance(seconds=2)
        job = await subscriptions.wait(job)
        assert (job.status, job.completed_count, job.skipped_count) == ("complete", 1, 0)
        assert (await consents(here, "bob@example.org"))[1] is False
        back = await subscriptions.unsuppress(["bob@example.org"])
        here.emulator.advance(seconds=2)
        back = await subscriptions.wait(back)
        assert (back.kind, back.status, back.completed_count) == ("unsuppress", "complete", 1)
        assert (await consents(here, "bob@example.org"))[1] is True
        whole = await subscriptions.suppress(list_id=letters.id)
        assert (whole.list_ids, whole.total_count) == ((letters.id,), 2)
        here.emulator.advance(seconds=2)
        of_list = filters.equals("list_id", letters.id)
        assert [found.id async for found in subscriptions.suppress_jobs(filter=of_list)] == [whole.id]
        assert {found.id async for found in subscriptions.suppress_jobs(sort="-created")} == {whole.id, job.id}
        assert [found.id async for found in subscriptions.unsuppress_jobs()] == [back.id]
        assert here.succeeded() >= resources("subscriptions")
        here.check()


async def test_a_historical_import_dates_every_consent() -> None:
    async with account() as here:
        subscriptions = here.klaviyo.subscriptions
        await subscriptions.subscribe(
            [
                Subscriber(
                    channels=("email.marketing", "email.open_tracking"),
                    email="ann@example.org",
                    consented_at=LONG_AGO,
                ),
                Subscriber(
                    channels=("email.marketing", "sms.transactional"),
                    email="bob@example.org",
                    phone_number="+15005550007",
                    consented_at={"email.marketing": LONG_AGO, "sms.transactional": LONG_AGO},
                    age_gated_date_of_birth=dt.date(1990, 1, 2),
                ),
            ],
            historical_import=True,
        )
        here.emulator.settle()
        found = await here.klaviyo.profiles.find(email="ann@example.org", additional_fields=("subscriptions",))
        assert found is not None
        assert found.subscriptions is not None
        assert found.subscriptions.email is not None
        assert found.subscriptions.email.marketing is not None
        assert found.subscriptions.email.marketing.consent_timestamp == LONG_AGO
        here.check()


async def test_consents_that_klaviyo_would_refuse_are_not_sent(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(202))
    subscriptions = (await connect(server.url)).subscriptions
    undated = Subscriber(
        channels=("email.marketing", "sms.marketing"), email="a@b.c", consented_at={"sms.marketing": LONG_AGO}
    )
    with pytest.raises(InvalidRequest, match="every channel"):
        await subscriptions.subscribe([undated], historical_import=True)
    with pytest.raises(InvalidRequest, match="alone"):
        await subscriptions.subscribe([undated])
    one = Subscriber(channels=("email.marketing",), email="a@b.c")
    with pytest.raises(PayloadTooLarge, match="1001 profiles"):
        await subscriptions.subscribe([one] * 1_001)
    gone = Unsubscriber(channels=("email.marketing",), email="a@b.c")
    with pytest.raises(PayloadTooLarge, match="101 profiles"):
        await subscriptions.unsubscribe([gone] * 101)
    with pytest.raises(InvalidRequest, match="repeat"):
        await subscriptions.unsubscribe([gone, Unsubscriber(channels=("email.marketing",), email="A@b.c")], list_id="L")
    with pytest.raises(PayloadTooLarge, match="101 profiles"):
        await subscriptions.suppress(["a@b.c"] * 101)
    with pytest.raises(InvalidRequest, match="exactly one"):
        await subscriptions.unsuppress()
    with pytest.raises(InvalidRequest, match="exactly one"):
        await subscriptions.unsuppress(list_id="L", segment_id="S")
    with pytest.raises(InvalidRequest, match="exactly one"):
        await subscriptions.suppress(["a@b.c"], list_id="L")
    for call in (subscriptions.suppress, subscriptions.unsuppress):
        with pytest.raises(TypeError, match="not one string"):
            await call("a@b.c")
    for call in (subscriptions.suppress_all, subscriptions.unsuppress_all):
        with pytest.raises(TypeError, match="not one string"):
            await call("a@b.c")
    await subscriptions.subscribe([])
    await subscriptions.unsubscribe([])
    assert server.received == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": ()},
        {"channels": ("email",)},
        {"email": None},
        {"push_tokens": (TOKEN,)},
        {"consented_at": dt.datetime(2026, 1, 1)},  # noqa: DTZ001 - naive on purpose
        {"unknown": 1},
    ],
)
def test_a_subscriber_with_a_mistake_that_shows_cannot_be_made(wrong: dict[str, object]) -> None:
    good = {"channels": ("email.marketing",), "email": "ann@example.org"}
    Subscriber.model_validate(good)
    with pytest.raises(ValidationError):
        Subscriber.model_validate(good | wrong)


async def test_a_consent_is_repeated_only_where_nobody_would_notice(serve: Serve, connect: Connect) -> None:
    joins = Subscriber(channels=("email.marketing",), email="a@b.c")
    joined = Subscriber(channels=("email.marketing",), email="a@b.c", consented_at=LONG_AGO)
    leaves = Unsubscriber(channels=("email.marketing",), email="a@b.c")

    async def requests(send: str, people: object, **more: object) -> int | None:
        server = await serve(Reset(), Reply(202))
        client = await connect(server.url)
        try:
            await getattr(client.subscriptions, send)([people], **more)
        except OutcomeUnknown:
            assert len(server.received) == 1
            return None
        return len(server.received)

    assert await requests("subscribe", joins) is None
    assert await requests("subscribe", joined, historical_import=True) == 2
    assert await requests("unsubscribe", leaves) == 2
    # A second time, not on the list any more, they would be unsubscribed from everything.
    assert await requests("unsubscribe", leaves, list_id="L") is None


async def test_unsubscribing_who_is_not_on_the_list_means_everything() -> None:
    async with account() as here:
        letters = await here.klaviyo.lists.create("Letters")
        await here.klaviyo.subscriptions.subscribe([Subscriber(channels=("email.marketing",), email="ann@example.org")])
        here.emulator.settle()
        await here.klaviyo.subscriptions.unsubscribe(
            [Unsubscriber(channels=("email.marketing",), email="ann@example.org")], list_id=letters.id
        )
        here.emulator.settle()
        assert await consents(here, "ann@example.org") == ("UNSUBSCRIBED", False)


async def test_identifiers_of_two_profiles_are_a_conflict() -> None:
    async with account() as here:
        profiles = here.klaviyo.profiles
        ann = await profiles.create(ProfileAttributes(email="ann@example.org"))
        with pytest.raises(Conflict) as caught:
            await profiles.create(ProfileAttributes(email="Ann@example.org"))
        assert caught.value.duplicate_profile_id == ann.id
