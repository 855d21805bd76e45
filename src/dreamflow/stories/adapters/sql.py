"""Stories and nights in SQL.

A story (words, plan, trace) and its night (what planning needs) are two rows, because they are kept for
different times.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)
from typing_extensions import override

from dreamflow.identity import ParentId
from dreamflow.kit.db import Database, Holding, UtcDateTime, once
from dreamflow.kit.idempotency import RequestKey
from dreamflow.outbox import Envelope
from dreamflow.stories.model import Draft, Memory, Night, Outcome, Plan, Story, StoryId
from dreamflow.stories.ports import StoryStore

metadata = MetaData()
stories = Table(
    "stories",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("parent", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("evening", Date, nullable=False),
    Column("children", JSON, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("draft", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("arm", String, nullable=False),
    Index("stories_of_parent", "parent", "number"),
)
nights = Table(
    "nights",
    metadata,
    Column("story", String, ForeignKey("stories.id"), primary_key=True),
    Column("parent", String, nullable=False),
    Column("evening", Date, nullable=False),
    Column("begun", UtcDateTime, nullable=False),
    Column("time_zone", String, nullable=False),
    Column("theme", String, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("lead", String, nullable=False),
    Column("outcome", String, nullable=True),
    Index("nights_of_parent", "parent", "evening"),
)

_PLAN = TypeAdapter(Plan)
_DRAFT = TypeAdapter(Draft)


class SqlStoryStore(StoryStore):
    """Stories of one database.

    Args:
        database: where they are.
        append: the journal's door.
    """

    def __init__(self, database: Database, append: Callable[[Connection, Sequence[Envelope]], None]) -> None:
        self._database = database
        self._append = append

    @override
    async def nights(self, parent: ParentId, since: date) -> tuple[Night, ...]:
        query = (
            select(nights)
            .where(nights.c.parent == parent, nights.c.evening > since)
            .order_by(nights.c.evening.desc(), nights.c.begun.desc())
        )
        return await self._database.read(lambda connection: tuple(map(_night, connection.execute(query))))

    @override
    async def memory(self, parent: ParentId, nights: int) -> Memory:
        query = (
            select(stories.c.draft).where(stories.c.parent == parent).order_by(stories.c.number.desc()).limit(nights)
        )
        drafts: list[dict[str, Any]] = await self._database.read(
            lambda connection: [row.draft for row in connection.execute(query)]
        )
        return Memory(
            shapes=tuple(draft["shape"] for draft in drafts),
            places=tuple(draft["place"] for draft in drafts),
            companions=tuple(draft["companion"] for draft in drafts),
            storylets=tuple(passage["storylet"] for draft in drafts for passage in draft["passages"]),
        )

    @override
    async def commit(self, story: Story, night: Night, fact: Envelope, key: RequestKey | None) -> Story:
        def add(connection: Connection) -> str:
            connection.execute(
                insert(stories).values(
                    id=story.id,
                    parent=story.parent,
                    created_at=story.created_at,
                    evening=story.evening,
                    children=list(story.children),
                    plan=_PLAN.dump_python(story.plan, mode="json"),
                    draft=asdict(story.draft),
                    seed=story.seed,
                    arm=story.arm,
                )
            )
            connection.execute(
                insert(nights).values(
                    story=story.id,
                    parent=story.parent,
                    evening=night.evening,
                    begun=night.begun,
                    time_zone=str(night.begun.tzinfo),
                    theme=night.theme,
                    minutes=night.minutes,
                    lead=night.lead,
                    outcome=night.outcome,
                )
            )
            self._append(connection, [fact])
            return story.id

        def write(connection: Connection) -> Story:
            stored, repeated = once(connection, key, lambda: add(connection))
            if not repeated:
                return story
            return _story(connection.execute(select(stories).where(stories.c.id == stored)).one())

        return await self._database.write(Holding((story.parent,), write))

    @override
    async def find(self, parent: ParentId, story: StoryId) -> Story | None:
        query = select(stories).where(stories.c.id == story, stories.c.parent == parent)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _story(row)

    @override
    async def list(self, parent: ParentId, limit: int) -> Sequence[Story]:
        query = select(stories).where(stories.c.parent == parent).order_by(stories.c.number.desc()).limit(limit)
        return await self._database.read(lambda connection: [_story(row) for row in connection.execute(query)])

    @override
    async def outcomes(self, parent: ParentId, stories: Sequence[StoryId]) -> Mapping[StoryId, Outcome]:
        query = select(nights.c.story, nights.c.outcome).where(
            nights.c.parent == parent, nights.c.story.in_(stories), nights.c.outcome.is_not(None)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.story: Outcome(row.outcome) for row in rows}

    @override
    async def end(self, parent: ParentId, story: StoryId, outcome: Outcome, fact: Envelope) -> None:
        def write(connection: Connection) -> None:
            ended = connection.execute(
                update(nights)
                .where(nights.c.story == story, nights.c.parent == parent, nights.c.outcome.is_(None))
                .values(outcome=outcome)
            )
            if ended.rowcount:
                self._append(connection, [fact])

        await self._database.write(Holding((parent,), write))


def _night(row: Row[Any]) -> Night:
    return Night(
        evening=row.evening,
        begun=row.begun.astimezone(ZoneInfo(row.time_zone)),
        theme=row.theme,
        minutes=row.minutes,
        lead=row.lead,
        outcome=None if row.outcome is None else Outcome(row.outcome),
    )


def _story(row: Row[Any]) -> Story:
    return Story(
        id=row.id,
        parent=row.parent,
        created_at=row.created_at,
        evening=row.evening,
        children=tuple(row.children),
        plan=_PLAN.validate_python(row.plan),
        draft=_DRAFT.validate_python(row.draft),
        seed=row.seed,
        arm=row.arm,
    )
