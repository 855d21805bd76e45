"""Very many entries by jobs: whatever a job says or does not say, every entry is told of once."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from aioklaviyo import DeadlineExceeded, Klaviyo, NoPacing, OutcomeUnknown, RequestRejected, ServerUnavailable
from aioklaviyo.bulk import BulkResult, BulkStopped
from aioklaviyo.models.catalog import catalog_id
from aioklaviyo.models.catalog_item import CatalogItemChanges, NewCatalogItem
from aioklaviyo.models.catalog_job import CatalogItemJob
from aioklaviyo.models.coupon_code import NewCouponCode
from aioklaviyo.pacing.model import NoSlotInTime
from client.client_server import PaperClock, Received, Reply, Reset, Silence, Step, Wire, problem
from client.emulated import account

Outcome = Callable[[list[str]], dict[str, Any]]


def item(external_id: str, **more: Any) -> NewCatalogItem:
    return NewCatalogItem(external_id=external_id, title="T", description="D", url="https://example.org", **more)


def items(count: int) -> Iterator[NewCatalogItem]:
    return (item(str(number)) for number in range(count))


def ids(*names: object) -> list[str]:
    return [catalog_id(str(name)) for name in names]


def done(entries: list[str], **more: Any) -> dict[str, Any]:
    return {"status": "complete", "completed_count": len(entries), "failed_count": 0, **more}


@dataclass
class Jobs:
    """Takes update jobs and finishes them as told."""

    outcome: Outcome = done
    refuse: Callable[[list[str]], Step | None] = lambda _: None
    reads: int = 1
    """How often a job is read before it is finished."""
    taken: list[list[str]] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    most_open: int = 0
    asked: dict[str, int] = field(default_factory=dict)

    def __call__(self, request: Received) -> Step:
        if request.method == "POST":
            entries = [entry["id"] for entry in request.json["data"]["attributes"]["items"]["data"]]
            refusal = self.refuse(entries)
            if refusal is not None:
                return refusal
            self.taken.append(entries)
            job = str(len(self.taken) - 1)
            self.open.add(job)
            self.most_open = max(self.most_open, len(self.open))
            return self.answer(job, {"status": "processing", "completed_count": 0}, status=202)
        job = request.path.rsplit("/", 1)[1]
        self.asked[job] = self.asked.get(job, 0) + 1
        if self.asked[job] < self.reads:
            return self.answer(job, {"status": "processing"})
        self.open.discard(job)
        return self.answer(job, self.outcome(self.taken[int(job)]))

    @staticmethod
    def answer(job: str, said: dict[str, Any], *, status: int = 200) -> Reply:
        listed = said.pop("listed", None)
        related = {} if listed is None else {"items": {"data": [{"type": "catalog-item", "id": one} for one in listed]}}
        data = {"type": "catalog-item-bulk-update-job", "id": job, "attributes": said, "relationships": related}
        return Reply(status, {"data": data})


async def update(
    wire: Wire, jobs: Callable[[Received], Step], *names: object, **more: Any
) -> BulkResult[CatalogItemChanges]:
    klaviyo = await wire.client((await wire.serve(script=jobs)).url, pacing=NoPacing())
    return await klaviyo.catalog_items.update_all([CatalogItemChanges(id=one, price=1) for one in ids(*names)], **more)


def names(failed: Any) -> list[str]:
    return [each.item.id.rsplit(":", 1)[1] for each in failed]


async def test_a_source_of_any_length_is_cut_into_jobs_and_every_item_is_told_of() -> None:
    async with account(clock=PaperClock()) as here:
        api = here.klaviyo.catalog_items
        await api.create(item("7"))
        seen: list[int] = []

        async def source() -> AsyncIterator[NewCatalogItem]:
            for number in range(250):
                yield item(str(number), category_ids=("nowhere",) if number == 77 else ())

        result = await api.create_all(source(), progress=lambda so_far: seen.append(so_far.total))
        assert (result.sent, result.total, len(result.job_ids)) == (248, 250, 3)
        assert sorted(names(result.refused)) == ["7", "77"]
        assert all(len(failed.error.errors) == 1 for failed in result.refused)
        assert (len(seen), max(seen)) == (3, 250)
        changes = (CatalogItemChanges(id=one, price=2) for one in ids(*range(240), "none"))
        result = await api.update_all(changes, max_in_flight=1)
        assert (result.sent, names(result.refused)) == (239, ["77", "none"])
        assert (await api.get(catalog_id("239"))).price == 2
        gone = await api.delete_all(ids(*range(250)))
        assert (gone.sent, [failed.item for failed in gone.refused]) == (249, ids("77"))
        assert [each async for each in api.list()] == []
        assert (await api.delete_all([])).total == 0
        here.check()


@pytest.mark.parametrize("fault", ["reset-after*2", "503,effect=yes*2", "truncated*1", "short-close*1"])
async def test_a_job_whose_answer_was_lost_is_asked_for_again_and_nothing_is_told_wrongly(fault: str) -> None:
    faults = f"bulk_create_catalog_items:{fault}; bulk_delete_catalog_items:{fault}"
    async with account(clock=PaperClock(), faults=faults) as here:
        api = here.klaviyo.catalog_items
        await api.create(item("7", price=1))
        result = await api.create_all(item(str(number), price=number) for number in range(30))
        assert (result.sent, names(result.refused), result.unknown) == (29, ["7"], ())
        gone = await api.delete_all(ids(*range(30)))
        assert (gone.sent, gone.refused, gone.unknown) == (30, (), ())
        assert [each async for each in api.list()] == []


async def test_where_the_state_cannot_be_looked_at_nobody_claims_to_know() -> None:
    async with account(
        clock=PaperClock(), faults="bulk_create_catalog_items:reset-after*1; get_catalog_items:403"
    ) as here:
        result = await here.klaviyo.catalog_items.create_all(items(3))
        assert (result.sent, sorted(names(result.unknown))) == (0, ["0", "1", "2"])


@pytest.mark.parametrize("fault", ["reset-after*1", "503,effect=yes*1"])
async def test_a_job_that_was_held_back_after_a_lost_answer_may_have_been_taken_before(fault: str) -> None:
    class FullOnce(NoPacing):
        """No room for the second attempt of the first job."""

        asked = 0

        @override
        async def slot(self, charges: Any, *, priority: Any, within_seconds: float) -> Any:
            self.asked += 1
            if self.asked == 2:
                raise NoSlotInTime(wait_seconds=2.0)
            return await super().slot(charges, priority=priority, within_seconds=within_seconds)

    clock = PaperClock()
    async with account(faults=f"bulk_create_catalog_items:{fault}") as here:
        await here.klaviyo.catalog_items.create(item("7", price=1))
        async with Klaviyo(
            "pk_test", base_url=here.emulator.url, pacing=FullOnce(), sleep=clock.sleep, monotonic=clock.monotonic
        ) as klaviyo:
            result = await klaviyo.catalog_items.create_all(item(str(number), price=number) for number in range(10))
        assert (result.sent, names(result.refused), result.unknown) == (9, ["7"], ())


async def test_what_a_job_refuses_by_name_is_refused_although_others_have_to_be_looked_for(wire: Wire) -> None:
    jobs = Jobs(
        lambda _: {
            "status": "complete",
            "failed_count": 2,
            "errors": [{"source": {"pointer": "/data/attributes/items/data/0"}}, {"detail": "No."}],
        }
    )

    def script(request: Received) -> Step:
        return Reply(200, {"data": []}) if request.path == "/api/catalog-items" else jobs(request)

    klaviyo = await wire.client((await wire.serve(script=script)).url)
    result = await klaviyo.catalog_items.delete_all(ids("A", "B", "C"))
    assert (result.sent, [failed.item for failed in result.refused], result.unknown) == (2, ids("A"), ())


@pytest.mark.parametrize(("done_by_job", "sent"), [(2, 0), (3, 3), (0, 3), (None, 3)])
async def test_a_job_that_says_it_did_less_than_it_was_given_is_not_believed_to_have_done_all(
    wire: Wire, done_by_job: int | None, sent: int
) -> None:
    said = {"status": "complete", "completed_count": done_by_job, "failed_count": 0, "errors": []}
    result = await update(wire, Jobs(lambda _: dict(said)), "A", "B", "C")
    assert (result.sent, len(result.unknown)) == (sent, 3 - sent)


async def test_no_more_is_looked_up_at_once_than_the_rate_limit_allows() -> None:
    class FullNowAndThen(NoPacing):
        chance = random.Random(3)

        @override
        async def slot(self, charges: Any, *, priority: Any, within_seconds: float) -> Any:
            if charges[0].key.startswith("GET /api/coupon-codes") and self.chance.random() < 0.5:
                raise NoSlotInTime(wait_seconds=2.0)
            return await super().slot(charges, priority=priority, within_seconds=within_seconds)

    clock = PaperClock()
    async with account(faults="bulk_create_coupon_codes:reset-after*1") as here:
        await here.klaviyo.coupons.create("TEN")
        async with Klaviyo(
            "pk_test", base_url=here.emulator.url, pacing=FullNowAndThen(), sleep=clock.sleep, monotonic=clock.monotonic
        ) as klaviyo:
            codes = (NewCouponCode(coupon_id="TEN", unique_code=str(number)) for number in range(30))
            result = await klaviyo.coupon_codes.create_all(codes)
        assert (result.sent, result.total) == (30, 30)


async def test_waiting_for_a_job_ends_in_time_although_no_answer_comes(wire: Wire) -> None:
    server = await wire.serve(Silence())
    klaviyo = await wire.client(server.url)
    job = CatalogItemJob(id="J", verb="update", status="processing")
    with pytest.raises(DeadlineExceeded, match="it goes on"):
        await klaviyo.catalog_items.wait(job, timeout_seconds=0.05)
    assert len(server.received) == 1


@pytest.mark.parametrize(("allowed", "waited", "asked"), [(40, 39, 10), (1, 0.75, 2)])
async def test_a_job_is_asked_a_last_time_before_the_wait_is_over(
    wire: Wire, clock: PaperClock, allowed: float, waited: float, asked: int
) -> None:
    jobs = Jobs(reads=10**9)
    klaviyo = await wire.client((await wire.serve(script=jobs)).url)
    job = await klaviyo.catalog_items.bulk_update([CatalogItemChanges(id="A")])
    began = clock.monotonic()
    with pytest.raises(DeadlineExceeded):
        await klaviyo.catalog_items.wait(job, timeout_seconds=allowed)
    assert (clock.monotonic() - began, jobs.asked[job.id]) == (waited, asked)


async def test_the_last_of_several_changes_of_one_item_lasts() -> None:
    async with account(clock=PaperClock()) as here:
        api = here.klaviyo.catalog_items
        await api.create(item("FOX"))
        result = await api.update_all(CatalogItemChanges(id=catalog_id("FOX"), price=price) for price in range(9))
        assert (result.sent, len(result.job_ids)) == (9, 9)
        assert (await api.get(catalog_id("FOX"))).price == 8


async def test_a_change_waits_for_the_jobs_before_it_that_change_the_same(wire: Wire) -> None:
    jobs = Jobs(reads=3)
    result = await update(wire, jobs, "A", "B", "A", "C", "A")
    assert jobs.taken == [ids("A", "B"), ids("A", "C"), ids("A")]
    assert (result.sent, jobs.most_open) == (5, 1)


async def test_no_more_jobs_are_under_way_than_asked_for(wire: Wire) -> None:
    jobs = Jobs(reads=3)
    result = await update(wire, jobs, *range(700), max_in_flight=3)
    assert (result.sent, len(jobs.taken), jobs.most_open) == (700, 7, 3)


@pytest.mark.parametrize(
    "error",
    [
        {"source": {"pointer": "/data/attributes/items/data/1"}},
        {"source": {"pointer": "/data/attributes/items/data/1/attributes/price"}, "meta": {"id": "else"}},
        {"source": {"pointer": "/data/1"}},
        {"source": {"pointer": "/data/attributes/items/data/id"}, "meta": {"id": catalog_id("1")}},
        {"detail": f"An item with the id `{catalog_id('1')}` does not exist.", "source": None},
        {"detail": f"Item {catalog_id('1')}: no such thing"},
    ],
)
async def test_an_error_is_told_of_the_item_that_it_names(wire: Wire, error: dict[str, Any]) -> None:
    jobs = Jobs(lambda _: {"status": "complete", "completed_count": 14, "failed_count": 1, "errors": [error]})
    result = await update(wire, jobs, *range(15))
    assert (result.sent, names(result.refused)) == (14, ["1"])
    (failed,) = result.refused
    assert isinstance(failed.error, RequestRejected)
    assert failed.error.errors[0].detail == error.get("detail")


async def test_an_error_that_names_nothing_falls_on_what_the_job_does_not_list(wire: Wire) -> None:
    said = {"status": "complete", "completed_count": 2, "failed_count": 1, "errors": [{"detail": "No."}]}
    result = await update(wire, Jobs(lambda _: {**said, "listed": ids("A", "C")}), "A", "B", "C")
    assert (result.sent, names(result.refused)) == (2, ["B"])
    assert result.refused[0].error.errors[0].detail == "No."


@pytest.mark.parametrize("count", [None, 0])
async def test_an_error_that_names_nothing_counts_even_where_the_job_counts_no_failure(
    wire: Wire, count: int | None
) -> None:
    said = {"status": "complete", "failed_count": count, "errors": [{"detail": "No."}]}
    result = await update(wire, Jobs(lambda _: dict(said)), "A", "B")
    assert (result.sent, names(result.unknown)) == (0, ["A", "B"])


@pytest.mark.parametrize("listed", [None, ids("A")])
async def test_a_job_that_failed_in_part_and_does_not_say_where_leaves_everything_unknown(
    wire: Wire, listed: list[str] | None
) -> None:
    said = {"status": "complete", "completed_count": 2, "failed_count": 1, "errors": None, "listed": listed}
    result = await update(wire, Jobs(lambda _: dict(said)), "A", "B", "C")
    assert (result.sent, names(result.unknown)) == (0, ["A", "B", "C"])
    assert isinstance(result.unknown[0].error, OutcomeUnknown)


async def test_what_a_cancelled_job_did_not_do_can_be_sent_again(wire: Wire) -> None:
    said = {"status": "cancelled", "completed_count": 1, "listed": ids("B")}
    result = await update(wire, Jobs(lambda _: dict(said)), "A", "B")
    assert (result.sent, names(result.unsent)) == (1, ["A"])
    assert isinstance(result.unsent[0].error, ServerUnavailable)
    assert result.unsent[0].error.may_repeat


async def test_a_job_that_does_not_end_is_left_to_itself(wire: Wire) -> None:
    jobs = Jobs(reads=10**9)
    result = await update(wire, jobs, "A", job_timeout_seconds=60)
    assert (result.sent, names(result.unknown), result.job_ids) == (0, ["A"], ("0",))
    assert isinstance(result.unknown[0].error, DeadlineExceeded)
    assert jobs.asked["0"] < 20


async def test_a_job_that_cannot_be_read_for_a_while_is_waited_for(wire: Wire) -> None:
    jobs = Jobs()
    left = [Reply(503)] * 30

    def script(request: Received) -> Step:
        return left.pop() if request.method == "GET" and left else jobs(request)

    assert (await update(wire, script, "A")).sent == 1


async def test_credentials_that_are_refused_while_a_job_is_waited_for_end_a_run(wire: Wire) -> None:
    jobs = Jobs()

    def script(request: Received) -> Step:
        return jobs(request) if request.method == "POST" else Reply(403)

    with pytest.raises(BulkStopped) as caught:
        await update(wire, script, *range(250), max_in_flight=1)
    result = caught.value.result
    assert (result.sent, len(result.unknown), len(result.unsent), result.job_ids) == (0, 100, 1, ("0",))


async def test_a_limit_that_leaves_no_room_is_waited_out_and_what_was_done_before_is_found() -> None:
    faults = "bulk_create_catalog_items:reset-after*1; bulk_create_catalog_items:429*12"
    async with account(clock=PaperClock(), faults=faults) as here:
        api = here.klaviyo.catalog_items
        await api.create(item("1", price=1))
        result = await api.create_all(item(str(number), price=2) for number in range(3))
        assert (result.sent, names(result.refused)) == (2, ["1"])


async def test_what_is_throttled_for_ever_is_given_up(wire: Wire) -> None:
    result = await update(wire, lambda _: Reply(429), "A", "B")
    told = result.unsent + result.unknown
    assert (result.sent, names(told), result.job_ids) == (0, ["A", "B"], ())
    assert told[0].error.may_repeat


@pytest.mark.parametrize("named", [True, False])
async def test_one_bad_item_does_not_keep_the_others_of_its_job_back(wire: Wire, named: bool) -> None:  # noqa: FBT001
    bad = set(ids(3, 42))

    def refuse(entries: list[str]) -> Step | None:
        at = [place for place, entry in enumerate(entries) if entry in bad]
        pointer = f"/data/attributes/items/data/{at[0]}/attributes/price" if at and named else "/data"
        return Reply(400, problem(400, source={"pointer": pointer})) if at else None

    jobs = Jobs(refuse=refuse)
    result = await update(wire, jobs, *range(100))
    assert (result.sent, names(result.refused)) == (98, ["3", "42"])
    assert len(jobs.taken) == 1 if named else len(jobs.taken) <= 12


async def test_what_cannot_be_written_as_json_is_refused_alone(wire: Wire) -> None:
    server = await wire.serve(script=Jobs())
    klaviyo = await wire.client(server.url, pacing=NoPacing())
    result = await klaviyo.catalog_items.delete_all(["A", "\ud800", "B"])
    assert (result.sent, [failed.item for failed in result.refused]) == (2, ["\ud800"])


async def test_items_that_are_long_together_go_in_several_jobs_and_one_that_is_too_long_alone_is_not_sent(
    wire: Wire,
) -> None:
    jobs = Jobs()
    klaviyo = await wire.client((await wire.serve(script=jobs)).url, pacing=NoPacing())
    lengths = {"A": 3_400_000, "B": 1_500_000, "C": 200_000, "D": 5_000_001, "E": 1}
    result = await klaviyo.catalog_items.update_all(
        CatalogItemChanges(id=one, description="x" * length) for one, length in lengths.items()
    )
    assert (result.sent, [failed.item.id for failed in result.refused]) == (4, ["D"])
    assert sorted(map(sorted, jobs.taken)) == [["A", "B"], ["C"], ["E"]]
    again = await klaviyo.catalog_items.update_all(
        (CatalogItemChanges(id=str(number), description="x" * 700_000) for number in range(11)), max_in_flight=1
    )
    assert (again.sent, list(map(len, jobs.taken[3:]))) == (11, [7, 4])


async def test_refused_credentials_end_a_run_and_what_was_taken_is_told(wire: Wire) -> None:
    jobs, taken = Jobs(), []

    def script(request: Received) -> Step:
        return jobs(request) if len(jobs.taken) < 2 or request.method == "GET" else Reply(401)

    def source() -> Iterator[CatalogItemChanges]:
        for number in range(10_000):
            taken.append(number)
            yield CatalogItemChanges(id=str(number), price=1)

    klaviyo = await wire.client((await wire.serve(script=script)).url, pacing=NoPacing())
    with pytest.raises(BulkStopped) as caught:
        await klaviyo.catalog_items.update_all(source(), max_in_flight=2)
    result = caught.value.result
    assert result.sent == 200
    assert result.total == len(taken) < 10_000
    assert len(result.unsent) == result.total - 200


async def test_what_a_source_gave_before_it_broke_is_done(wire: Wire) -> None:
    jobs, seen = Jobs(), []

    def source() -> Iterator[CatalogItemChanges]:
        yield from (CatalogItemChanges(id=str(number), price=1) for number in range(150))
        raise LookupError("the shop is closed")

    klaviyo = await wire.client((await wire.serve(script=jobs)).url, pacing=NoPacing())
    with pytest.raises(LookupError, match="closed"):
        await klaviyo.catalog_items.update_all(source(), progress=lambda result: seen.append(result.sent))
    assert max(seen) == 150


async def test_a_run_that_is_cancelled_leaves_nothing_behind(wire: Wire) -> None:
    server = await wire.serve(script=Jobs(reads=10**9))
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with Klaviyo("pk_test", base_url=server.url, pacing=NoPacing(), sleep=sleep) as klaviyo:
        before = asyncio.all_tasks()
        run = asyncio.create_task(
            klaviyo.catalog_items.update_all([CatalogItemChanges(id="A"), CatalogItemChanges(id="B")])
        )
        await waiting.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.all_tasks() - before <= {task for task in asyncio.all_tasks() if "_serve" in repr(task)}


async def test_calls_of_a_run_let_others_go_first(wire: Wire) -> None:
    priorities = []

    class Watching(NoPacing):
        @override
        async def slot(self, charges: Any, *, priority: Any, within_seconds: float) -> Any:
            priorities.append(priority.name)
            return await super().slot(charges, priority=priority, within_seconds=within_seconds)

    klaviyo = await wire.client((await wire.serve(script=Jobs())).url, pacing=Watching())
    await klaviyo.catalog_items.update_all([CatalogItemChanges(id="A")])
    assert set(priorities) == {"BACKGROUND"}


@pytest.mark.parametrize(("verb", "requests"), [("create", 1), ("update", 2), ("delete", 2)])
async def test_a_single_job_is_asked_for_again_only_where_nobody_would_notice(
    wire: Wire, verb: str, requests: int
) -> None:
    answer = Reply(202, {"data": {"type": f"catalog-item-bulk-{verb}-job", "id": "J"}})
    server = await wire.serve(Reset(), answer)
    api = (await wire.client(server.url, pacing=NoPacing())).catalog_items
    calls = {
        "create": lambda: api.bulk_create([item("A")]),
        "update": lambda: api.bulk_update([CatalogItemChanges(id="A")]),
        "delete": lambda: api.bulk_delete(["A"]),
    }
    if requests == 1:
        with pytest.raises(OutcomeUnknown):
            await calls[verb]()
    else:
        assert (await calls[verb]()).verb == verb
    assert len(server.received) == requests


@pytest.mark.parametrize("wrong", [{"max_in_flight": 0}, {"job_timeout_seconds": 0}])
async def test_a_run_that_cannot_go_on_is_not_begun(wire: Wire, wrong: dict[str, Any]) -> None:
    jobs = Jobs()
    with pytest.raises(ValueError, match=next(iter(wrong))):
        await update(wire, jobs, "A", **wrong)
    assert jobs.taken == []


async def test_a_job_of_a_later_kind_is_read_but_cannot_be_waited_for(wire: Wire) -> None:
    said = {"status": "paused", "errors": [{"meta": None}]}
    answer = Reply(200, {"data": {"type": "catalog-item-bulk-mend-job", "id": "J", "attributes": said}})
    api = (await wire.client((await wire.serve(answer)).url, pacing=NoPacing())).catalog_items
    job = await api.get_update_job("J")
    assert (job.status, job.verb, job.is_finished, job.entry_ids) == ("paused", "mend", False, None)
    with pytest.raises(RequestRejected, match="how to read"):
        await api.wait(job)


@asynccontextmanager
async def one_wire() -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        yield Wire(stack, PaperClock())


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 260), st.integers(0, 2**32), st.booleans())
def test_every_entry_is_in_exactly_one_place_whatever_happens(count: int, seed: int, lists: bool) -> None:  # noqa: FBT001
    chance = random.Random(seed)

    def outcome(entries: list[str]) -> dict[str, Any]:
        failed = [entry for entry in entries if chance.random() < 0.1]
        errors = []
        for entry in failed:
            said: dict[str, Any] = {
                "pointer": {"source": {"pointer": f"/data/attributes/items/data/{entries.index(entry)}"}},
                "meta": {"meta": {"id": entry}},
                "detail": {"detail": f"No {entry}."},
                "loose": {},
            }[chance.choice(["pointer", "meta", "detail", "loose"])]
            errors.append(said)
        good = [entry for entry in entries if entry not in failed]
        status = chance.choice(["complete", "complete", "cancelled"])
        said = {"status": status, "completed_count": len(good), "failed_count": len(failed), "errors": errors}
        return {**said, "listed": good} if lists else said

    def refuse(_: list[str]) -> Step | None:
        return chance.choice([None] * 8 + [Reply(400, problem(400)), Reply(503), Reset(), Reply(429)])

    async def run() -> None:
        async with one_wire() as wire:
            result = await update(wire, Jobs(outcome, refuse), *range(count))
            told = names(result.refused) + names(result.unsent) + names(result.unknown)
            assert result.total == count
            assert len(set(told)) == len(told)

    asyncio.run(run())


TROUBLES = (
    "429",
    "503",
    "503,effect=yes",
    "reset-before",
    "reset-after",
    "truncated",
    "short-close",
    "html,effect=yes",
)
JOB_CALLS = (
    "bulk_create_catalog_items",
    "bulk_delete_catalog_items",
    "get_bulk_create_catalog_items_job",
    "get_bulk_delete_catalog_items_job",
)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_told_is_what_is_in_the_catalogue_whatever_goes_wrong(seed: int) -> None:
    chance, clock = random.Random(seed), PaperClock()

    class FullNowAndThen(NoPacing):
        @override
        async def slot(self, charges: Any, *, priority: Any, within_seconds: float) -> Any:
            if chance.random() < 0.3:
                raise NoSlotInTime(wait_seconds=2.0)
            return await super().slot(charges, priority=priority, within_seconds=within_seconds)

    faults = "; ".join(f"{call}:{trouble}@0.06" for call in JOB_CALLS for trouble in TROUBLES)
    waiting = {"sleep": clock.sleep, "monotonic": clock.monotonic, "rng": random.Random(seed)}
    async with account(faults=faults, seed=seed) as here:
        there, wanted = here.klaviyo.catalog_items, {str(number): float(number) for number in range(220)}
        before = chance.sample(sorted(wanted), 7)
        for name in before:
            await there.create(item(name, price=1_000))
        async with Klaviyo("pk_test", base_url=here.emulator.url, pacing=FullNowAndThen(), **waiting) as klaviyo:
            made = await klaviyo.catalog_items.create_all(item(name, price=price) for name, price in wanted.items())
            prices = {each.external_id: each.price async for each in there.list()}
            gone = await klaviyo.catalog_items.delete_all(ids(*wanted))
            left = {each.id async for each in there.list()}
        not_made = {name for name, price in wanted.items() if prices.get(name) != price}
        assert not_made >= {*names(made.refused), *names(made.unsent)}
        assert not_made <= {*names(made.refused), *names(made.unsent), *names(made.unknown)}
        assert left >= {failed.item for failed in gone.unsent}
        assert left <= {failed.item for failed in (*gone.unsent, *gone.unknown)}
        assert made.total == gone.total == 220
