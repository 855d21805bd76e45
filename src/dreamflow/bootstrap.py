"""The composition root: the only place that names concrete classes.

async with build(settings, overrides) as house:
await serve(house.app)
"""

import random
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import Connection, text

from aioklaviyo import Klaviyo, KlaviyoError
from dreamflow._version import __version__
from dreamflow.families import FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.families.http import FamilyDeps, family_dependency
from dreamflow.families.http import router as family_router
from dreamflow.identity import IdentityService, IssuerConfig
from dreamflow.identity.adapters.jwks import AiohttpJwks
from dreamflow.identity.http import caller_dependency
from dreamflow.kit import private_file
from dreamflow.kit.clock import Clock, SystemClock
from dreamflow.kit.db import Database, SqliteDatabase, migrate
from dreamflow.kit.failpoints import Reach, inert, kill_at
from dreamflow.kit.ids import Ids, RandomIds
from dreamflow.kit.private_file import UnusablePrivateFile
from dreamflow.outbox import DeliveryService, Received
from dreamflow.outbox.adapters.klaviyo import KlaviyoReceived, KlaviyoSink
from dreamflow.outbox.adapters.sql import SqlDeliveries, append
from dreamflow.profiles import ProfileService
from dreamflow.profiles.adapters.klaviyo import KlaviyoProfiles
from dreamflow.settings import Settings
from dreamflow.stories import Content, StoryService, Writer
from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.adapters.sql import SqlStoryStore
from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.http import StoryDeps
from dreamflow.stories.http import router as story_router
from dreamflow.subscriptions import SubscriptionService
from dreamflow.subscriptions.adapters.sql import SqlSubscriptionStore
from dreamflow.web.app import WebDeps, create_app
from dreamflow.web.pages import PageDeps, Personas
from dreamflow.web.sessions import Sessions

DATABASE = "dreamflow.sqlite"
MIGRATIONS = "dreamflow:migrations"
_ACCOUNT_DEADLINE_SECONDS = 3.0
_SESSION_KEY_BYTES = 32


def _fresh_seed() -> int:
    return secrets.randbits(62)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a demo, a simulation or a test brings along instead of the defaults.

    Attributes:
        clock: the house's time; tokens always live by the machine's.
        ids: for everything new.
        seeds: one for each story.
        rng: for jitter.
        issuers: believed in addition to those of the settings.
        personas: shown on the sign-in page.
    """

    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    seeds: Callable[[], int] = _fresh_seed
    rng: random.Random = field(default_factory=random.SystemRandom)
    issuers: tuple[IssuerConfig, ...] = ()
    personas: Personas | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """The domains' use cases over one database."""

    families: FamilyService
    subscriptions: SubscriptionService
    stories: StoryService


