"""Family use cases over a real file, and over PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from databases import OpenDatabase
from dreamflow.families import CONSENT_TEXTS, Family, FamilyExists, FamilyNotFound, FamilyService, Purpose
from dreamflow.families.errors import FamilyFull, PurposeNotFound, ServiceConsentStays
from dreamflow.families.rules import MOST_CHILDREN
from dreamflow.identity import ParentId
from dreamflow.kit.errors import Invalid
from dreamflow.kit.idempotency import KeyReused, RequestKey, fingerprint
from dreamflow.outbox import Books, Delivery, DeliveryKind
from dreamflow.outbox.adapters.sql import SqlDeliveries
from families.families_house import Home, caller, home_in
from kit.kit_house import EVENING


@pytest.fixture
async def home(open_database: OpenDatabase) -> AsyncIterator[Home]:
    async with home_in(open_database()) as home:
        yield home


@pytest.fixture
async def family(home: Home) -> Family:
    return await home.families.create(caller(), time_zone="Europe/London", locale="en-GB")


async def test_a_new_family_is_found_again_by_its_account_alone(home: Home, family: Family) -> None:
    assert await home.families.get(caller().account) == family
    assert (family.time_zone, family.locale, family.created_at) == ("Europe/London", "en-GB", EVENING)
    assert not family.simulated
    with pytest.raises(FamilyNotFound):
        await home.families.get(caller("ben").account)


async def test_signing_up_consents_to_the_service_and_to_nothing_else(home: Home, family: Family) -> None:
    held = await home.families.consents(family)
    assert set(held) == {Purpose.SERVICE}
    entry = held[Purpose.SERVICE]
    text = CONSENT_TEXTS[Purpose.SERVICE]
    assert (entry.text_version, entry.text_sha256, entry.at, entry.channel) == (
        text.version,
        text.sha256,
        EVENING,
        "api",
    )


@pytest.mark.usefixtures("family")
async def test_what_leaves_when_a_family_begins_is_the_parents_closed_profile_and_the_sign_up(home: Home) -> None:
    assert await home.sent() == [
        (
            "profile",
            {
                "email": "ann@example.org",
                "locale": "en-GB",
                "time_zone_region": "Europe",
                "signup_month": "2026-03",
            },
        ),
        ("Signed Up", {"signup_method": "account", "locale": "en-GB"}),
    ]


async def test_each_delivery_cites_the_consent_under_which_it_leaves(home: Home, family: Family) -> None:
    entry = (await home.families.consents(family))[Purpose.SERVICE]
    assert {(row.purpose, row.ledger_entry) for row in await home.rows()} == {("service", entry.id)}


async def test_a_parent_without_a_vouched_for_address_goes_by_the_random_id_alone(home: Home) -> None:
    await home.families.create(caller("ben", None), time_zone="Asia/Tokyo")
    assert (await home.sent())[0] == (
        "profile",
        {"locale": "en", "time_zone_region": "Asia", "signup_month": "2026-03"},
    )


async def test_a_second_family_for_the_same_account_is_refused_and_changes_nothing(home: Home, family: Family) -> None:
    facts, sent = await home.facts(), await home.sent()
    with pytest.raises(FamilyExists):
        await home.families.create(caller(), time_zone="Asia/Tokyo", locale="ja")
    assert await home.families.get(caller().account) == family
    assert (await home.facts(), await home.sent()) == (facts, sent)


async def test_of_many_that_create_the_same_family_at_once_one_succeeds(home: Home) -> None:
    results = await asyncio.gather(
        *(home.families.create(caller(), time_zone="Europe/London") for _ in range(20)), return_exceptions=True
    )
    [created] = [result for result in results if isinstance(result, Family)]
    assert sum(isinstance(result, FamilyExists) for result in results) == 19
    assert await home.families.get(caller().account) == created
    assert len(await home.facts()) == 1


async def test_wrong_fields_are_named_and_nothing_is_stored(home: Home) -> None:
    with pytest.raises(Invalid) as refusal:
        await home.families.create(caller(), time_zone="Mars/Phobos", locale="tlhIngan")
    assert [error.pointer for error in refusal.value.errors] == ["/time_zone", "/locale"]
    assert await home.facts() == []


@pytest.mark.parametrize(
    ("change", "leaves"),
    [
        (
            {"time_zone": "Asia/Tokyo"},
            [("profile", {"time_zone_region": "Asia"}), ("Profile Updated", {"changed": ["time_zone_region"]})],
        ),
        ({"locale": "fr"}, [("profile", {"locale": "fr"}), ("Profile Updated", {"changed": ["locale"]})]),
        (
            {"time_zone": "America/Lima", "locale": "es-PE"},
            [
                ("profile", {"locale": "es-PE", "time_zone_region": "America"}),
                ("Profile Updated", {"changed": ["locale", "time_zone_region"]}),
            ],
        ),
        ({"time_zone": "Europe/Paris"}, []),  # the region is all that is ever told, and it is the same
        ({"time_zone": "Europe/London", "locale": "en-GB"}, []),
        ({}, []),
    ],
)
async def test_after_a_move_only_what_changed_leaves(
    home: Home, family: Family, change: dict[str, str], leaves: list[object]
) -> None:
    before = len(await home.sent())
    moved = await home.families.move(caller(), **change)
    assert moved == replace(family, **change)
    assert await home.families.get(caller().account) == moved
    assert (await home.sent())[before:] == leaves


@pytest.mark.parametrize("change", [{}, {"time_zone": "Europe/London"}, {"locale": "en-GB"}])
async def test_a_move_that_changes_nothing_writes_nothing(home: Home, family: Family, change: dict[str, str]) -> None:
    facts, sent = await home.facts(), await home.sent()
    assert await home.families.move(caller(), **change) == family
    assert await home.families.move(caller(email=None), **change) == family  # no address is not a new address
    assert (await home.facts(), await home.sent()) == (facts, sent)


async def test_an_address_that_changed_at_the_issuer_is_taken_over_by_a_move_of_nothing(
    home: Home, family: Family
) -> None:
    before = len(await home.sent())
    moved = await home.families.move(caller(email="new@example.org"))
    assert moved == replace(family, email="new@example.org")
    assert await home.families.get(caller().account) == moved
    assert (await home.sent())[before:] == [
        ("profile", {"email": "new@example.org"}),
        ("Profile Updated", {"changed": ["email"]}),
    ]


async def test_a_move_of_nobody_or_to_nowhere_is_refused(home: Home, family: Family) -> None:
    with pytest.raises(FamilyNotFound):
        await home.families.move(caller("ben"), locale="fr")
    with pytest.raises(Invalid):
        await home.families.move(caller(), time_zone="Mars/Phobos")
    assert await home.families.get(caller().account) == family


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.SERVICE])
async def test_a_consent_holds_from_when_it_is_given_until_it_is_withdrawn(
    home: Home, family: Family, purpose: Purpose
) -> None:
    home.clock.advance(timedelta(days=2))
    held = await home.families.decide(family, purpose, granted=True, channel="page")
    assert set(held) == {Purpose.SERVICE, purpose}
    assert (held[purpose].at, held[purpose].channel) == (EVENING + timedelta(days=2), "page")
    assert held[purpose].text_sha256 == CONSENT_TEXTS[purpose].sha256
    assert await home.families.consents(family) == held
    assert set(await home.families.decide(family, purpose, granted=False)) == {Purpose.SERVICE}
    assert set(await home.families.consents(family)) == {Purpose.SERVICE}
    ledger = (await home.store.ledger([family.parent]))[family.parent]
    assert [(entry.purpose, entry.granted) for entry in ledger] == [
        (Purpose.SERVICE, True),
        (purpose, True),
        (purpose, False),
    ]


async def test_deciding_what_is_already_so_changes_nothing(home: Home, family: Family) -> None:
    await home.families.decide(family, "weekly_letter", granted=False)
    await home.families.decide(family, "service", granted=True)
    assert len(await home.facts()) == 1
    once = await home.families.decide(family, "weekly_letter", granted=True)
    home.clock.advance(timedelta(days=1))
    assert await home.families.decide(family, "weekly_letter", granted=True) == once
    assert len(await home.facts()) == 2


async def test_a_decision_tells_klaviyo_every_flag_and_the_name_of_what_changed(home: Home, family: Family) -> None:
    await home.families.decide(family, "product_mail", granted=True)
    flags = {f"consent_{purpose}": False for purpose in Purpose if purpose is not Purpose.SERVICE}
    assert (await home.sent())[2:] == [
        ("profile", {**flags, "consent_product_mail": True}),
        ("Profile Updated", {"changed": ["consent_product_mail"]}),
    ]
    await home.families.decide(family, "product_mail", granted=False)
    assert (await home.sent())[4:] == [("profile", flags), ("Profile Updated", {"changed": ["consent_product_mail"]})]


async def test_the_consent_for_the_service_cannot_be_withdrawn(home: Home, family: Family) -> None:
    with pytest.raises(ServiceConsentStays):
        await home.families.decide(family, "service", granted=False)
    assert set(await home.families.consents(family)) == {Purpose.SERVICE}


@pytest.mark.parametrize("purpose", ["everything", "", "SERVICE", "consent_service"])
async def test_an_unknown_purpose_is_refused_without_being_quoted(home: Home, family: Family, purpose: str) -> None:
    with pytest.raises(PurposeNotFound, match="weekly_letter") as refusal:
        await home.families.decide(family, purpose, granted=True)
    assert "everything" not in str(refusal.value)
    assert len(await home.facts()) == 1


def delivery(id_: str, parent: str, purpose: str, entry: str) -> Delivery:
    return Delivery(
        id=id_,
        seq=1,
        parent=parent,
        kind=DeliveryKind.EVENT,
        name="Heard",
        body={},
        identity=frozenset(),
        purpose=purpose,
        ledger_entry=entry,
        occurred_at=EVENING,
        backfill=False,
    )


async def test_only_what_the_ledger_allows_now_is_permitted(home: Home, family: Family) -> None:
    other = await home.families.create(caller("ben"), time_zone="UTC")
    ann = await home.families.decide(family, "personal_suggestions", granted=True)
    ben = await home.families.decide(other, "personal_suggestions", granted=True)
    await home.families.decide(other, "personal_suggestions", granted=False)
    anns, bens = ann[Purpose.SERVICE].id, ben[Purpose.SERVICE].id
    suggestions = ann[Purpose.PERSONAL_SUGGESTIONS].id
    asked = [
        delivery("ann service", family.parent, "service", anns),
        delivery("ann suggestions", family.parent, "personal_suggestions", suggestions),
        delivery("ann letter", family.parent, "weekly_letter", anns),
        delivery("ben service", other.parent, "service", bens),
        delivery("ben suggestions", other.parent, "personal_suggestions", ben[Purpose.PERSONAL_SUGGESTIONS].id),
        delivery("ben under ann's", other.parent, "personal_suggestions", suggestions),
        delivery("another purpose's", family.parent, "personal_suggestions", anns),
        delivery("no entry", family.parent, "service", "no-such-entry"),
        delivery("nobody", "no-such-parent", "service", anns),
        delivery("no purpose", family.parent, "anything", anns),
    ]
    assert await home.families.permitted(asked) == {"ann service", "ann suggestions", "ben service"}
    assert await home.families.permitted([]) == frozenset()


async def test_a_consent_that_is_given_again_is_not_the_one_that_was_withdrawn(home: Home, family: Family) -> None:
    entries: list[str] = []
    for granted in (True, False, True, True):
        held = await home.families.decide(family, "personal_suggestions", granted=granted)
        entries += [held[Purpose.PERSONAL_SUGGESTIONS].id] if granted else []
    first, again, still = entries
    assert again == still != first
    told = [delivery(id_, family.parent, "personal_suggestions", id_) for id_ in (first, again)]
    assert await home.families.permitted(told) == {again}


async def test_while_a_consent_holds_all_that_happens_cites_the_same_entry_and_may_leave(
    home: Home, family: Family
) -> None:
    for granted in (True, False, True):
        await home.families.decide(family, "weekly_letter", granted=granted)
        await home.families.decide(family, "service", granted=True)
        await home.families.move(caller(email=f"{granted}@example.org"), locale="fr" if granted else "de")
    rows = await home.rows()
    assert {row.ledger_entry for row in rows} == {(await home.families.consents(family))[Purpose.SERVICE].id}
    waiting = [delivery(row.id, row.parent, row.purpose, row.ledger_entry) for row in rows]
    assert await home.families.permitted(waiting) == {row.id for row in rows}


async def test_children_are_listed_as_they_were_added_with_the_day_their_age_was_told(
    home: Home, family: Family
) -> None:
    await home.families.add_child(family, name=" Zoë ", age=5)
    home.clock.advance(timedelta(hours=7))  # two in the morning: still the same evening
    await home.families.add_child(family, name="Ben", age=8)
    children = await home.families.children(family)
    assert [(child.name, child.age, child.noted_on) for child in children] == [
        ("Zoë", 5, EVENING.date()),
        ("Ben", 8, EVENING.date()),
    ]


async def test_somebody_elses_children_are_not_listed(home: Home, family: Family) -> None:
    await home.families.add_child(family, name="Mia", age=5)
    other = await home.families.create(caller("ben"), time_zone="UTC")
    assert await home.families.children(other) == ()


async def test_a_wrong_child_is_refused_field_by_field_and_not_stored(home: Home, family: Family) -> None:
    with pytest.raises(Invalid) as refusal:
        await home.families.add_child(family, name="Canary\x00", age=99)
    assert [error.pointer for error in refusal.value.errors] == ["/name", "/age"]
    assert "Canary" not in str(refusal.value)
    assert await home.families.children(family) == ()


async def test_a_family_has_room_for_a_bounded_number_of_children(home: Home, family: Family) -> None:
    for number in range(MOST_CHILDREN):
        await home.families.add_child(family, name=f"Child {number}", age=5)
    with pytest.raises(FamilyFull):
        await home.families.add_child(family, name="One more", age=5)
    assert len(await home.families.children(family)) == MOST_CHILDREN


def key(family: Family, name: str, value: str = "k-1") -> RequestKey:
    return RequestKey(f"{family.parent}/children", value, fingerprint({"name": name}), EVENING)


async def test_a_repeated_request_gives_the_same_child_and_no_second_fact(home: Home, family: Family) -> None:
    answers = await asyncio.gather(
        *(home.families.add_child(family, name="Mia", age=5, key=key(family, "Mia")) for _ in range(20))
    )
    assert len({child.id for child in answers}) == 1
    assert await home.families.children(family) == (answers[0],)
    assert len(await home.facts()) == 2
    with pytest.raises(KeyReused):
        await home.families.add_child(family, name="Ben", age=5, key=key(family, "Ben"))
    assert len(await home.families.children(family)) == 1


async def test_concurrent_changes_lose_nothing(home: Home, family: Family) -> None:
    purposes = [purpose for purpose in Purpose if purpose is not Purpose.SERVICE]
    zones = ["Asia/Tokyo", "Europe/London", "America/Lima"]
    locales = ["fr", "ja", "es-PE"]
    await asyncio.gather(
        *(home.families.add_child(family, name=f"Child {n}", age=5) for n in range(30)),
        *(home.families.decide(family, purpose, granted=True) for purpose in purposes),
        *(home.families.move(caller(), time_zone=zone) for zone in zones for _ in range(4)),
        *(home.families.move(caller(), locale=locale) for locale in locales for _ in range(4)),
    )
    assert {child.name for child in await home.families.children(family)} == {f"Child {n}" for n in range(30)}
    assert set(await home.families.consents(family)) == set(Purpose)
    facts = await home.facts()
    # Each move changed one field and took nothing back; one that changed none left no fact.
    homes = [fact.facts for fact in facts if "time_zone" in fact.facts]
    assert len(facts) == len(homes) + 30 + len(purposes)
    assert all(sum(one[name] != other[name] for name in one) == 1 for one, other in pairwise(homes))
    now = await home.families.get(caller().account)
    assert homes[-1] == {"time_zone": now.time_zone, "locale": now.locale}
    assert now.time_zone in zones
    assert now.locale in locales
    # Folding what left gives what is.
    folded: dict[str, object] = {}
    for name, body in await home.sent():
        folded |= body if name == "profile" else {}
    assert folded["locale"] == now.locale
    assert folded["time_zone_region"] == now.time_zone_region
    assert all(folded[f"consent_{purpose}"] for purpose in purposes)
    books = await SqlDeliveries(home.database, home.ids).books()
    assert books == Books(pending=books.accepted, accepted=len(await home.rows()))


CLOSED = {
    "profile": {
        "email",
        "locale",
        "time_zone_region",
        "signup_month",
        *(f"consent_{purpose}" for purpose in Purpose if purpose is not Purpose.SERVICE),
    },
    "Signed Up": {"signup_method", "locale"},
    "Profile Updated": {"changed"},
}


async def test_nothing_of_a_child_is_in_any_fact_or_delivery(home: Home) -> None:
    family = await home.families.create(caller(), time_zone="Europe/London")
    child = await home.families.add_child(family, name="Canary-Zoë", age=13)
    await home.families.move(caller(), time_zone="Asia/Tokyo", locale="ja")
    for purpose in Purpose:
        await home.families.decide(family, purpose, granted=True)
    for name, body in await home.sent():
        assert set(body) <= CLOSED[name]
        assert "Canary" not in str(body)
        assert child.id not in str(body)
        assert "13" not in str(body)
    assert any(fact.facts == {"child": child.id} for fact in await home.facts())
    assert "Canary" not in str(await home.facts())
    leaving = [(row.name, row.occurred_at.minute, row.occurred_at.second) for row in await home.rows()]
    assert leaving
    assert all(minute == second == 0 for _, minute, second in leaving)


async def test_made_up_families_are_marked_in_everything_they_cause(home: Home) -> None:
    families = FamilyService(home.store, home.clock, home.ids, simulated=True)
    family = await families.create(caller("demo"), time_zone="Europe/London")
    await families.add_child(family, name="Mia", age=5)
    await families.decide(family, "weekly_letter", granted=True)
    await families.move(caller("demo"), locale="fr")
    assert (await families.get(caller("demo").account)).simulated
    assert all(fact.simulated for fact in await home.facts())
    assert all(row.backfill for row in await home.rows())


async def test_a_ledger_is_asked_for_many_families_at_once(home: Home, family: Family) -> None:
    ledgers = await home.store.ledger([family.parent, ParentId("nobody")])
    assert [len(ledgers[parent]) for parent in (family.parent, ParentId("nobody"))] == [1, 0]
