"""The composition root: the only place that names concrete classes.

async with build(settings, overrides) as house:
await serve(house.app)
"""

import random
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector
from sqlalchemy import Connection

from aioklaviyo import CredentialsRejected, Klaviyo, KlaviyoError, NotFound, RedisPacing
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
from dreamflow.kit.db import (
    Database,
    DatabaseUnavailable,
    PostgresDatabase,
    Revisions,
    SqliteDatabase,
    migrate,
    refusal_reason,
    require_current,
    require_ready,
    revisions,
)
from dreamflow.kit.errors import DreamFlowError, Unavailable
from dreamflow.kit.failpoints import Reach, inert, kill_at
from dreamflow.kit.ids import Ids, RandomIds
from dreamflow.kit.private_file import UnusablePrivateFile
from dreamflow.outbox import DeadLetterService, DeliveryService, Limits, MirrorUnavailable, Received, Upkeep
from dreamflow.outbox.adapters.klaviyo import KlaviyoReceived, KlaviyoSink
from dreamflow.outbox.adapters.metrics import DeliveryMetrics, StandingMetrics
from dreamflow.outbox.adapters.sql import (
    SqlDeadLetters,
    SqlDeliveries,
    SqlJournal,
    SqlLeases,
    SqlSchedule,
    SqlSettled,
    Standing,
    Subscriber,
    append,
    standing_of,
)
from dreamflow.outbox.adapters.sql.leasing import RELAY
from dreamflow.outbox.adapters.sql.relaying import SqlPointed, SqlRelay
from dreamflow.outbox.ports import Intake
from dreamflow.outbox.service.relay import RelayService
from dreamflow.outbox.service.retention import Retention
from dreamflow.outbox.service.schedule import Handler, ScheduleService
from dreamflow.outbox.service.subscribers import SubscriberService
from dreamflow.outbox.service.upkeep import BooksAudit, chores
from dreamflow.profiles import ProfileService
from dreamflow.profiles.adapters.klaviyo import KlaviyoProfiles
from dreamflow.settings import RedisSettings, Settings
from dreamflow.stories import Content, StoryService, Writer
from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.adapters.sql import SqlStoryStore
from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.http import StoryDeps
from dreamflow.stories.http import router as story_router
from dreamflow.subscriptions import SubscriptionService
from dreamflow.subscriptions.adapters.sql import SqlSubscriptionStore
from dreamflow.web.app import WebDeps, create_app
from dreamflow.web.health import Check, Readiness
from dreamflow.web.metrics import Exposition, RequestMetrics
from dreamflow.web.pages import PageDeps, Personas
from dreamflow.web.sessions import Sessions

if TYPE_CHECKING:
    from dreamflow.outbox.adapters.kafka import KafkaCluster

SUBSCRIBERS: tuple[Subscriber, ...] = ()
"""Who reads the journal: each is given every entry once, in order, by whichever worker is free."""
HANDLERS: Mapping[str, Handler] = {}
"""Who does what was scheduled, by the name of the job."""

DATABASE = "dreamflow.sqlite"
MIGRATIONS = "dreamflow:migrations"
_ACCOUNT_DEADLINE_SECONDS = 1.5
SESSION_KEY = "session.key"
SESSION_KEY_BYTES = 32


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


class CannotOpen(DreamFlowError):
    """What the settings name cannot be used. The message says why, without a word of a URL."""

    code = "cannot-open"


