"""What is stored: identity, changes, repetitions, values, times."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import NOON_SECONDS, Served, bulk_body, error_of, event_attributes, event_body, profile_body, served

from klaviyo_emulator import Counts

if TYPE_CHECKING:
    from pathlib import Path

BULK = "/api/event-bulk-create-jobs"


def imported(served_emulator: Served, *arguments: str, status: int = 200, **attributes: Any) -> Any:
    response = served_emulator.wire.post("/api/profile-import", profile_body(*arguments, **attributes))
    assert response.status_code == status, response.text
    return response.json()["data"]


def events_of(served_emulator: Served, **parameters: str) -> Any:
    return served_emulator.wire.all_pages("/api/events", **parameters)


def test_any_identifier_finds_the_profile(free: Served) -> None:
    first = imported(free, email="Kim@example.org", status=201)
    same = [
        imported(free, email="kim@EXAMPLE.org", phone_number="+4366012345678"),
        imported(free, phone_number="+4366012345678", external_id="k-1"),
        imported(free, external_id="k-1", _kx="exchange"),
        imported(free, _kx="exchange"),
        imported(free, first["id"], email="new@example.org"),
    ]
    assert {item["id"] for item in same} == {first["id"]}
    assert same[-1]["attributes"]["email"] == "new@example.org"
    assert same[-1]["attributes"]["external_id"] == "k-1"
    found = free.wire.get("/api/profiles", filter='equals(_kx,"exchange")').json()["data"]
    assert [item["id"] for item in found] == [first["id"]]


def test_an_anonymous_profile_becomes_known(free: Served) -> None:
    anonymous = profile_body(anonymous_id="browser")
    free.wire.post("/api/events", event_body(profile=anonymous))
    (event,) = events_of(free)
    known = profile_body(anonymous_id="browser", email="kim@example.org")
    free.wire.post("/api/events", event_body(profile=known, metric="Signed Up"))
    other = profile_body(anonymous_id="browser", email="lee@example.org")
    free.wire.post("/api/events", event_body(profile=other, metric="Signed Up"))
    owners = {item["relationships"]["profile"]["data"]["id"] for item in events_of(free)}
    assert event["relationships"]["profile"]["data"]["id"] in owners
    assert len(owners) == free.emulator.counts().profiles == 2


def test_every_device_and_exchange_leads_to_its_profile(free: Served) -> None:
    def sent(**names: str) -> None:
        answer = free.wire.post("/api/events", event_body(profile=profile_body(**names), unique_id=str(names)))
        assert answer.status_code == 202

    names = [{"anonymous_id": "phone"}, {"anonymous_id": "browser"}, {"_kx": "first"}, {"_kx": "second"}]
    for name in names:
        sent(email="kim@example.org", **name)
    for name in names:
        sent(**name)
    (kim,) = free.wire.get("/api/profiles").json()["data"]
    for exchange in ("first", "second"):
        found = free.wire.get("/api/profiles", filter=f'equals(_kx,"{exchange}")').json()["data"]
        assert [item["id"] for item in found] == [kim["id"]]
    sent(email="lee@example.org", anonymous_id="phone")
    assert free.emulator.counts().profiles == 2


def test_null_clears_and_absence_keeps(free: Served) -> None:
    imported(
        free,
        email="kim@example.org",
        phone_number="+4366012345678",
        first_name="Kim",
        locale="de-AT",
        location={"city": "Graz", "zip": "8010", "latitude": 47.07, "longitude": "15.4"},
        properties={"a": 1, "b": {"c": [None, True]}},
        status=201,
    )
    kept = imported(free, email="kim@example.org")["attributes"]
    assert (kept["first_name"], kept["properties"]) == ("Kim", {"a": 1, "b": {"c": [None, True]}})
    cleared = imported(
        free,
        email="kim@example.org",
        phone_number=None,
        first_name=None,
        location={"zip": None},
        properties={"a": None},
    )["attributes"]
    assert (cleared["phone_number"], cleared["first_name"], cleared["locale"]) == (None, None, "de-AT")
    assert (cleared["location"]["city"], cleared["location"]["zip"]) == ("Graz", None)
    assert cleared["properties"] == {"a": None, "b": {"c": [None, True]}}
    emptied = imported(free, email="kim@example.org", location=None, properties=None)["attributes"]
    assert set(emptied["location"].values()) == {None}
    assert emptied["properties"] == {}


@pytest.mark.parametrize("beside", [True, False])
def test_patch_properties_at_either_place(free: Served, *, beside: bool) -> None:
    imported(free, email="kim@example.org", properties={"list": [1, 2, 1], "one": "x", "gone": 1}, status=201)
    patch = {
        "patch_properties": {
            "append": {"list": 3, "one": ["y", "z"], "new": [[1]], "none": "n"},
            "unappend": {"list": 1, "absent": 1},
            "unset": ["gone", "never"],
        }
    }
    body = profile_body(email="kim@example.org", meta=patch) if beside else profile_body(email="kim@example.org")
    if not beside:
        body["data"]["attributes"]["meta"] = patch
    properties = free.wire.post("/api/profile-import", body).json()["data"]["attributes"]["properties"]
    assert properties == {"list": [2, 3], "one": ["x", "y", "z"], "new": [[1]], "none": ["n"]}


def test_updated_moves_only_with_a_change(free: Served) -> None:
    first = imported(free, email="kim@example.org", properties={"a": 1}, status=201)
    free.clock.advance(10)
    assert imported(free, email="kim@example.org", properties={"a": 1}) == first
    second = imported(free, email="kim@example.org", properties={"a": 2})["attributes"]
    assert second["updated"] == "2026-11-20T12:00:10+00:00"
    assert second["created"] == first["attributes"]["created"]
    free.clock.advance(10)
    free.wire.post("/api/events", event_body(time="2026-11-01T00:00:00Z"))
    (third,) = free.wire.get("/api/profiles").json()["data"]
    assert third["attributes"]["updated"] == "2026-11-20T12:00:20+00:00"
    assert third["attributes"]["last_event_date"] == "2026-11-01T00:00:00+00:00"
    free.clock.advance(10)
    free.wire.post("/api/events", event_body(time="2026-10-01T00:00:00Z"))
    assert free.wire.get("/api/profiles").json()["data"] == [third]


def test_updated_moves_when_the_first_address_is_appended(free: Served) -> None:
    imported(free, external_id="k-1", status=201)
    free.clock.advance(10)
    body = profile_body(external_id="k-1", meta={"patch_identifiers": {"append": {"email": ["kim@example.org"]}}})
    changed = free.wire.post("/api/profile-import", body).json()["data"]["attributes"]
    assert (changed["email"], changed["updated"]) == ("kim@example.org", "2026-11-20T12:00:10+00:00")


def test_an_event_changes_its_profile(free: Served) -> None:
    profile = profile_body(email="kim@example.org", first_name="Kim", properties={"a": 1})
    profile["data"]["attributes"]["meta"] = {"patch_properties": {"append": {"b": 1}}}
    free.wire.post("/api/events", event_body(profile=profile))
    profile = profile_body(email="kim@example.org", first_name=None, meta={"patch_properties": {"append": {"b": 2}}})
    free.wire.post("/api/events", event_body(profile=profile))
    (stored,) = free.wire.get("/api/profiles").json()["data"]
    assert stored["attributes"]["first_name"] is None
    assert stored["attributes"]["properties"] == {"a": 1, "b": [1, 2]}


def test_an_event_by_profile_id(free: Served) -> None:
    profile_id = imported(free, email="kim@example.org", status=201)["id"]
    assert free.wire.post("/api/events", event_body(profile=profile_body(profile_id))).status_code == 202
    assert events_of(free)[0]["relationships"]["profile"]["data"]["id"] == profile_id


def test_an_invalid_phone_beside_an_email_is_left_out(free: Served) -> None:
    profile = profile_body(email="kim@example.org", phone_number="0660")
    assert free.wire.post("/api/events", event_body(profile=profile)).status_code == 202
    assert free.wire.get("/api/profiles").json()["data"][0]["attributes"]["phone_number"] is None
    error_of(free.wire.post("/api/events", event_body(profile=profile_body(phone_number="0660"))), 400)


def test_the_first_event_with_a_unique_id_wins(free: Served) -> None:
    for number in range(3):
        body = event_body(unique_id="u", properties={"number": number}, time=f"2026-11-0{number + 1}")
        assert free.wire.post("/api/events", body).status_code == 202
    free.wire.post("/api/events", event_body(unique_id="u", metric="Other"))
    free.wire.post("/api/events", event_body(unique_id="u", email="lee@example.org"))
    stored = events_of(free, sort="datetime")
    assert len(stored) == 3
    assert stored[0]["attributes"]["event_properties"] == {"number": 0, "$event_id": "u"}


def test_without_a_unique_id_the_second_counts(free: Served) -> None:
    for fraction in ("00.1", "00.9", "01"):
        free.wire.post("/api/events", event_body(time=f"2026-11-01T00:00:{fraction}Z"))
    for _ in range(2):
        free.wire.post("/api/events", event_body())
    free.clock.advance(1)
    free.wire.post("/api/events", event_body())
    times = [event["attributes"]["timestamp"] for event in events_of(free)]
    assert times == [NOON_SECONDS + 1, NOON_SECONDS, 1_793_491_201, 1_793_491_200]
    assert events_of(free)[0]["attributes"]["event_properties"] == {"$event_id": str(NOON_SECONDS + 1)}


def test_a_value_once_means_a_value_always(free: Served) -> None:
    for number, value in enumerate([None, 2.5, None, 0]):
        free.wire.post("/api/events", event_body(unique_id=str(number), value=value, time=f"2026-11-0{number + 1}"))
    free.wire.post("/api/events", event_body(unique_id="x", metric="Other"))
    values = {
        event["attributes"]["event_properties"]["$event_id"]: event["attributes"]["event_properties"].get("$value")
        for event in events_of(free)
    }
    assert values == {"0": None, "1": 2.5, "2": 0, "3": 0, "x": None}


@pytest.mark.parametrize(
    "time", ["1990-01-01T00:00:00Z", "2027-11-20T00:00:00+02:00", "2026-11-01 10:00", "2026-11-01"]
)
def test_times_that_are_accepted(free: Served, time: str) -> None:
    assert free.wire.post("/api/events", event_body(time=time)).status_code == 202
    assert free.emulator.counts().events == 1


def test_a_repetition_within_a_bulk_request_fails_all_of_it(free: Served) -> None:
    kim = profile_body(email="kim@example.org")
    again = profile_body(email="KIM@example.org", external_id="k-1")
    body = bulk_body(
        (kim, [event_attributes(unique_id="u")]), (again, [event_attributes("Other"), event_attributes(unique_id="u")])
    )
    error = error_of(free.wire.post(BULK, body), 400)
    where = "/data/attributes/events-bulk-create/data/1/attributes/events/data/1/attributes/unique_id"
    assert error["source"] == {"pointer": where}
    counts = free.emulator.counts()
    assert (counts.profiles, counts.metrics, counts.events) == (0, 0, 0)


def test_the_same_second_twice_in_a_bulk_request_is_dropped(free: Served) -> None:
    body = bulk_body((profile_body(email="kim@example.org"), [event_attributes(), event_attributes()]))
    assert free.wire.post(BULK, body).status_code == 202
    assert free.emulator.counts().events == 1


@pytest.mark.parametrize(("reading", "status"), [("request", 202), ("history", 400)])
def test_a_repetition_of_what_is_stored(reading: str, status: int) -> None:
    with served(bulk_duplicates=reading, limits=False) as running:
        running.wire.post("/api/events", event_body(unique_id="u"))
        body = bulk_body((profile_body(email="kim@example.org"), [event_attributes(unique_id=name) for name in "vu"]))
        assert running.wire.post(BULK, body).status_code == status
        assert running.emulator.counts().events == (2 if status == 202 else 1)
        assert running.wire.post("/api/events", event_body(unique_id="u")).status_code == 202


def test_bulk_moves_the_last_event_date_to_the_latest(free: Served) -> None:
    events = [event_attributes(time=f"2026-11-0{day}") for day in (2, 5, 3)]
    free.wire.post(BULK, bulk_body((profile_body(email="kim@example.org"), events)))
    (profile,) = free.wire.get("/api/profiles").json()["data"]
    assert profile["attributes"]["last_event_date"] == "2026-11-05T00:00:00+00:00"


def test_members_that_an_event_does_not_have_are_refused(free: Served) -> None:
    single = event_body()
    bulk = bulk_body((profile_body(email="kim@example.org"), [event_attributes()]))
    (entry,) = bulk["data"]["attributes"]["events-bulk-create"]["data"]
    (event,) = entry["attributes"]["events"]["data"]
    at = "/data/attributes/events-bulk-create/data/0"
    for path, body, resource, pointer in (
        ("/api/events", single, single["data"], "/data"),
        (BULK, bulk, bulk["data"], "/data"),
        (BULK, bulk, entry, at),
        (BULK, bulk, event, f"{at}/attributes/events/data/0"),
    ):
        resource["relationships"] = {}
        assert error_of(free.wire.post(path, body), 400)["source"] == {"pointer": f"{pointer}/relationships"}
        del resource["relationships"]
        assert free.wire.post(path, body).status_code == 202


def test_unicode_and_nulls_survive(free: Served) -> None:
    properties = {"ключ": "💤\u0000\u2028", "": [], "deep": {"a": {"b": None}}, "float": 1e300, "int": -(2**63)}
    free.wire.post("/api/events", event_body(properties=properties, unique_id="ü'\"\\"))
    stored = events_of(free)[0]["attributes"]["event_properties"]
    assert stored == {**properties, "$event_id": "ü'\"\\"}


def test_events_to_be_visible_later_are_noted_when_they_are_stored() -> None:
    with served(limits=False, visibility_ms=1000, acceptance_log=True) as running:
        for _ in range(2):
            assert running.wire.post("/api/events", event_body(unique_id="u")).status_code == 202
        assert running.wire.get("/__emulator__/acceptance").json()["acceptance"] == []
        running.clock.advance(1)
        (kim,) = running.wire.get("/api/profiles").json()["data"]
        noted = running.wire.get("/__emulator__/acceptance").json()["acceptance"]
    told = [(one["operation"], one["events"]) for one in noted]
    named = (kim["id"], "Story Generated", "u")
    assert told == [("create_event", [[*named, "stored"]]), ("create_event", [[*named, "dropped"]])]


@pytest.mark.parametrize("place", [":memory:", "file"])
def test_of_requests_at_once_one_makes_the_profile_and_one_stores_the_event(tmp_path: Path, place: str) -> None:
    database = place if place == ":memory:" else str(tmp_path / "state.db")
    with served(limits=False, database=database) as running, ThreadPoolExecutor(8) as pool:

        def statuses(path: str, *bodies: Any) -> Counter[int]:
            return Counter(
                answer.status_code for answer in pool.map(lambda body: running.wire.post(path, body), bodies)
            )

        assert statuses("/api/profiles", *[profile_body(email="kim@example.org")] * 24) == {201: 1, 409: 23}
        assert statuses("/api/profile-import", *[profile_body(email="lee@example.org")] * 24) == {201: 1, 200: 23}
        assert statuses("/api/events", *[event_body(unique_id="u")] * 24) == {202: 24}
        assert running.emulator.counts().events == 1
        # Each of these stores two events, or none where its second one is a repetition within the request.
        bodies = [
            bulk_body((profile_body(email="kim@example.org"), [event_attributes(unique_id=one) for one in unique_ids]))
            for unique_ids in [*(("u", f"v{number}") for number in range(12)), *[("w", "w")] * 12]
        ]
        assert statuses("/api/event-bulk-create-jobs", *bodies) == {202: 12, 400: 12}
        assert running.emulator.counts() == Counts(profiles=2, metrics=1, events=13)