@dataclass(frozen=True, slots=True)
class Mirror:
    """The Klaviyo account that is kept in step.

    Attributes:
        worker: sends what waits.
        worker_turn: file of the one worker's turn: two on one database would send twice and lose the order.
        received: what the account has, read back from it.
    """

    client: Klaviyo
    worker: DeliveryService
    worker_turn: Path
    received: Received

    async def account_name(self) -> str:
        """Whose account this is, or why that is not known; bedtime does not depend on it."""
        try:
            account = await self.client.accounts.get(deadline_seconds=_ACCOUNT_DEADLINE_SECONDS)
        except KlaviyoError as error:
            return f"not reached ({type(error).__name__}); what is to be sent waits"
        contact = account.contact_information
        return (contact and contact.organization_name) or account.id


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs, ready to be served.

    Attributes:
        mirror: none when Klaviyo is not configured; then what would be sent waits.
    """

    app: FastAPI
    database: Database
    services: Services
    deliveries: SqlDeliveries
    mirror: Mirror | None


@asynccontextmanager
async def open_database(state_dir: Path, *, durable: bool = True) -> AsyncGenerator[Database]:
    """The state's database, brought to this version's schema.

    Raises:
        SchemaTooNew: it was written by a newer version; it is left as it is.
    """
    database = SqliteDatabase(state_dir / DATABASE, durable=durable)
    try:
        await database.write(lambda connection: migrate(connection, MIGRATIONS))
        yield database
    finally:
        await database.aclose()


def services(
    database: Database,
    overrides: Overrides,
    *,
    klaviyo: Klaviyo | None = None,
    profile_budget_seconds: float = 0.8,
    simulated: bool = False,
    reach: Reach = inert,
) -> Services:
    """The use cases over a database.

    Args:
        database: open and migrated.
        overrides: clock, ids and seeds.
        klaviyo: where profile hints come from; none means no hints.
        profile_budget_seconds: the longest a story waits for hints.
        simulated: mark everything that happens here as made up.
        reach: failpoints.
    """
    clock, ids = overrides.clock, overrides.ids
    families = FamilyService(SqlFamilyStore(database, append), clock, ids, simulated=simulated)
    writer, content = offline_writer()
    stories = StoryService(
        store=SqlStoryStore(database, append),
        families=families,
        profiles=ProfileService(
            None if klaviyo is None else KlaviyoProfiles(klaviyo), budget_seconds=profile_budget_seconds
        ),
        writer=writer,
        content=content,
        clock=clock,
        ids=ids,
        seeds=overrides.seeds,
        simulated=simulated,
        reach=reach,
    )
    subscriptions = SubscriptionService(SqlSubscriptionStore(database, append), clock, ids, simulated=simulated)
    return Services(families, subscriptions, stories)


def offline_writer() -> tuple[Writer, Content]:
    """The default writer and what it tells about."""
    packs = PackLibrary()
    return OfflineWriter(packs), packs


@asynccontextmanager
async def build(settings: Settings, overrides: Overrides | None = None) -> AsyncGenerator[House]:
    """Put the house together; it closes in reverse.

    Raises:
        SchemaTooNew: the database was written by a newer version.
        UnusablePrivateFile: a key file can be read by others, or holds something else.
    """
    overrides = overrides or Overrides()
    reach = kill_at(settings.failpoint) if settings.failpoint else inert
    async with AsyncExitStack() as stack:
        session_key = _session_key(settings.state_dir / "session.key")
        database = await stack.enter_async_context(open_database(settings.state_dir))
        klaviyo = await _klaviyo(settings, stack)
        uses = services(
            database,
            overrides,
            klaviyo=klaviyo,
            profile_budget_seconds=settings.klaviyo.profile_budget_seconds,
            reach=reach,
        )
        wall_clock = SystemClock()
        jwks = await stack.enter_async_context(AiohttpJwks(wall_clock))
        issuers = (*(each.config() for each in settings.identity.issuers), *overrides.issuers)
        identity = IdentityService(issuers, jwks, wall_clock)
        deliveries = SqlDeliveries(database, overrides.ids)
        mirror = None
        if klaviyo is not None:
            worker = DeliveryService(
                store=deliveries,
                sink=KlaviyoSink(klaviyo),
                gate=uses.families,
                clock=overrides.clock,
                rng=overrides.rng,
                reach=reach,
            )
            mirror = Mirror(klaviyo, worker, settings.state_dir / "worker.turn", KlaviyoReceived(klaviyo))
        pages = PageDeps(
            identity=identity,
            families=uses.families,
            stories=uses.stories,
            deliveries=deliveries,
            received=None if mirror is None else mirror.received,
            sessions=Sessions(session_key),
            clock=overrides.clock,
            wall_clock=wall_clock,
            ids=overrides.ids,
            personas=overrides.personas,
        )
        app = _app(database, identity, uses, pages)
        yield House(app=app, database=database, services=uses, deliveries=deliveries, mirror=mirror)


def _app(database: Database, identity: IdentityService, uses: Services, pages: PageDeps) -> FastAPI:
    caller = caller_dependency(identity)

    async def ready() -> None:
        await database.write(_touch)

    return create_app(
        WebDeps(
            api=(
                family_router(FamilyDeps(uses.families, caller, pages.clock)),
                story_router(StoryDeps(uses.stories, family_dependency(uses.families, caller), pages.clock)),
            ),
            pages=pages,
            ready=ready,
            ids=pages.ids,
            version=__version__,
        )
    )


def _touch(connection: Connection) -> None:
    # A write that changes nothing: on a full disk the database still reads.
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def _session_key(path: Path) -> bytes:
    key = private_file.load_or_create(path, lambda: secrets.token_bytes(_SESSION_KEY_BYTES))
    if len(key) != _SESSION_KEY_BYTES:
        raise UnusablePrivateFile(f"{path} is not a key of this program. Delete the file and a new one is made.")
    return key


async def _klaviyo(settings: Settings, stack: AsyncExitStack) -> Klaviyo | None:
    key = settings.klaviyo.api_key
    if key is None:
        return None
    return await stack.enter_async_context(
        Klaviyo(
            api_key=key.get_secret_value(),
            base_url=settings.klaviyo.base_url,
            timeout_seconds=settings.klaviyo.timeout_seconds,
        )
    )
