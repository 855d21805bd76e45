"""Deliveries to a real HTTP server: what is sent, when, how it is signed, and what happens when it goes wrong."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import NOON, Served, bulk_body, event_attributes, event_body, profile_body, served
from webhook_receiver import SECRET, Receiver, listen, receiving, settle, webhook_body

from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.background import courier
from klaviyo_emulator.background.courier import DELAYS_SECONDS
from klaviyo_emulator.background.webhooks import signature
from klaviyo_emulator.state import posts

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

STORY = "event:api.story_generated"
OPENED = "event:klaviyo.opened_email"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def send_events(klaviyo: Served, *unique_ids: str, metric: str = "Story Generated", **more: Any) -> None:
    events = [event_attributes(metric=metric, unique_id=unique_id, **more) for unique_id in unique_ids]
    body = bulk_body((profile_body(email="kim@example.org"), events))
    assert klaviyo.wire.post("/api/event-bulk-create-jobs", body).status_code == 202


def know(klaviyo: Served, metric: str = "Story Generated") -> None:
    """Let a metric exist, so that it has a topic, by an event of long ago."""
    send_events(klaviyo, f"first {metric}", metric=metric, time="2020-01-01T00:00:00Z")


def stored_posts(klaviyo: Served) -> list[posts.Post]:
    return klaviyo.emulator._database.read(lambda connection: posts.latest_posts(connection, 1000)).result()


def unique_ids(receiver: Receiver) -> list[list[str]]:
    return [
        [entry["payload"]["data"]["attributes"]["event_properties"]["$event_id"] for entry in body["data"]]
        for body in receiver.bodies
    ]


class TestSignature:
    def test_vector(self) -> None:
        body = (
            b'{"data":[{"external_id":"4L3cwQae2TX","topic":"event:klaviyo.sent_sms"}],"meta":'
            b'{"klaviyo_webhook_id":"a8b890458b4bbfaa26d961471b83c101d6de23bd826e7e5173a15310985ec3cb"}}'
        )
        expected = "5aa0e720d80b3a04ca04baf3c65cdfe31da57504af69fee8da29c35d45f0596b"
        assert signature("klaviyo-test-secret", body, "Thu, 04 Jan 2024 18:05:25 GMT") == expected

    def test_of_a_delivery_is_of_its_bytes_and_its_timestamp(self, free: Served, receiver: Receiver) -> None:
        know(free)
        webhook = listen(free, f"{receiver.url}/hooks?from=klaviyo", STORY)
        send_events(free, "größe")
        settle(free, after=1)
        (delivery,) = receiver.deliveries
        timestamp = delivery.headers["Klaviyo-Timestamp"]
        expected = hmac.new(SECRET.encode(), delivery.body + timestamp.encode(), hashlib.sha256).hexdigest()
        assert delivery.headers["Klaviyo-Signature"] == expected
        assert delivery.headers["Klaviyo-Webhook-Id"] == delivery.document["meta"]["klaviyo_webhook_id"] == webhook
        assert delivery.headers["Content-Type"] == "application/json"
        assert timestamp == "Fri, 20 Nov 2026 12:00:01 GMT"
        assert delivery.path == "/hooks?from=klaviyo"

    def test_the_live_clock_is_five_hours_ahead(self, receiver: Receiver) -> None:
        with served(limits=False, behaviour="live") as live:
            know(live)
            listen(live, receiver.url, STORY)
            send_events(live, "one")
            settle(live, after=1)
        (delivery,) = receiver.deliveries
        sent = parsedate_to_datetime(delivery.headers["Klaviyo-Timestamp"])
        assert sent - NOON.replace(microsecond=0) == timedelta(hours=5, seconds=1)
        assert delivery.document["meta"]["timestamp"] == "2026-11-20T12:00:01.250000+00:00"
        assert delivery.headers["Klaviyo-Signature"] == signature(
            SECRET, delivery.body, delivery.headers["Klaviyo-Timestamp"]
        )


class TestBatches:
    def test_an_entry_says_what_reading_the_event_says(self, free: Served, receiver: Receiver) -> None:
        know(free)
        listen(free, receiver.url, STORY)
        send_events(free, "one", properties={"theme": "sea"}, value=3, value_currency="EUR")
        settle(free, after=1)
        ((entry,),) = [body["data"] for body in receiver.bodies]
        read = free.wire.get(f"/api/events/{entry['external_id']}")
        assert entry == {"external_id": read.json()["data"]["id"], "topic": STORY, "payload": read.json()}
        assert receiver.bodies[0]["meta"] == {
            "klaviyo_account_id": free.emulator.account_id,
            "klaviyo_webhook_id": free.wire.get("/api/webhooks").json()["data"][0]["id"],
            "timestamp": "2026-11-20T12:00:01.250000+00:00",
            "version": "2026-10-15",
        }

    def test_what_comes_within_the_batch_goes_out_together(self, free: Served, receiver: Receiver) -> None:
        know(free)
        listen(free, receiver.url, STORY)
        send_events(free, "one", "two")
        free.clock.advance(0.9)
        send_events(free, "three")
        settle(free)
        assert receiver.deliveries == []
        settle(free, after=0.1)
        send_events(free, "four")
        settle(free, after=1)
        assert unique_ids(receiver) == [["one", "two", "three"], ["four"]]

    def test_a_request_has_a_thousand_events_at_most(self, free: Served, receiver: Receiver) -> None:
        know(free)
        listen(free, receiver.url, STORY)
        send_events(free, *map(str, range(1000)))
        send_events(free, *map(str, range(1000, 1500)))
        settle(free, after=1)
        assert [len(body["data"]) for body in receiver.bodies] == [1000, 500]
        assert [one for body in unique_ids(receiver) for one in body] == [str(number) for number in range(1500)]

    def test_the_window_can_be_set(self, receiver: Receiver) -> None:
        with served(limits=False, webhook_batch_ms=0) as klaviyo:
            know(klaviyo)
            listen(klaviyo, receiver.url, STORY)
            send_events(klaviyo, "one")
            settle(klaviyo)
        assert unique_ids(receiver) == [["one"]]

    def test_each_webhook_gets_what_it_listens_to(self, free: Served, receiver: Receiver) -> None:
        know(free)
        know(free, "Viewed Product")
        listen(free, f"{receiver.url}/both", STORY, "event:api.viewed_product", OPENED)
        listen(free, f"{receiver.url}/one", "event:api.viewed_product")
        send_events(free, "story")
        send_events(free, "view", metric="Viewed Product")
        send_events(free, "order", metric="Placed Order")
        settle(free, after=1)
        assert sorted((one.path, one.topics) for one in receiver.deliveries) == [
            ("/both", [STORY, "event:api.viewed_product"]),
            ("/one", ["event:api.viewed_product"]),
        ]

    def test_events_of_klaviyo_itself_have_its_topics(self, free: Served, receiver: Receiver) -> None:
        listen(free, receiver.url, OPENED)
        body = event_body()
        body["data"]["attributes"]["metric"]["data"]["attributes"] = {"name": "Opened Email", "service": "klaviyo"}
        assert free.wire.post("/api/events", body).status_code == 202
        settle(free, after=1)
        assert receiver.deliveries[0].topics == [OPENED]

    def test_two_metrics_may_share_a_topic(self, free: Served, receiver: Receiver) -> None:
        know(free)
        know(free, "Story: Generated!")
        listen(free, receiver.url, STORY)
        send_events(free, "one")
        send_events(free, "two", metric="Story: Generated!")
        settle(free, after=1)
        assert receiver.deliveries[0].topics == [STORY, STORY]

    def test_repetitions_are_not_told(self, free: Served, receiver: Receiver) -> None:
        know(free)
        listen(free, receiver.url, STORY)
        send_events(free, "one")
        settle(free, after=1)
        send_events(free, "one")
        settle(free, after=1)
        assert unique_ids(receiver) == [["one"]]

    def test_what_happened_before_is_not_told(self, free: Served, receiver: Receiver) -> None:
        know(free)
        send_events(free, "before")
        webhook = listen(free, receiver.url, STORY)
        settle(free, after=5)
        send_events(free, "after")
        settle(free, after=1)
        free.sdk().Webhooks.update_webhook(webhook, webhook_body("", identifier=webhook, enabled=False))
        send_events(free, "meanwhile")
        settle(free, after=1)
        free.sdk().Webhooks.update_webhook(webhook, webhook_body("", identifier=webhook, enabled=True))
        send_events(free, "again")
        settle(free, after=1)
        assert unique_ids(receiver) == [["after"], ["again"]]

    def test_a_webhook_that_is_switched_off_or_deleted_in_time_gets_nothing(
        self, free: Served, receiver: Receiver
    ) -> None:
        know(free)
        first, second = listen(free, receiver.url, STORY), listen(free, receiver.url, STORY)
        send_events(free, "one")
        settle(free)
        free.sdk().Webhooks.update_webhook(first, webhook_body("", identifier=first, enabled=False))
        free.sdk().Webhooks.delete_webhook(second)
        settle(free, after=1)
        assert receiver.deliveries == []
        free.sdk().Webhooks.update_webhook(first, webhook_body("", identifier=first, enabled=True))
        settle(free, after=5)
        assert receiver.deliveries == []

    def test_a_refused_request_tells_nothing(self, free: Served, receiver: Receiver) -> None:
        know(free)
        listen(free, receiver.url, STORY)
        events = [event_attributes(unique_id="same"), event_attributes(unique_id="same")]
        body = bulk_body((profile_body(email="kim@example.org"), events))
        assert free.wire.post("/api/event-bulk-create-jobs", body).status_code == 400
        settle(free, after=5)
        assert receiver.deliveries == []


class TestFailures:
    @pytest.fixture
    def one(self, free: Served, receiver: Receiver) -> Served:
        know(free)
        listen(free, receiver.url, STORY)
        return free

    @pytest.mark.parametrize("failure", [429, 500, 503, 0])
    def test_are_tried_again_until_it_works(self, one: Served, receiver: Receiver, failure: int) -> None:
        receiver.answers = [failure, failure]
        send_events(one, "one")
        settle(one, after=1)
        settle(one, after=DELAYS_SECONDS[0] - 0.1)
        assert len(receiver.deliveries) == 1
        settle(one, after=0.1)
        settle(one, after=DELAYS_SECONDS[1])
        settle(one, after=DELAYS_SECONDS[2])
        assert len(receiver.deliveries) == 3
        assert len({(each.body, each.headers["Klaviyo-Signature"]) for each in receiver.deliveries}) == 1
        (post,) = stored_posts(one)
        assert (post.due_us, post.attempts, post.outcome) == (None, 3, "200")

    def test_come_to_an_end(self, one: Served, receiver: Receiver) -> None:
        receiver.answers = [503] * 10
        send_events(one, "one")
        settle(one, after=1)
        for delay in DELAYS_SECONDS:
            settle(one, after=delay)
        settle(one, after=1_000_000)
        assert len(receiver.deliveries) == 6
        (post,) = stored_posts(one)
        assert (post.due_us, post.attempts, post.outcome) == (None, 6, "503")

    @pytest.mark.parametrize("status", [400, 404, 410, 302])
    def test_of_the_request_itself_are_final(self, one: Served, receiver: Receiver, status: int) -> None:
        receiver.answers = [status]
        receiver.location = f"{receiver.url}/elsewhere"
        send_events(one, "one")
        settle(one, after=1)
        settle(one, after=1_000_000)
        assert [each.path for each in receiver.deliveries] == ["/"]
        assert [(post.due_us, post.outcome) for post in stored_posts(one)] == [(None, str(status))]

    def test_of_a_webhook_that_is_disabled_are_not_tried_again(self, free: Served, receiver: Receiver) -> None:
        know(free)
        hook = listen(free, receiver.url, STORY)
        receiver.answers = [500]
        send_events(free, "one")
        settle(free, after=1)
        body = webhook_body("", identifier=hook, enabled=False)
        assert free.wire.send("PATCH", f"/api/webhooks/{hook}", body).status_code == 200
        settle(free, after=DELAYS_SECONDS[0])
        assert len(receiver.deliveries) == 1
        assert stored_posts(free)[0].outcome == "not sent: the webhook was disabled"

    def test_do_not_bring_back_what_was_given_up_under_way(self, free: Served) -> None:
        def work(connection: sqlite3.Connection) -> posts.Post:
            mint = free.emulator._mint
            posts.enqueue(connection, mint, "http://127.0.0.1:1/", {}, b"", webhook="hook")
            (post,) = posts.latest_posts(connection, 1)
            posts.abandon(connection, mint, "hook", "not sent")
            posts.record_outcome(connection, mint, post, "500", again_us=mint.now_us())
            return posts.latest_posts(connection, 1)[0]

        found = free.emulator._database.write(work).result()
        assert (found.due_us, found.attempts, found.outcome) == (None, 1, "500")

    def test_nobody_at_home_is_tried_again(self, free: Served) -> None:
        know(free)
        with receiving() as gone:
            pass
        listen(free, gone.url, STORY)
        send_events(free, "one")
        settle(free, after=1)
        (post,) = stored_posts(free)
        assert post.outcome == "no answer: ConnectionRefusedError"
        now_us = int(free.clock.moment.timestamp() * 1_000_000)
        assert post.due_us == now_us + DELAYS_SECONDS[0] * 1_000_000

    def test_of_one_webhook_do_not_keep_the_others_waiting(self, free: Served, receiver: Receiver) -> None:
        know(free)
        with receiving() as stuck:
            stuck.answers = [-1]
            listen(free, stuck.url, STORY)
            listen(free, receiver.url, STORY)
            send_events(free, "one")
            free.clock.advance(1)
            # The server sends by itself, between requests.
            assert stuck.came.wait(10)
            assert receiver.came.wait(10)
            assert free.wire.get("/api/webhooks").status_code == 200
        settle(free)
        assert unique_ids(receiver) == [["one"]]
        assert sorted(post.outcome for post in stored_posts(free)) == ["200", "no answer: RemoteDisconnected"]

    def test_only_so_many_requests_are_kept(self, receiver: Receiver) -> None:
        with served(limits=False, webhook_batch_ms=0) as klaviyo:
            know(klaviyo)
            listen(klaviyo, receiver.url, STORY)
            for number in range(3):
                send_events(klaviyo, str(number))
                settle(klaviyo)
            write = klaviyo.emulator._database.write
            for number in range(posts.KEPT):
                body = str(number).encode()
                write(
                    lambda connection, body=body: posts.enqueue(
                        connection, klaviyo.emulator._mint, receiver.url, {}, body
                    )
                ).result()
            settle(klaviyo)
            kept = stored_posts(klaviyo)
        assert len(kept) == posts.KEPT
        assert kept[0].body == str(posts.KEPT - 1).encode()
        assert len(receiver.deliveries) == posts.KEPT + 3


class TestPosts:
    """What flows use: a request that is nobody's webhook."""

    def post(self, klaviyo: Served, url: str, headers: dict[str, str], body: bytes = b"{}") -> posts.Post:
        emulator = klaviyo.emulator
        emulator._database.write(
            lambda connection: posts.enqueue(connection, emulator._mint, url, headers, body)
        ).result()
        settle(klaviyo)
        return stored_posts(klaviyo)[0]

    def test_are_sent_as_they_are(self, free: Served, receiver: Receiver) -> None:
        post = self.post(free, f"{receiver.url}/flow", {"X-Secret": "s", "Content-Type": "text/plain"}, b"\xffa")
        (delivery,) = receiver.deliveries
        assert (delivery.path, delivery.body, delivery.headers["X-Secret"]) == ("/flow", b"\xffa", "s")
        assert "Klaviyo-Signature" not in delivery.headers
        assert (post.webhook, post.outcome) == ("", "200")

    @pytest.mark.parametrize(
        "url", ["http://receiver.example/", "gopher://127.0.0.1/", "", "http://127.0.0.1:99999/", "https://a b/"]
    )
    def test_to_nowhere_are_given_up(self, free: Served, url: str) -> None:
        post = self.post(free, url, {})
        assert post.outcome.startswith("not sent: ")
        assert (post.due_us, post.attempts) == (None, 1)

    @pytest.mark.parametrize(
        ("url", "host", "port"),
        [
            ("http://[::1]/hook", "::1", 80),
            ("http://[::1]:8080/hook", "::1", 8080),
            ("https://[2001:db8::1]/hook", "2001:db8::1", 443),
            ("http://127.0.0.1/hook", "127.0.0.1", 80),
            ("http://127.0.0.1:0/hook", "127.0.0.1", 0),
        ],
    )
    def test_go_to_the_host_and_port_of_the_url(self, free: Served, url: str, host: str, port: int) -> None:
        connection, path = free.emulator.courier._connect(url)
        assert (connection.host, connection.port, path) == (host, port, "/hook")

    def test_to_a_server_without_encryption_are_no_https(self, free: Served, receiver: Receiver) -> None:
        post = self.post(free, receiver.url.replace("http:", "https:"), {})
        assert (post.outcome, post.attempts) == ("no answer: SSLError", 1)
        assert post.due_us is not None

    def test_are_not_waited_for_without_end(
        self, free: Served, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(courier, "ANSWER_SECONDS", 0.05)
        receiver.answers = [-1]
        post = self.post(free, receiver.url, {})
        assert post.outcome in {"timed out", "no answer: RemoteDisconnected"}
        assert post.due_us is not None

    def test_with_headers_that_are_none_are_given_up(self, free: Served, receiver: Receiver) -> None:
        post = self.post(free, receiver.url, {"X": "a\r\nY: b"})
        assert post.outcome.startswith("not sent: ")
        assert receiver.deliveries == []


class TestFaults:
    """Trouble on request, for deliveries."""

    def outcomes(self, receiver: Receiver, fault: str) -> list[str]:
        """What became of one delivery."""
        with served(limits=False, webhook_batch_ms=0, faults=f"webhook:{fault}*1") as klaviyo:
            know(klaviyo)
            listen(klaviyo, receiver.url, STORY)
            send_events(klaviyo, "one")
            settle(klaviyo)
            return [post.outcome for post in stored_posts(klaviyo)]

    def test_a_duplicate_comes_more_often_with_the_same_bytes(self, receiver: Receiver) -> None:
        assert self.outcomes(receiver, "duplicate,copies=3") == ["200"]
        assert unique_ids(receiver) == [["one"]] * 3
        assert len({delivery.body for delivery in receiver.deliveries}) == 1

    def test_a_dropped_one_never_comes(self, receiver: Receiver) -> None:
        assert self.outcomes(receiver, "drop") == ["dropped"]
        assert receiver.deliveries == []

    def test_one_that_nothing_follows_comes_all_the_same(self, receiver: Receiver) -> None:
        assert self.outcomes(receiver, "reorder") == ["200"]
        assert unique_ids(receiver) == [["one"]]

    def test_reordered_ones_swap(self, receiver: Receiver) -> None:
        with served(limits=False, webhook_batch_ms=1000, faults="webhook:reorder*1") as klaviyo:
            know(klaviyo)
            listen(klaviyo, receiver.url, STORY)
            send_events(klaviyo, *map(str, range(1000)))
            send_events(klaviyo, *map(str, range(1000, 1001)))
            settle(klaviyo, after=1)
        assert [len(body["data"]) for body in receiver.bodies] == [1, 1000]


class TestDurability:
    def test_what_was_not_sent_is_sent_by_the_next_start(self, tmp_path: Path, receiver: Receiver) -> None:
        settings: dict[str, Any] = {"limits": False, "database": str(tmp_path / "state.db")}
        with served(**settings) as klaviyo:
            know(klaviyo)
            listen(klaviyo, receiver.url, STORY)
            send_events(klaviyo, "one")
            klaviyo.clock.advance(0.5)
            settle(klaviyo)
            clock = klaviyo.clock
        assert receiver.deliveries == []
        clock.advance(1)
        with served(**settings, clock=clock) as klaviyo:
            settle(klaviyo)
        assert unique_ids(receiver) == [["one"]]

    def test_a_delivery_that_is_cut_off_by_the_end_is_sent_again(self, tmp_path: Path, receiver: Receiver) -> None:
        settings: dict[str, Any] = {"limits": False, "database": str(tmp_path / "state.db"), "webhook_batch_ms": 0}
        receiver.answers = [-1]
        with served(**settings) as klaviyo:
            know(klaviyo)
            listen(klaviyo, receiver.url, STORY)
            send_events(klaviyo, "one")
            assert receiver.came.wait(10)
        receiver.released.set()
        with served(**settings) as klaviyo:
            settle(klaviyo)
            (post,) = stored_posts(klaviyo)
        assert unique_ids(receiver) == [["one"], ["one"]]
        assert (post.attempts, post.outcome) == (1, "200")

    def test_an_application_without_a_server_sends_when_it_is_settled(self, receiver: Receiver) -> None:
        with Emulator(EmulatorConfig(webhook_batch_ms=0)) as emulator:
            emulator._database.write(
                lambda connection: posts.enqueue(connection, emulator._mint, receiver.url, {}, b"{}")
            ).result()
            asyncio.run(emulator.settle())
        assert [delivery.body for delivery in receiver.deliveries] == [b"{}"]
        asyncio.run(emulator.courier.run())  # closed: nothing happens, nothing is raised


class TestVisibility:
    """Events that are accepted now and stored later."""

    def test_events_are_seen_when_they_are_due(self, tmp_path: Path) -> None:
        settings: dict[str, Any] = {"limits": False, "database": str(tmp_path / "s.db"), "visibility_ms": 60_000}
        with served(**settings) as klaviyo:
            assert klaviyo.wire.post("/api/events", event_body(unique_id="one", value=2)).status_code == 202
            send_events(klaviyo, "two", "three")
            assert klaviyo.wire.get("/api/events").json()["data"] == []
            assert klaviyo.wire.get("/api/profiles").json()["data"] == []
            assert klaviyo.emulator.counts().metrics == 0
            klaviyo.clock.advance(59)
            assert klaviyo.wire.get("/api/events").json()["data"] == []
            clock = klaviyo.clock
        clock.advance(3600)
        with served(**settings, clock=clock) as klaviyo:
            found = klaviyo.wire.get("/api/events").json()["data"]
            assert {one["attributes"]["event_properties"]["$event_id"] for one in found} == {"one", "two", "three"}
            # Their time is that of their receipt, and the profile is as old as their arrival.
            assert {one["attributes"]["datetime"] for one in found} == {"2026-11-20T12:00:00+00:00"}
            (profile,) = klaviyo.wire.get("/api/profiles").json()["data"]
            assert profile["attributes"]["created"] == "2026-11-20T12:01:00+00:00"

    def test_the_first_one_processed_wins(self) -> None:
        with served(limits=False, visibility_ms=1000) as klaviyo:
            for theme in ("sea", "moon"):
                body = event_body(unique_id="one", properties={"theme": theme})
                assert klaviyo.wire.post("/api/events", body).status_code == 202
            klaviyo.clock.advance(1)
            (found,) = klaviyo.wire.get("/api/events").json()["data"]
            assert found["attributes"]["event_properties"]["theme"] == "sea"

    def test_what_is_wrong_is_refused_at_once(self) -> None:
        with served(limits=False, visibility_ms=1000) as klaviyo:
            unknown = event_body(
                profile={"data": {"type": "profile", "id": "01M1PAAR5HBCRHA3NN9NG5WRTA", "attributes": {}}}
            )
            assert klaviyo.wire.post("/api/events", unknown).status_code == 400
            same = [event_attributes(unique_id="same"), event_attributes(unique_id="same")]
            body = bulk_body((profile_body(email="kim@example.org"), same))
            assert klaviyo.wire.post("/api/event-bulk-create-jobs", body).status_code == 400
            klaviyo.clock.advance(1)
            assert klaviyo.wire.get("/api/events").json()["data"] == []

    def test_what_goes_wrong_later_is_told_to_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        with served(limits=False, visibility_ms=1000) as klaviyo:
            profile = klaviyo.sdk().Profiles.create_profile(profile_body(email="kim@example.org")).data.id
            named = {"data": {"type": "profile", "id": profile, "attributes": {"external_id": "E1"}}}
            assert klaviyo.wire.post("/api/events", event_body(profile=named, unique_id="one")).status_code == 202
            assert klaviyo.wire.post("/api/events", event_body(email="lea@example.org")).status_code == 202
            klaviyo.sdk().Profiles.create_profile(profile_body(email="mia@example.org", external_id="E1"))
            klaviyo.clock.advance(1)
            found = klaviyo.wire.get("/api/events").json()["data"]
            assert len(found) == 1
            assert not [record for record in caplog.records if record.levelname == "ERROR"]

    def test_webhooks_hear_of_them_when_they_are_there(self, receiver: Receiver) -> None:
        with served(limits=False, visibility_ms=5000) as klaviyo:
            know(klaviyo)
            settle(klaviyo, after=5)
            listen(klaviyo, receiver.url, STORY)
            send_events(klaviyo, "one")
            settle(klaviyo, after=4)
            assert receiver.deliveries == []
            settle(klaviyo, after=2)
        assert unique_ids(receiver) == [["one"]]
        assert json.loads(receiver.deliveries[0].body)["meta"]["timestamp"] == "2026-11-20T12:00:11.250000+00:00"
