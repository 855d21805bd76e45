"""Story use cases: plan tonight, tell a story, and note how it ended."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dreamflow.families import Child, Family, FamilyService, LedgerEntry, Purpose, evening_of
from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import FieldError, Invalid
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.idempotency import RequestKey
from dreamflow.kit.ids import Ids
from dreamflow.profiles import ProfileService, ProfileView
from dreamflow.stories import events
from dreamflow.stories.errors import ListenerNotFound, NobodyListens, StoryNotFound
from dreamflow.stories.model import (
    LONGEST_MINUTES,
    MOST_LISTENERS,
    SHORTEST_MINUTES,
    Brief,
    Listener,
    Night,
    Outcome,
    Plan,
    Story,
    StoryId,
    Theme,
    ThemeId,
    Wishes,
)
from dreamflow.stories.ports import Content, StoryStore, Writer
from dreamflow.stories.rules import taste
from dreamflow.stories.rules.adaptive import ARM, Evening, plan
from dreamflow.stories.rules.wishes import wished_theme, wishes_calm

_MEMORY_NIGHTS = 20
_FALLBACK_LANGUAGE = "en"
_RETIRED = "retired"
_HISTORY = timedelta(days=56)


@dataclass(frozen=True, slots=True)
class Request:
    """What a parent asks for, as they said it.

    Attributes:
        children: who listens; nobody named means the first four.
        minutes: of reading aloud.
        theme: a world by id.
        wishes: in the parent's own words.
    """

    children: tuple[str, ...] = ()
    minutes: int | None = None
    theme: str | None = None
    wishes: str = ""


@dataclass(frozen=True, slots=True)
class Tonight:
    """A plan that has not been written yet, and what it was made from."""

    evening: date
    plan: Plan
    listeners: tuple[Listener, ...]
    view: ProfileView
    story: Story | None


class StoryService:
    """All that can be done with stories.

    Args:
        store: where stories and nights are.
        families: whose children listen.
        profiles: what Klaviyo knows of the parent.
        writer: who finds the words.
        content: what there is to tell about.
        clock: for the hour.
        ids: for everything new.
        seeds: a fresh seed for each story.
        simulated: mark what is told here as made up.
        reach: failpoints; inert in production.
    """

    def __init__(
        self,
        *,
        store: StoryStore,
        families: FamilyService,
        profiles: ProfileService,
        writer: Writer,
        content: Content,
        clock: Clock,
        ids: Ids,
        seeds: Callable[[], int],
        simulated: bool = False,
        reach: Reach = inert,
    ) -> None:
        self._store = store
        self._families = families
        self._profiles = profiles
        self._writer = writer
        self._content = content
        self._clock = clock
        self._ids = ids
        self._seeds = seeds
        self._simulated = simulated
        self._reach = reach

    def themes(self, family: Family) -> tuple[Theme, ...]:
        """The worlds on offer in the family's language."""
        return self._content.themes(self._language(family))

    def theme_of(self, family: Family, plan: Plan) -> Theme:
        """The world of a plan; one that is no longer on offer keeps its id."""
        chosen = plan.theme.value
        known = {theme.id: theme for theme in self.themes(family)}
        return known.get(chosen, Theme(chosen, _RETIRED, chosen))

    async def tonight(self, family: Family) -> Tonight:
        """The plan when nobody is named and nothing is wished, without writing a word.

        Raises:
            NobodyListens: the family has no children yet.
        """
        tonight, _, _ = await self._plan(family, Request())
        latest = await self._store.list(family.parent, 1)
        told = latest[0] if latest and latest[0].evening == tonight.evening else None
        return Tonight(tonight.evening, tonight.plan, tonight.listeners, tonight.view, told)

    async def tell(self, family: Family, request: Request, key: RequestKey | None = None) -> Story:
        """Plan, write and keep a story; story, night, fact and delivery commit together.

        Raises:
            Invalid: a field is wrong; nothing was stored.
            NobodyListens: the family has no children yet.
            KeyReused: the key came before with another request.
            WritingFailed: no text passed the guard.
        """
        tonight, consents, history = await self._plan(family, request)
        by_id = {listener.id: listener for listener in tonight.listeners}
        listeners = tuple(by_id[id_] for id_ in (tonight.plan.lead.value, *tonight.plan.companions.value))
        seed = self._seeds()
        brief = Brief(
            listeners=listeners,
            theme=tonight.plan.theme.value,
            minutes=tonight.plan.minutes.value,
            energy=tonight.plan.energy.value,
            words_per_minute=tonight.plan.pacing.value,
            language=self._language(family),
            seed=seed,
            memory=await self._store.memory(family.parent, _MEMORY_NIGHTS),
        )
        draft = await self._writer.write(brief)
        now = self._clock.now()
        story = Story(
            id=StoryId(self._ids.new()),
            parent=family.parent,
            created_at=now,
            evening=tonight.evening,
            children=tuple(listener.id for listener in listeners),
            plan=tonight.plan,
            draft=draft,
            seed=seed,
            arm=ARM,
        )
        night = Night(
            evening=tonight.evening,
            begun=now.astimezone(family.zone),
            theme=brief.theme,
            minutes=brief.minutes,
            lead=tonight.plan.lead.value,
            outcome=None,
        )
        fact = events.story_generated(
            self._ids.new(),
            story,
            self.theme_of(family, story.plan).category,
            taste=_taste(taste.recent((night, *history), tonight.evening), self.themes(family)),
            ledger_entry=_citing(consents),
            simulated=self._simulated,
        )
        self._reach("stories.written")
        stored = await self._store.commit(story, night, fact, key)
        self._reach("stories.committed")
        return stored

    async def get(self, family: Family, story: str) -> Story:
        """One of the family's stories.

        Raises:
            StoryNotFound: there is none with this id in this family.
        """
        found = await self._store.find(family.parent, StoryId(story))
        if found is None:
            raise StoryNotFound("There is no such story in this family.")
        return found

    async def list(self, family: Family, limit: int) -> Sequence[Story]:
        """The newest stories, newest first."""
        return await self._store.list(family.parent, limit)

    async def outcomes(self, family: Family, stories: Sequence[Story]) -> Mapping[StoryId, Outcome]:
        """How these nights ended, where that is known."""
        return await self._store.outcomes(family.parent, [story.id for story in stories])

    async def outcome(self, family: Family, story: Story) -> Outcome | None:
        """How that night ended, once it is known."""
        return (await self.outcomes(family, [story])).get(story.id)

    async def end(self, family: Family, story_id: str, outcome: Outcome) -> Story:
        """Note how a night ended; the first word counts.

        Raises:
            StoryNotFound: there is none with this id in this family.
        """
        story = await self.get(family, story_id)
        consents = await self._families.consents(family)
        fact = events.story_ended(
            self._ids.new(),
            story,
            outcome,
            self._clock.now(),
            self.theme_of(family, story.plan).category,
            ledger_entry=_citing(consents),
            simulated=self._simulated,
        )
        await self._store.end(family.parent, story.id, outcome, fact)
        return story

    async def _plan(
        self, family: Family, request: Request
    ) -> tuple[Tonight, Mapping[Purpose, LedgerEntry], Sequence[Night]]:
        now = self._clock.now()
        evening = evening_of(now, family.zone)
        themes = self.themes(family)
        errors = [
            *_minutes_errors(request.minutes),
            *_theme_errors(request.theme, themes),
            *_listener_errors(request.children),
        ]
        if errors:
            raise Invalid(*errors)
        children, consents, history = await asyncio.gather(
            self._families.children(family),
            self._families.consents(family),
            self._store.nights(family.parent, evening - _HISTORY),
        )
        present = _present(children, request.children)
        if not present:
            raise NobodyListens("A story needs somebody to listen. Add a child first.")
        listeners = tuple(Listener(child.id, child.age_on(evening), child.name) for child in present)
        # Without this consent Klaviyo is not even asked: the question alone would tell of the evening.
        allowed = Purpose.PERSONAL_SUGGESTIONS in consents
        view = await self._profiles.view(family.parent) if allowed else self._profiles.unasked()
        known = Evening(
            local=now.astimezone(family.zone),
            date=evening,
            listeners=listeners,
            history=history,
            favourites=_hints(view, themes),
            wishes=_wishes(request, themes),
            themes=themes,
        )
        return Tonight(evening, plan(known), listeners, view, None), consents, history

    def _language(self, family: Family) -> str:
        """The family's own, or English while there is no pack of it."""
        spoken = family.locale.split("-", 1)[0].lower()
        return spoken if spoken in self._content.languages() else _FALLBACK_LANGUAGE


