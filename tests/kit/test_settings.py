"""Settings are read once, and what is wrong with them is named without its value."""

import json
import os
from pathlib import Path

import pytest

from dreamflow.kit.failpoints import PLACES
from dreamflow.settings import Settings, SettingsError

CANARY = "pk_canary_0123456789_canary_0123456789"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("DREAMFLOW_"):
            monkeypatch.delenv(name)


def test_without_any_setting_everything_runs_at_home() -> None:
    settings = Settings.from_env()
    assert settings.klaviyo.api_key is None
    assert settings.identity.issuers == ()
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8000)
    assert settings.worker.embedded
    assert settings.failpoint == ""
    assert settings.state_dir.name == "dreamflow"


def test_an_empty_value_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KLAVIYO__API_KEY", "KLAVIYO__BASE_URL", "IDENTITY__ISSUERS", "HTTP__PORT", "FAILPOINT"):
        monkeypatch.setenv(f"DREAMFLOW_{name}", "")
    assert Settings.from_env() == Settings()
    assert Settings().klaviyo.api_key is None


def test_nested_groups_are_set_with_two_underscores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DREAMFLOW_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DREAMFLOW_KLAVIYO__API_KEY", CANARY)
    monkeypatch.setenv("DREAMFLOW_KLAVIYO__PROFILE_BUDGET_SECONDS", "0.2")
    monkeypatch.setenv("dreamflow_http__port", "0")
    monkeypatch.setenv("DREAMFLOW_LOG__JSON_LINES", "no")
    monkeypatch.setenv("DREAMFLOW_WORKER__EMBEDDED", "false")
    settings = Settings.from_env()
    assert settings.state_dir == tmp_path
    assert settings.klaviyo.api_key is not None
    assert settings.klaviyo.api_key.get_secret_value() == CANARY
    assert settings.klaviyo.profile_budget_seconds == 0.2
    assert (settings.http.port, settings.log.json_lines, settings.worker.embedded) == (0, False, False)


def test_a_group_can_be_given_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = '{"issuer": "https://i.example", "audience": "dreamflow", "hs256_secret": "' + CANARY + '"}'
    monkeypatch.setenv("DREAMFLOW_IDENTITY__ISSUERS", f"[{issuer}]")
    monkeypatch.setenv("DREAMFLOW_HTTP", '{"port": 9000}')
    settings = Settings.from_env()
    assert [each.issuer for each in settings.identity.issuers] == ["https://i.example"]
    assert settings.http.port == 9000


@pytest.mark.parametrize(
    "name",
    [
        "DREAMFLOW_KLAVIYO_API_KEY",
        "DREAMFLOW_KLAVIYO__API_KEI",
        "DREAMFLOW_STATE_DIR__X",
        "DREAMFLOW_",
        "DREAMFLOW_MODEL_CONFIG",
        "dreamflow_htp__port",
    ],
)
def test_an_unknown_setting_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("DREAMFLOW_ALSO_UNKNOWN", CANARY)
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env()
    assert name in str(refusal.value)
    assert "DREAMFLOW_ALSO_UNKNOWN" in str(refusal.value)
    assert "docs/architecture.md" in str(refusal.value)
    assert "canary" not in str(refusal.value)


