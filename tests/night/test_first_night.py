"""One family, one night, end to end, over the doors a parent uses."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from aioklaviyo import Klaviyo, ProfileAttributes
from databases import on_both_databases
from klaviyo_emulator.testing import RunningEmulator
from night_klaviyo import events_at, profiles_at
from world import World

pytestmark = on_both_databases

_DAY = timedelta(days=1)


async def test_a_family_hears_a_story_with_both_children_and_its_reasons(here: World) -> None:
    home = await here.family(("Ada", 4), ("Bo", 7))
    story = await home.tell(minutes=5)

    text = "\n".join(story["text"])
    assert "Ada" in text
    assert "Bo" in text
    assert story["minutes"] == 5
    assert set(story["plan"]) == {"theme", "minutes", "energy", "pacing", "lead", "companions", "novelty"}
    assert all(field["reasons"] and len(field["reasons"]) == len(field["facts"]) for field in story["plan"].values())
    assert story["plan"]["minutes"]["reasons"] == ["You asked for 5 minutes."]


async def test_the_story_is_about_as_long_as_asked(here: World) -> None:
    home = await here.family(("Ada", 4))
    lengths = [sum(len(p.split()) for p in (await home.tell(minutes=m))["text"]) for m in (3, 6, 12)]
    assert lengths[0] < lengths[1] < lengths[2]
    assert 0.8 < lengths[1] / (6 * 110) < 1.05


async def test_what_happened_reaches_klaviyo_in_order_and_cut_to_the_hour(
    here: World, klaviyo: RunningEmulator
) -> None:
    home = await here.family(("Ada", 4))
    story = await home.tell()
    ended = await home.client.post(f"/api/v1/stories/{story['id']}/outcome", json={"outcome": "completed"})
    assert ended.status_code == 200
    await here.deliver()

    events = await events_at(klaviyo.url)
    by_seq = sorted(events, key=lambda event: event.properties["seq"])
    assert [event.metric for event in by_seq] == ["Signed Up", "Profile Updated", "Story Generated", "Story Completed"]
    assert {event.external_id for event in events} == {home.id}
    assert all((event.at.minute, event.at.second) == (0, 0) for event in events)
    generated = next(event for event in events if event.metric == "Story Generated")
    assert generated.properties["story_id"] == story["id"]
    assert generated.properties["arm"] == "none"

    profile = (await profiles_at(klaviyo.url))[home.id]
    assert profile.email == "parent@families.example"
    assert profile.properties["consent_personal_suggestions"] is True
    assert profile.properties["stories_28d"] == "1-4"


async def test_falling_asleep_stays_at_home(here: World, klaviyo: RunningEmulator) -> None:
    home = await here.family(("Ada", 4))
    story = await home.tell()
    await home.client.post(f"/api/v1/stories/{story['id']}/outcome", json={"outcome": "asleep"})
    await here.deliver()
    assert "asleep" not in str([(event.metric, event.properties) for event in await events_at(klaviyo.url)])
    again = (await home.client.get(f"/api/v1/stories/{story['id']}")).json()
    assert again["outcome"] == "asleep"
    assert [told["outcome"] for told in (await home.client.get("/api/v1/stories")).json()] == ["asleep"]
    assert (await home.client.get("/api/v1/tonight")).json()["story"]["outcome"] == "asleep"
    assert again["text"] == story["text"]


async def test_without_consent_no_story_leaves_the_house(here: World, klaviyo: RunningEmulator) -> None:
    home = await here.family(("Ada", 4))
    await home.client.put("/api/v1/families/me/consents/personal_suggestions", json={"granted": False})
    await home.tell()
    await here.deliver()
    assert "Story Generated" not in {event.metric for event in await events_at(klaviyo.url)}


async def test_a_consent_withdrawn_while_it_waits_holds_the_story_back(here: World, klaviyo: RunningEmulator) -> None:
    home = await here.family(("Ada", 4))
    await home.tell()
    await home.client.put("/api/v1/families/me/consents/personal_suggestions", json={"granted": False})
    await here.deliver()
    assert "Story Generated" not in {event.metric for event in await events_at(klaviyo.url)}
    books = await here.house.deliveries.books()
    assert books.withheld == 2  # the story, and the taste that goes along with it
    assert books.balanced


async def test_a_consent_given_again_does_not_bring_back_what_its_withdrawal_stopped(
    here: World, klaviyo: RunningEmulator
) -> None:
    home = await here.family(("Ada", 4))
    await home.tell()
    for granted in (False, True):
        await home.client.put("/api/v1/families/me/consents/personal_suggestions", json={"granted": granted})
    after = await home.tell()
    await here.deliver()
    told = [event for event in await events_at(klaviyo.url) if event.metric == "Story Generated"]
    assert [event.properties["story_id"] for event in told] == [after["id"]]
    books = await here.house.deliveries.books()
    assert (books.withheld, books.balanced) == (2, True)


async def test_an_address_that_changed_at_the_issuer_reaches_klaviyo_with_an_empty_change(
    here: World, klaviyo: RunningEmulator
) -> None:
    home = await here.family(("Ada", 4))
    renamed = await here.parent("Parent@families.example")  # the demo's issuer knows it as the same account
    answer = await renamed.patch("/api/v1/families/me", json={})
    assert (answer.status_code, answer.json()["id"]) == (200, home.id)
    await here.deliver()
    changes = [event.properties.get("changed") for event in await events_at(klaviyo.url)]
    assert changes.count(["email"]) == 1


async def test_a_repeated_key_gives_the_same_story(here: World) -> None:
    home = await here.family(("Ada", 4))
    request = {"json": {"children": list(home.children)}, "headers": {"Idempotency-Key": "tonight-1"}}
    first = await home.client.post("/api/v1/stories", **request)
    second = await home.client.post("/api/v1/stories", **request)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert len((await home.client.get("/api/v1/stories")).json()) == 1

    other = {**request, "json": {"children": list(home.children), "minutes": 4}}
    refused = await home.client.post("/api/v1/stories", **other)
    assert refused.status_code == 422
    assert refused.json()["type"].endswith("idempotency-key-reused")


async def test_klaviyo_hints_count_only_when_they_may(here: World, klaviyo: RunningEmulator) -> None:
    home = await here.family(("Ada", 4))
    await here.deliver()
    tonight = (await home.client.get("/api/v1/tonight")).json()
    assert tonight["klaviyo"] == "Klaviyo answered; the reasons name a hint where one counted"
    themes = {t["id"]: t["category"] for t in tonight["themes"]}
    category = max(themes.values())
    await _set_favourites(klaviyo.url, home.id, [category, "not a category", 7])

    theme = (await home.client.get("/api/v1/tonight")).json()["plan"]["theme"]
    assert themes[theme["value"]] == category
    assert {"name": "klaviyo.favourites", "value": category} in theme["facts"]

    await home.client.put("/api/v1/families/me/consents/personal_suggestions", json={"granted": False})
    theme = (await home.client.get("/api/v1/tonight")).json()["plan"]["theme"]
    assert all(fact["name"] != "klaviyo.favourites" for fact in theme["facts"])
    # And it is not even asked: the question would tell of the evening.
    assert (await home.client.get("/api/v1/tonight")).json()["klaviyo"].startswith("Klaviyo was not asked")


async def test_tomorrow_is_another_story(here: World) -> None:
    home = await here.family(("Ada", 4), ("Bo", 7))
    told: list[dict[str, Any]] = []
    for _ in range(4):
        told.append(await home.tell())
        here.clock.advance(_DAY)
    assert len({story["plan"]["theme"]["value"] for story in told}) >= 3
    leads = [story["plan"]["lead"]["value"] for story in told]
    assert sorted(leads.count(child) for child in home.children) == [2, 2]
    assert len({tuple(story["text"]) for story in told}) == 4


async def _set_favourites(url: str, external_id: str, favourites: list[object]) -> None:
    async with Klaviyo(api_key="pk_test", base_url=url) as client:
        await client.profiles.upsert(
            ProfileAttributes(external_id=external_id, properties={"favourite_theme_categories": favourites})
        )


async def test_what_stays_at_home_leaves_no_gap_in_what_klaviyo_counts(here: World, klaviyo: RunningEmulator) -> None:
    home = await here.family(("Ada", 4))
    neighbour = await here.family(("Bo", 5), email="neighbour@families.example")
    for outcome in ("completed", "asleep", "asleep", "completed"):
        story = await home.tell()
        await home.client.post(f"/api/v1/stories/{story['id']}/outcome", json={"outcome": outcome})
        await home.client.post("/api/v1/families/me/children", json={"name": outcome, "age": 5})
        await neighbour.tell()
    await here.deliver()
    seen = {event.unique_id: event.properties["seq"] for event in await events_at(klaviyo.url)}
    written = await here.house.database.read(
        lambda connection: connection.execute(text("SELECT id, parent, number FROM deliveries")).all()
    )
    for family in (home, neighbour):
        numbers = sorted(row.number for row in written if row.parent == family.id)
        assert numbers == list(range(1, len(numbers) + 1))
    assert seen.items() <= {row.id: row.number for row in written}.items()
