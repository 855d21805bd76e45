"""The app in a process of its own, with an issuer whose tokens a test can make."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr

from dreamflow.settings import IssuerSettings

SECRET = "a-shared-secret-of-this-test-only-32-bytes"
ISSUER = IssuerSettings(
    issuer="https://issuer.example", audience="dreamflow", hs256_secret=SecretStr(SECRET), trust_email=True
)


def token() -> str:
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER.issuer,
        "aud": ISSUER.audience,
        "sub": "parent-1",
        "email": "parent@families.example",
        "iat": now,
        "exp": now + timedelta(hours=1),
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def settings_of(state: Path, klaviyo_url: str, **more: str) -> dict[str, str]:
    """The environment of a house that believes this issuer."""
    return {
        **os.environ,
        "DREAMFLOW_STATE_DIR": str(state),
        "DREAMFLOW_KLAVIYO__API_KEY": "pk_test",
        "DREAMFLOW_KLAVIYO__BASE_URL": klaviyo_url,
        "DREAMFLOW_HTTP__PORT": "0",
        "DREAMFLOW_IDENTITY__ISSUERS": f'[{{"issuer": "{ISSUER.issuer}", "audience": "{ISSUER.audience}", '
        f'"hs256_secret": "{SECRET}", "trust_email": true}}]',
        **more,
    }


@contextmanager
def app_process(environment: dict[str, str]) -> Generator[tuple[subprocess.Popen[str], str]]:
    """`dreamflow serve` until the block ends or the process does; with its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dreamflow", "serve"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if "Dream Flow is open at" in line:
                break
        else:
            pytest.fail(f"the app ended before it was open; it said:\n{''.join(said)}")
        yield process, said[-1].split()[-1]
    finally:
        process.kill()
        process.communicate()