def test_other_programs_variables_are_nobodys_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMFLOWER", "x")
    monkeypatch.setenv("MY_DREAMFLOW_HTTP", "x")
    assert Settings.from_env().http.port == 8000


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DREAMFLOW_HTTP__PORT", CANARY, "DREAMFLOW_HTTP__PORT"),
        ("DREAMFLOW_HTTP__PORT", "4711471147", "DREAMFLOW_HTTP__PORT"),
        ("DREAMFLOW_LOG__LEVEL", CANARY, "DREAMFLOW_LOG__LEVEL"),
        ("DREAMFLOW_KLAVIYO__PROFILE_BUDGET_SECONDS", "0", "DREAMFLOW_KLAVIYO__PROFILE_BUDGET_SECONDS"),
        ("DREAMFLOW_KLAVIYO__PROFILE_BUDGET_SECONDS", "nan", "DREAMFLOW_KLAVIYO__PROFILE_BUDGET_SECONDS"),
        ("DREAMFLOW_KLAVIYO__TIMEOUT_SECONDS", "inf", "DREAMFLOW_KLAVIYO__TIMEOUT_SECONDS"),
        ("DREAMFLOW_WORKER__EMBEDDED", CANARY, "DREAMFLOW_WORKER__EMBEDDED"),
        ("DREAMFLOW_KLAVIYO__API_KEY__X", CANARY, "DREAMFLOW_KLAVIYO__API_KEY"),
        ("DREAMFLOW_IDENTITY__ISSUERS", f'[{{"issuer": "{CANARY}"}}]', "DREAMFLOW_IDENTITY__ISSUERS__0__AUDIENCE"),
        ("DREAMFLOW_IDENTITY__ISSUERS", f"not JSON: {CANARY}", "DREAMFLOW_IDENTITY"),
        ("DREAMFLOW_HTTP", f"not JSON: {CANARY}", "DREAMFLOW_HTTP"),
        ("DREAMFLOW_KLAVIYO", f'"{CANARY}"', "DREAMFLOW_KLAVIYO"),
        ("DREAMFLOW_KLAVIYO", '{"api_key": ""}', "DREAMFLOW_KLAVIYO__API_KEY"),
        ("DREAMFLOW_KLAVIYO__API_KEY", f"{CANARY}\n", "DREAMFLOW_KLAVIYO__API_KEY"),
        ("DREAMFLOW_KLAVIYO__API_KEY", f"{CANARY} ", "DREAMFLOW_KLAVIYO__API_KEY"),
        ("DREAMFLOW_KLAVIYO__API_KEY", f"{CANARY}\u00e9", "DREAMFLOW_KLAVIYO__API_KEY"),
        ("DREAMFLOW_KLAVIYO__BASE_URL", "canary.example", "DREAMFLOW_KLAVIYO__BASE_URL"),
        ("DREAMFLOW_KLAVIYO__BASE_URL", "http://canary.example", "DREAMFLOW_KLAVIYO__BASE_URL"),
        ("DREAMFLOW_KLAVIYO__BASE_URL", "https://user:canary@a.klaviyo.com", "DREAMFLOW_KLAVIYO__BASE_URL"),
        ("DREAMFLOW_KLAVIYO__BASE_URL", "https://a.klaviyo.com?canary", "DREAMFLOW_KLAVIYO__BASE_URL"),
        ("DREAMFLOW_KLAVIYO__BASE_URL", "https://a.klaviyo.com/canary", "DREAMFLOW_KLAVIYO__BASE_URL"),
        ("DREAMFLOW_KLAVIYO__BASE_URL", "https://a.klaviyo.com^canary", "DREAMFLOW_KLAVIYO__BASE_URL"),
        ("DREAMFLOW_KLAVIYO__BASE_URL", "https://a.klaviyo.com:4711471147", "DREAMFLOW_KLAVIYO__BASE_URL"),
        ("DREAMFLOW_DATABASE__URL", "mysql://app:canary@db.example/x", "DREAMFLOW_DATABASE__URL"),
        ("DREAMFLOW_DATABASE__URL", "postgresql://app:canary@canary@db.example/x", "%XX"),
        ("DREAMFLOW_DATABASE__URL", "postgresql://app:canary/canary@db.example/x", "%XX"),
        ("DREAMFLOW_DATABASE__URL", "postgresql://db.example:canary/x", "DREAMFLOW_DATABASE__URL"),
        ("DREAMFLOW_REDIS__URL", "http://canary.example", "DREAMFLOW_REDIS__URL"),
        ("DREAMFLOW_REDIS__URL", "redis:///canary", "DREAMFLOW_REDIS__URL"),
        ("DREAMFLOW_REDIS__URL", "redis://cache.example:canary", "DREAMFLOW_REDIS__URL"),
        ("DREAMFLOW_KAFKA__BOOTSTRAP", "canary", "DREAMFLOW_KAFKA__BOOTSTRAP"),
        ("DREAMFLOW_KAFKA__BOOTSTRAP", "a.example:9092,canary", "DREAMFLOW_KAFKA__BOOTSTRAP"),
        ("DREAMFLOW_KAFKA__TOPIC", "canary canary", "DREAMFLOW_KAFKA__TOPIC"),
        ("DREAMFLOW_WORKER__PORT", "-4711471147", "DREAMFLOW_WORKER__PORT"),
        ("DREAMFLOW_FAILPOINT", "outbox.canary", "DREAMFLOW_FAILPOINT"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env()
    assert told in str(refusal.value)
    assert "canary" not in str(refusal.value)
    assert "4711471147" not in str(refusal.value)
    assert refusal.value.__suppress_context__, "the cause quotes the value"


@pytest.mark.parametrize(
    ("name", "url", "kept"),
    [
        ("DATABASE__URL", "postgresql://app:p%40ss@db.example:5432/x", "postgresql://app:p%40ss@db.example:5432/x"),
        ("DATABASE__URL", "postgres://app@db.example/x", "postgresql://app@db.example/x"),
        ("DATABASE__URL", "postgresql:///x?host=/run/postgresql", "postgresql:///x?host=/run/postgresql"),
        ("REDIS__URL", "rediss://:canary@cache.example:6380/1", "rediss://:canary@cache.example:6380/1"),
    ],
)
def test_a_url_with_a_password_is_kept_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, kept: str
) -> None:
    monkeypatch.setenv(f"DREAMFLOW_{name}", url)
    settings = Settings.from_env()
    secret = settings.database.url or settings.redis.url
    assert secret is not None
    assert secret.get_secret_value() == kept
    assert "example" not in repr(settings) + settings.model_dump_json()


