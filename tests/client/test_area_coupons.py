"""Coupons and their codes over a real socket."""

import datetime as dt
from collections.abc import Awaitable, Callable

import pytest

from aioklaviyo import (
    UNSET,
    Conflict,
    InvalidRequest,
    Klaviyo,
    NoPacing,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    RequestRejected,
    filters,
)
from aioklaviyo.models.coupon import AssignerConfiguration, MonitorConfiguration
from aioklaviyo.models.coupon_code import NewCouponCode
from client.client_server import PaperClock, Reply, Reset, Serve, Wire
from client.emulated import account, body_of, resources

JUNE = dt.datetime(2031, 6, 1, 12, tzinfo=dt.UTC)


def code(unique_code: str, of: str = "TEN", expires_at: dt.datetime | None = None) -> NewCouponCode:
    return NewCouponCode(coupon_id=of, unique_code=unique_code, expires_at=expires_at)


async def test_every_operation_on_coupons_does_what_it_says() -> None:
    async with account() as here:
        coupons = here.klaviyo.coupons
        made = await coupons.create(
            "TEN",
            description="Ten per cent",
            monitor_configuration=MonitorConfiguration(low_balance_threshold=500),
            assigner_configuration=AssignerConfiguration(used="NEVER_ASSIGN", unused_expired="ALWAYS_ASSIGN"),
        )
        assert (made.id, made.external_id, made.description) == ("TEN", "TEN", "Ten per cent")
        assert made.monitor_configuration is not None
        assert made.assigner_configuration is not None
        assert made.monitor_configuration.low_balance_threshold == 500
        assert made.assigner_configuration.used == "NEVER_ASSIGN"
        with pytest.raises(Conflict):
            await coupons.create("TEN")
        changed = await coupons.update("TEN", description="A tenth", assigner_configuration=None)
        assert (changed.description, changed.assigner_configuration) == ("A tenth", None)
        assert changed.monitor_configuration == made.monitor_configuration
        threshold = MonitorConfiguration(low_balance_threshold=100)
        assert (await coupons.update("TEN", monitor_configuration=threshold)).description == "A tenth"
        read = await coupons.get("TEN", fields=("description",))
        assert (read.description, read.monitor_configuration) == ("A tenth", None)
        await coupons.create("FIVE")
        assert [each.id async for each in coupons.list(page_size=1)] == ["FIVE", "TEN"]
        await here.klaviyo.coupon_codes.create(code("A"))
        await here.klaviyo.coupon_codes.create(code("B", expires_at=JUNE))
        late = filters.all_of(
            filters.greater_than("expires_at", JUNE - dt.timedelta(1)), filters.equals("status", "USED")
        )
        assert [each async for each in coupons.codes("TEN", filter=late)] == []
        assert [each.unique_code async for each in coupons.codes("TEN", page_size=1)] == ["A", "B"]
        assert [each async for each in coupons.code_ids("TEN", page_size=1)] == ["TEN-A", "TEN-B"]
        await coupons.delete("TEN")
        with pytest.raises(NotFound):
            await coupons.get("TEN")
        assert here.succeeded() >= resources("coupons")
        here.check()


