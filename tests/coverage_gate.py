"""Decisions are covered to the last branch: with `--cov`, anything less in a `rules` module fails the run."""

import io

import coverage
import pytest

RULES = ("*/rules.py", "*/rules/*.py")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Read the data pytest-cov has just written, in the main process of a whole run."""
    config = session.config
    if not config.getoption("cov_source", default=None) or hasattr(config, "workerinput") or session.exitstatus:
        return
    measured = coverage.Coverage()
    measured.load()
    table = io.StringIO()
    if measured.report(include=list(RULES), file=table, skip_covered=True, show_missing=True) < 100:
        print(f"\nEvery branch of a decision needs a test:\n{table.getvalue()}")  # noqa: T201 - the reason for the failure
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
