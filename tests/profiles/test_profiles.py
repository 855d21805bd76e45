"""Hints from Klaviyo: never an error, never a delay, never believed beyond their shape."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from typing_extensions import override

from client.client_server import Reply, Reset, Step, Wire, problem
from dreamflow.identity import ParentId
from dreamflow.kit.errors import Unavailable
from dreamflow.profiles import ProfileService, ProfileSource, ProfileView
from dreamflow.profiles.adapters.klaviyo import KlaviyoProfiles, ProfileUnavailable
from dreamflow.profiles.rules import view_of

ANN = ParentId("parent-ann")
PATIENCE = 20.0


class Mirror(ProfileSource):
    """Answers as it is told."""

    def __init__(self, answer: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> None:
        self._answer = answer
        self.asked: list[tuple[ParentId, float]] = []

    @override
    async def properties(self, parent: ParentId, *, within_seconds: float) -> Mapping[str, Any] | None:
        self.asked.append((parent, within_seconds))
        return await self._answer()


def service(source: ProfileSource | None, budget_seconds: float = 0.8) -> ProfileService:
    return ProfileService(source, budget_seconds=budget_seconds)


def saying(properties: Mapping[str, Any] | None) -> Mirror:
    async def answer() -> Mapping[str, Any] | None:
        return properties

    return Mirror(answer)


async def test_what_klaviyo_knows_becomes_a_view() -> None:
    mirror = saying({"favourite_theme_categories": ["sea", "forest"], "other": 1})
    view = await service(mirror, 0.5).view(ANN)
    assert view == ProfileView(favourite_theme_categories=("sea", "forest"))
    assert mirror.asked == [(ANN, 0.5)]


async def test_a_family_klaviyo_does_not_know_has_a_view_that_says_so() -> None:
    view = await service(saying(None)).view(ANN)
    assert view == ProfileView("Klaviyo does not know this family yet")


async def test_without_klaviyo_there_is_a_view_that_says_so() -> None:
    view = await service(None).view(ANN)
    assert view == ProfileView("Klaviyo is not configured")


async def test_a_source_that_never_answers_costs_the_budget_and_no_more() -> None:
    never = asyncio.Event()
    left: list[str] = []

    async def answer() -> None:
        try:
            await never.wait()
        finally:
            left.append("not left waiting")

    with capture_logs() as logs:
        view = await asyncio.wait_for(service(Mirror(answer), 0.001).view(ANN), PATIENCE)
    assert view == ProfileView("Klaviyo did not answer in time")
    assert left == ["not left waiting"]
    assert [entry["cause"] for entry in logs] == ["TimeoutError"]
    assert ANN not in str(logs)


@pytest.mark.parametrize("error", [Unavailable("Canary"), ProfileUnavailable("Canary"), TimeoutError("Canary")])
async def test_a_source_that_fails_gives_a_view_that_says_so_and_a_log_line_without_the_message(
    error: Exception,
) -> None:
    async def answer() -> None:
        raise error

    with capture_logs() as logs:
        view = await service(Mirror(answer)).view(ANN)
    assert view == ProfileView("Klaviyo did not answer in time")
    assert [entry["cause"] for entry in logs] == [type(error).__name__]
    assert "Canary" not in str(logs) + view.note


async def test_a_caller_who_leaves_is_not_held_back() -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def answer() -> None:
        asked.set()
        await never.wait()

    asking = asyncio.create_task(service(Mirror(answer), 60).view(ANN))
    await asyncio.wait_for(asked.wait(), PATIENCE)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asking, PATIENCE)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=15) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
lies = st.dictionaries(st.text(max_size=8), json_values, max_size=4) | st.fixed_dictionaries(
    {}, optional={"favourite_theme_categories": json_values | st.lists(json_values)}
)


@given(lies)
def test_whatever_the_properties_are_the_view_has_the_promised_shape(properties: dict[str, Any]) -> None:
    view = view_of(properties)
    assert view.note == ""
    hints = view.favourite_theme_categories
    assert len(hints) <= 12
    assert len(set(hints)) == len(hints)
    assert all(isinstance(hint, str) and 0 < len(hint) <= 40 for hint in hints)


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        (["sea", "forest"], ("sea", "forest")),
        (["sea", "sea", 3, None, "", "x" * 41, ["nested"], {"a": 1}, "forest"], ("sea", "forest")),
        ([f"c{n}" for n in range(30)], tuple(f"c{n}" for n in range(12))),
        ("sea", ()),
        ({"0": "sea"}, ()),
        (None, ()),
        (7, ()),
        ([], ()),
    ],
)
def test_only_short_words_in_a_list_are_hints(told: object, understood: tuple[str, ...]) -> None:
    assert view_of({"favourite_theme_categories": told}).favourite_theme_categories == understood


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        yield Wire(stack)


async def answering(wire: Wire, *steps: Step) -> KlaviyoProfiles:
    return KlaviyoProfiles(await wire.connect(*steps, max_attempts=1))


def found(*properties: Any) -> dict[str, Any]:
    return {
        "data": [
            {"type": "profile", "id": f"P{n}", "attributes": {"properties": each}} for n, each in enumerate(properties)
        ],
        "links": {"next": None},
    }


async def test_klaviyo_is_asked_for_the_properties_of_one_family_by_its_random_id(wire: Wire) -> None:
    profiles = await answering(wire, Reply(200, found({"plan_tier": "free"})))
    assert await profiles.properties(ANN, within_seconds=5) == {"plan_tier": "free"}
    [request] = wire.server.received
    assert request.path == "/api/profiles"
    assert request.query == {
        "filter": 'equals(external_id,"parent-ann")',
        "fields[profile]": "properties",
        "page[size]": "1",
    }


async def test_a_family_klaviyo_does_not_list_has_no_properties(wire: Wire) -> None:
    assert await (await answering(wire, Reply(200, found()))).properties(ANN, within_seconds=5) is None


async def test_a_profile_without_properties_has_none_to_offer(wire: Wire) -> None:
    assert await (await answering(wire, Reply(200, found(None)))).properties(ANN, within_seconds=5) == {}


@pytest.mark.parametrize(
    "step",
    [
        Reply(401, problem(401)),
        Reply(404, problem(404)),
        Reply(429, problem(429), {"Retry-After": "60"}),
        Reply(500, problem(500)),
        Reply(200, body=b"<html>"),
        Reply(200, {"data": "a lie"}),
        Reply(200, {"data": [{"type": "profile", "id": "P", "attributes": {"properties": ["a", "lie"]}}]}),
        Reset(),
    ],
    ids=["401", "404", "429", "500", "not JSON", "not JSON:API", "not properties", "reset"],
)
async def test_whatever_goes_wrong_at_klaviyo_is_one_error_and_a_view_without_hints(wire: Wire, step: Step) -> None:
    profiles = await answering(wire, step)
    with pytest.raises(ProfileUnavailable):
        await profiles.properties(ANN, within_seconds=5)
    with capture_logs():
        view = await service(profiles, 5).view(ANN)
    assert view == ProfileView("Klaviyo did not answer in time")
