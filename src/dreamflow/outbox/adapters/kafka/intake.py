"""A worker's seat in the consumer group, and the pointers that it has been given."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from typing_extensions import override

from dreamflow.kit.errors import Unavailable
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.kit.logging import where
from dreamflow.outbox.adapters.kafka.buffer import Buffer
from dreamflow.outbox.adapters.kafka.library import Admin, KafkaCluster, Member
from dreamflow.outbox.errors import BrokerUnavailable
from dreamflow.outbox.ports import Intake, PointedStore
from dreamflow.outbox.rules.partitions import PARTITIONS
from dreamflow.outbox.rules.timing import wait_seconds

MOST_POINTERS: Final = 16_000
"""In the buffer; a share of it for each partition, so that one full partition holds up no other."""
LEAST_SHARE: Final = 250
ASKED: Final = 4_000
"""Deliveries about which the database is asked at a time."""
SETTLE_SECONDS: Final = 0.5
"""How often it is asked."""
_FETCH_SECONDS: Final = 0.1
LOOK_SECONDS: Final = 5.0
"""After so long without a record or a commit it is looked whether a broker is there."""
_LONGEST_WAIT_SECONDS: Final = 5.0
_LAST_WORDS_SECONDS: Final = 5.0

_log = structlog.get_logger()


class KafkaIntake(Intake):
    """What a consumer group gives this worker.

    Offsets are committed up to the first pointer whose delivery has not ended in the database, whoever ended it. A
    rebalance takes all partitions away for a moment; what was read of them is read again by whoever gets them.

    Args:
        cluster: where the topic is.
        store: knows what has ended.
        rng: for jitter.
        settle_seconds: how often that is looked up and committed.
        reach: failpoints.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        store: PointedStore,
        rng: random.Random,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        reach: Reach = inert,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._rng = rng
        self._settle_seconds = settle_seconds
        self._reach = reach
        self._buffer = Buffer()
        self._partitions: frozenset[int] = frozenset()
        self._member: Member | None = None
        self._is_away = False
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    @override
    def partitions(self) -> frozenset[int]:
        return self._partitions

    @property
    def buffered(self) -> int:
        """Pointers that were read and not committed."""
        return self._buffer.count

    @override
    def begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    @override
    def arrived(self) -> Sequence[str]:
        return self._buffer.waiting()

    @override
    def taken(self, ids: Sequence[str]) -> None:
        self._buffer.taken(ids)

    @override
    async def aclose(self) -> None:
        if self._task is None:
            return
        self._stop.set()
        _, late = await asyncio.wait({self._task}, timeout=_LAST_WORDS_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        # A worker that broke down closes this, and begins it again.
        self._task = None
        self._stop.clear()

    async def _run(self) -> None:
        """Be a member, again and again, until it is closed; a fault in here must not end delivery."""
        failures = 0
        while not self._stop.is_set():
            try:
                await self._be_a_member()
            except BrokerUnavailable as error:
                failures += 1
                self._note_away(error)
            except Exception as error:  # noqa: BLE001 - see above
                failures += 1
                _log.error("kafka.failed", **where(error))
            else:
                failures = 0
            wait = wait_seconds(max(failures, 1), None, self._rng.random())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(wait, _LONGEST_WAIT_SECONDS))

    async def _be_a_member(self) -> None:
        async with Admin(self._cluster) as admin:
            partitions = await admin.partitions()
        if partitions != PARTITIONS:
            raise BrokerUnavailable(f"The topic has {partitions or 'no'} partitions; a relay makes it with 64.")
        member = Member(self._cluster, self._assigned, self._revoked)
        try:
            await member.start()
            self._member = member
            await self._read(member)
        finally:
            # Until others have the partitions, nobody cuts in them; what is being sent goes on.
            self._member = None
            self._lose()
            await member.stop()

    async def _read(self, member: Member) -> None:
        loop = asyncio.get_running_loop()
        settled_at = heard_at = loop.time()
        while not self._stop.is_set():
            records = await member.fetch(_FETCH_SECONDS)
            self._buffer.add(records)
            if records:
                heard_at = loop.time()
            elif loop.time() - heard_at > LOOK_SECONDS:
                heard_at = await self._look(member)
            if loop.time() - settled_at >= self._settle_seconds:
                await self._settle(member)
                settled_at = loop.time()
            share = max(LEAST_SHARE, MOST_POINTERS // max(1, len(self._partitions)))
            member.pause_only(self._buffer.longer_than(share))
        await self._settle(member)

    async def _look(self, member: Member) -> float:
        try:
            await member.look()
        except BrokerUnavailable as error:
            # It comes back by itself, and what was read before may be sent meanwhile.
            self._note_away(error)
        else:
            self._note_back()
        return asyncio.get_running_loop().time()

    async def _settle(self, member: Member) -> None:
        """Commit what has ended; what cannot be asked or committed now is left to the next time."""
        try:
            asked = self._buffer.oldest(ASKED)
            while asked and self._buffer.settle(asked, await self._store.unfinished(asked)):
                asked = self._buffer.oldest(ASKED)
            offsets = self._buffer.uncommitted()
            if offsets:
                self._reach("kafka.ended")
                await member.commit(offsets)
                self._buffer.committed(offsets)
                self._reach("kafka.committed")
                self._note_back()
        except BrokerUnavailable as error:
            _log.debug("kafka.not_committed", **where(error))
        except Unavailable as error:
            _log.debug("kafka.not_asked", **where(error))

    def _assigned(self, partitions: frozenset[int]) -> None:
        self._buffer.clear()
        self._partitions = partitions
        self._note_back()

    async def _revoked(self) -> None:
        member = self._member
        if member is not None and self._partitions:
            # The others wait for this, though not for ever.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settle(member), self._cluster.session_seconds / 3)
        self._lose()

    def _lose(self) -> None:
        self._partitions = frozenset()
        self._buffer.clear()

    def _note_away(self, error: BrokerUnavailable) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("kafka.away", reason=error.message)

    def _note_back(self) -> None:
        if self._is_away:
            self._is_away = False
            _log.info("kafka.back")
