"""The house: the app with everything behind it."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from dreamflow._version import __version__
from dreamflow.bootstrap.background import Mirror, background
from dreamflow.bootstrap.database import ready_database
from dreamflow.bootstrap.domains import Services, services
from dreamflow.bootstrap.klaviyo import klaviyo_client
from dreamflow.bootstrap.metrics import counted
from dreamflow.bootstrap.overrides import Overrides
from dreamflow.bootstrap.probes import exposition, readiness
from dreamflow.bootstrap.session_key import session_key
from dreamflow.families.http import FamilyDeps, family_dependency
from dreamflow.families.http import router as family_router
from dreamflow.identity import IdentityService
from dreamflow.identity.adapters.jwks import AiohttpJwks
from dreamflow.identity.http import caller_dependency
from dreamflow.kit.clock import SystemClock
from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import armed
from dreamflow.outbox import Upkeep
from dreamflow.outbox.adapters.sql import SqlDeliveries
from dreamflow.settings import Settings
from dreamflow.stories.http import StoryDeps
from dreamflow.stories.http import router as story_router
from dreamflow.web.app import WebDeps, create_app
from dreamflow.web.health import Readiness
from dreamflow.web.metrics import Exposition, RequestMetrics
from dreamflow.web.pages import PageDeps
from dreamflow.web.sessions import Sessions


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs, ready to be served.

    Attributes:
        upkeep: what a worker does beside delivery.
        mirror: none when Klaviyo is not configured; then what would be sent waits.
        readiness: what `/readyz` says.
        exposition: what `/metrics` shows.
    """

    app: FastAPI
    database: Database
    services: Services
    deliveries: SqlDeliveries
    upkeep: Upkeep
    mirror: Mirror | None
    readiness: Readiness
    exposition: Exposition


@asynccontextmanager
async def build(settings: Settings, overrides: Overrides | None = None) -> AsyncGenerator[House]:
    """Put the house together; it closes in reverse.

    Raises:
        SchemaTooNew: the database was written by a newer version.
        SchemaTooOld: it is PostgreSQL, and was not migrated to this version.
        CannotOpen: it cannot be used.
        NotInstalled: a package is missing for what the settings ask for.
        UnusablePrivateFile: a key file can be read by others, or holds something else.
    """
    overrides = overrides or Overrides()
    reach = armed(settings.failpoint)
    wall_clock = SystemClock()
    async with AsyncExitStack() as stack:
        key = session_key(settings.state_dir)
        database = await stack.enter_async_context(ready_database(settings))
        klaviyo = await stack.enter_async_context(klaviyo_client(settings))
        uses = services(
            database,
            overrides,
            klaviyo=klaviyo,
            profile_budget_seconds=settings.klaviyo.profile_budget_seconds,
            reach=reach,
        )
        jwks = await stack.enter_async_context(AiohttpJwks(wall_clock))
        issuers = (*(each.config() for each in settings.identity.issuers), *overrides.issuers)
        identity = IdentityService(issuers, jwks, wall_clock)
        metrics = await stack.enter_async_context(counted(database, overrides.clock, wall_clock))
        beside = await stack.enter_async_context(
            background(
                settings,
                overrides,
                database=database,
                klaviyo=klaviyo,
                gate=uses.families,
                observer=metrics.of_delivery(),
                reach=reach,
            )
        )
        pages = PageDeps(
            identity=identity,
            families=uses.families,
            stories=uses.stories,
            deliveries=beside.deliveries,
            received=None if beside.mirror is None else beside.mirror.received,
            sessions=Sessions(key),
            clock=overrides.clock,
            wall_clock=wall_clock,
            ids=overrides.ids,
            personas=overrides.personas,
        )
        ready = await readiness(database)
        shown = exposition(metrics, is_public=settings.http.metrics == "anybody")
        yield House(
            app=_app(identity, uses, pages, ready, shown),
            database=database,
            services=uses,
            deliveries=beside.deliveries,
            upkeep=beside.upkeep,
            mirror=beside.mirror,
            readiness=ready,
            exposition=shown,
        )


def _app(identity: IdentityService, uses: Services, pages: PageDeps, ready: Readiness, shown: Exposition) -> FastAPI:
    caller = caller_dependency(identity)
    return create_app(
        WebDeps(
            api=(
                family_router(FamilyDeps(uses.families, caller, pages.clock)),
                story_router(StoryDeps(uses.stories, family_dependency(uses.families, caller), pages.clock)),
            ),
            pages=pages,
            readiness=ready,
            exposition=shown,
            count=RequestMetrics(shown.registry),
            ids=pages.ids,
            version=__version__,
        )
    )
