"""The control API: what it does, who may ask, and that nothing it is sent can break it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from emulator_wire import (
    NOON,
    REPEATABLE,
    Served,
    bulk_body,
    event_attributes,
    event_body,
    profile_body,
    served,
)
from flow_bodies import delay, linked, new_flow, new_metric, track
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.clock import AdjustableClock
from klaviyo_emulator.control.routes import ROUTES
from klaviyo_emulator.hosts import ForeignError, HostGuard, exposure
from klaviyo_emulator.state.database import MEMORY
from klaviyo_emulator.state.inspection import find_profile_by
from klaviyo_emulator.state.mail import Letter, send, send_preview
from klaviyo_emulator.state.schema import VERSION
from klaviyo_emulator.state.tasks import schedule

BASE = "/__emulator__"
IMAGE = {"Content-Type": "application/vnd.sqlite3"}


def ask(running: Served, path: str, **parameters: Any) -> Any:
    response = running.wire.client.get(BASE + path, params=parameters)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def do(running: Served, path: str, body: Any = None, method: str = "POST") -> Any:
    response = running.wire.client.request(method, BASE + path, json={} if body is None else body)
    assert response.status_code == 200, response.text
    return response.json()


def refused(response: httpx2.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.json().keys() == {"error"}
    return response.json()["error"]


def work(running: Served, function: Any) -> Any:
    return running.emulator._database.write(function).result()


def send_mail(running: Served, email: str = "kim@example.org", subject: str = "Hello") -> str:
    mint = running.emulator._mint
    letter = Letter(subject=subject, sender="a@b.example", html="<p>Hi</p>", text="Hi", origin={"Campaign Name": "One"})

    def write(connection: sqlite3.Connection) -> str:
        profile = find_profile_by(connection, email)
        assert profile is not None
        return send(connection, mint, profile, letter, at=mint.now())

    return work(running, write)


# What there is


def test_the_index_names_every_path(free: Served) -> None:
    index = ask(free, "")
    assert index == ask(free, "/")
    assert index["account_id"] == free.emulator.account_id
    named = {(each["method"], each["path"]) for each in index["paths"]}
    assert len(named) == len(ROUTES) == len(index["paths"])
    assert {("GET", "/__emulator__"), ("POST", "/__emulator__/outbox/{id}/open")} <= named
    assert all(each["summary"] for each in index["paths"])


def test_the_page_in_the_documents_has_them_too() -> None:
    rows = [f"| `{route.method} {BASE}{route.path.rstrip('/')}` | {route.summary} |" for route in ROUTES]
    assert "\n".join(rows) in (Path(__file__).parents[2] / "docs/emulator-reference.md").read_text()


def test_health_counts_what_is_stored(free: Served) -> None:
    free.wire.post("/api/events", event_body())
    health = ask(free, "/health")
    assert (health["status"], health["account_id"], health["requests"]) == ("ok", free.emulator.account_id, 1)
    assert health["stored"] | {"profiles": 1, "events": 1, "metrics": 1} == health["stored"]


def test_a_mail_to_nobody_known_is_not_opened(free: Served) -> None:
    letter = Letter(subject="Alert", sender="a@b.example", html="", text="", origin={})
    mail = work(free, lambda connection: send_preview(connection, free.emulator._mint, "boss@example.org", letter))
    for action, body in (("open", {}), ("click", {"url": "https://example.org/"})):
        said = refused(free.wire.client.post(f"{BASE}/outbox/{mail}/{action}", json=body), 409)
        assert "to an address and to no profile" in said
    assert free.emulator.counts().events == 0


# The clock


def test_the_clock_is_put_stopped_and_followed_again(free: Served) -> None:
    def now(answer: Any) -> tuple[str, bool, bool]:
        return answer["now"], answer["stopped"], answer["follows_system"]

    assert now(ask(free, "/clock")) == ("2026-11-20T12:00:00.250000+00:00", False, True)
    put = do(free, "/clock", {"set": "2027-01-01T00:00:00Z"})
    assert now(put) == ("2027-01-01T00:00:00.000000+00:00", False, False)
    free.clock.advance(5)
    assert now(ask(free, "/clock")) == ("2027-01-01T00:00:05.000000+00:00", False, False)
    assert now(do(free, "/clock", {"advance_seconds": 0.5}))[0] == "2027-01-01T00:00:05.500000+00:00"
    assert now(do(free, "/clock", {"advance_seconds": -5.5}))[0] == "2027-01-01T00:00:00.000000+00:00"
    assert now(do(free, "/clock", {"stopped": True})) == ("2027-01-01T00:00:00.000000+00:00", True, False)
    free.clock.advance(5)
    assert now(do(free, "/clock", {"advance_seconds": 60})) == ("2027-01-01T00:01:00.000000+00:00", True, False)
    assert now(do(free, "/clock", {"stopped": False}))[1] is False
    free.clock.advance(1)
    assert now(ask(free, "/clock"))[0] == "2027-01-01T00:01:01.000000+00:00"
    assert now(do(free, "/clock", {"follow": "system"})) == ("2026-11-20T12:00:11.250000+00:00", False, True)
    stopped = do(free, "/clock", {"set": "2026-12-24T18:00:00+01:00", "stopped": True})
    assert now(stopped) == ("2026-12-24T17:00:00.000000+00:00", True, False)


def test_the_whole_emulator_goes_by_the_clock() -> None:
    with served() as running:
        do(running, "/clock", {"set": "2030-02-03T04:05:06Z", "stopped": True})
        created = running.wire.post("/api/profiles", profile_body(email="kim@example.org"))
        assert created.json()["data"]["attributes"]["created"] == "2030-02-03T04:05:06+00:00"
        statuses = {running.wire.get("/api/accounts").status_code for _ in range(2)}
        assert statuses == {200, 429}
        do(running, "/clock", {"advance_seconds": 1})
        assert running.wire.get("/api/accounts").status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "must be a JSON object with set or advance_seconds or stopped or follow"),
        ([], "must be a JSON object"),
        ({"set": "tomorrow"}, "set must be an instant such as"),
        ({"set": 5}, "set must be an instant"),
        ({"set": "1969-12-31T23:59:59Z"}, "The clock knows the time from 1970-01-01 until 9000-01-01."),
        ({"set": "9000-01-01T00:00:00Z"}, "The clock knows the time"),
        ({"advance_seconds": "5"}, "advance_seconds must be a number"),
        ({"advance_seconds": 1e18}, "The clock"),
        ({"advance_seconds": -1e18}, "The clock"),
        ({"advance_seconds": True}, "must be a number"),
        ({"stopped": 1}, "stopped must be true or false"),
        ({"follow": "moon"}, 'follow must be "system"'),
        ({"follow": "system", "set": "2027-01-01T00:00:00Z"}, "Give one of set, advance_seconds and follow"),
        ({"now": "2027-01-01T00:00:00Z"}, "There is no member 'now'"),
    ],
)
def test_a_clock_that_cannot_be_put(free: Served, body: Any, reason: str) -> None:
    assert reason in refused(free.wire.client.post(f"{BASE}/clock", json=body), 400)
    assert ask(free, "/clock")["follows_system"]


def test_what_is_due_has_happened_when_the_clock_is_put(free: Served) -> None:
    def plan(connection: sqlite3.Connection) -> None:
        for days in (2, 1):
            payload = {"days": days}
            schedule(connection, free.emulator._mint, "nobody-does-this", payload, after_ms=days * 86_400_000)

    work(free, plan)
    assert ask(free, "/tasks")["tasks"] == [
        {"due": "2026-11-21T12:00:00.250000+00:00", "kind": "nobody-does-this", "days": 1},
        {"due": "2026-11-22T12:00:00.250000+00:00", "kind": "nobody-does-this", "days": 2},
    ]
    first, second = (ask(free, "/tasks", limit=1, after=after) for after in (0, 1))
    assert (first["tasks"][0]["days"], first["next"], second["tasks"][0]["days"], second["next"]) == (1, 1, 2, None)
    do(free, "/clock", {"advance_seconds": 86_400})
    assert [task["days"] for task in ask(free, "/tasks")["tasks"]] == [2]
    do(free, "/clock", {"advance_seconds": 86_400})
    assert ask(free, "/tasks")["tasks"] == []
    assert do(free, "/settle")["now"] == ask(free, "/clock")["now"]


def test_a_clock_by_itself() -> None:
    behind = [NOON]
    clock = AdjustableClock(lambda: behind[0])
    assert (clock(), clock.is_followed, clock.is_stopped) == (NOON, True, False)
    clock.advance(timedelta(hours=1))
    behind[0] += timedelta(hours=1)
    assert clock() == NOON + timedelta(hours=2)
    for far in (timedelta.max, timedelta.min):
        with pytest.raises(ValueError, match="the clock knows"):
            clock.advance(far)
    clock.put(datetime(2030, 1, 1, tzinfo=UTC), stopped=True)
    behind[0] += timedelta(days=1)
    assert (clock(), clock.is_stopped) == (datetime(2030, 1, 1, tzinfo=UTC), True)
    clock.follow()
    assert clock() == behind[0]


# Seed, reset, dump, load


def make(running: Served) -> list[str]:
    names = ("one", "two")
    return [
        running.wire.post("/api/profiles", profile_body(email=f"{name}@example.org")).json()["data"]["id"]
        for name in names
    ]


def test_a_reset_begins_again_with_the_same_account() -> None:
    with served(limits=False, faults="get_lists:503*1", acceptance_log=True) as running:
        client = running.wire.client
        account = running.emulator.account_id
        first = make(running)
        running.wire.post("/api/events", event_body())
        assert running.wire.get("/api/lists").status_code == 503
        do(running, "/clock", {"set": "2027-01-01T00:00:00Z", "stopped": True})
        do(running, "/limits", {"enabled": True})
        do(running, "/acceptance", {"enabled": False})
        do(running, "/faults", {"faults": "*:500"})
        assert do(running, "/reset") == {"account_id": account}
        assert running.emulator.account_id == account
        assert running.emulator.counts().profiles == running.emulator.counts().events == 0
        assert ask(running, "/requests")["requests"] == []
        assert ask(running, "/clock")["follows_system"]
        assert not ask(running, "/limits")["enabled"]
        assert ask(running, "/acceptance") == {"enabled": True, "acceptance": [], "next": None}
        assert [(each["text"], each["left"]) for each in ask(running, "/faults")["faults"]] == [("get_lists:503*1", 1)]
        assert make(running) == first
        assert running.wire.get("/api/tag-groups").json()["data"][0]["attributes"]["default"]
        refused(client.post(f"{BASE}/reset", json={"all": True}), 400)
        assert client.post(f"{BASE}/reset", headers={"Content-Type": "application/json"}).status_code == 200


def test_a_reset_empties_the_rate_windows(klaviyo: Served) -> None:
    assert [klaviyo.wire.get("/api/accounts").status_code for _ in range(2)] == [200, 429]
    do(klaviyo, "/reset")
    assert klaviyo.wire.get("/api/accounts").status_code == 200


def test_a_seed_begins_the_chance_again(free: Served) -> None:
    def ids_with(seed: int) -> list[str]:
        do(free, "/reset")
        assert do(free, "/seed", {"seed": seed}) == {"seed": seed}
        return make(free)

    assert ids_with(42) == ids_with(42) != ids_with(43)
    for body in ({"seed": "x"}, {"seed": True}, {"seed": 1 << 70}, {"seeds": 1}):
        refused(free.wire.client.post(f"{BASE}/seed", json=body), 400)


@pytest.mark.parametrize("database", [MEMORY, "file"])
def test_a_dump_is_loaded_as_it_was(tmp_path: Path, database: str) -> None:
    path = MEMORY if database == MEMORY else str(tmp_path / "state.db")
    with served(limits=False, database=path, seed=1) as running, served(limits=False, seed=2) as other:
        ids = make(running)
        running.wire.post("/api/events", event_body(email="one@example.org"))
        image = running.wire.client.get(f"{BASE}/dump")
        assert image.headers["content-type"] == "application/vnd.sqlite3"
        assert f'filename="klaviyo-{running.emulator.account_id}.db"' in image.headers["content-disposition"]
        events = running.wire.get("/api/events").json()
        make(other)
        other_id = other.emulator.account_id
        loaded = other.wire.client.post(f"{BASE}/load", content=image.content, headers=IMAGE)
        assert loaded.json() == {"account_id": running.emulator.account_id} != {"account_id": other_id}
        assert other.emulator.account_id == other.wire.get("/api/accounts").json()["data"][0]["id"]
        assert other.wire.get("/api/events").json() == events
        assert sorted(profile["id"] for profile in other.wire.all_pages("/api/profiles")) == sorted(ids)
        # New ids are new: the row numbers go on, and the chance is not that of the state's first life.
        added = other.wire.post("/api/profiles", profile_body(email="three@example.org")).json()["data"]["id"]
        assert added not in ids
        assert make_more(running)
        again = running.wire.client.post(f"{BASE}/load", content=image.content, headers=IMAGE)
        assert again.status_code == 200
        assert running.wire.get("/api/events").json() == events
    file = tmp_path / "dumped.db"
    file.write_bytes(image.content)
    with Emulator(EmulatorConfig(database=str(file))) as opened:
        assert (opened.counts().profiles, opened.counts().events) == (2, 1)


def test_what_is_planned_is_loaded_too(free: Served) -> None:
    work(free, lambda connection: schedule(connection, free.emulator._mint, "later", {}, after_ms=60_000))
    image = free.wire.client.get(f"{BASE}/dump").content
    do(free, "/reset")
    assert free.emulator.pump.seconds_to_next() is None
    free.wire.client.post(f"{BASE}/load", content=image, headers=IMAGE)
    assert free.emulator.pump.seconds_to_next() == 60


def foreign(*statements: str) -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        return connection.serialize()


def altered(image: bytes, *statements: str) -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(image)
        for statement in statements:
            connection.execute(statement)
        return connection.serialize()


def test_what_is_no_copy_of_a_state_changes_nothing(free: Served) -> None:
    make(free)
    client = free.wire.client
    image = client.get(f"{BASE}/dump").content
    torn = bytearray(image)
    torn[4096:12_288] = bytes(range(256)) * 32
    bad = {
        "The bytes are no SQLite file": b"",
        "The bytes are no SQLite file. Nothing was changed.": b"x" * 5000,
        "The bytes are no copy of a state": image[:5000],
        "The file is a database of another program": foreign("CREATE TABLE a (b)"),
        "The file is a database of another": foreign("PRAGMA user_version = 2", "CREATE TABLE a (b)"),
        f"The state has version {VERSION + 1}": altered(image, f"PRAGMA user_version = {VERSION + 1}"),
        "The copy has other tables": altered(image, "CREATE TABLE more (a)"),
        "The copy has other tables than": altered(image, "DROP INDEX event_metric_time"),
        "The copy does not say which account": altered(image, "DELETE FROM setting WHERE name = 'account_id'"),
        "The copy does not say which": altered(image, "UPDATE setting SET value = 'x' WHERE name = 'event_key'"),
        "The copy has a profile whose details": altered(image, "UPDATE profile SET details = '{'"),
    }
    for reason, content in bad.items():
        assert reason in refused(client.post(f"{BASE}/load", content=content, headers=IMAGE), 400)
    refused(client.post(f"{BASE}/load", content=bytes(torn), headers=IMAGE), 400)
    assert client.get(f"{BASE}/dump").content == image
    assert make_more(free)


def make_more(running: Served) -> bool:
    return running.wire.post("/api/profiles", profile_body(email="more@example.org")).status_code == 201


# Looking on


def test_requests_are_told_with_their_refusals(klaviyo: Served) -> None:
    klaviyo.wire.get("/api/accounts")
    klaviyo.wire.get("/api/accounts")
    klaviyo.wire.get("/api/profiles", filter='equals(emial,"x")')
    klaviyo.wire.get("/elsewhere")
    klaviyo.wire.client.get("/api/profiles", headers={"Authorization": "nobody"})
    told = ask(klaviyo, "/requests")["requests"]
    assert [(each["number"], each["operation"], each["status"]) for each in told] == [
        (5, None, 401),
        (4, None, 404),
        (3, "get_profiles", 400),
        (2, "get_accounts", 429),
        (1, "get_accounts", 200),
    ]
    assert told[2]["query"] == "filter=equals%28emial%2C%22x%22%29"
    assert "emial" in told[2]["reason"]
    assert told[3]["reason"] == "Request was throttled. Expected available in 1 second."
    assert told[4] | {"milliseconds": 0} == {
        "number": 1,
        "at": "2026-11-20T12:00:00.250000+00:00",
        "method": "GET",
        "path": "/api/accounts",
        "query": "",
        "operation": "get_accounts",
        "status": 200,
        "reason": None,
        "fault": None,
        "milliseconds": 0,
    }
    assert told[4]["milliseconds"] > 0
    assert [each["number"] for each in ask(klaviyo, "/requests", limit=2)["requests"]] == [5, 4]


def test_the_last_two_hundred_requests_are_kept(free: Served) -> None:
    for _ in range(205):
        free.wire.get("/api/nothing")
    told = ask(free, "/requests")["requests"]
    assert (len(told), told[0]["number"], told[-1]["number"]) == (200, 205, 6)


def test_rate_windows_are_shown_emptied_and_switched_off(klaviyo: Served) -> None:
    klaviyo.wire.get("/api/accounts")
    klaviyo.wire.get("/api/accounts", headers={"Authorization": "Bearer secret-token"})
    assert ask(klaviyo, "/limits") == {
        "enabled": True,
        "windows": [
            {
                "account": account,
                "rate": "get_accounts",
                "limit": limit,
                "seconds": seconds,
                "taken": 1,
                "remaining": left,
            }
            for account in ("account", "app secr...")
            for limit, seconds, left in ((1, 1, 0), (15, 60, 14))
        ],
    }
    klaviyo.clock.advance(2)
    assert [each["seconds"] for each in ask(klaviyo, "/limits")["windows"]] == [60, 60]  # those of a second are over
    assert do(klaviyo, "/limits", {}, "DELETE")["windows"] == []
    assert klaviyo.wire.get("/api/accounts").status_code == 200
    assert klaviyo.wire.get("/api/accounts").status_code == 429
    assert do(klaviyo, "/limits", {"enabled": False})["enabled"] is False
    free = klaviyo.wire.get("/api/accounts")
    assert (free.status_code, "RateLimit-Limit" in free.headers) == (200, False)
    do(klaviyo, "/limits", {"enabled": True})
    assert klaviyo.wire.get("/api/accounts").status_code == 429
    klaviyo.clock.advance(61)
    assert ask(klaviyo, "/limits")["windows"] == []
    assert "enabled must be true or false" in refused(
        klaviyo.wire.client.post(f"{BASE}/limits", json={"enabled": "yes"}), 400
    )


def test_what_is_accepted_is_noted_with_the_change(free: Served) -> None:
    make(free)
    assert do(free, "/acceptance", {"enabled": True}) == {"enabled": True}
    tag = free.wire.post("/api/tags", {"data": {"type": "tag", "attributes": {"name": "one"}}}).json()["data"]["id"]
    kim = free.wire.post("/api/profiles", profile_body(email="kim@example.org")).json()["data"]["id"]
    assert free.wire.post("/api/profiles", profile_body(email="kim@example.org")).status_code == 409
    assert free.wire.post("/api/profiles", {"data": 1}).status_code == 400
    free.wire.post("/api/events", event_body(unique_id="a"))
    free.wire.post("/api/events", event_body(unique_id="a"))
    entry = (profile_body(email="kim@example.org"), [event_attributes(unique_id=name) for name in ("a", "b")])
    assert free.wire.post("/api/event-bulk-create-jobs", bulk_body(entry)).status_code == 202
    free.wire.get(f"/api/tags/{tag}")
    assert free.wire.client.delete(f"/api/tags/{tag}").status_code == 204
    free.wire.client.put(f"{BASE}/faults", json={"faults": "create_event:timeout-after,seconds=0*1;create_event:503"})
    with pytest.raises(httpx2.RemoteProtocolError):
        free.wire.post("/api/events", event_body(unique_id="c"))
    free.wire.post("/api/events", event_body(unique_id="d"))
    rows = ask(free, "/acceptance")["acceptance"]
    assert [(row["operation"], row.get("id"), row.get("events")) for row in rows] == [
        ("create_tag", tag, None),
        ("create_profile", kim, None),
        ("create_event", None, [[kim, "Story Generated", "a", "stored"]]),
        ("create_event", None, [[kim, "Story Generated", "a", "dropped"]]),
        (
            "bulk_create_events",
            None,
            [[kim, "Story Generated", "a", "dropped"], [kim, "Story Generated", "b", "stored"]],
        ),
        ("delete_tag", tag, None),
        ("create_event", None, [[kim, "Story Generated", "c", "stored"]]),
    ]
    assert rows[0]["at"] == "2026-11-20T12:00:00.250000+00:00"
    page = ask(free, "/acceptance", limit=2, after=rows[1]["seq"])
    assert page["acceptance"] == rows[2:4]
    assert page["next"] == rows[3]["seq"]
    do(free, "/acceptance", {"enabled": False})
    make_more(free)
    assert ask(free, "/acceptance")["acceptance"] == rows


def test_runs_of_flows_say_why_a_step_was_skipped(free: Served) -> None:
    trigger = {"type": "metric", "id": new_metric(free)}
    flow = new_flow(free, linked("send-sms", "text", "wait"), delay("wait"), trigger=trigger, name="Come back")["id"]
    for address in ("ann@example.org", "kim@example.org"):
        track(free, address)
    do(free, "/settle")
    kim = work(free, lambda connection: find_profile_by(connection, "kim@example.org"))
    (run,) = ask(free, "/flow-runs", flow=flow, profile="KIM@example.org")["flow_runs"]
    (skipped, waits) = run.pop("steps")
    assert run == {
        "seq": run["seq"],
        "flow_id": flow,
        "flow": "Come back",
        "profile_id": kim.id,
        "entered": run["entered"],
        "status": "finished",
    }
    assert (skipped["type"], waits["type"]) == ("send-sms", "time-delay")
    assert skipped["what"].startswith("skipped: ")
    assert skipped["at"] == waits["at"] == run["entered"]
    assert ask(free, "/flow-runs", profile=kim.id)["flow_runs"] == ask(free, "/flow-runs", after=1)["flow_runs"]
    first = ask(free, "/flow-runs", limit=1)
    assert first["next"] == first["flow_runs"][0]["seq"]
    for parameters, missing in (({"flow": "x"}, "flow with the id 'x'"), ({"profile": "x"}, "profile with the id or")):
        assert missing in refused(free.wire.client.get(f"{BASE}/flow-runs", params=parameters), 404)


def test_jobs_and_posts_are_listed(free: Served) -> None:
    def write(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO record (type, id, created_us, updated_us, body) VALUES ('x-job', 'J', 1, 1, ?)",
            ('{"status":"queued","failed":2}',),
        )
        connection.executemany(
            "INSERT INTO post (webhook, url, headers, body, created_us, attempts, outcome) "
            "VALUES (?, ?, ?, ?, 1, 2, ?)",
            [("W", "http://127.0.0.1:9/", '{"A":"b"}', b"\xff", "200"), ("", "http://127.0.0.1:9/", "{}", b"{}", "")],
        )

    work(free, write)
    assert ask(free, "/jobs")["jobs"] == [
        {"type": "x-job", "id": "J", "created": "1970-01-01T00:00:00.000001+00:00", "status": "queued", "failed": 2}
    ]
    first, second = ask(free, "/posts")["posts"]
    assert first == {
        "seq": 1,
        "webhook_id": "W",
        "url": "http://127.0.0.1:9/",
        "created": "1970-01-01T00:00:00.000001+00:00",
        "due": None,
        "attempts": 2,
        "outcome": "200",
        "headers": {"A": "b"},
        "body": "�",
    }
    assert (second["webhook_id"], second["outcome"]) == (None, None)
    assert ask(free, "/posts", limit=1)["next"] == 1


# People


def test_the_outbox_is_read_opened_and_clicked(free: Served) -> None:
    make(free)
    ids = [send_mail(free, f"{name}@example.org", f"To {name}") for name in ("one", "two", "one")]
    box = ask(free, "/outbox")
    assert [mail["id"] for mail in box["mail"]] == ids
    assert box["next"] is None
    assert ask(free, "/outbox", limit=2)["next"] == box["mail"][1]["seq"]
    assert [mail["id"] for mail in ask(free, "/outbox", after=box["mail"][1]["seq"])["mail"]] == ids[2:]
    assert [mail["id"] for mail in ask(free, "/outbox", to="ONE@example.org")["mail"]] == [ids[0], ids[2]]
    mail = ask(free, f"/outbox/{ids[0]}")
    assert mail == {**box["mail"][0], "html": "<p>Hi</p>", "text": "Hi"}
    assert (mail["to"], mail["from"], mail["subject"]) == ("one@example.org", "a@b.example", "To one")
    assert do(free, f"/outbox/{ids[0]}/open") == {"opened": ids[0]}
    url = "https://example.org/?a=b"
    assert do(free, f"/outbox/{ids[0]}/click", {"url": url}) == {"clicked": ids[0], "url": url}
    metrics = {each["id"]: each["attributes"]["name"] for each in free.wire.all_pages("/api/metrics")}
    events = free.wire.all_pages("/api/events", filter=f'equals(profile_id,"{mail["profile_id"]}")')
    names = sorted(metrics[event["relationships"]["metric"]["data"]["id"]] for event in events)
    assert names == ["Clicked Email", "Opened Email", "Received Email", "Received Email"]
    client = free.wire.client
    for path in ("/outbox/x", "/outbox/x/open"):
        method = "POST" if path.endswith("open") else "GET"
        assert "There is no such mail" in refused(client.request(method, BASE + path, json={}), 404)
    for url in ("javascript:alert(1)", "", "http://" + "x" * 2000, 5):
        refused(client.post(f"{BASE}/outbox/{ids[0]}/click", json={"url": url}), 400)


def test_predictions_are_set_by_id_and_by_address(free: Served) -> None:
    one, two = make(free)
    analytics = {
        "historic_clv": 93.87,
        "churn_probability": 0.8,
        "expected_date_of_next_order": "2026-12-01T00:00:00+00:00",
        "ranked_channel_affinity": ["email", "sms"],
    }
    assert do(free, "/predictions", {"ONE@example.org": analytics, two: {"total_clv": 5}}, "PUT") == {"profiles": 2}

    def predicted(profile: str) -> dict[str, Any]:
        parameters = {"additional-fields[profile]": "predictive_analytics"}
        found = free.wire.client.get(f"/api/profiles/{profile}", params=parameters).json()
        return found["data"]["attributes"]["predictive_analytics"]

    assert analytics.items() <= predicted(one).items()
    assert predicted(two)["total_clv"] == 5
    assert predicted(two)["churn_probability"] is None
    unseen = {"predicted_gender": "likely_male", "channel_affinity": {"sms": "low"}}
    assert do(free, "/predictions", {two: unseen}, "PUT") == {"profiles": 1}
    assert unseen.keys().isdisjoint(predicted(two)), "they are for segments only"
    assert do(free, "/predictions", {two: None}, "PUT") == {"profiles": 1}
    assert set(predicted(two).values()) == {None}


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({}, 400, "must be an object such as"),
        ([1], 400, "must be an object such as"),
        ({"one@example.org": 1}, 400, "one@example.org: an object of predictions, or null, is needed"),
        (
            {"one@example.org": {"churn": 0.8}},
            400,
            "There is no prediction 'churn'; there are historic_number_of_orders",
        ),
        (
            {"one@example.org": {"churn_probability": 1.1}},
            400,
            "churn_probability must be a number from 0 to 1, or null",
        ),
        ({"one@example.org": {"total_clv": "5"}}, 400, "total_clv must be a number"),
        ({"one@example.org": {"total_clv": True}}, 400, "total_clv must be a number"),
        ({"one@example.org": {"expected_date_of_next_order": "soon"}}, 400, "must be an instant"),
        ({"one@example.org": {"ranked_channel_affinity": ["email", "email"]}}, 400, "must be a list of email, push"),
        ({"one@example.org": {"ranked_channel_affinity": [{}]}}, 400, "must be a list of"),
        ({"one@example.org": {"predicted_gender": "female"}}, 400, "must be one of likely_female, likely_male"),
        ({"one@example.org": {"channel_affinity": {"email": 1}}}, 400, "must be an object of email, push"),
        ({"one@example.org": {"channel_affinity": {"fax": "low"}}}, 400, "must be an object of email, push"),
        ({"one@example.org": {"channel_affinity": ["email"]}}, 400, "must be an object of email, push"),
        ({"one@example.org": {"total_clv": 1}, "no@example.org": {}}, 404, "There is no profile with the id or e-mail"),
    ],
)
def test_predictions_that_cannot_be_set(free: Served, body: Any, status: int, reason: str) -> None:
    one, _ = make(free)
    assert reason in refused(free.wire.client.put(f"{BASE}/predictions", json=body), status)
    parameters = {"additional-fields[profile]": "predictive_analytics"}
    found = free.wire.client.get(f"/api/profiles/{one}", params=parameters).json()["data"]["attributes"]
    assert set(found["predictive_analytics"].values()) == {None}


def consent_of(running: Served, profile: str) -> dict[str, Any]:
    parameters = {"additional-fields[profile]": "subscriptions"}
    found = running.wire.client.get(f"/api/profiles/{profile}", params=parameters).json()
    return found["data"]["attributes"]["subscriptions"]["email"]["marketing"]


def test_a_double_opt_in_is_confirmed() -> None:
    with served(limits=False, opt_in_process="double_opt_in") as running:
        one, two = make(running)
        subscriptions = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
        body = {
            "data": {
                "type": "profile-subscription-bulk-create-job",
                "attributes": {
                    "profiles": {
                        "data": [
                            {
                                "type": "profile",
                                "attributes": {"email": "one@example.org", "subscriptions": subscriptions},
                            }
                        ]
                    }
                },
            }
        }
        assert running.wire.post("/api/profile-subscription-bulk-create-jobs", body).status_code == 202
        do(running, "/clock", {"advance_seconds": 60})
        assert consent_of(running, one)["consent"] == "NEVER_SUBSCRIBED"
        path = f"{BASE}/profiles/one@example.org/confirm"
        assert "Nothing waits" in refused(running.wire.client.post(path, json={"list_id": "Xyz123"}), 409)
        assert do(running, "/profiles/one@example.org/confirm") == {"confirmed_lists": [""]}
        assert (consent_of(running, one)["consent"], consent_of(running, one)["double_optin"]) == ("SUBSCRIBED", True)
        assert "Nothing waits" in refused(running.wire.client.post(path, json={}), 409)
        assert "There is no profile" in refused(running.wire.client.post(f"{BASE}/profiles/x/confirm", json={}), 404)
        assert do(running, f"/profiles/{two}/refuse-mail", {"reason": "HARD_BOUNCE"})["profile_id"] == two
        assert [each["reason"] for each in consent_of(running, two)["suppression"]] == ["HARD_BOUNCE"]
        wrong = running.wire.client.post(f"{BASE}/profiles/{two}/refuse-mail", json={"reason": "BORED"})
        assert "reason must be one of HARD_BOUNCE" in refused(wrong, 400)


# Who may ask


@pytest.mark.parametrize(
    ("host", "served_as", "accepted"),
    [
        ("localhost", (), True),
        ("LOCALHOST:1", (), True),
        ("127.0.0.1:8765", (), True),
        ("[::1]:8765", (), True),
        ("evil.example", (), False),
        ("127.0.0.1.evil.example", (), False),
        ("127.0.0.1:8765@evil.example", (), False),
        ("", (), False),
        ("localhost:", (), False),
        ("10.0.0.7", (), False),
        ("klaviyo:8765", ("Klaviyo",), True),
        ("10.0.0.7:8765", ("0.0.0.0",), True),
        ("[fd00::7]:8765", ("::",), True),
        ("evil.example", ("0.0.0.0",), False),
        ("0.0.0.0", ("0.0.0.0",), True),
    ],
)
def test_only_its_own_names_are_answered(host: str, served_as: tuple[str, ...], *, accepted: bool) -> None:
    guard = HostGuard.knowing(served_as)
    if accepted:
        guard.check(host.encode(), None)
        guard.check(host.encode(), f"http://{host}".encode())
    else:
        with pytest.raises(ForeignError, match="is not a name of this emulator"):
            guard.check(host.encode(), None)


@pytest.mark.parametrize(
    "path", ["/__emulator__", "/__emulator__/reset", "/__emulator__/dump", "/", "/inspector/events"]
)
def test_a_page_of_somebody_else_reaches_nothing(free: Served, path: str) -> None:
    make(free)
    client = free.wire.client
    own = free.url.removeprefix("http://")
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://{own}"},
    ):
        for method in ("GET", "POST"):
            response = client.request(method, path, headers=headers, json={})
            assert response.status_code == 403, (path, headers)
    assert client.get("/__emulator__", headers={"Origin": free.url}).status_code == 200
    assert free.emulator.counts().profiles == 2


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_cannot_write(free: Served, kind: str | None) -> None:
    """What a page may send across origins without being asked are just these types."""
    make(free)
    headers = {} if kind is None else {"Content-Type": kind}
    for route in ROUTES:
        if route.method in {"POST", "PUT"}:
            path = BASE + route.path.replace("{id}", "x")
            wanted = "application/vnd.sqlite3" if route.takes_image else "application/json"
            response = free.wire.client.request(route.method, path, content=b"{}", headers=headers)
            assert refused(response, 415) == f"Send the header Content-Type: {wanted}."
    assert free.emulator.counts().profiles == 2


def test_names_of_a_configuration_are_answered() -> None:
    with served(hosts=("klaviyo.test",)) as running:
        client = running.wire.client
        assert client.get("/__emulator__/health", headers={"Host": "klaviyo.test"}).status_code == 200
        assert client.get("/__emulator__/health", headers={"Host": "other.test"}).status_code == 403


def test_a_host_that_others_reach_is_warned_of() -> None:
    assert exposure("127.0.0.1") is exposure("::1") is exposure("localhost") is None
    assert "10.0.0.7 can be reached from other machines" in str(exposure("10.0.0.7"))
    assert exposure("0.0.0.0") is not None


# Whatever it is sent


def test_paths_and_methods(free: Served) -> None:
    client = free.wire.client
    assert (
        refused(client.get(f"{BASE}/nothing"), 404) == "There is no such path; GET /__emulator__ lists those there are."
    )
    wrong = client.patch(f"{BASE}/clock", json={})
    assert refused(wrong, 405) == "PATCH is not allowed here; use GET or POST."
    assert wrong.headers["allow"] == "GET, POST"
    head = client.head(f"{BASE}/health")
    assert (head.status_code, head.content) == (200, b"")
    assert refused(client.get(f"{BASE}/tasks?x=1"), 400) == "There is no parameter 'x' here; known: after, limit."
    assert "known: none" in refused(client.get(f"{BASE}/clock?x=1"), 400)
    assert "Give each parameter once" in refused(client.get(f"{BASE}/tasks?limit=1&limit=2"), 400)
    for query in ("limit=x", "limit=-1", "limit=0", "limit=1001", "after=99999999999999999999", "limit=%FF", "after=²"):
        refused(client.get(f"{BASE}/tasks?{query}"), 400)
    for path in ("/settle", "/reset", "/outbox/x/open"):
        said = refused(client.post(BASE + path, json={"now": True}), 400)
        assert said == "This takes no members; send {} or nothing."
    without = client.post(f"{BASE}/seed", headers={"Content-Type": "application/json"})
    assert refused(without, 400) == "The body must be a JSON object with seed."


def test_a_body_has_a_limit(free: Served) -> None:
    response = free.wire.client.put(
        f"{BASE}/faults", content=b" " * (5 * 1024 * 1024 + 1), headers={"Content-Type": "application/json"}
    )
    assert "The body may have 5242880 bytes" in refused(response, 413)


@pytest.fixture(scope="module")
def bystander() -> Any:
    with served(limits=False) as running:
        yield running


PATHS = st.sampled_from(
    [route.path.replace("{id}", "x").replace("{number}", "1") for route in ROUTES if route.path != "/reset"]
)


@REPEATABLE
@given(
    PATHS,
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    st.binary(max_size=200),
    st.sampled_from(["application/vnd.sqlite3", "application/json"]),
)
def test_no_bytes_break_it(bystander: Served, path: str, method: str, body: bytes, kind: str) -> None:
    headers = {"Content-Type": kind}
    response = bystander.wire.client.request(method, BASE + path, content=body, headers=headers)
    assert response.status_code < 500, response.text


@REPEATABLE
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8))
def test_no_damaged_copy_breaks_it(bystander: Served, changes: list[tuple[int, int]]) -> None:
    """It is loaded or refused, and what is there afterwards can be read."""
    client = bystander.wire.client
    assert client.post(f"{BASE}/reset", json={}).status_code == 200
    make(bystander)
    image = client.get(f"{BASE}/dump").content
    damaged = bytearray(image)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    loaded = client.post(f"{BASE}/load", content=bytes(damaged), headers=IMAGE)
    assert loaded.status_code in {200, 400}, loaded.text
    if loaded.status_code == 400:
        assert client.get(f"{BASE}/dump").content == image
    assert ask(bystander, "/health")["status"] == "ok"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["set", "advance_seconds", "stopped", "follow", "seed", "enabled", "url", "faults", "reason", "list_id", "a"]
)


@REPEATABLE
@given(PATHS, st.sampled_from(["POST", "PUT"]), st.dictionaries(MEMBERS, VALUES, max_size=3) | VALUES)
def test_no_document_breaks_it(bystander: Served, path: str, method: str, document: Any) -> None:
    content = json.dumps(document).encode("utf-8", "surrogatepass")
    headers = {"Content-Type": "application/json"}
    response = bystander.wire.client.request(method, BASE + path, content=content, headers=headers)
    assert response.status_code < 500, response.text


@REPEATABLE
@given(st.text(), st.text(max_size=20))
def test_no_query_breaks_it(bystander: Served, name: str, value: str) -> None:
    for parameters in ({name: value}, {"limit": value}, {"after": value, "to": name}):
        encoded = httpx2.QueryParams(
            {
                key.encode("utf-8", "replace").decode(): text.encode("utf-8", "replace").decode()
                for key, text in parameters.items()
            }
        )
        response = bystander.wire.client.get(f"{BASE}/outbox", params=encoded)
        assert response.status_code < 500, response.text
