"""What the resource modules state of Klaviyo's operations, against the table that is made from its specification."""

import pkgutil
from importlib import import_module
from typing import TypeAlias

import pytest

from aioklaviyo import DEFAULT_REVISION, InvalidRequest, resources
from aioklaviyo.operations import Method, Need, Operation
from aioklaviyo.rates import L, Rate, S
from client.emulated import LATER, operations_of
from klaviyo_emulator.operations import operations as described

AREAS = (
    *("Accounts", "Events", "Metrics", "Profiles", "Lists", "Segments", "Campaigns", "Templates", "Catalogs"),
    *("Coupons", "Flows", "Tags", "Webhooks", "Data Privacy", "Reporting"),
)
Answer: TypeAlias = bool | None
STATED = [
    operation
    for module in pkgutil.iter_modules(resources.__path__, f"{resources.__name__}.")
    for operation in operations_of(import_module(module.name))
]


@pytest.mark.parametrize("operation", STATED, ids=lambda operation: operation.id)
def test_an_operation_is_the_one_klaviyo_describes(operation: Operation) -> None:
    theirs = described()[operation.id]
    assert theirs.rate is not None
    assert (operation.method, operation.path) == (theirs.method, theirs.path)
    assert operation.rate == Rate(theirs.rate.burst, theirs.rate.steady, theirs.rate.daily)


def test_every_operation_of_the_fifteen_areas_is_there() -> None:
    wanted = {operation.id for operation in described().values() if operation.area in AREAS}
    assert wanted - {operation.id for operation in STATED} == set()


def test_no_operation_is_stated_twice() -> None:
    # A module may import another's constant; it is the same object then.
    assert len({id(operation) for operation in STATED}) == len({operation.id for operation in STATED})


GET = Operation("get_member", "GET", "/api/lists/{id}/members/{member_id}", L)


def test_ids_stay_segments_whatever_they_hold() -> None:
    call = GET.call("a/../b?c#d", "ÄÖ %2F")
    assert call.path == "/api/lists/a%2F..%2Fb%3Fc%23d/members/%C3%84%C3%96%20%252F"
    assert call.template == "/api/lists/{id}/members/{member_id}"


@pytest.mark.parametrize("identifier", ["", ".", "..", "\ud800"])
def test_an_id_that_cannot_be_a_segment_is_refused(identifier: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        GET.call("a", identifier)
    assert caught.value.path == "/api/lists/{id}/members/{member_id}"


def test_the_number_of_ids_is_the_number_of_placeholders() -> None:
    with pytest.raises(TypeError, match="get_member takes 2 ids"):
        GET.call("a")


def test_windows_are_named_alike_whatever_the_placeholder_is_called() -> None:
    named = Operation("get_job", "GET", "/api/jobs/{job_id}", L)
    assert [charge.key for charge in named.call("7").charges] == ["GET /api/jobs/{id}"]


def test_an_expensive_parameter_is_charged_as_well() -> None:
    query = {"additional-fields[profile]": ("subscriptions", "predictive_analytics"), "fields[profile]": ("email",)}
    charges = GET.call("a", "b", query=query).charges
    assert [charge.key for charge in charges] == [
        "GET /api/lists/{id}/members/{id}",
        "additional-fields[profile]=predictive_analytics",
    ]
    assert charges[1].rate == Rate(10, 150)


@pytest.mark.parametrize(
    ("method", "stated", "asked", "expected"),
    [
        ("GET", None, None, True),
        ("PATCH", None, None, True),
        ("DELETE", None, None, True),
        ("POST", None, None, False),
        ("POST", True, None, True),
        ("PATCH", None, False, False),
        ("POST", False, True, True),
    ],
)
def test_what_is_repeatable(method: Method, stated: Answer, asked: Answer, expected: Answer) -> None:
    operation = Operation("x", method, "/api/x", S, Need.NOTHING, is_repeatable=stated)
    assert operation.call(is_repeatable=asked).is_repeatable is expected


def test_the_later_revision_is_the_default() -> None:
    assert DEFAULT_REVISION == LATER
