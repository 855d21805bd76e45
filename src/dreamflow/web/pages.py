"""The parent's pages: dark, one button, tonight's story with its reasons. Rendered here, no script at all."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, Field

from dreamflow.families import CONSENT_TEXTS, Family, FamilyService, Purpose, evening_of
from dreamflow.identity import Caller, IdentityService, InvalidToken, Role
from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import DreamFlowError, NotFound
from dreamflow.kit.idempotency import KeyReused, RequestKey, fingerprint
from dreamflow.kit.ids import Ids
from dreamflow.outbox import DeliveryStore, MirrorUnavailable, Received
from dreamflow.stories import NobodyListens, Outcome, Plan, StoryService
from dreamflow.stories import Request as StoryRequest
from dreamflow.web.problems import status_of
from dreamflow.web.sessions import LONGEST_SESSION, Sessions

HERE: Final = Path(__file__).parent
LENGTHS: Final = (4, 6, 8, 12)
_RECEIVED_SHOWN: Final = 50
_SERVICE_TEXT: Final = CONSENT_TEXTS[Purpose.SERVICE].text


class Personas(Protocol):
    """The demo's families, and a way to become one of them; there are none outside the demo."""

    def names(self) -> Mapping[str, str]:
        """A sentence about each persona, by its key."""
        ...

    def token(self, persona: str) -> str | None:
        """A token for a persona; none when there is no such persona."""
        ...


@dataclass(frozen=True, slots=True)
class PageDeps:
    """What the pages lean on.

    Attributes:
        clock: of the house; the demo's stands at story time.
        wall_clock: of the machine; tokens live by it.
        personas: in the demo only.
        received: what Klaviyo has; none when it is not configured.
    """

    identity: IdentityService
    families: FamilyService
    stories: StoryService
    deliveries: DeliveryStore
    received: Received | None
    sessions: Sessions
    clock: Clock
    wall_clock: Clock
    ids: Ids
    personas: Personas | None = None


