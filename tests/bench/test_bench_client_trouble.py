"""The rows of the client in trouble: they hold for this client, and do not for one that repeats, hides or loses."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from aioklaviyo import Klaviyo, OutcomeUnknown, ProfileAttributes
from dreamflow.bench.client.trouble import load, plan, rows
from dreamflow.bench.client.trouble.load import Ended, Make
from dreamflow.bench.client.trouble.rows import Effects, TroubleSize
from dreamflow.bench.client.trouble.scene import Scene, Sent
from dreamflow.bench.client.trouble.witness import Seen, Witness
from dreamflow.bench.model import Measured
from dreamflow.bench.subject import SubjectError
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.faults import parse_faults
from klaviyo_emulator.testing import running_emulator

TINY = TroubleSize(calls=80, creates=60, at_once=20, deadline_seconds=20, attempt_seconds=1, create_seconds=1)


@pytest.fixture
def _aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator and its witness in a thread, which is ready sooner than a process."""

    @asynccontextmanager
    async def scene(seed: int) -> AsyncGenerator[Scene]:
        config = EmulatorConfig(limits=False, acceptance_log=True, seed=seed)
        with running_emulator(config) as running:
            running.emulator.app.add_middleware(Witness)
            async with aiohttp.ClientSession() as session:
                yield Scene(running.url, session)

    monkeypatch.setattr(rows, "scene", scene)


def test_each_kind_of_fault_is_as_likely_as_the_others() -> None:
    spared, shares = 1.0, []
    for fault in parse_faults(plan.faults(0.12)):
        shares.append(spared * fault.probability)
        spared -= shares[-1]
    assert shares == pytest.approx([0.012] * 10)
    assert spared == pytest.approx(0.88)
    kinds = {(fault.kind, fault.effect) for fault in parse_faults(plan.faults())}
    assert {("429", False), ("500", False), ("500", True), ("503", False)} < kinds
    assert {"reset-before", "reset-after", "timeout-before", "timeout-after", "truncated", "short-close"} < {
        kind for kind, _ in kinds
    }


def test_calls_that_may_be_repeated_succeed_once() -> None:
    failing, doubled, p99 = rows.faults(TINY, 4)
    assert isinstance(failing, Measured)
    assert isinstance(doubled, Measured)
    assert isinstance(p99, Measured)
    assert [found.row for found in (failing, doubled, p99)] == ["faults", "faults-doubled", "faults-p99"]
    assert (failing.value, doubled.value, failing.n) == (0, 0, 80)
    assert 0 < p99.value < TINY.deadline_seconds
    assert "80 calls (create-event, get, get-many, profile-import)" in failing.note
    assert "% of which went wrong" in failing.note
    assert "20 events and 20 profiles stored, none lost" in doubled.note


@pytest.mark.usefixtures("_aside")
def test_calls_that_must_not_be_repeated_are_not() -> None:
    (found,) = rows.unsafe(TINY, 4)
    assert isinstance(found, Measured)
    assert (found.row, found.value, found.n) == ("unsafe", 0, 60)
    assert "every call that ended so was reported as OutcomeUnknown, and 0 others" in found.note


@pytest.mark.usefixtures("_aside")
def test_a_client_that_repeats_what_may_be_done_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def repeating(klaviyo: Klaviyo) -> Mapping[str, Make]:
        async def create(_number: int, marker: str) -> None:
            try:
                await klaviyo.profiles.create(ProfileAttributes(external_id=marker))
            except OutcomeUnknown:
                await klaviyo.profiles.create(ProfileAttributes(external_id=marker))

        return {"create": create}

    monkeypatch.setattr(rows, "creating", repeating)
    (found,) = rows.unsafe(TINY, 4)
    assert isinstance(found, Measured)
    assert found.value > 0
    assert not rows.UNSAFE.target.holds(found.value)


@pytest.mark.usefixtures("_aside")
def test_a_client_that_hides_what_it_does_not_know_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def hiding(klaviyo: Klaviyo) -> Mapping[str, Make]:
        async def create(_number: int, marker: str) -> None:
            try:
                await klaviyo.profiles.create(ProfileAttributes(external_id=marker))
            except OutcomeUnknown:
                return

        return {"create": create}

    monkeypatch.setattr(rows, "creating", hiding)
    with pytest.raises(SubjectError, match=r"calls of unknown outcome were reported as \d+ success"):
        list(rows.unsafe(TINY, 4))


@pytest.mark.usefixtures("_aside")
def test_without_trouble_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreamflow.bench.client.trouble.scene.faults", lambda: "")
    with pytest.raises(SubjectError, match="no call met a fault"):
        list(rows.unsafe(replace(TINY, creates=2), 4))


def ended(marker: str, kind: str = "create", failure: str | None = None) -> Ended:
    return Ended(kind, marker, 0.1, failure)


def test_only_what_follows_an_ambiguous_request_is_a_repeat() -> None:
    sent = [
        Sent("throttled", 429, is_readable=True),
        Sent("throttled", 201, is_readable=True),
        Sent("broken", None, is_readable=False),
        Sent("cut", 201, is_readable=False),
        Sent("cut", 503, is_readable=True),
        Sent("cut", 409, is_readable=True),
        Sent("failed", 500, is_readable=True),
    ]
    told = [ended("broken", failure="OutcomeUnknown"), ended("elsewhere", failure="OutcomeUnknown"), ended("failed")]
    found = rows.compare(told, sent)
    assert (found.ambiguous, found.repeats) == (4, 2)
    assert found.open == {"broken", "failed"}
    assert found.told == {"broken", "elsewhere"}


def test_effects_are_counted_and_lost_ones_are_told() -> None:
    effects = Effects(Counter({"a": 1, "b": 3}), Counter({"c": 2}))
    assert effects.doubled == 3
    effects.require([ended("a", "create-event"), ended("x", "create-event", "RateLimited"), ended("x", "get")])
    with pytest.raises(SubjectError, match="1 calls succeeded without effect"):
        effects.require([ended("a", "create-event"), ended("a", "profile-import")])


def test_calls_come_in_an_order_that_is_drawn_and_a_wrong_answer_ends_them() -> None:
    async def nothing(number: int, marker: str) -> None:
        assert marker == f"call-{number}"

    async def wrong(_number: int, _marker: str) -> None:
        load._expect("this", "that")

    makes: Mapping[str, Make] = {"one": nothing, "two": nothing}
    orders = [[one.kind for one in asyncio.run(load.run(makes, 20, 1, seed))] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert Counter(orders[0]) == Counter(one=10, two=10)
    with pytest.raises(SubjectError, match="wrong answer"):
        asyncio.run(load.run({"wrong": wrong}, 3, 2, 1))


@pytest.mark.parametrize(
    ("seen", "readable"),
    [
        (Seen("m"), False),
        (Seen("m", 201, 2, b"{}"), True),
        (Seen("m", 202, 0, b""), True),
        (Seen("m", 201, 9, b"{}"), False),
        (Seen("m", 201, 3, b'{"a'), False),
        (Seen("m", 201, None, b"[]"), True),
    ],
)
def test_the_witness_knows_what_could_be_read(seen: Seen, *, readable: bool) -> None:
    assert seen.document() == {"marker": "m", "status": seen.status, "is_readable": readable}