class NotInstalled(DreamFlowError):
    """The settings ask for a part whose package is missing. The message names the extra that brings it."""

    code = "not-installed"


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
        received: what the account has, read back from it.
    """

    client: Klaviyo
    worker: DeliveryService
    received: Received

    async def account_name(self) -> str:
        """Whose account this is, or why that is not known; bedtime does not depend on it."""
        try:
            return await _account_name(self.client)
        except KlaviyoError as error:
            return f"not reached ({type(error).__name__}); what is to be sent waits"

    async def delivers(self) -> None:
        """See that the worker of this process is alive to the others.

        Raises:
            Unavailable: its lease has run out, or it has none yet.
        """
        if not self.worker.lease.is_held:
            raise Unavailable("The worker of this process holds no lease.")


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
async def connected(settings: Settings) -> AsyncGenerator[Database]:
    """The database of the settings as it is: nothing is migrated, and nothing is asked of it.

    Raises:
        NotInstalled: the driver is missing.
    """
    url = settings.database.url
    database = SqliteDatabase(settings.state_dir / DATABASE) if url is None else _postgres(url.get_secret_value())
    try:
        yield database
    finally:
        await database.aclose()


async def upgrade(settings: Settings) -> Revisions:
    """Bring the database to this version's schema, and say which one it had.

    Raises:
        CannotOpen: it cannot be used.
        SchemaTooNew: it was written by a newer version; it is left as it is.
    """

    def write(connection: Connection) -> Revisions:
        found = revisions(connection, MIGRATIONS)
        migrate(connection, MIGRATIONS)
        return found

    async with connected(settings) as database:
        with _explained():
            return await database.write(write)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncGenerator[Database]:
    if settings.database.url is None:
        async with open_database(settings.state_dir) as database:
            yield database
        return
    async with connected(settings) as database:
        with _explained():
            await database.read(lambda connection: require_current(connection, MIGRATIONS))
        yield database


def _postgres(url: str) -> Database:
    try:
        return PostgresDatabase(url)
    except ModuleNotFoundError:
        raise NotInstalled("PostgreSQL needs the package psycopg: pip install 'dreamflow[postgres]'") from None
    except ValueError:
        # Its message may quote the password.
        raise CannotOpen("DREAMFLOW_DATABASE__URL is not postgresql://USER:PASSWORD@HOST:PORT/NAME") from None


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except DatabaseUnavailable as error:
        # Whoever starts the program can mend it, and needs to know what is wrong.
        raise CannotOpen(
            f"The database cannot be used: {refusal_reason(error)}. See DREAMFLOW_DATABASE__URL."
        ) from None


@asynccontextmanager
async def dead_letters(settings: Settings, clock: Clock | None = None) -> AsyncGenerator[DeadLetterService]:
    """The operator's commands on the configured database. A missing file is not made: its folder may be mistyped.

    Raises:
        CannotOpen: there is none, or it cannot be used.
        NotInstalled: the driver is missing.
        SchemaTooNew, SchemaTooOld: it is another version's.
    """
    if settings.database.url is None and not (settings.state_dir / DATABASE).exists():
        raise CannotOpen(f"There is no database in {settings.state_dir} yet. See DREAMFLOW_STATE_DIR.")
    async with _database(settings) as database:
        yield DeadLetterService(SqlDeadLetters(database), clock or SystemClock())


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
        SchemaTooOld: it is PostgreSQL, and was not migrated to this version.
        CannotOpen: it cannot be used.
        NotInstalled: a package is missing for what the settings ask for.
        UnusablePrivateFile: a key file can be read by others, or holds something else.
    """
    overrides = overrides or Overrides()
    reach = kill_at(settings.failpoint) if settings.failpoint else inert
    async with AsyncExitStack() as stack:
        session_key = _session_key(settings.state_dir / SESSION_KEY)
        database = await stack.enter_async_context(_database(settings))
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
        deliveries = SqlDeliveries(database, overrides.ids, reach=reach)
        registry, standing = await _metrics(database, overrides.clock, wall_clock, stack)
        observer = DeliveryMetrics(registry, standing.learn)
        upkeep = _upkeep(settings, overrides, database, BooksAudit(deliveries, observer), reach)
        mirror = None
        if klaviyo is not None:
            worker = DeliveryService(
                store=deliveries,
                leases=SqlLeases(database, is_shared_out=settings.kafka.bootstrap is not None, reach=reach),
                sink=KlaviyoSink(klaviyo),
                gate=uses.families,
                clock=overrides.clock,
                rng=overrides.rng,
                wall_clock=wall_clock,
                lease_seconds=settings.worker.lease_seconds,
                limits=Limits(bulk_from=settings.worker.bulk_from, events=settings.worker.bulk_limit),
                observer=observer,
                intake=_intake(settings, database, overrides.rng, reach),
                reach=reach,
            )
            stack.push_async_callback(worker.aclose)
            mirror = Mirror(klaviyo, worker, KlaviyoReceived(klaviyo))
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
        readiness = Readiness(await _writes(database))
        exposition = Exposition(registry, standing.refresh, is_public=settings.http.metrics == "anybody")
        yield House(
            app=_app(identity, uses, pages, readiness, exposition),
            database=database,
            services=uses,
            deliveries=deliveries,
            upkeep=upkeep,
            mirror=mirror,
            readiness=readiness,
            exposition=exposition,
        )


