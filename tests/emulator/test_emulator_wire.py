"""What is on the wire: headers, links, cursors, ids."""

from __future__ import annotations

import base64
import gzip
import json
import re
import uuid
from datetime import UTC, datetime

import pytest
from emulator_wire import (
    HEADERS,
    JSON_API,
    NOON_SECONDS,
    Served,
    Wire,
    event_attributes,
    event_body,
    profile_body,
    served,
)
from people_bodies import a_profile, import_job

LINK = "https://a.klaviyo.com"


def new_profile(wire: Wire, **attributes: object) -> dict:
    response = wire.post("/api/profiles", profile_body(**attributes))
    assert response.status_code == 201, response.text
    return response.json()["data"]


def test_a_single_resource_has_all_its_links(klaviyo: Served) -> None:
    created = klaviyo.wire.post("/api/profiles", profile_body(email="kim@example.org"))
    document = created.json()
    profile_id = document["data"]["id"]
    owner = f"{LINK}/api/profiles/{profile_id}/"
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", profile_id)
    assert document["links"] == {"self": f"{LINK}/api/profiles"}
    assert document["data"]["links"] == {"self": owner}
    assert document["data"]["relationships"]["push-tokens"] == {
        "links": {"self": f"{owner}relationships/push-tokens/", "related": f"{owner}push-tokens/"}
    }
    assert "conversation" in document["data"]["relationships"]
    assert document["data"]["attributes"]["created"] == "2026-11-20T12:00:00+00:00"
    assert created.headers["content-type"] == JSON_API


def test_a_collection_says_where_it_ends(klaviyo: Served) -> None:
    query = "filter=equals(email,'a%2Bb@c.org')&page[size]=5&fields[profile]=email,created"
    document = klaviyo.wire.client.get(f"/api/profiles/?{query}").json()
    assert document == {
        "data": [],
        "links": {
            "self": f"{LINK}/api/profiles?filter=equals%28email%2C%27a%2Bb%40c.org%27%29&page%5Bsize%5D=5"
            "&fields%5Bprofile%5D=email%2Ccreated",
            "next": None,
            "prev": None,
        },
    }


def test_pages_lead_forth_and_back(free: Served) -> None:
    ids = sorted(new_profile(free.wire, email=f"p{number}@example.org")["id"] for number in range(5))

    def page(link: str) -> dict:
        return free.wire.client.get(link.removeprefix(LINK)).json()

    first = page("/api/profiles?page[size]=2")
    second = page(first["links"]["next"])
    third = page(second["links"]["next"])
    assert [[item["id"] for item in one["data"]] for one in (first, second, third)] == [ids[:2], ids[2:4], ids[4:]]
    assert (first["links"]["prev"], third["links"]["next"]) == (None, None)
    assert [item["id"] for item in page(third["links"]["prev"])["data"]] == ids[2:4]
    back = page(second["links"]["prev"])
    assert [item["id"] for item in back["data"]] == ids[:2]
    assert back["links"]["prev"] is None
    assert page(back["links"]["next"])["data"] == second["data"]


def test_cursors_have_the_forms_seen_live(free: Served) -> None:
    for number in range(2):
        free.wire.post("/api/events", event_body(email=f"p{number}@example.org", unique_id="u"))
    events = free.wire.get("/api/events", **{"page[size]": "1"}).json()
    (cursor,) = re.findall(r"page%5Bcursor%5D=([\w-]+)$", events["links"]["next"])
    assert json.loads(base64.urlsafe_b64decode(cursor + "==")) == [NOON_SECONDS, events["data"][0]["id"], True]
    profiles = free.wire.get("/api/profiles", **{"page[size]": "1"}).json()
    (cursor,) = re.findall(r"page%5Bcursor%5D=([\w-]+)$", profiles["links"]["next"])
    assert base64.urlsafe_b64decode(cursor + "==").decode() == f"next::id::{profiles['data'][0]['id']}"


