"""The database, as an operator meets it: upgraded on request, refused in one sentence."""

import builtins
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dreamflow.bench.servers.postgres_process import PostgresProcess
from dreamflow.kit.db import refusal_reason
from entrypoints.command_line import Command, command

__all__ = ["command"]

SERVING = {
    "DREAMFLOW_IDENTITY__ISSUERS": '[{"issuer": "https://i.example", "audience": "d", "hs256_secret": "'
    + "s" * 40
    + '"}]',
    "DREAMFLOW_HTTP__PORT": "0",
    "DREAMFLOW_KLAVIYO__API_KEY": "pk_test",
    "DREAMFLOW_KLAVIYO__BASE_URL": "http://127.0.0.1:9",
}
PASSWORD = "canary-p4ssword"


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port on which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_file_is_upgraded_once_and_says_from_where_to_where(tmp_path: Path, command: Command) -> None:
    first, second = (command("db", "upgrade", DREAMFLOW_STATE_DIR=str(tmp_path)) for _ in range(2))
    assert (first.status, first.err) == (0, "")
    assert first.out == "The database was empty and has schema 0002 now.\n"
    assert second.out == "The database has schema 0002 already; there was nothing to do.\n"


def test_a_file_of_a_newer_version_is_left_as_it_is(tmp_path: Path, command: Command) -> None:
    command("db", "upgrade", DREAMFLOW_STATE_DIR=str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "dreamflow.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    ended = command("db", "upgrade", DREAMFLOW_STATE_DIR=str(tmp_path))
    assert ended.status == 2
    assert "schema 9999, which this version does not know" in ended.err


@pytest.mark.postgres
def test_postgres_is_upgraded_by_the_operator_and_refused_before(
    tmp_path: Path, command: Command, postgres_url: str
) -> None:
    settings = {**SERVING, "DREAMFLOW_STATE_DIR": str(tmp_path), "DREAMFLOW_DATABASE__URL": postgres_url}
    for name in ("serve", "worker"):
        refused = command(name, **settings)
        assert refused.status == 2
        assert refused.err == (
            "dreamflow: The database has not the schema of this version yet. Run `dreamflow db upgrade` first.\n"
        )
    short = postgres_url.replace("postgresql://", "postgres://")  # as some providers write it
    assert "has schema 0002 now" in command("db", "upgrade", **{**settings, "DREAMFLOW_DATABASE__URL": short}).out
    assert "nothing to do" in command("db", "upgrade", **settings).out


@pytest.mark.postgres
def test_a_postgres_that_refuses_is_told_in_one_sentence_without_the_password(
    tmp_path: Path, command: Command, postgres_process: PostgresProcess, nobody: int
) -> None:
    def said(url: str) -> str:
        ended = command("db", "upgrade", DREAMFLOW_STATE_DIR=str(tmp_path), DREAMFLOW_DATABASE__URL=url)
        assert ended.status == 2
        assert PASSWORD not in ended.out + ended.err
        (line,) = ended.err.splitlines()
        return line

    there = postgres_process.url("nowhere").replace("app@", f"app:{PASSWORD}@")
    assert said(there) == (
        "dreamflow: The database cannot be used: it has no database of that name. See DREAMFLOW_DATABASE__URL."
    )
    assert "refuses user or password" in said(there.replace("app:", "stranger:"))
    assert "nothing listens there" in said(f"postgresql://app:{PASSWORD}@127.0.0.1:{nobody}/x")
    assert "host name is not known" in said(f"postgresql://app:{PASSWORD}@nowhere.invalid/x")
    assert "%XX" in said(f"postgresql://app:{PASSWORD}@{PASSWORD}@127.0.0.1/x")


def test_a_missing_driver_is_told_with_the_extra_that_brings_it(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "psycopg")
    url = f"postgresql://app:{PASSWORD}@127.0.0.1/x"
    ended = command("db", "upgrade", DREAMFLOW_STATE_DIR=str(tmp_path), DREAMFLOW_DATABASE__URL=url)
    assert ended.status == 2
    assert ended.err == "dreamflow: PostgreSQL needs the package psycopg: pip install 'dreamflow[postgres]'\n"


def test_a_missing_redis_package_is_told_with_the_extra_that_brings_it(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "redis")
    settings = {**SERVING, "DREAMFLOW_STATE_DIR": str(tmp_path), "DREAMFLOW_REDIS__URL": "redis://127.0.0.1:9/0"}
    ended = command("worker", **settings)
    assert ended.status == 2
    assert ended.err == "dreamflow: DREAMFLOW_REDIS__URL needs the package redis: pip install 'dreamflow[redis]'\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('FATAL:  password authentication failed for user "canary"', "it refuses user or password"),
        ('FATAL:  no pg_hba.conf entry for host "canary"', "it does not let this user in from here"),
        ("FATAL:  sorry, too many clients already", "it has no connection left"),
        ("connection timeout expired", "it does not answer in time"),
        ("FATAL:  the database system is starting up", "it is starting up or shutting down"),
        ("canceling statement due to lock timeout", "somebody else holds a lock on it"),
        ("cannot execute INSERT in a read-only transaction", "it only reads"),
        ("server does not support SSL, but SSL was required", "there is no agreement about TLS"),
        ("could not extend file: No space left on device", "the disk is full"),
        ("unable to open database file", "the file cannot be opened"),
        ("database is locked", "another process holds it"),
        ("canary is a kind of trouble nobody has heard of", "it fails (OSError)"),
    ],
)
def test_a_refusal_is_told_in_our_own_words(said: str, told: str) -> None:
    assert refusal_reason(OSError(said)) == told


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if a package were not installed."""
    real = builtins.__import__

    def refuse(name: str, *rest: object, **named: object) -> object:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *rest, **named)  # pyright: ignore[reportArgumentType]

    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
