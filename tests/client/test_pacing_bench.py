"""How near the limits are measured to be reached: the rows of the bench at a small size, and what they call good."""

from pathlib import Path

import pytest

from aioklaviyo.rates import L
from dreamflow.bench.client.limits import four, one
from dreamflow.bench.client.limits.redis_process import NoRedisError, RedisProcess
from dreamflow.bench.client.limits.server import Quota, Window
from dreamflow.bench.model import Broken, Lab, Measured, Skipped


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(short=True, scratch=tmp_path, data=None, say=lambda _: None)


def test_one_process_reaches_the_limit_in_virtual_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "_WINDOWS_SHORT", 2)
    monkeypatch.setattr(one, "SINGLE", one.Lane("POST /api/profile-import", L, 20))  # fewer, for the time it takes
    measured = one.limit_one(lab, 3)
    assert isinstance(measured, Measured)
    assert one.LIMIT_ONE.short_target.holds(measured.value)
    assert "429: 0 of" in measured.note


def test_a_client_that_is_refused_too_often_does_not_count(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "saturate", lambda *_, **__: one.Tally(accepted=150, refused=1))
    assert isinstance(one.limit_one(lab, 3), Broken)


@pytest.mark.redis
def test_processes_that_share_a_redis_reach_the_limit(lab: Lab, redis_url: str) -> None:
    measured = four.limit_four(lab, 3, four.Size(processes=2, window_seconds=2, windows=1))
    assert isinstance(measured, (Measured, Broken))  # a foreign user may be met in windows as short as that
    told = measured.note if isinstance(measured, Measured) else measured.reason
    assert "single: 9" in told or "single: 100" in told


def test_without_redis_server_the_row_is_skipped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four, "redis_program", lambda: None)
    assert isinstance(four.limit_four(lab, 3), Skipped)


def tallies(**more: tuple[int, int]) -> four.Tallies:
    """For a window: accepted and refused."""
    counts = {"alone": (350, 0), "ours": (240, 0), "foreign": (100, 0)} | more
    single = {
        "single-alone": [(7, "ours", *counts["alone"])],
        "single-shared": [(7, "ours", *counts["ours"]), (7, "foreign", *counts["foreign"])],
    }
    return single | {"bulk-alone": [(7, "ours", 15, 0)], "bulk-shared": []}


def test_the_lesser_share_of_the_limit_counts() -> None:
    measured = four.judge(tallies(alone=(343, 0)), four.Size(windows=1))
    assert isinstance(measured, Measured)
    assert measured.value == 98


@pytest.mark.parametrize("count", [{"alone": (350, 1)}, {"foreign": (100, 2)}])
def test_refusals_of_ours_or_of_a_foreign_user_do_not_count_as_reached(count: dict[str, tuple[int, int]]) -> None:
    assert isinstance(four.judge(tallies(**count), four.Size(windows=1)), Broken)


def test_the_servers_windows_take_what_fits_and_say_when_they_end() -> None:
    quota = Quota((Window(2, 1.0), Window(3, 6.0)))
    answers = [quota.charge("ours", moment) for moment in (8.1, 8.2, 8.3, 9.1, 9.2, 12.0)]
    assert [answer[9:12] for answer in answers] == [b"202", b"202", b"429", b"202", b"429", b"202"]
    assert b"RateLimit-Limit: 2, 2;w=1, 3;w=6\r\nRateLimit-Remaining: 0\r\n" in answers[1]
    assert b"Retry-After: 1\r\n" in answers[2]
    assert b"Retry-After: 3\r\n" in answers[4]
    assert quota.tally() == [(1, "ours", 3, 2), (2, "ours", 1, 0)]


def test_a_redis_that_does_not_start_is_said_to(tmp_path: Path) -> None:
    process = RedisProcess("/bin/false", tmp_path)
    with pytest.raises(NoRedisError):
        process.start()
    assert process.process is None
