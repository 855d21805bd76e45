"""Who is measured beside whom: all of them send the same, and whatever goes wrong for one is no measurement."""

import io
import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import pytest

from dreamflow.bench.client import answering, pages
from dreamflow.bench.client.contest import contest
from dreamflow.bench.client.contestants import __main__ as worker
from dreamflow.bench.client.contestants.contestant import Contestant, document
from dreamflow.bench.subject import SubjectError, started
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import RunningEmulator, running_emulator

NAMES = list(worker.MAKERS)


@contextmanager
def contestant(name: str, url: str) -> Generator[Contestant]:
    made = worker.MAKERS[name](url)
    try:
        yield made
    finally:
        made.close()


def stored(running: RunningEmulator) -> list[dict[str, Any]]:
    """What was stored of each event, in order of their unique ids, but for what Klaviyo makes up."""
    headers = {"Authorization": "Klaviyo-API-Key pk_test", "revision": "2026-10-15"}
    with urlopen(Request(f"{running.url}/api/events?include=profile,metric", headers=headers)) as response:
        answer = json.load(response)
    included = {one["id"]: one["attributes"] for one in answer["included"]}
    events = [
        {
            "properties": one["attributes"]["event_properties"],
            "profile": included[one["relationships"]["profile"]["data"]["id"]]["external_id"],
            "metric": included[one["relationships"]["metric"]["data"]["id"]]["name"],
        }
        for one in answer["data"]
    ]
    return sorted(events, key=lambda event: event["properties"]["$event_id"])


@pytest.mark.parametrize("name", NAMES)
def test_every_contestant_creates_the_same_events_and_reads_pages(klaviyo: RunningEmulator, name: str) -> None:
    with contestant(name, klaviyo.url) as made:
        made.send(20, 5)
        assert made.read("events", 2) == 40
        assert made.read("profiles", 1) == 20
        product, _, number = made.version.rpartition(" ")
    assert product in {"aioklaviyo", "bare aiohttp", "klaviyo-api"}
    assert number[0].isdigit()
    wanted = [document(index)["data"]["attributes"] for index in range(20)]
    assert stored(klaviyo) == [
        {
            "properties": {**one["properties"], "$event_id": one["unique_id"]},
            "profile": one["profile"]["data"]["attributes"]["external_id"],
            "metric": one["metric"]["data"]["attributes"]["name"],
        }
        for one in sorted(wanted, key=lambda one: one["unique_id"])
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused_is_not_measured(name: str) -> None:
    config = EmulatorConfig(limits=False, faults="create_event:400,skip=3*1; get_events:404")
    with running_emulator(config) as running, contestant(name, running.url) as made:
        with pytest.raises(Exception, match=r"400|refused"):
            made.send(8, 2)
        with pytest.raises(Exception, match=r"404|refused"):
            made.read("events", 1)


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *lines: object) -> list[Any]:
    """What a contestant answers to these lines."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{json.dumps(line)}\n" for line in lines)))
    worker.main("told", "http://nowhere")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class Told:
    """A contestant that notes what it is told."""

    version = "told 1"

    def __init__(self) -> None:
        self.done: list[object] = []

    def send(self, events: int, at_once: int) -> None:
        self.done.append((events, at_once))

    def read(self, page: str, times: int) -> int:
        if page == "profiles":
            raise ConnectionResetError("cut")
        return times * 7

    def close(self) -> None:
        self.done.append("closed")


def test_a_contestant_does_as_it_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()
    monkeypatch.setitem(worker.MAKERS, "told", lambda url: told)
    hello, sent, read, failed = said(
        monkeypatch,
        capsys,
        {"do": "send", "events": 3, "at_once": 2},
        {"do": "read", "page": "events", "times": 4},
        {"do": "read", "page": "profiles", "times": 1},
    )
    assert hello == {"version": "told 1"}
    assert (sent["items"], read["items"]) == (0, 28)
    assert read["seconds"] >= 0 <= read["cpu_seconds"]
    assert failed == {"error": "ConnectionResetError: cut"}
    assert told.done == [(3, 2), "closed"]


def test_a_contest_is_held_against_a_server_that_takes_its_time() -> None:
    server = ("dreamflow.bench.client.answering", "--delay-ms", "40", "--seed", "2")
    with started(*server) as subject, contest(subject.url, "bare") as entrants:
        bare = entrants["bare"]
        assert bare.version.startswith("bare aiohttp ")
        assert bare.send(6, 2).seconds >= 3 * 0.04
        assert bare.read("profiles", 1, pages.PROFILES).cpu_seconds > 0
        with pytest.raises(SubjectError, match="found 1,000 items on 1 pages of 999"):
            bare.read("events", 1, 999)
        with pytest.raises(SubjectError, match=r"bare: .*404"):
            bare.read("lists", 1, 1)
    assert subject.process.returncode == 0


def test_a_contestant_that_does_not_start_is_told() -> None:
    with pytest.raises(SubjectError, match="nobody ended before"), contest("http://x", "nobody"):  # pyright: ignore[reportArgumentType]
        pass


def test_pages_are_as_large_as_they_get_and_the_same_for_a_seed() -> None:
    made = pages.pages(1)
    assert made == pages.pages(1) != pages.pages(2)
    assert {path: len(json.loads(body)["data"]) for path, body in made.items()} == {
        "/api/events": 1000,
        "/api/profiles": 100,
    }
    assert 950_000 < len(made["/api/events"]) < 1_000_000
    assert 150_000 < len(made["/api/profiles"]) < 170_000


@pytest.mark.parametrize("limits", [True, False])
def test_the_server_tells_of_limits_only_when_it_is_told_to(*, limits: bool) -> None:
    answers = answering.answers(1, limits=limits)
    assert {head: answer[9:12] for head, answer in answers.items()} == {
        b"GET /api/events": b"200",
        b"GET /api/profiles": b"200",
        b"POST /api/events": b"202",
        b"": b"404",
    }
    assert [b"RateLimit-Limit: 1000000" in answer for answer in answers.values()] == [limits] * 4