def _upkeep(settings: Settings, overrides: Overrides, database: Database, audit: BooksAudit, reach: Reach) -> Upkeep:
    clock, rng = overrides.clock, overrides.rng
    retention = Retention(SqlSettled(database, reach=reach), settings.outbox.keep_days, clock)
    chosen = chores(retention, audit)
    schedule = ScheduleService(SqlSchedule(database), HANDLERS, chosen, clock=clock, rng=rng, reach=reach)
    return Upkeep(schedule, SubscriberService(SqlJournal(database, SUBSCRIBERS, reach=reach), rng))


def _app(
    identity: IdentityService, uses: Services, pages: PageDeps, readiness: Readiness, exposition: Exposition
) -> FastAPI:
    caller = caller_dependency(identity)
    return create_app(
        WebDeps(
            api=(
                family_router(FamilyDeps(uses.families, caller, pages.clock)),
                story_router(StoryDeps(uses.stories, family_dependency(uses.families, caller), pages.clock)),
            ),
            pages=pages,
            readiness=readiness,
            exposition=exposition,
            count=RequestMetrics(exposition.registry),
            ids=pages.ids,
            version=__version__,
        )
    )


async def _writes(database: Database) -> Check:
    """Whether the database takes writes, in the schema it has now."""
    schema = await database.read(lambda connection: revisions(connection, MIGRATIONS))

    async def writes() -> None:
        await database.write(lambda connection: require_ready(connection, schema.head))

    return writes


async def _metrics(
    database: Database, clock: Clock, wall_clock: Clock, stack: AsyncExitStack
) -> tuple[CollectorRegistry, StandingMetrics]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    async def read() -> Standing:
        return await database.read(lambda connection: standing_of(connection, wall_clock.now()))

    standing = StandingMetrics(registry, read, clock, time.monotonic)
    stack.push_async_callback(standing.aclose)
    return registry, standing


def _session_key(path: Path) -> bytes:
    key = private_file.load_or_create(path, lambda: secrets.token_bytes(SESSION_KEY_BYTES))
    if len(key) != SESSION_KEY_BYTES:
        raise UnusablePrivateFile(f"{path} is not a key of this program. Delete the file and a new one is made.")
    return key


async def account_name(settings: Settings) -> str:
    """Whose Klaviyo account the key of the settings opens.

    Raises:
        CannotOpen: Klaviyo refuses the key, or there is no Klaviyo at the address.
        MirrorUnavailable: Klaviyo does not answer as it should; that may pass.
    """
    async with AsyncExitStack() as stack:
        alone = settings.model_copy(update={"redis": RedisSettings()})  # it is only one question
        klaviyo = await _klaviyo(alone, stack)
        if klaviyo is None:
            raise CannotOpen("DREAMFLOW_KLAVIYO__API_KEY is not set.")
        try:
            return await _account_name(klaviyo)
        except (CredentialsRejected, NotFound) as error:
            raise CannotOpen(f"Klaviyo answers {error.status}.") from None
        except KlaviyoError as error:
            raise MirrorUnavailable(f"Klaviyo does not answer ({type(error).__name__}).") from None


