"""What Prometheus may read, and who may read it."""

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from dreamflow.kit.ids import SeededIds
from dreamflow.web.app import create_probes
from dreamflow.web.health import Readiness
from dreamflow.web.metrics import Exposition, RequestMetrics

HERE = ("127.0.0.1", 4711)
THERE = ("203.0.113.9", 4711)


class Refreshed:
    """A gauge that is read when somebody looks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauge = Gauge("looks", "How often somebody looked.", registry=self.registry)

    async def refresh(self) -> None:
        self._gauge.inc()


async def scrape(app: FastAPI, client: tuple[str, int] | None) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app, client=client)  # pyright: ignore[reportArgumentType] - a socket may have none
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as visitor:
        return await visitor.get("/metrics")


def probes(*, is_public: bool) -> FastAPI:
    refreshed = Refreshed()
    return create_probes(Readiness(), Exposition(refreshed.registry, refreshed.refresh, is_public), SeededIds(1))


async def test_a_scrape_brings_up_to_date_what_it_shows() -> None:
    app = probes(is_public=False)
    await scrape(app, HERE)
    answer = await scrape(app, HERE)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "looks 2.0" in answer.text.splitlines()


@pytest.mark.parametrize(
    ("client", "is_public", "status"),
    [
        (HERE, False, 200),
        (("::1", 1), False, 200),
        (THERE, False, 403),
        (("a name", 1), False, 403),
        (None, False, 403),
        (THERE, True, 200),
    ],
)
async def test_metrics_are_for_this_machine_unless_they_are_public(
    client: tuple[str, int] | None,
    is_public: bool,  # noqa: FBT001
    status: int,
) -> None:
    answer = await scrape(probes(is_public=is_public), client)
    assert answer.status_code == status
    assert ("looks" in answer.text) == (status == 200)


async def test_the_door_of_a_worker_has_health_and_metrics_and_nothing_else() -> None:
    app = probes(is_public=True)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as visitor:
        found = {path: (await visitor.get(path)).status_code for path in ("/livez", "/readyz", "/", "/openapi.json")}
    assert found == {"/livez": 200, "/readyz": 200, "/": 404, "/openapi.json": 404}


def test_requests_are_counted_by_what_is_known_beforehand() -> None:
    registry = CollectorRegistry()
    count = RequestMetrics(registry)
    count("GET", "/api/v1/stories/{story_id}", 200, 0.02)
    count("Canary", "unmatched", 405, 0.02)
    name = "dreamflow_http_request_duration_seconds_count"
    labels = {"method": "GET", "route": "/api/v1/stories/{story_id}", "status": "200"}
    assert registry.get_sample_value(name, labels) == 1
    assert registry.get_sample_value(name, {"method": "other", "route": "unmatched", "status": "405"}) == 1
