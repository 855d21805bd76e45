"""Many hands at once: nothing is lost, nothing happens twice."""

import asyncio

from databases import on_both_databases
from world import LONDON, World

pytestmark = on_both_databases


async def test_fifty_changes_to_one_family_at_once_are_all_there(here: World) -> None:
    home = await here.family()

    async def add(number: int) -> int:
        body = {"name": f"Child {number}", "age": 4}
        return (await home.client.post("/api/v1/families/me/children", json=body)).status_code

    async def move(number: int) -> int:
        # Half of them change one field, half the other: none may write back what another has changed.
        change = ({"time_zone": "Asia/Tokyo"}, {"locale": "fr"})[number % 2]
        return (await home.client.patch("/api/v1/families/me", json=change)).status_code

    async def decide(number: int) -> int:
        purpose = ("weekly_letter", "product_mail", "letter_in_mail", "llm_writing", "personal_suggestions")[number % 5]
        body = {"granted": True}
        return (await home.client.put(f"/api/v1/families/me/consents/{purpose}", json=body)).status_code

    answers = await asyncio.gather(
        *(add(number) for number in range(30)), *(move(n) for n in range(10)), *(decide(n) for n in range(10))
    )
    assert set(answers) == {200, 201}
    children = (await home.client.get("/api/v1/families/me/children")).json()
    assert {child["name"] for child in children} == {f"Child {number}" for number in range(30)}
    consents = (await home.client.get("/api/v1/families/me/consents")).json()
    assert all(consent["granted"] for consent in consents)
    family = (await home.client.get("/api/v1/families/me")).json()
    assert (family["time_zone"], family["locale"]) == ("Asia/Tokyo", "fr")
    await here.deliver()
    books = await here.house.deliveries.books()
    assert books.balanced
    assert books.dead == 0


async def test_one_family_begins_once_however_often_it_is_asked_for(here: World) -> None:
    client = await here.parent()
    answers = await asyncio.gather(*(client.put("/api/v1/families/me", json=LONDON) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


async def test_one_key_at_the_same_time_is_one_story(here: World) -> None:
    home = await here.family(("Ada", 4))
    answers = await asyncio.gather(
        *(home.client.post("/api/v1/stories", json={}, headers={"Idempotency-Key": "one"}) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len((await home.client.get("/api/v1/stories")).json()) == 1
