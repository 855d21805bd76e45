"""What a careless or hostile client may send: a problem document each time, and nothing stored changes."""

from typing import Any

import httpx2
import pytest

from world import LONDON, Home, World

SECRET = "Zephyrine-canary"  # stands in for what a parent may type; no answer repeats it


def problem(response: httpx2.Response, status: int, *pointers: str) -> dict[str, Any]:
    """Check that an answer is a problem document that names the fields and nothing else."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == status
    assert [error["pointer"] for error in body.get("errors", [])] == list(pointers)
    assert SECRET not in response.text
    return body


async def state(home: Home) -> list[Any]:
    """All that the family can see of itself."""
    paths = ("/families/me", "/families/me/children", "/families/me/consents", "/stories")
    return [(await home.client.get(f"/api/v1{path}")).json() for path in paths]


@pytest.fixture
async def home(here: World) -> Home:
    return await here.family(("Ada", 4))


BAD_STORIES: list[tuple[dict[str, Any], int, tuple[str, ...]]] = [
    ({"children": ["no-such-child"]}, 404, ("/children/0",)),
    ({"children": [SECRET]}, 404, ("/children/0",)),
    ({"minutes": 2}, 422, ("/minutes",)),
    ({"minutes": 21}, 422, ("/minutes",)),
    ({"minutes": -1}, 422, ("/minutes",)),
    ({"minutes": "soon"}, 422, ("/minutes",)),
    ({"minutes": 10**30}, 422, ("/minutes",)),
    ({"theme": "volcano"}, 422, ("/theme",)),
    ({"theme": SECRET * 1000}, 422, ("/theme",)),
    ({"wishes": SECRET * 1000}, 422, ("/wishes",)),
    ({"wishes": ["calm"]}, 422, ("/wishes",)),
    ({"children": "everyone"}, 422, ("/children",)),
    ({"children": [7]}, 422, ("/children/0",)),
    ({SECRET: 1}, 422, ("",)),
]


@pytest.mark.parametrize(("body", "status", "pointers"), BAD_STORIES, ids=lambda value: str(value)[:40])
async def test_a_story_that_cannot_be_told_says_which_field_is_wrong(
    home: Home, body: dict[str, Any], status: int, pointers: tuple[str, ...]
) -> None:
    before = await state(home)
    problem(await home.client.post("/api/v1/stories", json=body), status, *pointers)
    assert await state(home) == before


BAD_CHILDREN: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"name": "", "age": 4}, ("/name",)),
    ({"name": "   ", "age": 4}, ("/name",)),
    ({"name": SECRET * 700, "age": 4}, ("/name",)),
    ({"name": SECRET + "\x00", "age": 4}, ("/name",)),
    ({"name": SECRET, "age": 0}, ("/age",)),
    ({"name": SECRET, "age": 40}, ("/age",)),
    ({"name": SECRET, "age": "four"}, ("/age",)),
    ({"name": SECRET}, ("/age",)),
    ({"age": 4}, ("/name",)),
    ({"name": {"first": SECRET}, "age": 4}, ("/name",)),
    ({"name": "", "age": 0}, ("/name", "/age")),
]


@pytest.mark.parametrize(("body", "pointers"), BAD_CHILDREN, ids=lambda value: str(value)[:40])
async def test_a_child_that_cannot_be_added_says_which_field_is_wrong(
    home: Home, body: dict[str, Any], pointers: tuple[str, ...]
) -> None:
    before = await state(home)
    problem(await home.client.post("/api/v1/families/me/children", json=body), 422, *pointers)
    assert await state(home) == before


@pytest.mark.parametrize(
    "name", ["Łukasz", "Şebnem", "Søren", "נועה", "मीरा", "小红", "Zoë-Mae O'Neil", "👧🏽", "Jean {x} %s", "Ng"]
)
async def test_a_name_in_any_script_is_kept_and_told_byte_for_byte(here: World, name: str) -> None:
    home = await here.family((name, 5), ("Bo", 7))
    shown = (await home.client.get("/api/v1/families/me/children")).json()
    assert shown[0]["name"] == name
    story = await home.tell()
    assert name in "\n".join(story["text"])


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"name": "\\ud800", "age": 4}', "application/json", 422),
        (b"name=Ada&age=4", "application/x-www-form-urlencoded", 422),
        (b"[" * 50_000, "application/json", 400),
        (b'{"name": "' + b"x" * 70_000 + b'"}', "application/json", 413),
    ],
    ids=["broken", "not utf-8", "empty", "list", "null", "surrogate", "a form", "deep", "too large"],
)
async def test_a_body_that_is_none_is_refused(home: Home, content: bytes, kind: str, status: int) -> None:
    before = await state(home)
    answer = await home.client.post("/api/v1/families/me/children", content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await state(home) == before


async def test_someone_elses_child_and_story_do_not_exist(here: World, home: Home) -> None:
    stranger = await here.family(("Cy", 5), email="stranger@families.example")
    story = await home.tell()
    for method, path, body in (
        ("GET", f"/api/v1/stories/{story['id']}", None),
        ("POST", f"/api/v1/stories/{story['id']}/outcome", {"outcome": "completed"}),
    ):
        problem(await stranger.client.request(method, path, json=body), 404)
    answer = await stranger.client.post("/api/v1/stories", json={"children": list(home.children)})
    problem(answer, 404, "/children/0")
    assert (await home.client.get(f"/api/v1/stories/{story['id']}")).json()["outcome"] is None


async def test_an_account_has_one_family(home: Home) -> None:
    before = await state(home)
    body = problem(await home.client.put("/api/v1/families/me", json={"time_zone": "Europe/Paris"}), 409)
    assert body["type"] == "urn:dreamflow:problem:family-exists"
    problem(await home.client.put("/api/v1/families/me", json=LONDON), 409)
    assert await state(home) == before


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"time_zone": "Mars/Base"}, ("/time_zone",)),
        ({"time_zone": "../../etc/passwd"}, ("/time_zone",)),
        ({"time_zone": "Europe/London", "locale": "not a locale"}, ("/locale",)),
        ({}, ("/time_zone",)),
    ],
)
async def test_a_family_needs_a_real_time_zone(here: World, body: dict[str, Any], pointers: tuple[str, ...]) -> None:
    client = await here.parent()
    problem(await client.put("/api/v1/families/me", json=body), 422, *pointers)
    problem(await client.get("/api/v1/families/me"), 404)


async def test_before_there_is_a_family_everything_in_it_is_missing(here: World) -> None:
    client = await here.parent()
    for path in ("/families/me", "/families/me/children", "/families/me/consents", "/tonight", "/stories"):
        problem(await client.get(f"/api/v1{path}"), 404)
    problem(await client.post("/api/v1/stories", json={}), 404)


async def test_a_family_without_children_is_told_what_is_missing(here: World) -> None:
    home = await here.family()
    assert problem(await home.client.post("/api/v1/stories", json={}), 409)["detail"].endswith("Add a child first.")


async def test_nobody_gets_in_without_a_token(here: World) -> None:
    client = await here.visitor()
    for method, path in (("GET", "/families/me"), ("PUT", "/families/me"), ("GET", "/tonight"), ("POST", "/stories")):
        answer = await client.request(method, f"/api/v1{path}", json=LONDON)
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("purpose", ["moon", "service"])
async def test_only_real_consents_can_be_withdrawn(home: Home, purpose: str) -> None:
    answer = await home.client.put(f"/api/v1/families/me/consents/{purpose}", json={"granted": False})
    problem(answer, 404 if purpose == "moon" else 409)


async def test_an_unknown_page_and_a_wrong_method_are_problems_too(here: World) -> None:
    client = await here.parent()
    problem(await client.get("/api/v1/nothing"), 404)
    problem(await client.delete("/api/v1/stories"), 405)