async def test_every_operation_on_codes_does_what_it_says() -> None:
    async with account(clock=PaperClock()) as here:
        codes = here.klaviyo.coupon_codes
        await here.klaviyo.coupons.create("TEN", description="A tenth")
        made = await codes.create(code("A", expires_at=JUNE))
        assert (made.id, made.unique_code, made.status, made.expires_at) == ("TEN-A", "A", "UNASSIGNED", JUNE)
        with pytest.raises(Conflict):
            await codes.create(code("A"))
        used = await codes.update(made.id, status="USED")
        assert (used.status, used.expires_at) == ("USED", JUNE)
        later = await codes.update(made.id, expires_at=JUNE + dt.timedelta(days=1))
        assert (later.status, later.expires_at) == ("USED", JUNE + dt.timedelta(days=1))
        read = await codes.get(made.id, include=("coupon",))
        assert read.coupon_id == "TEN"
        assert read.coupon is not None
        assert read.coupon.description == "A tenth"
        assert (await codes.get(made.id)).coupon is None
        of_ten = filters.any_of("coupon.id", ["TEN"])
        found = [each async for each in codes.list(filter=of_ten, include=("coupon",), page_size=100)]
        assert [each.coupon and each.coupon.id for each in found] == ["TEN"]
        with pytest.raises(RequestRejected):
            await anext(codes.list(filter=filters.equals("status", "USED")))
        coupon = await codes.coupon(made.id, fields=("description",))
        assert coupon is not None
        assert (coupon.id, coupon.description) == ("TEN", "A tenth")
        assert await codes.coupon_id(made.id) == "TEN"

        begun = await codes.bulk_create([code("B"), code("C"), code("A")])
        states: list[str | None] = []
        done = await codes.wait(begun, progress=lambda job: states.append(job.status))
        assert (done.completed_count, done.failed_count, states[-1]) == (2, 1, "complete")
        job = await codes.get_create_job(begun.id, include=("coupon-codes",))
        assert sorted(each.id for each in job.coupon_codes or ()) == ["TEN-B", "TEN-C"]
        assert [each.id async for each in codes.list_create_jobs(status="complete")] == [begun.id]
        await codes.delete(made.id)
        with pytest.raises(NotFound):
            await codes.get(made.id)
        assert here.succeeded() >= resources("coupon_codes")
        here.check()


async def test_any_number_of_codes_is_made_and_those_that_were_there_are_told() -> None:
    async with account(clock=PaperClock()) as here:
        codes = here.klaviyo.coupon_codes
        await here.klaviyo.coupons.create("TEN")
        await codes.create(code("7"))
        result = await codes.create_all(code(str(number)) for number in range(1_500))
        assert (result.sent, [failed.item.id for failed in result.refused]) == (1_499, ["TEN-7"])
        assert len(result.job_ids) == 2
        assert len([each async for each in here.klaviyo.coupons.code_ids("TEN")]) == 1_500
        here.check()


@pytest.mark.parametrize("fault", ["reset-after*1", "503,effect=yes*1"])
async def test_codes_of_a_job_whose_answer_was_lost_count_as_made_if_they_are_as_wanted(fault: str) -> None:
    async with account(clock=PaperClock(), faults=f"bulk_create_coupon_codes:{fault}") as here:
        codes = here.klaviyo.coupon_codes
        await here.klaviyo.coupons.create("TEN")
        await codes.create(code("7", expires_at=JUNE - dt.timedelta(days=9)))
        result = await codes.create_all(code(str(number), expires_at=JUNE) for number in range(30))
        assert (result.sent, [failed.item.id for failed in result.refused]) == (29, ["TEN-7"])


async def test_codes_of_a_coupon_that_is_not_there_are_refused_one_by_one() -> None:
    async with account(clock=PaperClock(), faults="bulk_create_coupon_codes:reset-after*1") as here:
        result = await here.klaviyo.coupon_codes.create_all([code("A", "NONE"), code("B", "NONE")])
        assert (result.sent, len(result.refused), result.unknown) == (0, 2, ())


async def test_where_codes_cannot_be_read_nobody_claims_to_know() -> None:
    faults = "bulk_create_coupon_codes:reset-after*1; get_coupon_code:403"
    async with account(clock=PaperClock(), faults=faults) as here:
        await here.klaviyo.coupons.create("TEN")
        result = await here.klaviyo.coupon_codes.create_all([code("A"), code("B")])
        assert (result.sent, len(result.unknown)) == (0, 2)


async def test_a_code_is_worth_money_and_no_repr_tells_it() -> None:
    async with account(clock=PaperClock()) as here:
        codes = here.klaviyo.coupon_codes
        await here.klaviyo.coupons.create("TEN")
        made = await codes.create(code("SECRET"))
        result = await codes.create_all([code("SECRET"), code("OTHER")])
        job = await codes.get_create_job(result.job_ids[0], include=("coupon-codes",))
        assert (made.id, job.entry_ids) == ("TEN-SECRET", ("TEN-OTHER",))
        told = repr([made, job, result, result.refused, code("SECRET")])
        assert "SECRET" not in told
        assert "OTHER" not in told


