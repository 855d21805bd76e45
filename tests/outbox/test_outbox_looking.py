"""What is looked at before a cut: the oldest of each kind, so that neither hides the other, and nothing overtakes."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from dreamflow.outbox import Delivery, DeliveryKind, Lane, Limits
from dreamflow.outbox.adapters.sql.looking import look, oldest_waiting
from dreamflow.outbox.model import Answer, Deferred
from dreamflow.outbox.service.delivery import ROOM
from outbox.outbox_fakes import FakeKlaviyo, Outbox, carded, heard, outbox_at

LIMITS = Limits(bulk_from=10, events=20, profiles=20)
KINDS = (DeliveryKind.EVENT, DeliveryKind.PROFILE)


class OneDoorIsShut(FakeKlaviyo):
    """Everything of one kind is put off."""

    shut: DeliveryKind

    @override
    async def _receive(self, lane: str, deliveries: Sequence[Delivery]) -> Answer:
        if deliveries[0].kind is self.shut:
            return Deferred("503")
        return await super()._receive(lane, deliveries)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with outbox_at(tmp_path / "house.sqlite", klaviyo=OneDoorIsShut()) as outbox:
        yield outbox


@pytest.mark.parametrize("shut", KINDS)
async def test_what_cannot_go_does_not_hide_what_can(outbox: Outbox, shut: DeliveryKind) -> None:
    assert isinstance(outbox.klaviyo, OneDoorIsShut)
    outbox.klaviyo.shut = shut
    many, few = (heard, carded) if shut is DeliveryKind.EVENT else (carded, heard)
    await outbox.append(*(many(f"m{n}", f"a{n}") for n in range(500)))
    await outbox.append(*(few(f"f{n}", f"b{n}") for n in range(30)))
    service = outbox.service(limits=LIMITS)
    for _ in range(20):
        await service.deliver_next()
        outbox.clock.advance(timedelta(seconds=5))
    assert len(outbox.klaviyo.effects) == 30


@settings(max_examples=60)
@given(
    kinds=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from("abcde")), min_size=1, max_size=40),
    room=st.fixed_dictionaries({lane: st.integers(0, 2) for lane in ROOM}),
    most=st.integers(1, 5),
)
async def test_nothing_is_seen_before_what_it_comes_after(
    kinds: list[tuple[DeliveryKind, str]], room: dict[Lane, int], most: int
) -> None:
    with TemporaryDirectory() as folder:
        async with outbox_at(Path(folder) / "house.sqlite") as outbox:
            await outbox.append(
                *(
                    (heard if kind is DeliveryKind.EVENT else carded)(f"d{n}", parent)
                    for n, (kind, parent) in enumerate(kinds)
                )
            )
            limits = Limits(bulk_from=2, events=most, profiles=most)
            found = await outbox.database.read(lambda connection: look(connection, room, limits, None, None))
            assert await outbox.database.read(oldest_waiting) == 1
    seqs = [each.seq for each in found]
    assert seqs == sorted(seqs)
    for each in found:
        before = {n for n, (_, parent) in enumerate(kinds, 1) if parent == each.parent and n < each.seq}
        assert before <= set(seqs), "something of its profile comes first"
    for kind, lanes in (
        (DeliveryKind.EVENT, (Lane.EVENT, Lane.EVENTS)),
        (DeliveryKind.PROFILE, (Lane.PROFILE, Lane.PROFILES)),
    ):
        fronts = {parent: other for other, parent in reversed(kinds)}
        can_go = [n for n, (other, parent) in enumerate(kinds, 1) if other is kind is fronts[parent]]
        if can_go and any(room[lane] for lane in lanes):
            assert any(seq in can_go for seq in seqs), "one that could go was not seen"