def test_a_failpoint_is_one_of_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMFLOW_FAILPOINT", "outbox.sent")
    assert Settings.from_env().failpoint == "outbox.sent"
    monkeypatch.setenv("DREAMFLOW_FAILPOINT", "outbox.send")
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env()
    assert all(place in str(refusal.value) for place in PLACES)


def test_brokers_are_one_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMFLOW_KAFKA__BOOTSTRAP", "a.example:9092, [::1]:9092")
    assert Settings.from_env().kafka.bootstrap == "a.example:9092, [::1]:9092"


@pytest.mark.parametrize("url", ["https://a.klaviyo.com", "http://127.0.0.1:8025", "http://[::1]:8025"])
def test_the_key_goes_over_https_or_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DREAMFLOW_KLAVIYO__BASE_URL", url)
    assert Settings.from_env().klaviyo.base_url == url


GOOD = {"issuer": "https://i.example", "audience": "dreamflow", "jwks_url": "https://i.example/jwks"}


@pytest.mark.parametrize(
    ("issuers", "told"),
    [
        ([{**GOOD, "jwks_url": "http://canary.example/jwks"}], "ISSUERS__0: .*jwks_url: .*https"),
        ([GOOD, {**GOOD, "role_claim": "user_metadata.canary"}], "ISSUERS__1: .*role_claim: .*cannot edit"),
        ([{**GOOD, "jwks_url": None}], "ISSUERS__0: .*jwks_url or hs256_secret"),
        ([{**GOOD, "algorithm": "canary"}], "ISSUERS__0: .*algorithm: .*ES256, RS256 or HS256"),
        ([{**GOOD, "issuer": "", "max_age_seconds": 0}], "ISSUERS__0: .*issuer: .*max_age_seconds: .*positive"),
        ([GOOD, {**GOOD, "audience": "canary"}], "ISSUERS: .*only once"),
    ],
)
def test_an_issuer_that_cannot_be_believed_is_named_with_its_fields(
    monkeypatch: pytest.MonkeyPatch, issuers: list[dict[str, object]], told: str
) -> None:
    monkeypatch.setenv("DREAMFLOW_IDENTITY__ISSUERS", json.dumps(issuers))
    with pytest.raises(SettingsError, match=f"DREAMFLOW_IDENTITY__{told}") as refusal:
        Settings.from_env()
    assert "canary" not in str(refusal.value)
    assert "public_jwks" not in str(refusal.value)


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMFLOW_HTTP__PORT", "-1")
    monkeypatch.setenv("DREAMFLOW_LOG__LEVEL", "LOUD")
    with pytest.raises(SettingsError, match=r"DREAMFLOW_HTTP__PORT.*DREAMFLOW_LOG__LEVEL"):
        Settings.from_env()


def test_no_secret_shows_where_the_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMFLOW_KLAVIYO__API_KEY", CANARY)
    issuer = '{"issuer": "https://i.example", "audience": "dreamflow", "hs256_secret": "' + CANARY + '"}'
    monkeypatch.setenv("DREAMFLOW_IDENTITY__ISSUERS", f"[{issuer}]")
    settings = Settings.from_env()
    assert "canary" not in repr(settings) + str(settings) + str(settings.model_dump()) + settings.model_dump_json()