def _citing(consents: Mapping[Purpose, LedgerEntry]) -> str | None:
    entry = consents.get(Purpose.PERSONAL_SUGGESTIONS)
    return None if entry is None else entry.id


def _taste(nights: Sequence[Night], themes: Sequence[Theme]) -> events.FamilyTaste:
    return events.FamilyTaste(
        stories_28d=taste.stories_bucket(len(nights)),
        favourite_theme_categories=taste.favourite_categories(nights, {theme.id: theme.category for theme in themes}),
    )


def _hints(view: ProfileView, themes: Sequence[Theme]) -> tuple[str, ...]:
    known = {theme.category for theme in themes}
    return tuple(category for category in view.favourite_theme_categories if category in known)


def _wishes(request: Request, themes: Sequence[Theme]) -> Wishes:
    theme = wished_theme(request.wishes, themes)
    calmer = wishes_calm(request.wishes)
    return Wishes(
        minutes=request.minutes,
        theme=theme if request.theme is None else ThemeId(request.theme),
        calmer=calmer,
        unclear=bool(request.wishes.strip()) and theme is None and not calmer,
    )


def _present(children: Sequence[Child], asked: Sequence[str]) -> tuple[Child, ...]:
    if not asked:
        return tuple(children)[:MOST_LISTENERS]
    known = {str(child.id): child for child in children}
    errors = tuple(
        FieldError(f"/children/{position}", "There is no such child in this family.")
        for position, id_ in enumerate(asked)
        if id_ not in known
    )
    if errors:
        raise ListenerNotFound("There is no such child in this family.", errors=errors)
    return tuple(known[id_] for id_ in asked)


def _listener_errors(asked: Sequence[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(asked) > MOST_LISTENERS:
        errors.append(FieldError("/children", f"At most {MOST_LISTENERS} children fit into one story."))
    if len(set(asked)) != len(asked):
        errors.append(FieldError("/children", "A child listens once."))
    return errors


def _minutes_errors(minutes: int | None) -> list[FieldError]:
    if minutes is None or SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        return []
    return [FieldError("/minutes", f"A story takes {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes.")]


def _theme_errors(theme: str | None, themes: Sequence[Theme]) -> list[FieldError]:
    if theme is None or theme in {known.id for known in themes}:
        return []
    return [FieldError("/theme", "There is no such world. Known: " + ", ".join(sorted(t.id for t in themes)) + ".")]
