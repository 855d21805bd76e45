"""One key, one effect."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from databases import OpenDatabase
from dreamflow.kit.db import Database, once
from dreamflow.kit.db.idempotency import keys as keys_table
from dreamflow.kit.idempotency import KEPT_FOR, KeyReused, RequestKey, fingerprint
from kit.kit_house import EVENING

KEY = RequestKey("parent/stories", "k-1", fingerprint({"minutes": 7}), EVENING)


@pytest.fixture
async def database(open_database: OpenDatabase) -> AsyncIterator[Database]:
    async with open_database() as database:
        yield database


class Effects:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.count = 0

    async def ask(self, key: RequestKey | None) -> tuple[str, bool]:
        return await self._database.write(lambda connection: once(connection, key, self._effect))

    def _effect(self) -> str:
        self.count += 1
        return f"result-{self.count}"


async def test_the_same_key_and_content_has_one_effect_and_one_answer(database: Database) -> None:
    effects = Effects(database)
    answers = await asyncio.gather(*(effects.ask(KEY) for _ in range(50)))
    assert effects.count == 1
    assert [answer for answer, _ in answers] == ["result-1"] * 50
    assert sorted(repeated for _, repeated in answers) == [False] + [True] * 49


async def test_the_same_key_with_other_content_is_refused_and_has_no_effect(database: Database) -> None:
    effects = Effects(database)
    await effects.ask(KEY)
    with pytest.raises(KeyReused):
        await effects.ask(replace(KEY, fingerprint=fingerprint({"minutes": 8})))
    assert effects.count == 1
    assert await effects.ask(KEY) == ("result-1", True)


async def test_a_key_belongs_to_one_account_and_kind_of_request(database: Database) -> None:
    effects = Effects(database)
    await effects.ask(KEY)
    assert await effects.ask(replace(KEY, scope="other/stories")) == ("result-2", False)
    assert await effects.ask(replace(KEY, key="k-2")) == ("result-3", False)


async def test_a_key_is_kept_for_a_day_and_then_forgotten(database: Database) -> None:
    effects = Effects(database)
    await effects.ask(KEY)
    assert timedelta(hours=24) == KEPT_FOR
    assert await effects.ask(replace(KEY, at=EVENING + KEPT_FOR)) == ("result-1", True)
    assert await effects.ask(replace(KEY, at=EVENING + KEPT_FOR + timedelta(seconds=1))) == ("result-2", False)


async def test_without_a_key_every_request_has_its_effect(database: Database) -> None:
    effects = Effects(database)
    assert [await effects.ask(None), await effects.ask(None)] == [("result-1", False), ("result-2", False)]


async def test_of_two_processes_with_one_key_one_has_the_effect_and_both_have_the_answer(
    open_database: OpenDatabase,
) -> None:
    async with open_database() as one, open_database() as other:
        both = Effects(one), Effects(other)
        for number in range(20):
            key = replace(KEY, key=f"k-{number}")
            answers = await asyncio.gather(*(effects.ask(key) for effects in (*both, *both)))
            assert len({answer for answer, _ in answers}) == 1
            assert sorted(repeated for _, repeated in answers) == [False, True, True, True]


async def test_processes_that_forget_at_the_same_time_do_not_wait_for_each_other(open_database: OpenDatabase) -> None:
    async with open_database() as one, open_database() as other:
        both = Effects(one), Effects(other)
        for number in range(50):
            await both[0].ask(replace(KEY, key=f"old-{number}"))
        later = EVENING + 2 * KEPT_FOR
        keys = [replace(KEY, key=f"old-{number}", at=later) for number in range(50)]
        answers = await asyncio.gather(
            *(both[0].ask(key) for key in keys), *(both[1].ask(key) for key in reversed(keys))
        )
        assert [repeated for _, repeated in answers].count(False) == 50
        kept = await one.read(lambda connection: connection.execute(select(keys_table)).all())
        assert len(kept) == 50


async def test_an_effect_that_fails_leaves_no_key(database: Database) -> None:
    def failing() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(lambda connection: once(connection, KEY, failing))
    effects = Effects(database)
    assert await effects.ask(KEY) == ("result-1", False)


@given(st.dictionaries(st.text(alphabet=st.characters(codec="utf-8")), st.integers()))
def test_a_fingerprint_does_not_depend_on_the_order_of_fields(content: dict[str, int]) -> None:
    assert fingerprint(content) == fingerprint(dict(reversed(content.items())))


@given(st.integers(), st.integers())
def test_other_content_has_another_fingerprint(one: int, other: int) -> None:
    assert (fingerprint({"minutes": one}) == fingerprint({"minutes": other})) == (one == other)
