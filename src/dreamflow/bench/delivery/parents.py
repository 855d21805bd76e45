"""An API under test with parents who ask it for stories."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import jwt

from dreamflow.bench.delivery.calling import PATH
from dreamflow.bench.delivery.house import AUDIENCE, ISSUER, SECRET
from dreamflow.bench.repeating import percentile
from dreamflow.bench.subject import PATIENCE_SECONDS, SubjectError
from dreamflow.kit.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamflow.bench.delivery.calling import Call
    from dreamflow.bench.delivery.house import Known

_OPENER: Final = build_opener(ProxyHandler({}))
_CREATED: Final = 201
_LIVES_HOURS: Final = 12


def token(family: Known) -> str:
    """A token of a parent."""
    now = SystemClock().now()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": family.subject,
        "iat": now,
        "exp": now + timedelta(hours=_LIVES_HOURS),
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def is_ready(url: str) -> bool:
    """Whether an API says that it is ready."""
    try:
        with _OPENER.open(f"{url}/readyz", timeout=1) as response:
            return response.status == 200  # noqa: PLR2004 - OK
    except (OSError, HTTPException):
        return False


@dataclass(frozen=True, slots=True)
class Calls:
    """What came of calls."""

    calls: Sequence[Call]

    @property
    def stories(self) -> set[str]:
        """The ids of the stories that were told: they are promised."""
        return {story for _, _, _, story in self.calls if story is not None}

    @property
    def failing_share(self) -> float:
        """Of all calls."""
        return sum(status != _CREATED for _, _, status, _ in self.calls) / max(1, len(self.calls))

    def between(self, begin: float, end: float) -> Calls:
        """Those that were due in a stretch of time, in seconds since 1970."""
        return Calls([call for call in self.calls if begin <= call[0] < end])

    def seconds(self, share: float) -> float:
        """How long it took until so many of the calls were answered. Raises SubjectError if there was none."""
        if not self.calls:
            raise SubjectError("nobody has asked for a story")
        return percentile([seconds for _, seconds, _, _ in self.calls], share)

    def words(self) -> str:
        """How long it took, for a note."""
        if not self.calls:
            return "nobody asked"
        return f"p99 {1000 * self.seconds(0.99):,.0f} ms, median {1000 * self.seconds(0.5):,.0f} ms"


class Parents:
    """Families who ask an API for stories, open loop, in a process of their own, from the start until `end`.

    Args:
        url: of the API; it may be away meanwhile.
        families: who asks, one after the other.
        rate: calls in a second.
    """

    def __init__(self, url: str, families: Sequence[Known], rate: float) -> None:
        command = (sys.executable, "-m", "dreamflow.bench.delivery.calling", "--url", url, "--rate", str(rate))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - of ours
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps([token(family) for family in families]) + "\n")
            self._process.stdin.flush()

    def end(self) -> Calls:
        """Let them ask no more, and tell what came of it."""
        try:
            said, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise SubjectError("those who call did not end") from None
        if self._process.returncode:
            raise SubjectError(f"those who call ended with status {self._process.returncode}")
        return Calls([(due, seconds, status, story) for due, seconds, status, story in json.loads(said)])

    def kill(self) -> None:
        """End them, whatever they have to tell."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)


def until_ready(url: str, seconds: float) -> float:
    """Wait until an API is ready, and answer how many seconds that took. Raises SubjectError if it takes too long."""
    began = time.monotonic()
    while not is_ready(url):
        if time.monotonic() - began > seconds:
            raise SubjectError(f"the API was not ready within {seconds:g} s")
        time.sleep(0.01)
    return time.monotonic() - began


def ask(url: str, family: Known, key: str) -> str | None:
    """Ask for a story, and answer its id; None where no answer came. Raises SubjectError for any other answer."""
    headers = {"Authorization": f"Bearer {token(family)}", "Idempotency-Key": key, "Content-Type": "application/json"}
    request = Request(f"{url}{PATH}", data=b'{"minutes": 4}', headers=headers)  # noqa: S310 - loopback
    try:
        with _OPENER.open(request, timeout=PATIENCE_SECONDS) as response:
            return json.loads(response.read())["id"]
    except HTTPError as error:
        raise SubjectError(f"a story was refused with {error.code}") from None
    except (OSError, HTTPException):
        return None
