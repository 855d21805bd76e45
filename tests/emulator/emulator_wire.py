"""What the emulator's tests share: a clock to set, a plain HTTP client, and bodies."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from hypothesis import HealthCheck, settings
from klaviyo_api import KlaviyoAPI

from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)
NOON_SECONDS = 1_795_176_000
HEADERS = {"Authorization": "Klaviyo-API-Key pk_test", "revision": "2026-07-15"}
JSON_API = "application/vnd.api+json"
SPECIFICATION = Path(__file__).parents[2] / "../shared/klaviyo-openapi/stable-2026-07-15.json"


REPEATABLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Wire:
    """A client that adds nothing of its own but the headers every request needs."""

    def __init__(self, url: str) -> None:
        # Without TLS there is nothing to verify, and to read all that the machine trusts takes longer than most tests.
        self.client = httpx2.Client(base_url=url, headers=HEADERS, timeout=30, verify=False)

    def get(self, path: str, headers: Any = None, **parameters: Any) -> httpx2.Response:
        return self.client.get(path, params=parameters, headers=headers)

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": JSON_API, **options.pop("headers", {})}
        return self.client.request(method, path, content=content, headers=headers, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        return self.send("POST", path, body, **options)

    def all_pages(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """Every resource of a listing, by following `next` as a client has to."""
        found: list[dict[str, Any]] = []
        page = self.get(path, **parameters)
        while True:
            assert page.status_code == 200, page.text
            found += page.json()["data"]
            following = page.json()["links"]["next"]
            if following is None:
                return found
            page = self.client.get(following.removeprefix("https://a.klaviyo.com"))


@contextmanager
def served(**settings: Any) -> Iterator[Served]:
    """A running emulator with a clock that stands still, and a client of it."""
    clock = settings.setdefault("clock", SetClock())
    with running_emulator(EmulatorConfig(**settings)) as running:
        wire = Wire(running.url)
        try:
            yield Served(running, wire, clock)
        finally:
            wire.client.close()


class Served:
    """An emulator, its clock, and its clients."""

    def __init__(self, running: Any, wire: Wire, clock: Any) -> None:
        self.url: str = running.url
        self.emulator = running.emulator
        self.wire = wire
        self.clock = clock

    def sdk(self, key: str = "pk_test") -> Any:
        """The official SDK, told not to repeat what fails; its methods have no types."""
        return KlaviyoAPI(key, max_retries=1, max_delay=1, test_host=self.url)


def profile_body(identifier: Any = None, meta: Any = None, **attributes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "profile", "attributes": attributes}
    if identifier is not None:
        data["id"] = identifier
    if meta is not None:
        data["meta"] = meta
    return {"data": data}


def event_attributes(metric: str = "Story Generated", properties: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "properties": {} if properties is None else properties,
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        **more,
    }


def event_body(email: str = "kim@example.org", profile: Any = None, **more: Any) -> dict[str, Any]:
    attributes = event_attributes(**more)
    attributes["profile"] = (profile_body(email=email)) if profile is None else profile
    return {"data": {"type": "event", "attributes": attributes}}


def bulk_body(*entries: tuple[dict[str, Any], list[dict[str, Any]]]) -> dict[str, Any]:
    data = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": profile,
                "events": {"data": [{"type": "event", "attributes": attributes} for attributes in events]},
            },
        }
        for profile, events in entries
    ]
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": data}}}}


def error_of(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The one error of a response, whose shape is checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == JSON_API
    (error,) = response.json()["errors"]
    assert {"id", "code", "title", "detail", "source", "status"} <= error.keys()
    assert error["status"] == status
    assert len(error["source"]) == 1
    return error
