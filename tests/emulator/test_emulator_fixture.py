"""The fixture for pytest, as a stranger's tests use it."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from emulator_wire import Wire, event_body, profile_body

from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

HEAD = """
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest

from klaviyo_emulator import EmulatorConfig

def ask(running, path, data=None):
    headers = {"Authorization": "Klaviyo-API-Key pk_x", "revision": "2026-07-15", "Content-Type": "application/json"}
    body = None if data is None else json.dumps({"data": data}).encode()
    with urllib.request.urlopen(urllib.request.Request(running.url + path, body, headers)) as answer:
        return answer.headers, json.loads(answer.read())
"""
CONFTEST = 'pytest_plugins = ["klaviyo_emulator.testing"]'


@pytest.fixture
def strangers(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makeini(
        "[pytest]\naddopts = --strict-markers -p no:cacheprovider\nasyncio_default_fixture_loop_scope = function\n"
    )
    return pytester


def run(strangers: pytest.Pytester, tests: str, **outcomes: int) -> pytest.RunResult:
    strangers.makepyfile(HEAD + tests)
    result = strangers.runpytest("-p", "no:xdist", "-p", "no:cov")
    result.assert_outcomes(**outcomes)
    return result


def test_each_test_has_a_fresh_one(strangers: pytest.Pytester) -> None:
    tests = """
urls = []

@pytest.mark.parametrize("turn", [1, 2])
def test_nobody_is_there(klaviyo_emulator, turn):
    headers, document = ask(klaviyo_emulator, "/api/profiles")
    assert document["data"] == []
    assert "RateLimit-Limit" not in headers
    attributes = {"email": "kim@example.org"}
    ask(klaviyo_emulator, "/api/profiles", {"type": "profile", "attributes": attributes})
    assert klaviyo_emulator.emulator.counts().profiles == 1
    urls.append(klaviyo_emulator.url)

def test_they_are_gone():
    for url in urls:
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(url)
"""
    run(strangers, tests, passed=3)


def test_a_marker_says_how_it_is(strangers: pytest.Pytester) -> None:
    tests = """
@pytest.mark.klaviyo(limits=True, faults="get_profiles:503*1", account_name="Marked")
class TestMarked:
    def test_windows_and_faults(self, klaviyo_emulator):
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(klaviyo_emulator, "/api/profiles")
        assert caught.value.code == 503
        caught.value.close()
        headers, _ = ask(klaviyo_emulator, "/api/profiles")
        assert headers["RateLimit-Limit"]

    @pytest.mark.klaviyo(limits=False, now="2026-02-03T04:05:06Z", families=3)
    def test_the_nearest_counts(self, klaviyo_emulator):
        _, document = ask(klaviyo_emulator, "/api/accounts")
        assert "(demo)" in document["data"][0]["attributes"]["contact_information"]["organization_name"]
        assert klaviyo_emulator.emulator.config.account_name == "Marked"
        assert klaviyo_emulator.clock() == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert klaviyo_emulator.emulator.counts().profiles == 3
"""
    run(strangers, tests, passed=2)


def test_it_is_there_for_tests_of_an_event_loop(strangers: pytest.Pytester) -> None:
    tests = """
@pytest.mark.asyncio
@pytest.mark.klaviyo(families=2)
async def test_within_a_loop(klaviyo_emulator):
    klaviyo_emulator.advance(days=1)
    await klaviyo_emulator.emulator.settle()
    assert klaviyo_emulator.emulator.counts().profiles == 2
"""
    run(strangers, tests, passed=1)


def test_a_fixture_says_how_all_are(strangers: pytest.Pytester) -> None:
    tests = """
@pytest.fixture
def klaviyo_emulator_config(tmp_path):
    return EmulatorConfig(database=str(tmp_path / "state.db"), seed=7)

def test_in_a_file(klaviyo_emulator, tmp_path):
    assert (tmp_path / "state.db").exists()
    assert klaviyo_emulator.emulator.instruments.limiter.enabled

@pytest.mark.klaviyo(limits=False)
def test_with_a_marker(klaviyo_emulator, tmp_path):
    assert klaviyo_emulator.emulator.config.seed == 7
    assert not klaviyo_emulator.emulator.instruments.limiter.enabled
"""
    run(strangers, tests, passed=2)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("limit=True", "*unexpected keyword argument 'limit'*"),
        ("behaviour='dead'", "*@pytest.mark.klaviyo: behaviour: 'spec' or 'live' is needed*"),
        ("limits='off'", "*@pytest.mark.klaviyo: limits: True or False is needed*"),
        ("job_ms='5'", "*@pytest.mark.klaviyo: job_ms: must be a whole number*"),
        ("families='ten'", "*@pytest.mark.klaviyo: families must be a whole number up to 100,000*"),
        ("families=-1", "*@pytest.mark.klaviyo: families must be a whole number up to 100,000*"),
        ("now='noonish'", "*now must be an instant such as 2026-11-20T12:00:00Z*"),
        ("{'limits': True}", "*takes names with values, such as limits=True*"),
    ],
)
def test_a_marker_that_cannot_be_meant(strangers: pytest.Pytester, marker: str, said: str) -> None:
    tests = f"""
@pytest.mark.klaviyo({marker})
def test_it(klaviyo_emulator):
    pass
"""
    run(strangers, tests, errors=1).stdout.fnmatch_lines([said])


def test_a_module_can_be_imported_where_pytest_is_not() -> None:
    code = "import sys\nsys.modules['pytest'] = None\nimport klaviyo_emulator.testing, klaviyo_emulator.__main__\n"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_clock_is_put_and_what_is_due_has_happened() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with running_emulator(EmulatorConfig(limits=False, visibility_ms=86_400_000)) as running:
        running.set(noon)
        wire = Wire(running.url)
        assert wire.post("/api/profiles", profile_body(email="kim@example.org")).status_code == 201
        assert wire.get("/api/profiles").json()["data"][0]["attributes"]["created"] == "2026-11-20T12:00:00+00:00"
        assert wire.post("/api/events", event_body()).status_code == 202
        assert running.emulator.counts().events == 0
        running.advance(hours=23, minutes=59, seconds=59)
        assert running.emulator.counts().events == 0
        running.advance(seconds=1)
        assert running.emulator.counts().events == 1
        wire.client.close()


async def test_it_can_be_settled_within_an_event_loop() -> None:
    with running_emulator(EmulatorConfig(limits=False)) as running:
        running.advance(days=1)
        assert not running.clock.is_stopped


def test_a_fresh_one_is_there_at_once() -> None:
    taken: list[float] = []
    for _ in range(10):
        started = time.perf_counter()
        with running_emulator(EmulatorConfig(limits=False)):
            taken.append(time.perf_counter() - started)
    assert min(taken) <= 0.05
