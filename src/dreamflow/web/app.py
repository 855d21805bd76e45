"""The application: every door of the house on one FastAPI app."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from dreamflow.kit.ids import Ids
from dreamflow.web import health, metrics, middleware, openapi, pages, problems
from dreamflow.web.pages import PageDeps, Pages

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class WebDeps:
    """What the app is made of.

    Attributes:
        api: the domains' routers, mounted below `/api/v1`.
        pages: for the parent's and the operator's pages.
        readiness: whether the app should get requests.
        exposition: what `/metrics` shows.
        count: told of each request.
        ids: for request ids.
        version: shown in `/openapi.json`.
    """

    api: Sequence[APIRouter]
    pages: PageDeps
    readiness: health.Readiness
    exposition: metrics.Exposition
    count: middleware.Count
    ids: Ids
    version: str


def create_app(deps: WebDeps) -> FastAPI:
    """Put the doors together."""
    app = FastAPI(
        title="Dream Flow",
        version=deps.version,
        summary="Tonight's bedtime story, with its reasons.",
        description="Errors are problem documents (RFC 9457): they name the field and the reason, never the value.",
        docs_url=None,
        redoc_url=None,
    )
    shown = Pages(deps.pages)
    problems.install(app, shown.trouble)
    app.add_middleware(
        middleware.Envelope, ids=deps.ids, count=deps.count, is_ending=lambda: deps.readiness.is_draining
    )
    for router in deps.api:
        app.include_router(router, prefix=API)
    app.include_router(health.router(deps.readiness))
    app.include_router(metrics.router(deps.exposition))
    app.include_router(pages.router(shown))
    openapi.describe_errors(app, API)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


def create_probes(readiness: health.Readiness, exposition: metrics.Exposition, ids: Ids) -> FastAPI:
    """The door of a process that serves nobody: `/livez`, `/readyz` and `/metrics`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    problems.install(app)
    app.add_middleware(middleware.Envelope, ids=ids)
    app.include_router(health.router(readiness))
    app.include_router(metrics.router(exposition))
    return app
