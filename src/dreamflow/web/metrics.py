"""What Prometheus may read: `/metrics`, and the counting of requests. Counts only: no id, no address, no path."""

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestMetrics:
    """How many requests there were, and how long they took.

    Args:
        registry: where the metrics are collected.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration = Histogram(
            "dreamflow_http_request_duration_seconds",
            "Requests by the pattern of their route.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def __call__(self, method: str, route: str, status_code: int, seconds: float) -> None:
        """Count a request that was answered.

        Args:
            method: as it was sent; what is no method counts as "other".
            route: the pattern, never the path.
            status_code: of the answer.
            seconds: that it took.
        """
        named = method if method in _METHODS else "other"
        self._duration.labels(named, route, str(status_code)).observe(seconds)


@dataclass(frozen=True, slots=True)
class Exposition:
    """What `/metrics` shows, and to whom.

    Attributes:
        registry: has the metrics.
        refresh: brings up to date what is read from elsewhere; does not fail.
        is_public: whether callers from other machines may read it, too.
    """

    registry: CollectorRegistry
    refresh: Callable[[], Awaitable[None]]
    is_public: bool = False


def router(exposition: Exposition) -> APIRouter:
    """`/metrics`, in Prometheus' text format."""
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        if not (exposition.is_public or _is_here(request)):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Metrics are for this machine. See DREAMFLOW_HTTP__METRICS.")
        await exposition.refresh()
        return Response(generate_latest(exposition.registry), media_type=CONTENT_TYPE_LATEST)

    return routes


def _is_here(request: Request) -> bool:
    """Whether the caller is on this machine; behind a proxy on this machine, whom the proxy names."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