@pytest.mark.parametrize(
    "sort", ["id", "created", "updated", "email", "subscriptions.email.marketing.suppression.timestamp"]
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_sort_pages_through_everything_once(free: Served, sort: str, sign: str) -> None:
    emails = ["d@x.org", None, "B@x.org", "a@x.org", None, "c::c@x.org"]
    for number, email in enumerate(emails):
        free.clock.advance(number % 2)
        new_profile(free.wire, external_id=f"e{number}", **({} if email is None else {"email": email}))
    found = free.wire.all_pages("/api/profiles", sort=f"{sign}{sort}", **{"page[size]": "1"})
    assert len({item["id"] for item in found}) == len(found) == len(emails)
    if sort in {"id", "created", "updated"}:
        keys = [item["id"] if sort == "id" else item["attributes"][sort] for item in found]
        assert keys == sorted(keys, reverse=bool(sign))
    if sort == "email":
        assert [item["attributes"]["email"] for item in found if item["attributes"]["email"]] == (
            sorted((email for email in emails if email), reverse=bool(sign))
        )


def test_an_event_id_and_its_uuid(free: Served) -> None:
    free.wire.post("/api/events", event_body(time="2026-09-04T13:38:55.9+00:00"))
    event = free.wire.get("/api/events").json()["data"][0]
    moment = uuid.UUID(event["attributes"]["uuid"])
    assert re.fullmatch(r"[0-9A-Za-z]{11}", event["id"])
    assert moment.version == 1
    assert moment.clock_seq == 1
    assert (moment.time - 0x01B21DD213814000) // 10_000_000 == event["attributes"]["timestamp"] == 1_788_529_135
    assert event["attributes"]["datetime"] == "2026-09-04T13:38:55+00:00"
    assert str(moment).startswith("f9204180-a865-11f1-8001-")


def test_a_metric_and_its_service(free: Served) -> None:
    free.wire.post("/api/events", event_body())
    body = event_body()
    body["data"]["attributes"]["metric"]["data"]["attributes"]["service"] = "Shopify"
    free.wire.post("/api/events", body)
    metrics = free.wire.get("/api/metrics").json()["data"]
    assert {metric["attributes"]["name"] for metric in metrics} == {"Story Generated"}
    assert all(re.fullmatch(r"[A-Za-z0-9]{6}", metric["id"]) for metric in metrics)
    integrations = {
        metric["attributes"]["integration"]["key"]: metric["attributes"]["integration"] for metric in metrics
    }
    assert integrations["api"].items() >= {"object": "integration", "name": "API", "category": "API"}.items()
    assert integrations["shopify"]["name"] == "Shopify"
    named = free.wire.get("/api/metrics", filter='equals(integration.name,"Shopify")').json()["data"]
    assert [metric["attributes"]["integration"]["key"] for metric in named] == ["shopify"]
    assert len(free.wire.get("/api/metrics", filter='equals(integration.category,"API")').json()["data"]) == 2


def test_metrics_come_in_pages_of_200(free: Served) -> None:
    for start in range(0, 450, 150):
        entries = [event_attributes(f"M{number}") for number in range(start, start + 150)]
        body = {"type": "event-bulk-create", "attributes": {"profile": profile_body(email="k@example.org")}}
        body["attributes"]["events"] = {"data": [{"type": "event", "attributes": entry} for entry in entries]}
        document = {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [body]}}}}
        assert free.wire.post("/api/event-bulk-create-jobs", document).status_code == 202
    first = free.wire.get("/api/metrics", include="flow-triggers").json()
    assert len(first["data"]) == 200
    assert first["included"] == []
    assert first["data"][0]["relationships"]["flow-triggers"]["data"] == []
    found = free.wire.all_pages("/api/metrics")
    assert [metric["id"] for metric in found] == sorted({metric["id"] for metric in found})
    assert len(found) == 450
    second = free.wire.client.get(first["links"]["next"].removeprefix(LINK)).json()
    back = free.wire.client.get(second["links"]["prev"].removeprefix(LINK)).json()
    assert back["data"] == first["data"]