UNSAFE: dict[str, Callable[[Klaviyo], Awaitable[object]]] = {
    "coupon": lambda klaviyo: klaviyo.coupons.create("TEN"),
    "code": lambda klaviyo: klaviyo.coupon_codes.create(code("A")),
    "codes": lambda klaviyo: klaviyo.coupon_codes.bulk_create([code("A")]),
}


@pytest.mark.parametrize("name", UNSAFE)
async def test_what_would_be_refused_the_second_time_is_not_repeated(serve: Serve, wire: Wire, name: str) -> None:
    server = await serve(Reset(), Reply(200, {"data": {"type": "coupon", "id": "TEN"}}))
    with pytest.raises(OutcomeUnknown):
        await UNSAFE[name](await wire.client(server.url, pacing=NoPacing()))
    assert len(server.received) == 1


async def test_what_klaviyo_surely_refuses_is_not_sent(serve: Serve, wire: Wire) -> None:
    server = await serve(Reply(500))
    klaviyo = await wire.client(server.url, pacing=NoPacing())
    for wrong in ("", "10-OFF", "Öl", "a b"):
        with pytest.raises(InvalidRequest, match="letters"):
            await klaviyo.coupons.create(wrong)
    naive = dt.datetime(2031, 1, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(InvalidRequest, match="aware"):
        await klaviyo.coupon_codes.update("TEN-A", expires_at=naive)
    with pytest.raises(PayloadTooLarge):
        await klaviyo.coupon_codes.bulk_create([code(str(number)) for number in range(1_001)])
    with pytest.raises(InvalidRequest):
        await klaviyo.coupon_codes.bulk_create([])
    with pytest.raises(ValueError, match="100"):
        MonitorConfiguration(low_balance_threshold=99)
    with pytest.raises(ValueError, match="unique_code"):
        code(" ")
    assert server.received == []


async def test_what_is_unset_is_absent_and_what_is_none_is_null() -> None:
    async with account() as here:
        await here.klaviyo.coupons.create("TEN", description="A tenth")
        await here.klaviyo.coupons.update("TEN", description=UNSET, monitor_configuration=None)
        sent = body_of(here.sent[-1])
        assert sent == {"data": {"type": "coupon", "id": "TEN", "attributes": {"monitor_configuration": None}}}
        await here.klaviyo.coupon_codes.create(code("A", expires_at=JUNE))
        await here.klaviyo.coupon_codes.update("TEN-A", expires_at=None)
        sent = body_of(here.sent[-1])
        assert sent == {"data": {"type": "coupon-code", "id": "TEN-A", "attributes": {"expires_at": None}}}
        here.check()


@pytest.mark.parametrize(("told", "read"), [("500", 500), (500, 500), ("many", None), (None, None), ([], None)])
async def test_a_threshold_is_read_in_whatever_way_klaviyo_writes_it(
    serve: Serve, wire: Wire, told: object, read: int | None
) -> None:
    attributes = {"monitor_configuration": {"low_balance_threshold": told}, "assigner_configuration": {"used": "LATER"}}
    server = await serve(Reply(200, {"data": {"type": "coupon", "id": "TEN", "attributes": attributes}}))
    coupon = await (await wire.client(server.url)).coupons.get("TEN")
    assert coupon.monitor_configuration is not None
    assert coupon.monitor_configuration.low_balance_threshold == read
    assert coupon.assigner_configuration is not None
    assert coupon.assigner_configuration.used == "LATER"


async def test_the_live_api_answers_a_threshold_as_text() -> None:
    async with account(behaviour="live") as here:
        made = await here.klaviyo.coupons.create(
            "TEN", monitor_configuration=MonitorConfiguration(low_balance_threshold=500)
        )
        assert made.monitor_configuration is not None
        assert made.monitor_configuration.low_balance_threshold == 500
