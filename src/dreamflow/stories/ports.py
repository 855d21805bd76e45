"""What story use cases need."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from dreamflow.identity import ParentId
from dreamflow.kit.idempotency import RequestKey
from dreamflow.outbox import Envelope
from dreamflow.stories.model import Brief, Draft, Memory, Night, Outcome, Story, StoryId, Theme


class Writer(Protocol):
    """Turns a brief into words."""

    async def write(self, brief: Brief) -> Draft:
        """A finished text that passed the guard; the same brief gives the same bytes.

        Raises:
            WritingFailed: there is none.
        """
        ...


class Content(Protocol):
    """What there is to tell about."""

    def languages(self) -> tuple[str, ...]:
        """The languages on offer, e.g. "en"."""
        ...

    def themes(self, language: str) -> tuple[Theme, ...]:
        """The worlds on offer in a language, at least one."""
        ...


class StoryStore(Protocol):
    """Stories and nights. A change commits together with its facts."""

    async def nights(self, parent: ParentId, since: date) -> tuple[Night, ...]:
        """Nights after this evening, newest first, times in the family's zone."""
        ...

    async def memory(self, parent: ParentId, nights: int) -> Memory:
        """What was heard in the last so many stories."""
        ...

    async def commit(self, story: Story, night: Night, fact: Envelope, key: RequestKey | None) -> Story:
        """Store story, night and fact at once; a repeated key gives the story it gave before.

        Raises:
            KeyReused: the key came before with other content.
        """
        ...

    async def find(self, parent: ParentId, story: StoryId) -> Story | None:
        """One of this family's stories."""
        ...

    async def list(self, parent: ParentId, limit: int) -> Sequence[Story]:
        """The newest stories, newest first."""
        ...

    async def outcomes(self, parent: ParentId, stories: Sequence[StoryId]) -> Mapping[StoryId, Outcome]:
        """How these nights ended, where that is known."""
        ...

    async def end(self, parent: ParentId, story: StoryId, outcome: Outcome, fact: Envelope) -> None:
        """Store how a night ended, once, together with its fact; a second time changes nothing."""
        ...