def router(pages: "Pages") -> APIRouter:
    """All pages."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    routes.add_api_route("/", pages.home, methods=["GET"])
    routes.add_api_route("/session", pages.sign_in, methods=["POST"])
    routes.add_api_route("/session/end", pages.sign_out, methods=["POST"])
    if pages.has_personas:
        routes.add_api_route("/demo/session", pages.become, methods=["POST"])
    routes.add_api_route("/family", pages.begin_family, methods=["POST"])
    routes.add_api_route("/family/children", pages.add_child, methods=["POST"])
    routes.add_api_route("/family/consents", pages.decide, methods=["POST"])
    routes.add_api_route("/tonight", pages.tell, methods=["POST"])
    routes.add_api_route("/stories/{story_id}", pages.story, methods=["GET"])
    routes.add_api_route("/stories/{story_id}/outcome", pages.end, methods=["POST"])
    routes.add_api_route("/operator", pages.operator, methods=["GET"])
    return routes


Text = Annotated[str, Form(max_length=200)]
LongText = Annotated[str, Form(max_length=2000)]
Proof = Annotated[str, Form(max_length=128)]


class TonightForm(BaseModel):
    """The one form of the evening; `once` makes a second press harmless."""

    csrf: str = Field(max_length=128)
    once: str = Field(max_length=64)
    minutes: str = Field(default="", max_length=20)
    theme: str = Field(default="", max_length=64)
    wishes: str = Field(default="", max_length=200)
    children: list[str] = Field(default=[], max_length=20)


class Pages:
    """Renders every page; none of them needs a script.

    Args:
        deps: what they lean on.
    """

    def __init__(self, deps: PageDeps) -> None:
        self._deps = deps
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates = Jinja2Templates(env=environment)

    @property
    def has_personas(self) -> bool:
        """Whether this is a demo, in which one may become somebody."""
        return self._deps.personas is not None

    def trouble(self, request: Request, status: int, detail: str) -> Response:
        """What went wrong, in one sentence, and a way back."""
        return self._show(request, "trouble.html", status=status, trouble=detail)

    async def home(self, request: Request) -> Response:
        """Tonight: or the step that is missing before it."""
        caller = await self._caller(request)
        if caller is None:
            return self._show(request, "sign_in.html", personas=self._persona_names())
        try:
            family = await self._deps.families.get(caller.account)
        except NotFound:
            return self._show(request, "begin.html", service_text=_SERVICE_TEXT)
        return await self._tonight(request, family, caller)

    async def sign_in(self, request: Request, csrf: Proof, token: Annotated[str, Form(max_length=8192)]) -> Response:
        """Begin a session with a token from the issuer."""
        self._deps.sessions.check(request, csrf)
        trouble = "This token is not valid here. It may have expired."
        if len(token) > LONGEST_SESSION:
            trouble = "This token is too long for a browser's cookie. Ask for one with fewer claims."
        else:
            with suppress(InvalidToken):
                return await self._begin_session(request, token.strip())
        return self._show(
            request,
            "sign_in.html",
            status=HTTPStatus.UNAUTHORIZED,
            personas=self._persona_names(),
            trouble=trouble,
        )

    async def become(self, request: Request, csrf: Proof, persona: Text) -> Response:
        """Begin a session as one of the demo's personas."""
        self._deps.sessions.check(request, csrf)
        token = self._deps.personas.token(persona) if self._deps.personas else None
        return _home() if token is None else await self._begin_session(request, token)

    async def sign_out(self, request: Request, csrf: Proof) -> Response:
        """End the session."""
        self._deps.sessions.check(request, csrf)
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        self._deps.sessions.end(response)
        return response

    async def begin_family(self, request: Request, csrf: Proof, time_zone: Text) -> Response:
        """Create the family."""
        caller = await self._posting(request, csrf)
        if caller is None:
            return _home()
        try:
            await self._deps.families.create(caller, time_zone=time_zone.strip(), channel="page")
        except DreamFlowError as error:
            return self._show(
                request, "begin.html", status=status_of(error), service_text=_SERVICE_TEXT, trouble=error.message
            )
        return _home()

    async def add_child(self, request: Request, csrf: Proof, once: Text, name: LongText, age: Text) -> Response:
        """Add a child; pressing twice adds it once."""
        caller = await self._posting(request, csrf)
        if caller is None:
            return _home()
        family = await self._deps.families.get(caller.account)
        key = self._key(f"{family.parent}/child", once, [name, age])
        try:
            await self._deps.families.add_child(family, name=name, age=_whole(age), key=key)
        except DreamFlowError as error:
            return await self._tonight(request, family, caller, error=error)
        return _home()

    async def decide(self, request: Request, csrf: Proof, purpose: Text, granted: Text) -> Response:
        """Give or withdraw a consent."""
        caller = await self._posting(request, csrf)
        if caller is None:
            return _home()
        family = await self._deps.families.get(caller.account)
        await self._deps.families.decide(family, purpose, granted=granted == "yes", channel="page")
        return _home()

    async def tell(self, request: Request, asked: Annotated[TonightForm, Form()]) -> Response:
        """Tell tonight's story; pressing twice tells it once."""
        caller = await self._posting(request, asked.csrf)
        if caller is None:
            return _home()
        family = await self._deps.families.get(caller.account)
        wanted = StoryRequest(
            children=tuple(asked.children),
            minutes=_whole(asked.minutes) if asked.minutes else None,
            theme=asked.theme or None,
            wishes=asked.wishes,
        )
        wishes = asked.model_dump(mode="json", exclude={"csrf", "once"})
        key = self._key(f"{family.parent}/tonight", asked.once, wishes)
        try:
            story = await self._deps.stories.tell(family, wanted, key)
        except DreamFlowError as error:
            return await self._tonight(request, family, caller, error=error)
        return RedirectResponse(f"/stories/{story.id}", HTTPStatus.SEE_OTHER)

    async def story(self, request: Request, story_id: str) -> Response:
        """Read a story aloud."""
        caller = await self._caller(request)
        if caller is None:
            return _home()
        family = await self._deps.families.get(caller.account)
        story = await self._deps.stories.get(family, story_id)
        return self._show(
            request,
            "story.html",
            story=story,
            outcome=await self._deps.stories.outcome(family, story),
            theme=self._deps.stories.theme_of(family, story.plan),
            reasons=_reasons(story.plan),
            simulated=family.simulated,
        )

    async def end(self, request: Request, story_id: str, csrf: Proof, outcome: Annotated[Outcome, Form()]) -> Response:
        """Note how the night ended."""
        caller = await self._posting(request, csrf)
        if caller is None:
            return _home()
        family = await self._deps.families.get(caller.account)
        await self._deps.stories.end(family, story_id, outcome)
        return RedirectResponse(f"/stories/{story_id}", HTTPStatus.SEE_OTHER)

    async def operator(self, request: Request) -> Response:
        """What Klaviyo received, read back from Klaviyo."""
        caller = await self._caller(request)
        if caller is None or caller.role is not Role.OPERATOR:
            return self._show(
                request,
                "sign_in.html",
                status=HTTPStatus.FORBIDDEN,
                personas=self._persona_names(),
                trouble="This page is for operators.",
            )
        trouble, events = "", ()
        if self._deps.received is None:
            trouble = "Klaviyo is not configured, so nothing is sent. What would be sent waits."
        else:
            try:
                events = await self._deps.received.recent(_RECEIVED_SHOWN)
            except MirrorUnavailable as error:
                trouble = error.message
        return self._show(
            request,
            "operator.html",
            books=await self._deps.deliveries.books(),
            events=events,
            trouble=trouble,
            demo=self._deps.personas is not None,
        )

    async def _tonight(
        self, request: Request, family: Family, caller: Caller, *, error: DreamFlowError | None = None
    ) -> Response:
        children = await self._deps.families.children(family)
        try:
            tonight = await self._deps.stories.tonight(family)
        except NobodyListens:
            tonight = None
        themes = self._deps.stories.themes(family)
        return self._show(
            request,
            "tonight.html",
            status=HTTPStatus.OK if error is None else status_of(error),
            children=children,
            evening=evening_of(self._deps.clock.now(), family.zone),
            listening=() if tonight is None else [listener.id for listener in tonight.listeners],
            tonight=tonight,
            reasons=() if tonight is None else _reasons(tonight.plan),
            theme=None if tonight is None else self._deps.stories.theme_of(family, tonight.plan),
            themes=themes,
            lengths=LENGTHS,
            stories=await self._deps.stories.list(family, 7),
            consents=await self._deps.families.consents(family),
            choices=[(purpose, text.text) for purpose, text in CONSENT_TEXTS.items() if purpose is not Purpose.SERVICE],
            service_text=_SERVICE_TEXT,
            once=self._deps.ids.new(),
            simulated=family.simulated,
            is_operator=caller.role is Role.OPERATOR,
            trouble=_words(error),
        )

    def _key(self, scope: str, once: str, content: object) -> RequestKey:
        """The promise of a form that was shown once: a second press is the same press."""
        return RequestKey(scope, once, fingerprint(content), self._deps.clock.now())

    async def _caller(self, request: Request) -> Caller | None:
        token = self._deps.sessions.token(request)
        if not token:
            return None
        try:
            return await self._deps.identity.verify(token)
        except InvalidToken:
            return None

    async def _posting(self, request: Request, csrf: str) -> Caller | None:
        self._deps.sessions.check(request, csrf)
        return await self._caller(request)

    async def _begin_session(self, request: Request, token: str) -> Response:
        caller = await self._deps.identity.verify(token)
        target = "/operator" if caller.role is Role.OPERATOR else "/"
        response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        self._deps.sessions.begin(request, response, token, caller, self._deps.wall_clock.now())
        return response

    def _persona_names(self) -> Mapping[str, str]:
        return {} if self._deps.personas is None else self._deps.personas.names()

    def _show(self, request: Request, name: str, *, status: int = HTTPStatus.OK, **context: object) -> Response:
        shown: dict[str, object] = {
            "trouble": "",
            "simulated": False,
            **context,
            "csrf": self._deps.sessions.csrf(request),
        }
        shown["signed_in"] = self._deps.sessions.token(request) is not None
        return self._templates.TemplateResponse(request, name, shown, status_code=status)


def _whole(text: str) -> int:
    """A number somebody typed; what is none becomes one that no rule accepts."""
    try:
        return int(text)
    except ValueError:
        return -1


def _words(error: DreamFlowError | None) -> str:
    """An error in a parent's words."""
    if isinstance(error, KeyReused):
        return "This page had been used before. Here it is afresh: press once more."
    return "" if error is None else error.message


def _home() -> Response:
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)


def _reasons(plan: Plan) -> tuple[str, ...]:
    fields = (plan.theme, plan.minutes, plan.energy, plan.pacing, plan.lead, plan.companions, plan.novelty)
    return tuple(dict.fromkeys(reason.text for chosen in fields for reason in chosen.reasons))
