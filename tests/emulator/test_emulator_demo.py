"""The made-up account of `--demo`: what is in it, and that it is the same each time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import NOON, Served, SetClock, profile_body, served

from klaviyo_emulator import Emulator, EmulatorConfig
from klaviyo_emulator.__main__ import main
from klaviyo_emulator.demo import Filled, fill, filling, fills

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAMILIES = 120


@pytest.fixture(scope="module")
def demo() -> Iterator[Served]:
    with served(limits=False) as running:
        filled = fill(running.emulator, FAMILIES)
        assert filled is not None
        assert filled.families == FAMILIES
        yield running


@pytest.fixture(scope="module")
def people(demo: Served) -> list[dict[str, Any]]:
    fields = {"additional-fields[profile]": "subscriptions,predictive_analytics", "page[size]": "100"}
    return demo.wire.all_pages("/api/profiles", **fields)


@pytest.fixture(scope="module")
def events(demo: Served) -> list[dict[str, Any]]:
    return demo.wire.all_pages("/api/events", **{"page[size]": "1000"})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_everybody_is_marked_and_nobody_can_be_reached(people: list[dict[str, Any]]) -> None:
    assert len(people) == FAMILIES
    for person in people:
        attributes = person["attributes"]
        assert attributes["properties"]["demo"] is True
        assert attributes["email"].endswith("@families.example")
        assert attributes["phone_number"] is None
        assert attributes["location"]["timezone"]
        assert NOON - timedelta(days=366) < moment(attributes["created"]) <= NOON
        assert moment(attributes["created"]) <= moment(attributes["updated"]) <= NOON
    assert min(moment(person["attributes"]["updated"]) for person in people) < NOON - timedelta(days=14)
    assert len({person["attributes"]["location"]["country"] for person in people}) > 3
    assert {person["attributes"]["properties"]["plan_tier"] for person in people} == {"free", "premium", "family"}


def test_the_account_says_that_it_is_a_demo(demo: Served) -> None:
    (account,) = demo.wire.get("/api/accounts").json()["data"]
    contact = account["attributes"]["contact_information"]
    assert contact["organization_name"] == contact["default_sender_name"] == "Bedtime stories (demo)"


def test_consent_has_every_state(people: list[dict[str, Any]]) -> None:
    marketing = [person["attributes"]["subscriptions"]["email"]["marketing"] for person in people]
    states = Counter(one["consent"] for one in marketing)
    assert states["SUBSCRIBED"] > FAMILIES / 2
    assert states["UNSUBSCRIBED"]
    assert states["NEVER_SUBSCRIBED"]
    assert any(one["double_optin"] for one in marketing)
    reasons = {found["reason"] for one in marketing for found in one["suppression"]}
    assert reasons == {"UNSUBSCRIBE", "USER_SUPPRESSED", "HARD_BOUNCE"}


def test_lists_have_members_who_agreed(demo: Served) -> None:
    lists = {found["attributes"]["name"]: found for found in demo.wire.get("/api/lists").json()["data"]}
    assert {name: found["attributes"]["opt_in_process"] for name, found in lists.items()} == {
        "Newsletter": "single_opt_in",
        "Bedtime letters": "double_opt_in",
        "Early readers": "single_opt_in",
    }
    fields = {"additional-fields[profile]": "subscriptions"}
    letters = demo.wire.all_pages(f"/api/lists/{lists['Bedtime letters']['id']}/profiles", **fields)
    assert 10 < len(letters) < FAMILIES
    for member in letters:
        assert member["attributes"]["subscriptions"]["email"]["marketing"]["double_optin"]


def test_predictions_are_of_those_who_pay(people: list[dict[str, Any]]) -> None:
    for person in people:
        predicted = person["attributes"]["predictive_analytics"]
        pays = person["attributes"]["properties"]["plan_tier"] != "free"
        assert (predicted["churn_probability"] is not None) == pays
        assert ("demo_predictions" in person["attributes"]["properties"]) == pays
        if pays:
            assert predicted["total_clv"] == pytest.approx(
                predicted["historic_clv"] + predicted["predicted_clv"], abs=0.011
            )


def test_events_are_those_of_evenings(demo: Served, events: list[dict[str, Any]]) -> None:
    metrics = {found["id"]: found["attributes"]["name"] for found in demo.wire.get("/api/metrics").json()["data"]}
    names = Counter(metrics[event["relationships"]["metric"]["data"]["id"]] for event in events)
    assert names["Signed Up"] == FAMILIES
    assert names["Story Generated"] > names["Story Completed"] > names["Story Skipped"] > 0
    assert names["Story Completed"] + names["Story Skipped"] <= names["Story Generated"]
    assert names["Viewed Theme"]
    assert names["Subscription Created"]
    assert all(moment(event["attributes"]["datetime"]) <= NOON for event in events)
    stories = [event for event in events if "minutes" in event["attributes"]["event_properties"]]
    assert all(moment(event["attributes"]["datetime"]) > NOON - timedelta(days=71) for event in stories)


def test_families_differ_in_their_rhythm(events: list[dict[str, Any]]) -> None:
    heard: dict[str, list[datetime]] = {}
    for event in events:
        if "minutes" in event["attributes"]["event_properties"]:
            nights = heard.setdefault(event["relationships"]["profile"]["data"]["id"], [])
            nights.append(moment(event["attributes"]["datetime"]))
    silent = nightly = 0
    for nights in heard.values():
        recent = [night for night in nights if night > NOON - timedelta(days=14)]
        silent += not recent
        nightly += len({night.date() for night in recent}) >= 9
    assert silent >= 5
    assert nightly >= 15


def test_there_is_something_of_everything(demo: Served) -> None:
    def names(path: str, field: str = "name") -> set[str]:
        return {found["attributes"][field] for found in demo.wire.get(path).json()["data"]}

    assert names("/api/templates") == {"Bedtime letter", "Welcome"}
    assert names("/api/tags") == {"Letters", "Product"}
    assert names("/api/segments") == {"Heard a story this week", "Family plan"}
    assert len(names("/api/catalog-items", "title")) == 12
    assert len(names("/api/catalog-categories")) == 6
    assert "SLEEPYHEAD" in names("/api/coupons", "external_id")
    codes = demo.wire.all_pages("/api/coupon-codes", filter='equals(coupon.id,"SLEEPYHEAD")')
    assert len(codes) == 25
    assert all(moment(code["attributes"]["expires_at"]) > NOON for code in codes)
    template = demo.wire.get("/api/templates").json()["data"][0]["id"]
    data = {"type": "template", "id": template, "attributes": {"context": {"person": {"first_name": "Kim"}}}}
    rendered = demo.wire.post("/api/template-render", {"data": data}).json()["data"]["attributes"]["html"]
    assert "Kim" in rendered


def test_a_segment_has_members(demo: Served) -> None:
    for segment in demo.wire.get("/api/segments").json()["data"]:
        members = demo.wire.all_pages(f"/api/segments/{segment['id']}/profiles")
        assert 0 < len(members) < FAMILIES, segment["attributes"]["name"]


def test_a_campaign_was_sent_and_read(demo: Served) -> None:
    campaigns = demo.wire.get("/api/campaigns", filter='equals(messages.channel,"email")').json()["data"]
    (campaign,) = campaigns
    assert campaign["attributes"]["status"] == "Sent"
    (job,) = demo.wire.get("/__emulator__/jobs").json()["jobs"]
    assert (job["type"], job["id"], job["status"]) == ("campaign-send-job", campaign["id"], "complete")
    mails = demo.wire.get("/__emulator__/outbox", limit="1000").json()["mail"]
    assert 20 < len(mails) <= 100
    metrics = {found["attributes"]["name"]: found["id"] for found in demo.wire.get("/api/metrics").json()["data"]}
    counts = {
        name: len(demo.wire.all_pages("/api/events", filter=f'equals(metric_id,"{metrics[name]}")'))
        for name in ("Received Email", "Opened Email", "Clicked Email")
    }
    assert counts["Received Email"] == len(mails) > counts["Opened Email"] > counts["Clicked Email"] > 0


def test_whoever_signs_up_from_now_on_is_welcomed(demo: Served) -> None:
    (flow,) = demo.wire.get("/api/flows").json()["data"]
    assert flow["attributes"]["status"] == "live"
    profile = profile_body(email="kim@example.org", first_name="Kim")
    metric = {"data": {"type": "metric", "attributes": {"name": "Signed Up"}}}
    data = {"type": "event", "attributes": {"properties": {}, "metric": metric, "profile": profile}}
    assert demo.wire.post("/api/events", {"data": data}).status_code == 202
    demo.wire.client.post("/__emulator__/settle", json={})
    (mail,) = demo.wire.get("/__emulator__/outbox", to="kim@example.org").json()["mail"]
    assert mail["subject"] == "Welcome, Kim"


def test_the_same_seed_and_time_give_the_same_account() -> None:
    images: list[list[tuple[Any, ...]]] = []
    for seed in (1, 1, 2):
        with Emulator(EmulatorConfig(clock=SetClock(), seed=seed)) as emulator:
            fill(emulator, 25)
            images.append(emulator._database.read(_image).result())
    assert images[0] == images[1] != images[2]


def _image(connection: Any) -> list[tuple[Any, ...]]:
    tables = ("profile", "event", "metric", "record", "link", "member", "consent", "suppression", "prediction", "mail")
    return [(table, *row) for table in tables for row in connection.execute(f"SELECT * FROM {table}")]


def test_a_state_that_is_not_empty_stays_as_it_is() -> None:
    with served() as running:
        assert running.wire.post("/api/profiles", profile_body(email="kim@example.org")).status_code == 201
        assert fill(running.emulator, 5) is None
        assert running.emulator.counts().profiles == 1
        (account,) = running.wire.get("/api/accounts").json()["data"]
        assert account["attributes"]["contact_information"]["organization_name"] == "Emulated Account"


def test_the_name_is_kept_with_the_state_and_ends_with_a_reset(tmp_path: Path) -> None:
    config = {"database": str(tmp_path / "state.db")}

    def name(running: Served) -> str:
        (account,) = running.wire.get("/api/accounts").json()["data"]
        return account["attributes"]["contact_information"]["organization_name"]

    with served(**config) as running:
        fill(running.emulator, 2)
    with served(**config) as running:
        assert name(running) == "Bedtime stories (demo)"
        assert fill(running.emulator, 2) is None
        assert running.wire.client.post("/__emulator__/reset", json={}).status_code == 200
        assert name(running) == "Emulated Account"
        assert fill(running.emulator, 2) is not None


@pytest.mark.parametrize("families", [0, -1, 100_001])
def test_a_number_of_families_out_of_range(families: int) -> None:
    with Emulator() as emulator, pytest.raises(ValueError, match="from 1 to 100,000"):
        fill(emulator, families)


def test_few_evenings_are_told_of_very_many_families(monkeypatch: pytest.MonkeyPatch) -> None:
    def events(most: int) -> int:
        monkeypatch.setattr(filling, "_MOST_EVENINGS", most)
        with Emulator(EmulatorConfig(clock=SetClock())) as emulator:
            filled = fill(emulator, 60)
        assert isinstance(filled, Filled)
        return filled.events

    assert events(100) < events(1_000_000) / 3


def test_progress_is_told_once_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(filling, "_FAMILIES_AT_ONCE", 10)
    with Emulator() as emulator:
        fill(emulator, 20, say=said.append)
        assert said == []
    monkeypatch.setattr(filling, "_SILENT_SECONDS", 0.0)
    with Emulator() as emulator:
        fill(emulator, 20, say=said.append)
    assert said == ["filling in 20 families: 50 %", "filling in 20 families: 100 %"]


@pytest.mark.parametrize(
    ("program", "arguments", "families"),
    [
        (["klaviyo_emulator"], ["--demo"], 200),
        (["klaviyo_emulator"], ["--families", "7"], 7),
        (["dreamflow", "emulator"], ["--families", "7", "--demo"], 7),
    ],
)
def test_the_command_fills_an_empty_state_only(
    tmp_path: Path, program: list[str], arguments: list[str], families: int
) -> None:
    data = str(tmp_path / "state.db")
    for said in (f"filled in {families} families with ", "the state is not empty, and was left as it is"):
        command = [sys.executable, "-m", *program, "--port", "0", "--data", data, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert "http://127.0.0.1:" in process.stdout.readline()
            process.terminate()
            _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert errors.startswith(f"{program[0]}: {said}")
        assert len(errors.splitlines()) == 1


def test_an_account_that_is_filled_by_half_is_called_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    prepare = fills(7, demo=True, say=said.append)
    assert prepare is not None
    config = EmulatorConfig(database=str(tmp_path / "state.db"))

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, Emulator(config) as emulator:
        patch.setattr(filling, "make_families", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(emulator)
    with Emulator(config) as emulator:
        assert prepare(emulator) is None
    assert said == ["the state is half filled, because filling it was interrupted; --demo fills an empty one"]


def test_the_other_command_refuses_the_same_numbers() -> None:
    command = [sys.executable, "-m", "dreamflow", "emulator", "--families", "0"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "dreamflow: --families: a number from 1 to 100,000 is needed\n"


def test_filling_can_be_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(filling, "fill", interrupted)
    assert main(["--demo", "--port", "0"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("families", ["0", "100001", "many"])
def test_a_number_that_the_command_cannot_use(capsys: pytest.CaptureFixture[str], families: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--families", families])
    assert caught.value.code == 2
    assert f"a number from 1 to 100,000 is needed, not '{families}'" in capsys.readouterr().err


async def test_it_is_filled_within_an_event_loop_too() -> None:
    with Emulator() as emulator:
        filled = fill(emulator, 2)
        assert filled is not None
        assert emulator.counts().profiles == 2