def test_an_accepted_event_has_an_empty_answer(klaviyo: Served) -> None:
    response = klaviyo.wire.post("/api/events", event_body())
    assert (response.status_code, response.content) == (202, b"")
    assert "content-type" not in response.headers
    assert response.headers["content-length"] == "0"


def test_no_content_has_no_length(klaviyo: Served) -> None:
    made = klaviyo.wire.post("/api/tags", {"data": {"type": "tag", "attributes": {"name": "T"}}})
    response = klaviyo.wire.client.delete(f"/api/tags/{made.json()['data']['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert not response.headers.keys() & {"content-length", "content-type", "transfer-encoding"}
    assert klaviyo.wire.get("/api/tags").json()["data"] == []  # on the same connection


def test_rate_headers_follow_the_burst_window(klaviyo: Served) -> None:
    for remaining in ("74", "73"):
        response = klaviyo.wire.get("/api/profiles")
        assert response.headers["ratelimit-limit"] == "75, 75;w=1, 750;w=60"
        assert response.headers["ratelimit-remaining"] == remaining
        assert response.headers["ratelimit-reset"] == "0"
    klaviyo.clock.advance(1)
    assert klaviyo.wire.get("/api/profiles").headers["ratelimit-remaining"] == "74"
    assert "ratelimit-limit" in klaviyo.wire.get("/api/profiles/NOPE").headers


def test_a_full_burst_window(klaviyo: Served) -> None:
    assert klaviyo.wire.get("/api/accounts").status_code == 200
    response = klaviyo.wire.get("/api/accounts")
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"
    assert not [name for name in response.headers if name.startswith("ratelimit")]
    (error,) = response.json()["errors"]
    uuid.UUID(error.pop("id"))
    assert error == {
        "status": 429,
        "code": "throttled",
        "title": "Request was throttled.",
        "detail": "Request was throttled. Expected available in 1 second.",
        "source": {"pointer": "/data"},
        "links": {"type": "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits"},
        "meta": {},
    }
    klaviyo.clock.advance(1)
    assert klaviyo.wire.get("/api/accounts").status_code == 200


def test_a_full_steady_window(klaviyo: Served) -> None:
    for _ in range(15):
        assert klaviyo.wire.get("/api/accounts").status_code == 200
        klaviyo.clock.advance(2)
    response = klaviyo.wire.get("/api/accounts")
    assert response.headers["retry-after"] == "30"
    assert response.json()["errors"][0]["detail"].endswith("Expected available in 30 seconds.")
    klaviyo.clock.advance(30)
    assert klaviyo.wire.get("/api/accounts").status_code == 200


def test_windows_are_per_endpoint_and_per_app(klaviyo: Served) -> None:
    assert klaviyo.wire.get("/api/accounts").status_code == 200
    assert klaviyo.wire.get(f"/api/accounts/{klaviyo.emulator.account_id}").status_code == 200
    other_key = {"Authorization": "Klaviyo-API-Key pk_other"}
    assert klaviyo.wire.get("/api/accounts", headers=other_key).status_code == 429
    for token, status in (("a", 200), ("a", 429), ("b", 200)):
        assert klaviyo.wire.get("/api/accounts", headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_a_daily_window_is_in_the_header(klaviyo: Served) -> None:
    response = klaviyo.wire.post("/api/campaign-values-reports", {})
    assert response.status_code == 400
    assert response.headers["ratelimit-limit"] == "1, 1;w=1, 2;w=60, 225;w=86400"


def test_expensive_parameters_have_windows_of_their_own(klaviyo: Served) -> None:
    profile_id = new_profile(klaviyo.wire, email="kim@example.org")["id"]
    asked = {"additional-fields[profile]": "predictive_analytics"}
    statuses = [klaviyo.wire.get("/api/profiles", **asked).status_code for _ in range(9)]
    assert set(statuses) == {200}
    assert klaviyo.wire.get(f"/api/profiles/{profile_id}", **asked).status_code == 200
    assert klaviyo.wire.get("/api/profiles", **asked).status_code == 429
    plain = klaviyo.wire.get("/api/profiles")
    assert plain.status_code == 200
    # The throttled request counts for the endpoint: 75 a second, less 9, less 1, less this one.
    assert plain.headers["ratelimit-remaining"] == "64"


def test_the_lists_of_a_profile_are_expensive_and_those_of_an_import_job_are_not(klaviyo: Served) -> None:
    profile_id = new_profile(klaviyo.wire, email="kim@example.org")["id"]
    statuses = [klaviyo.wire.get(f"/api/profiles/{profile_id}", include="lists").status_code for _ in range(2)]
    assert statuses == [200, 429]
    body = import_job(a_profile(email="lee@example.org"))
    job = klaviyo.wire.post("/api/profile-bulk-import-jobs", body).json()["data"]["id"]
    for _ in range(3):
        assert klaviyo.wire.get(f"/api/profile-bulk-import-jobs/{job}", include="lists").status_code == 200


def test_a_clock_that_is_put_back_opens_new_windows(klaviyo: Served) -> None:
    assert klaviyo.wire.get("/api/accounts").status_code == 200
    klaviyo.clock.advance(-3600)
    assert klaviyo.wire.get("/api/accounts").status_code == 200


def test_no_limits_no_headers(free: Served) -> None:
    for _ in range(3):
        response = free.wire.get("/api/accounts")
        assert response.status_code == 200
        assert not [name for name in response.headers if name.startswith("ratelimit")]


def test_paths_with_slashes_escapes_and_either_revision(free: Served) -> None:
    profile_id = new_profile(free.wire, email="kim@example.org")["id"]
    escaped = "%" + f"{ord(profile_id[0]):02X}" + profile_id[1:]
    for path in (f"/api/profiles/{profile_id}", f"/api/profiles/{profile_id}/", f"/api/profiles/{escaped}"):
        for revision in ("2026-07-15", "2026-07-15.pre", "2026-10-15", "2026-10-15.pre"):
            assert free.wire.get(path, headers={"revision": revision}).status_code == 200


def test_content_types_and_encodings_that_are_accepted(free: Served) -> None:
    body = json.dumps(profile_body(external_id="x")).encode()
    for content_type in (JSON_API, "application/json", "application/json; charset=UTF-8"):
        assert free.wire.post("/api/profile-import", body, headers={"Content-Type": content_type}).status_code < 300
    for encoding, payload in (("gzip", gzip.compress(body)), ("x-gzip", gzip.compress(body)), ("identity", body)):
        response = free.wire.post("/api/profile-import", payload, headers={"Content-Encoding": encoding})
        assert response.status_code == 200, response.text


def test_another_public_base_and_a_delay() -> None:
    with served(public_base="https://klaviyo.test:8443", latency_ms=1, limits=False) as running:
        document = running.wire.get("/api/accounts").json()
        assert document["links"]["self"] == "https://klaviyo.test:8443/api/accounts"


def test_included_resources_and_sparse_fields(free: Served) -> None:
    free.wire.post("/api/events", event_body(unique_id="a"))
    free.wire.post("/api/events", event_body(unique_id="b"))
    document = free.wire.get(
        "/api/events",
        include="metric,profile",
        **{"fields[event]": "timestamp", "fields[metric]": "name", "fields[profile]": "location.city,email"},
    ).json()
    assert [item["attributes"] for item in document["data"]] == [{"timestamp": NOON_SECONDS}] * 2
    metric, profile = document["included"]
    assert metric["attributes"] == {"name": "Story Generated"}
    assert profile["attributes"] == {"email": "kim@example.org", "location": {"city": None}}
    assert "conversation" in profile["relationships"]
    assert "attributions" not in document["data"][0]["relationships"]
    event_id = document["data"][0]["id"]
    followed = free.wire.get(
        f"/api/events/{event_id}/profile", **{"additional-fields[profile]": "subscriptions"}
    ).json()
    assert followed["data"]["attributes"]["subscriptions"]["email"]["marketing"]["can_receive_email_marketing"] is True
    assert followed["links"]["self"].startswith(f"{LINK}/api/events/{event_id}/profile?")
    ids = free.wire.get(f"/api/events/{event_id}/relationships/metric").json()
    assert ids == {
        "data": {"type": "metric", "id": metric["id"]},
        "links": {"self": f"{LINK}/api/events/{event_id}/relationships/metric"},
    }


def test_no_fields_at_all(free: Served) -> None:
    new_profile(free.wire, email="kim@example.org")
    (profile,) = free.wire.get("/api/profiles", **{"fields[profile]": ""}).json()["data"]
    assert profile["attributes"] == {}


def test_events_by_metric_profile_and_time(free: Served) -> None:
    for day in range(1, 6):
        for metric, email in (("A", "a@x.org"), ("B", "b@x.org")):
            free.wire.post("/api/events", event_body(email=email, metric=metric, time=f"2026-11-0{day}"))
    metrics = {metric["attributes"]["name"]: metric["id"] for metric in free.wire.get("/api/metrics").json()["data"]}
    people = {item["attributes"]["email"]: item["id"] for item in free.wire.get("/api/profiles").json()["data"]}
    third = int(datetime(2026, 11, 3, tzinfo=UTC).timestamp())

    def count(text: str) -> int:
        return len(free.wire.all_pages("/api/events", filter=text, **{"page[size]": "2"}))

    assert count(f'equals(metric_id,"{metrics["A"]}")') == 5
    assert count(f"equals(metric_id,['{metrics['A']}'])") == 5
    assert count(f"equals(metric_id,['{metrics['A']}','{metrics['B']}'])") == 10
    assert count("equals(metric_id,[])") == 0
    assert count('equals(metric_id,"NoSuch")') == 0
    assert count(f'equals(profile_id,"{people["a@x.org"]}"),equals(metric_id,"{metrics["B"]}")') == 0
    assert count(f"greater-than(timestamp,{third})") == 4
    assert count(f"less-or-equal(timestamp,{third}.0)") == 6
    assert count(f"greater-than(timestamp,{third - 0.5})") == 6
    assert count("and(greater-or-equal(datetime,2026-11-03),less-than(datetime,2026-11-04T00:00:00Z))") == 2
    assert count("has(metric),has(profile)") == 10
    ascending = free.wire.all_pages("/api/events", sort="timestamp", **{"page[size]": "3"})
    descending = free.wire.all_pages("/api/events", **{"page[size]": "3"})
    assert [item["id"] for item in ascending] == [item["id"] for item in reversed(descending)]


def test_profiles_by_identifier_and_time(free: Served) -> None:
    first = new_profile(free.wire, email="Kim@x.org", phone_number="+4366012345678", external_id="1,\"'")
    free.clock.advance(10)
    new_profile(free.wire, email="lee@x.org")

    def found(text: str) -> list[str]:
        return [item["id"] for item in free.wire.get("/api/profiles", filter=text).json()["data"]]

    assert found('equals(email,"kim@x.org")') == [first["id"]]
    assert found('equals(phone_number,"+4366012345678")') == [first["id"]]
    assert found('any(external_id,["1,\\"\'"])') == [first["id"]]
    assert found("equals(email,[])") == []
    assert found("less-than(created,2026-11-20T12:00:05Z)") == [first["id"]]
    assert len(found("greater-than(updated,2026-11-20)")) == 2
    assert found('equals(_kx,"k")') == []
    assert found('equals(subscriptions.email.marketing.suppression.reason,"UNSUBSCRIBE")') == []


def test_nothing_but_the_api_is_served(free: Served) -> None:
    for path in ("/other", "/api2/profiles"):
        response = free.wire.client.get(path)
        assert response.status_code == 404
        assert response.json()["errors"][0]["code"] == "not_found"


def test_a_body_that_nobody_reads_does_not_spoil_the_connection(free: Served) -> None:
    big = b"x" * 3_000_000
    for _ in range(2):
        response = free.wire.post("/api/events", big, headers={"Authorization": "Klaviyo-API-Key nope"})
        assert response.status_code == 401
    assert free.wire.get("/api/accounts", headers=HEADERS).status_code == 200
