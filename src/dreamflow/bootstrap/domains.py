"""The domains' use cases over one database."""

from dataclasses import dataclass

from aioklaviyo import Klaviyo
from dreamflow.bootstrap.overrides import Overrides
from dreamflow.bootstrap.writer import offline_writer
from dreamflow.families import FamilyService
from dreamflow.families.adapters.sql import SqlFamilyStore
from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import Reach, inert
from dreamflow.outbox.adapters.sql import append
from dreamflow.profiles import ProfileService
from dreamflow.profiles.adapters.klaviyo import KlaviyoProfiles
from dreamflow.stories import StoryService
from dreamflow.stories.adapters.sql import SqlStoryStore
from dreamflow.subscriptions import SubscriptionService
from dreamflow.subscriptions.adapters.sql import SqlSubscriptionStore


@dataclass(frozen=True, slots=True)
class Services:
    """The domains' use cases over one database."""

    families: FamilyService
    subscriptions: SubscriptionService
    stories: StoryService


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