async def _account_name(klaviyo: Klaviyo) -> str:
    account = await klaviyo.accounts.get(deadline_seconds=_ACCOUNT_DEADLINE_SECONDS)
    contact = account.contact_information
    return (contact and contact.organization_name) or account.id


async def _klaviyo(settings: Settings, stack: AsyncExitStack) -> Klaviyo | None:
    key = settings.klaviyo.api_key
    if key is None:
        return None
    return await stack.enter_async_context(
        Klaviyo(
            api_key=key.get_secret_value(),
            base_url=settings.klaviyo.base_url,
            timeout_seconds=settings.klaviyo.timeout_seconds,
            pacing=_shared_pacing(settings, key.get_secret_value(), stack),
        )
    )


def _shared_pacing(settings: Settings, key: str, stack: AsyncExitStack) -> RedisPacing | None:
    """What keeps Klaviyo's limits together with other processes; none: each process keeps them alone."""
    url = settings.redis.url
    if url is None:
        return None
    account = sha256(f"{settings.klaviyo.base_url} {key}".encode()).hexdigest()
    try:
        pacing = RedisPacing(url.get_secret_value(), account=account)
    except ModuleNotFoundError:
        raise NotInstalled("DREAMFLOW_REDIS__URL needs the package redis: pip install 'dreamflow[redis]'") from None
    except ValueError:
        raise CannotOpen("DREAMFLOW_REDIS__URL is not redis://HOST:PORT/0") from None
    stack.push_async_callback(pacing.aclose)
    return pacing


@asynccontextmanager
async def relay(settings: Settings, *, again: bool = False) -> AsyncGenerator[RelayService]:
    """What publishes the waiting deliveries of the configured database to Kafka.

    Args:
        settings: of database and Kafka.
        again: begin with the oldest that waits, though it was published before.

    Raises:
        CannotOpen: no Kafka is configured, or the database cannot be used.
        NotInstalled: a package is missing.
        SchemaTooNew, SchemaTooOld: the database is another version's.
    """
    cluster = _kafka(settings)
    if cluster is None:
        raise CannotOpen("There is nothing to publish to. Set DREAMFLOW_KAFKA__BOOTSTRAP to HOST:PORT of some brokers.")
    from dreamflow.outbox.adapters.kafka import KafkaPublisher  # noqa: PLC0415 - an extra

    reach = kill_at(settings.failpoint) if settings.failpoint else inert
    async with _database(settings) as database:
        yield RelayService(
            store=SqlRelay(database),
            leases=SqlLeases(database, RELAY, partitions=1, reach=reach),
            publisher=KafkaPublisher(cluster),
            rng=random.SystemRandom(),
            lease_seconds=settings.worker.lease_seconds,
            again=again,
            reach=reach,
        )


def _kafka(settings: Settings) -> "KafkaCluster | None":
    """Where Kafka is; none: the leases of the database share the deliveries out."""
    kafka = settings.kafka
    if kafka.bootstrap is None:
        return None
    try:
        from dreamflow.outbox.adapters.kafka import KafkaCluster  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise NotInstalled(
            "DREAMFLOW_KAFKA__BOOTSTRAP needs the package aiokafka: pip install 'dreamflow[kafka]'"
        ) from None
    return KafkaCluster(
        bootstrap=kafka.bootstrap,
        topic=kafka.topic,
        group=kafka.group,
        replication=kafka.replication,
        session_seconds=settings.worker.lease_seconds,
    )


def _intake(settings: Settings, database: Database, rng: random.Random, reach: Reach) -> Intake | None:
    cluster = _kafka(settings)
    if cluster is None:
        return None
    from dreamflow.outbox.adapters.kafka import KafkaIntake  # noqa: PLC0415 - an extra

    return KafkaIntake(cluster, SqlPointed(database), rng, reach=reach)
