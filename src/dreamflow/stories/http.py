"""The story routes: parse, call, render."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, status
from pydantic import BaseModel, ConfigDict, Field

from dreamflow.families import Family
from dreamflow.kit.clock import Clock
from dreamflow.kit.idempotency import RequestKey, fingerprint
from dreamflow.stories.model import Chosen, Outcome, Plan, Story
from dreamflow.stories.service import Request, StoryService

CurrentFamily = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class StoryDeps:
    """What these routes lean on.

    Attributes:
        family: dependency that gives the caller's family.
    """

    stories: StoryService
    family: CurrentFamily
    clock: Clock


class StoryRequest(BaseModel):
    """What tonight should be like; everything left out is chosen for you, with reasons."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"children": ["7d8c2f6e-0c43-4d51-9c59-0c6a4d5d1f11"], "minutes": 8, "wishes": "by the sea"}]
        },
    )

    children: list[Annotated[str, Field(max_length=64)]] = Field(
        default=[], max_length=20, description="Ids of up to four who listen; nobody named means the first four."
    )
    minutes: int | None = Field(default=None, description="Reading time, 3 to 20 minutes.")
    theme: str | None = Field(default=None, max_length=64, description="Id of a world from `GET /api/v1/tonight`.")
    wishes: str = Field(default="", max_length=200, description="In your own words; kept in this house.")


class OutcomeRequest(BaseModel):
    """How the night ended."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"outcome": "asleep"}]})

    outcome: Outcome


class ChosenBody(BaseModel):
    """A choice, its reasons in words, and the facts they rest on, one for one."""

    value: Any
    reasons: list[str]
    facts: list[dict[str, str]]


class StoryBody(BaseModel):
    """A story as it was told."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0b6a2d5e-8b3b-4b6e-8f0e-2f4f6c1f9a10",
                    "title": "The Lamp by the Water",
                    "text": ["The tide was on its way out.", "Good night."],
                    "minutes": 8,
                    "plan": {
                        "minutes": {
                            "value": 8,
                            "reasons": ["You asked for 8 minutes."],
                            "facts": [{"name": "wish.minutes", "value": "8"}],
                        }
                    },
                    "created_at": "2026-11-23T19:10:00Z",
                    "outcome": None,
                }
            ]
        }
    )

    id: str
    title: str
    text: list[str] = Field(description="Paragraphs, in reading order.")
    minutes: int
    plan: dict[str, ChosenBody]
    created_at: datetime
    outcome: Outcome | None = None


class ThemeBody(BaseModel):
    """A world on offer."""

    id: str
    category: str
    title: str


class TonightBody(BaseModel):
    """The plan as it stands, before a word is written."""

    evening: date
    plan: dict[str, ChosenBody]
    children: list[str]
    themes: list[ThemeBody]
    klaviyo: str = Field(description="Where hints came from, or why there are none.")
    story: StoryBody | None = Field(description="The story already told this evening, if there is one.")


def plan_body(plan: Plan) -> dict[str, ChosenBody]:
    """A plan as JSON: field by field, with reasons."""
    fields: dict[str, Chosen[Any]] = {
        "theme": plan.theme,
        "minutes": plan.minutes,
        "energy": plan.energy,
        "pacing": plan.pacing,
        "lead": plan.lead,
        "companions": plan.companions,
        "novelty": plan.novelty,
    }
    return {
        name: ChosenBody(
            value=chosen.value,
            reasons=[reason.text for reason in chosen.reasons],
            facts=[{"name": reason.fact.name, "value": reason.fact.value} for reason in chosen.reasons],
        )
        for name, chosen in fields.items()
    }


def story_body(story: Story, outcome: Outcome | None) -> StoryBody:
    """A story as JSON."""
    return StoryBody(
        id=story.id,
        title=story.draft.title,
        text=list(story.draft.paragraphs),
        minutes=story.plan.minutes.value,
        plan=plan_body(story.plan),
        created_at=story.created_at,
        outcome=outcome,
    )


def router(deps: StoryDeps) -> APIRouter:
    """The routes below `/api/v1` that tell stories."""
    routes = APIRouter(tags=["stories"])
    current = Depends(deps.family)

    @routes.get("/tonight", operation_id="get_tonight", summary="Tonight's plan with its reasons")
    async def tonight(family: Annotated[Family, current]) -> TonightBody:
        plan = await deps.stories.tonight(family)
        told = plan.story and story_body(plan.story, await deps.stories.outcome(family, plan.story))
        return TonightBody(
            evening=plan.evening,
            plan=plan_body(plan.plan),
            children=[listener.id for listener in plan.listeners],
            themes=[ThemeBody(id=t.id, category=t.category, title=t.title) for t in deps.stories.themes(family)],
            klaviyo=plan.view.note or "Klaviyo answered; the reasons name a hint where one counted",
            story=told,
        )

    @routes.post(
        "/stories", operation_id="tell_story", status_code=status.HTTP_201_CREATED, summary="Tell a story for tonight"
    )
    async def tell(
        family: Annotated[Family, current],
        body: StoryRequest,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> StoryBody:
        request = Request(tuple(body.children), body.minutes, body.theme, body.wishes)
        key = None
        if idempotency_key is not None:
            content = fingerprint(body.model_dump(mode="json"))
            key = RequestKey(f"{family.parent}/stories", idempotency_key, content, deps.clock.now())
        story = await deps.stories.tell(family, request, key)
        return story_body(story, await deps.stories.outcome(family, story))

    @routes.get("/stories", operation_id="list_stories", summary="The newest stories, newest first")
    async def stories(
        family: Annotated[Family, current], limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> list[StoryBody]:
        told = await deps.stories.list(family, limit)
        outcomes = await deps.stories.outcomes(family, told)
        return [story_body(story, outcomes.get(story.id)) for story in told]

    @routes.get("/stories/{story_id}", operation_id="get_story", summary="One story, word for word as it was told")
    async def story(family: Annotated[Family, current], story_id: str) -> StoryBody:
        found = await deps.stories.get(family, story_id)
        return story_body(found, await deps.stories.outcome(family, found))

    @routes.post("/stories/{story_id}/outcome", operation_id="end_story", summary="Note how the night ended")
    async def outcome(family: Annotated[Family, current], story_id: str, body: OutcomeRequest) -> StoryBody:
        ended = await deps.stories.end(family, story_id, body.outcome)
        return story_body(ended, await deps.stories.outcome(family, ended))

    return routes
