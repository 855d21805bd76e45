"""Coupons and their codes through the official SDK."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import NOON, Served, error_of, served
from openapi_client.exceptions import ApiException

from klaviyo_emulator.state.coupons import take_code

if TYPE_CHECKING:
    from collections.abc import Callable

JOBS = "/api/coupon-code-bulk-create-jobs"
KIM = "01M1PAAR5HBCRHA3NN9NG5WRTA"
LEE = "01M1PAAR5HBCRHA3NN9NG5WRTB"


def coupon(coupon_id: str, **more: Any) -> dict[str, Any]:
    return {"data": {"type": "coupon", "attributes": {"external_id": coupon_id, **more}}}


def coupon_change(coupon_id: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "coupon", "id": coupon_id, "attributes": attributes}}


def code(unique_code: str, of: str = "TEN", **more: Any) -> dict[str, Any]:
    return {
        "type": "coupon-code",
        "attributes": {"unique_code": unique_code, **more},
        "relationships": {"coupon": {"data": {"type": "coupon", "id": of}}},
    }


def code_change(code_id: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "coupon-code", "id": code_id, "attributes": attributes}}


def job(codes: list[dict[str, Any]]) -> dict[str, Any]:
    attributes = {"coupon-codes": {"data": codes}}
    return {"data": {"type": "coupon-code-bulk-create-job", "attributes": attributes}}


def ids(listed: Any) -> list[str]:
    return [found.id for found in listed.data]


def refused(call: Callable[[], Any], status: int) -> str:
    """What the SDK was told when it was refused."""
    with pytest.raises(ApiException) as caught:
        call()
    assert caught.value.status == status, caught.value.body
    return str(caught.value.body)


def take(running: Served, coupon_id: str, profile_id: str) -> str | None:
    emulator = running.emulator
    return emulator._database.write(
        lambda connection: take_code(connection, emulator._mint, coupon_id, profile_id)
    ).result()


@pytest.fixture
def sdk(free: Served) -> Any:
    """Two coupons, the first of them with the codes a, b and c."""
    coupons = free.sdk().Coupons
    coupons.create_coupon(coupon("TEN", description="10 % off"))
    coupons.create_coupon(coupon("TWENTY"))
    for unique_code in "abc":
        coupons.create_coupon_code({"data": code(unique_code)})
    return coupons


def test_a_coupon_is_created_read_changed_and_deleted(free: Served, sdk: Any) -> None:
    configuration = {"used": "NEVER_ASSIGN", "unused_expired": "ALWAYS_ASSIGN"}
    created = sdk.create_coupon(
        coupon("A_1", monitor_configuration={"low_balance_threshold": 500}, assigner_configuration=configuration)
    )
    attributes = created.data.attributes
    assert (created.data.id, attributes.external_id, attributes.description) == ("A_1", "A_1", None)
    assert attributes.monitor_configuration == {"low_balance_threshold": 500}
    assert attributes.assigner_configuration.used == "NEVER_ASSIGN"
    changed = sdk.update_coupon("A_1", coupon_change("A_1", description="new"))
    assert changed.data.attributes.description == "new"
    assert changed.data.attributes.monitor_configuration == {"low_balance_threshold": 500}
    cleared = sdk.update_coupon("A_1", coupon_change("A_1", description=None, monitor_configuration=None))
    assert cleared.data.attributes.monitor_configuration is None
    read = sdk.get_coupon("A_1", fields_coupon=["external_id"])
    assert read["data"]["attributes"] == {"external_id": "A_1"}
    assert "assigner_configuration" not in free.wire.get("/api/coupons/A_1").json()["data"]["attributes"]
    sdk.delete_coupon("A_1")
    assert "A coupon with the given identifier 'A_1'" in refused(lambda: sdk.get_coupon("A_1"), 404)
    refused(lambda: sdk.update_coupon("A_1", coupon_change("A_1")), 404)
    refused(lambda: sdk.delete_coupon("A_1"), 404)


def test_coupons_are_paged(sdk: Any) -> None:
    first = sdk.get_coupons(page_size=1)
    second = sdk.get_coupons(page_size=1, page_cursor=first.links.next)
    assert (ids(first), ids(second), second.links.next) == (["TEN"], ["TWENTY"], None)
    refused(lambda: sdk.get_coupons(page_cursor="nonsense"), 400)


def test_ids_of_coupons_have_no_hyphen(sdk: Any) -> None:
    refused(lambda: sdk.create_coupon(coupon("10-OFF")), 400)
    refused(lambda: sdk.get_coupon("10-OFF"), 400)
    refused(lambda: sdk.update_coupon("10-OFF", coupon_change("10-OFF")), 400)
    refused(lambda: sdk.delete_coupon("10-OFF"), 400)
    refused(lambda: sdk.get_coupon_codes_for_coupon("10-OFF"), 400)
    refused(lambda: sdk.get_coupon_code_ids_for_coupon("10-OFF"), 400)
    refused(lambda: sdk.create_coupon_code({"data": code("a", "10-OFF")}), 400)


def test_a_coupon_that_is_there_already(sdk: Any) -> None:
    refused(lambda: sdk.create_coupon(coupon("TEN")), 409)
    assert sdk.get_coupon("TEN").data.attributes.description == "10 % off"


@pytest.mark.parametrize("threshold", [99, -1, 100.5, True, "many"])
def test_a_low_balance_is_100_or_more(free: Served, threshold: object) -> None:
    body = coupon("TEN", monitor_configuration={"low_balance_threshold": threshold})
    pointer = error_of(free.wire.post("/api/coupons", body), 400)["source"]["pointer"]
    assert pointer == "/data/attributes/monitor_configuration/low_balance_threshold"


def test_the_live_api_answers_the_threshold_as_a_string_and_its_year_has_52_weeks() -> None:
    with served(limits=False, behaviour="live") as running:
        body = coupon("TEN", monitor_configuration={"low_balance_threshold": 100})
        found = running.wire.post("/api/coupons", body).json()["data"]["attributes"]["monitor_configuration"]
        assert found == {"low_balance_threshold": "100"}
        back = running.wire.send("PATCH", "/api/coupons/TEN", coupon_change("TEN", monitor_configuration=found))
        assert back.json()["data"]["attributes"]["monitor_configuration"] == found
        made = running.wire.post("/api/coupon-codes", {"data": code("a")})
        assert made.json()["data"]["attributes"]["expires_at"] == "2027-11-19T12:00:00+00:00"


def test_a_code_is_created_read_changed_and_deleted(sdk: Any) -> None:
    created = sdk.create_coupon_code({"data": code("x-1", expires_at="2026-12-24T18:00:00+01:00")})
    attributes = created.data.attributes
    assert (created.data.id, attributes.unique_code, attributes.status) == ("TEN-x-1", "x-1", "UNASSIGNED")
    assert attributes.expires_at.isoformat() == "2026-12-24T17:00:00+00:00"
    assert created.data.relationships.coupon.data.id == "TEN"
    changed = sdk.update_coupon_code("TEN-x-1", code_change("TEN-x-1", status="USED", expires_at=None))
    assert changed.data.attributes.status == "USED"
    assert changed.data.attributes.expires_at == NOON.replace(microsecond=0) + timedelta(days=365)
    read = sdk.get_coupon_code("TEN-x-1", include=["coupon"], fields_coupon_code=["status"], fields_coupon=["id"])
    assert read["data"]["attributes"] == {"status": "USED"}
    assert [(found["id"], found["attributes"]) for found in read["included"]] == [("TEN", {})]
    sdk.delete_coupon_code("TEN-x-1")
    assert "A coupon code with given identifier" in refused(lambda: sdk.get_coupon_code("TEN-x-1"), 404)
    refused(lambda: sdk.update_coupon_code("TEN-x-1", code_change("TEN-x-1")), 404)
    refused(lambda: sdk.delete_coupon_code("TEN-x-1"), 404)


def test_a_code_that_cannot_be(free: Served, sdk: Any) -> None:
    refused(lambda: sdk.create_coupon_code({"data": code("a")}), 409)
    refused(lambda: sdk.create_coupon_code({"data": code("a", "THIRTY")}), 404)
    assert sdk.create_coupon_code({"data": code("a", "TWENTY")}).data.id == "TWENTY-a"
    for data, pointer in (
        (code(" "), "/data/attributes/unique_code"),
        (code("d", expires_at="soon"), "/data/attributes/expires_at"),
        (code("d", expires_at="1969-12-31"), "/data/attributes/expires_at"),
        (code("d", expires_at="9999-12-31T23:59:59-23:00"), "/data/attributes/expires_at"),
        (code("d", expires_at="0001-01-01T00:00:00+23:00"), "/data/attributes/expires_at"),
        ({**code("d"), "relationships": {"coupon": {}}}, "/data/relationships/coupon/data"),
        (code("d", status="USED"), "/data/attributes/status"),
    ):
        assert error_of(free.wire.post("/api/coupon-codes", {"data": data}), 400)["source"]["pointer"] == pointer
    change = code_change("TEN-a", status="GONE")
    assert error_of(free.wire.send("PATCH", "/api/coupon-codes/TEN-a", change), 400)
    assert len(sdk.get_coupon_codes("equals(coupon.id,'TEN')").data) == 3


def test_codes_are_found_by_coupon_or_profile_and_by_nothing_less(free: Served, sdk: Any) -> None:
    sdk.create_coupon_code({"data": code("z", "TWENTY", expires_at="2026-12-01")})
    assert take(free, "TEN", KIM) == "a"
    assert ids(sdk.get_coupon_codes("equals(coupon.id,['TEN'])")) == ["TEN-a", "TEN-b", "TEN-c"]
    both = "any(coupon.id,['TEN','TWENTY'])"
    assert ids(sdk.get_coupon_codes(f"{both},equals(status,'UNASSIGNED')")) == ["TEN-b", "TEN-c", "TWENTY-z"]
    assert ids(sdk.get_coupon_codes(f"{both},less-than(expires_at,2026-12-02)")) == ["TWENTY-z"]
    assert ids(sdk.get_coupon_codes(f"equals(profile.id,'{KIM}')")) == ["TEN-a"]
    assert ids(sdk.get_coupon_codes(f"any(profile.id,['{LEE}']),equals(coupon.id,'TEN')")) == []
    first = sdk.get_coupon_codes(both, page_size=3, include=["coupon"])
    second = sdk.get_coupon_codes(both, page_size=3, include=["coupon"], page_cursor=first.links.next)
    assert (ids(second), [found.id for found in second.included]) == (["TWENTY-z"], ["TWENTY"])
    assert "coupon.id" in refused(lambda: sdk.get_coupon_codes("equals(status,'USED')"), 400)
    assert error_of(free.wire.get("/api/coupon-codes"), 400)["source"]["parameter"] == "filter"


def test_codes_and_coupons_lead_to_each_other(sdk: Any) -> None:
    assert ids(sdk.get_coupon_codes_for_coupon("TEN")) == ["TEN-a", "TEN-b", "TEN-c"]
    first = sdk.get_coupon_codes_for_coupon("TEN", page_size=2)
    assert ids(sdk.get_coupon_codes_for_coupon("TEN", page_size=2, page_cursor=first.links.next)) == ["TEN-c"]
    sdk.update_coupon_code("TEN-b", code_change("TEN-b", status="USED"))
    assert ids(sdk.get_coupon_code_ids_for_coupon("TEN", filter="equals(status,'USED')")) == ["TEN-b"]
    assert ids(sdk.get_coupon_code_ids_for_coupon("TWENTY")) == []
    assert sdk.get_coupon_for_coupon_code("TEN-a").data.id == "TEN"
    assert sdk.get_coupon_id_for_coupon_code("TEN-a").data.id == "TEN"
    refused(lambda: sdk.get_coupon_codes_for_coupon("THIRTY"), 404)
    refused(lambda: sdk.get_coupon_code_ids_for_coupon("THIRTY"), 404)
    refused(lambda: sdk.get_coupon_for_coupon_code("TEN-z"), 404)
    refused(lambda: sdk.get_coupon_id_for_coupon_code("TEN-z"), 404)


def test_a_coupon_goes_with_its_codes(sdk: Any) -> None:
    sdk.delete_coupon("TEN")
    refused(lambda: sdk.get_coupon_code("TEN-a"), 404)
    sdk.create_coupon(coupon("TEN"))
    assert ids(sdk.get_coupon_codes("equals(coupon.id,'TEN')")) == []


def test_many_codes_are_created_by_a_job(free: Served, sdk: Any) -> None:
    entries = [code("d"), code("e", expires_at="2026-12-24"), code("a"), code("d"), code("f", "THIRTY")]
    submitted = sdk.bulk_create_coupon_codes(job(entries))
    assert submitted.data.attributes.status == "queued"
    assert ids(sdk.get_bulk_create_coupon_code_jobs(filter="equals(status,'queued')")) == [submitted.data.id]
    free.clock.advance(0.4)
    read = sdk.get_bulk_create_coupon_codes_job(submitted.data.id, include=["coupon-codes"])
    attributes = read.data.attributes
    assert (attributes.status, attributes.total_count) == ("complete", 5)
    assert (attributes.completed_count, attributes.failed_count) == (2, 3)
    assert [error.source.pointer for error in attributes.errors] == [
        "/data/attributes/coupon-codes/data/attributes/unique_code",
        "/data/attributes/coupon-codes/data/attributes/unique_code",
        "/data/attributes/coupon-codes/data/id",
    ]
    assert [found.attributes.unique_code for found in read.included] == ["d", "e"]
    assert ids(sdk.get_bulk_create_coupon_code_jobs()) == [submitted.data.id]
    refused(lambda: sdk.get_bulk_create_coupon_codes_job("01GSQPBF74KQ5YTDEPP41T1BZH"), 404)
    refused(lambda: sdk.get_bulk_create_coupon_code_jobs(filter="any(status,['queued'])"), 400)
    refused(lambda: sdk.bulk_create_coupon_codes(job([])), 400)


def test_a_job_holds_a_thousand_codes_and_a_hundred_jobs_may_wait(free: Served, sdk: Any) -> None:
    entries = [code(f"n{number}") for number in range(1001)]
    assert error_of(free.wire.post(JOBS, job(entries)), 400)["source"]["pointer"].endswith("/coupon-codes/data")
    job_id = free.wire.post(JOBS, job(entries[:1000])).json()["data"]["id"]
    for _ in range(99):
        assert free.wire.post(JOBS, job([code("n0")])).status_code == 202
    refused(lambda: sdk.bulk_create_coupon_codes(job([code("n0")])), 400)
    free.clock.advance(1)
    assert free.wire.get(f"{JOBS}/{job_id}").json()["data"]["attributes"]["completed_count"] == 1000
    sdk.bulk_create_coupon_codes(job([code("n0")]))


# Who gets which code


def test_everybody_gets_another_code_and_keeps_it(free: Served, sdk: Any) -> None:
    assert [take(free, "TEN", profile) for profile in (KIM, LEE, KIM)] == ["a", "b", "a"]
    read = sdk.get_coupon_code("TEN-a")
    assert (read.data.attributes.status, read.data.relationships.profile.data.id) == ("ASSIGNED_TO_PROFILE", KIM)
    refused(lambda: sdk.delete_coupon_code("TEN-a"), 409)
    assert take(free, "TEN", "01M1PAAR5HBCRHA3NN9NG5WRTC") == "c"
    assert take(free, "TEN", "01M1PAAR5HBCRHA3NN9NG5WRTD") is None
    assert take(free, "THIRTY", KIM) is None
    assert take(free, "not-a-coupon", KIM) is None


def test_a_code_that_is_given_back_can_be_given_away_again(free: Served, sdk: Any) -> None:
    assert take(free, "TEN", KIM) == "a"
    sdk.update_coupon_code("TEN-a", code_change("TEN-a", status="UNASSIGNED"))
    assert ids(sdk.get_coupon_codes(f"equals(profile.id,'{KIM}')")) == []
    assert take(free, "TEN", LEE) == "a"


def test_no_code_is_given_away_that_is_expired_or_used(free: Served, sdk: Any) -> None:
    sdk.update_coupon_code("TEN-a", code_change("TEN-a", expires_at="2026-11-20T11:59:59Z"))
    sdk.update_coupon_code("TEN-b", code_change("TEN-b", status="USED"))
    assert take(free, "TEN", KIM) == "c"
    assert take(free, "TEN", LEE) is None
    sdk.update_coupon_code("TEN-a", code_change("TEN-a", expires_at=None))
    assert take(free, "TEN", LEE) == "a"


@pytest.mark.parametrize(
    ("rules", "used", "expired", "expected"),
    [
        (None, False, True, "b"),
        (None, True, False, "b"),
        (("ALWAYS_ASSIGN", "NEVER_ASSIGN"), False, True, "a"),
        (("NEVER_ASSIGN", "ALWAYS_ASSIGN"), True, True, "a"),
        (("NEVER_ASSIGN", "ALWAYS_ASSIGN"), False, True, "b"),
        (("ASSIGN_IF_EXPIRED", "NEVER_ASSIGN"), True, False, "a"),
        (("ASSIGN_IF_EXPIRED", "NEVER_ASSIGN"), True, True, "b"),
    ],
)
def test_when_somebody_gets_another_code(
    free: Served, sdk: Any, *, rules: tuple[str, str] | None, used: bool, expired: bool, expected: str
) -> None:
    configuration = None if rules is None else dict(zip(("used", "unused_expired"), rules, strict=True))
    sdk.update_coupon("TEN", coupon_change("TEN", assigner_configuration=configuration))
    assert take(free, "TEN", KIM) == "a"
    if used:
        sdk.update_coupon_code("TEN-a", code_change("TEN-a", status="USED"))
    if expired:
        sdk.update_coupon_code("TEN-a", code_change("TEN-a", expires_at="2026-11-20T11:00:00Z"))
    free.clock.advance(1)
    assert take(free, "TEN", KIM) == expected
