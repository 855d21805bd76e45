"""Any history of facts, withdrawals, answers, crashes and waits keeps the outbox's promises."""

import asyncio
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from structlog.testing import capture_logs
from typing_extensions import override

from dreamflow.outbox import DeliveryService
from dreamflow.outbox.ports import Answer, OneByOne
from outbox.outbox_fakes import Crash, FakeKlaviyo, Ledger, Outbox, Play, carded, heard, outbox_at

PARENTS = ["ann", "ben", "cyd"]

parents = st.sampled_from(PARENTS)
plays = st.lists(st.sampled_from([*Play, Play.ACCEPT, OneByOne()]), min_size=1, max_size=4)
depths = st.sampled_from([1, 2, 11, 12])


class OutboxMachine(RuleBasedStateMachine):
    """One worker, one file, one other side."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.klaviyo, self.ledger = FakeKlaviyo(), Ledger()
        self.accepted: list[tuple[str, str]] = []  # id, parent
        self.stack = AsyncExitStack()
        self.outbox = self._open()

    def _open(self, **parts: object) -> Outbox:
        path = Path(self.folder.name) / "house.sqlite"
        entering = self.stack.enter_async_context(outbox_at(path, klaviyo=self.klaviyo, ledger=self.ledger, **parts))
        return self.runner.run(entering)

    @rule(parent=parents, events=depths, card=st.booleans(), simulated=st.booleans())
    def append(self, parent: str, events: int, card: bool, simulated: bool) -> None:  # noqa: FBT001
        first = len(self.accepted)
        batch = [heard(f"e{first + n}", parent, simulated=simulated) for n in range(events)]
        if card:
            batch.append(carded(f"c{first + events}", parent))
        self.runner.run(self.outbox.append(*batch))
        self.accepted += [(envelope.id, parent) for envelope in batch]

    @rule(parent=parents, purpose=st.sampled_from(["listening", "service"]), holds=st.sampled_from([True, True, False]))
    def decide(self, parent: str, purpose: str, holds: bool) -> None:  # noqa: FBT001
        (self.ledger.grant if holds else self.ledger.withdraw)(parent, purpose)

    @rule(plays=plays, batches=st.integers(1, 3))
    def deliver(self, plays: list[Play | Answer], batches: int) -> None:
        self.klaviyo.script(*plays)
        for _ in range(batches):
            self.outbox.clock.advance(timedelta(minutes=2))
            self._try(self.outbox.service())

    @rule(plays=plays, place=st.sampled_from(["outbox.claimed", "outbox.sent"]), passes=st.integers(0, 3))
    def crash_and_reopen(self, plays: list[Play | Answer], place: str, passes: int) -> None:
        left = [passes]

        def reach(name: str) -> None:
            if name == place:
                left[0] -= 1
                if left[0] < 0:
                    raise Crash

        self.klaviyo.script(*plays)
        self.outbox.clock.advance(timedelta(minutes=2))
        try:
            self._try(self.outbox.service(reach))
        except Crash:
            self.runner.run(self.stack.aclose())
            self.stack = AsyncExitStack()
            self.outbox = self._open(clock=self.outbox.clock, ids=self.outbox.ids)

    @rule(seconds=st.sampled_from([1, 3600, -3600]))
    def the_clock_is_set(self, seconds: int) -> None:
        self.outbox.clock.advance(timedelta(seconds=seconds))
        self._try(self.outbox.service())

    def _try(self, service: DeliveryService) -> None:
        seen = len(self.klaviyo.requests)
        with capture_logs():
            try:
                self.runner.run(service.deliver_next())
            finally:
                for request in self.klaviyo.requests[seen:]:
                    for id_ in request:
                        sent = self.klaviyo.sent[id_]
                        assert (sent.parent, sent.purpose) not in self.ledger.withdrawn, "sent without consent"

    @invariant()
    def the_books_balance(self) -> None:
        books = self.runner.run(self.outbox.store.books())
        assert books.balanced
        assert books.accepted == len(self.accepted)

    @invariant()
    def each_end_is_true(self) -> None:
        rows = self.runner.run(self.outbox.rows())
        assert [row.id for row in rows] == [id_ for id_, _ in self.accepted]
        for row in rows:
            match row.state:
                case "delivered":
                    assert row.id in self.klaviyo.effects
                case "dead":
                    assert row.reason
                case "withheld":
                    assert "may have arrived" in row.reason or row.id not in self.klaviyo.sent
                case "pending":
                    assert row.settled_at is None
                case other:
                    raise AssertionError(other)

    @invariant()
    def each_familys_effects_come_once_and_in_order(self) -> None:
        for parent in PARENTS:
            mine = [delivery.seq for delivery in self.klaviyo.effects.values() if delivery.parent == parent]
            assert mine == sorted(set(mine))
        assert Counter(self.klaviyo.effects.keys()).total() <= len(self.accepted)

    @override
    def teardown(self) -> None:
        try:
            self.everything_ends_when_the_other_side_is_well()
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()
            self.folder.cleanup()

    def everything_ends_when_the_other_side_is_well(self) -> None:
        self.klaviyo.plays.clear()
        self.outbox.clock.advance(timedelta(days=2))
        with capture_logs():
            while self.runner.run(self.outbox.service().deliver_next()):
                pass
        assert self.runner.run(self.outbox.store.books()).pending == 0
        self.the_books_balance()
        self.each_end_is_true()
        self.each_familys_effects_come_once_and_in_order()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=20, stateful_step_count=20)
