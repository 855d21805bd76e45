"""The family routes: parse, call, render."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, status
from pydantic import BaseModel, ConfigDict, Field

from dreamflow.families.model import CONSENT_TEXTS, Child, Family, LedgerEntry, Purpose
from dreamflow.families.rules import evening_of
from dreamflow.families.service import FamilyService
from dreamflow.identity import Caller
from dreamflow.kit.clock import Clock
from dreamflow.kit.idempotency import RequestKey, fingerprint

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class FamilyDeps:
    """What these routes lean on.

    Attributes:
        caller: dependency that says who is asking.
    """

    families: FamilyService
    caller: Callable[..., Any]
    clock: Clock


class FamilyRequest(BaseModel):
    """Where the evenings take place."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"time_zone": "Europe/London", "locale": "en-GB"}]}
    )

    time_zone: str = Field(max_length=_LONGEST, description="An IANA name.")
    locale: str = Field(default="en", max_length=_LONGEST, description="A language tag (BCP 47).")


class FamilyChange(BaseModel):
    """What moved; anything left out stays. The address follows the token."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"time_zone": "Europe/Paris"}]})

    time_zone: str | None = Field(default=None, max_length=_LONGEST)
    locale: str | None = Field(default=None, max_length=_LONGEST)


class FamilyBody(BaseModel):
    """A family as its parent sees it."""

    id: str = Field(description="Random; the only name Klaviyo knows the family by besides the parent's e-mail.")
    time_zone: str
    locale: str
    created_at: datetime
    simulated: bool


class ChildRequest(BaseModel):
    """A child who listens. The name stays in this house and is kept as you write it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Zoë", "age": 5}]})

    name: str = Field(max_length=_LONGEST)
    age: int


class ChildBody(BaseModel):
    """A child as the parent sees it."""

    id: str
    name: str
    age: int


class ConsentRequest(BaseModel):
    """Give a consent or take it back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"granted": True}]})

    granted: bool


class ConsentBody(BaseModel):
    """One purpose: what it says, and whether it holds."""

    purpose: str
    granted: bool
    text: str
    since: datetime | None


def family_dependency(families: FamilyService, caller: Callable[..., Any]) -> Callable[..., Any]:
    """Build the dependency that gives the caller's family, or raises `FamilyNotFound`."""

    async def current(who: Annotated[Caller, Depends(caller)]) -> Family:
        return await families.get(who.account)

    return current


def router(deps: FamilyDeps) -> APIRouter:
    """The routes below `/api/v1/families`."""
    routes = APIRouter(prefix="/families/me", tags=["family"])
    caller = Depends(deps.caller)
    current = Depends(family_dependency(deps.families, deps.caller))

    @routes.put("", operation_id="create_family", status_code=status.HTTP_201_CREATED, summary="Begin a family")
    async def create(who: Annotated[Caller, caller], body: FamilyRequest) -> FamilyBody:
        return _family(await deps.families.create(who, time_zone=body.time_zone, locale=body.locale))

    @routes.get("", operation_id="get_family", summary="The caller's family")
    async def get(family: Annotated[Family, current]) -> FamilyBody:
        return _family(family)

    @routes.patch("", operation_id="move_family", summary="Change the time zone or the language")
    async def move(who: Annotated[Caller, caller], body: FamilyChange) -> FamilyBody:
        return _family(await deps.families.move(who, time_zone=body.time_zone, locale=body.locale))

    @routes.post("/children", operation_id="add_child", status_code=status.HTTP_201_CREATED, summary="Add a child")
    async def add_child(
        family: Annotated[Family, current],
        body: ChildRequest,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> ChildBody:
        key = None
        if idempotency_key is not None:
            content = fingerprint(body.model_dump(mode="json"))
            key = RequestKey(f"{family.parent}/children", idempotency_key, content, deps.clock.now())
        child = await deps.families.add_child(family, name=body.name, age=body.age, key=key)
        return _child(child, child.age)

    @routes.get("/children", operation_id="list_children", summary="All children")
    async def children(family: Annotated[Family, current]) -> list[ChildBody]:
        today = evening_of(deps.clock.now(), family.zone)
        return [_child(child, child.age_on(today)) for child in await deps.families.children(family)]

    @routes.get("/consents", operation_id="list_consents", summary="Every purpose, and whether it holds")
    async def consents(family: Annotated[Family, current]) -> list[ConsentBody]:
        return _consents(await deps.families.consents(family))

    @routes.put("/consents/{purpose}", operation_id="decide_consent", summary="Give a consent or take it back")
    async def decide(family: Annotated[Family, current], purpose: str, body: ConsentRequest) -> list[ConsentBody]:
        return _consents(await deps.families.decide(family, purpose, granted=body.granted))

    return routes


def _family(family: Family) -> FamilyBody:
    return FamilyBody(
        id=family.parent,
        time_zone=family.time_zone,
        locale=family.locale,
        created_at=family.created_at,
        simulated=family.simulated,
    )


def _child(child: Child, age: int) -> ChildBody:
    return ChildBody(id=child.id, name=child.name, age=age)


def _consents(in_force: Mapping[Purpose, LedgerEntry]) -> list[ConsentBody]:
    return [
        ConsentBody(
            purpose=purpose,
            granted=purpose in in_force,
            text=CONSENT_TEXTS[purpose].text,
            since=in_force[purpose].at if purpose in in_force else None,
        )
        for purpose in Purpose
    ]
