"""Kafka, where the settings name brokers; its library is an extra."""

import random
from typing import TYPE_CHECKING

from dreamflow.bootstrap.errors import NotInstalled
from dreamflow.kit.db import Database
from dreamflow.kit.failpoints import Reach
from dreamflow.outbox.adapters.sql.relaying import SqlPointed
from dreamflow.outbox.ports import Intake, Publisher
from dreamflow.settings import Settings

if TYPE_CHECKING:
    from dreamflow.outbox.adapters.kafka import KafkaCluster


def intake(settings: Settings, database: Database, rng: random.Random, reach: Reach) -> Intake | None:
    """A worker's end of the log; none: the leases of the database share the deliveries out.

    Raises:
        NotInstalled: the package is missing.
    """
    cluster = _cluster(settings)
    if cluster is None:
        return None
    from dreamflow.outbox.adapters.kafka import KafkaIntake  # noqa: PLC0415 - an extra

    return KafkaIntake(cluster, SqlPointed(database), rng, reach=reach)


def publisher(settings: Settings) -> Publisher | None:
    """The relay's end of the log; none without brokers.

    Raises:
        NotInstalled: the package is missing.
    """
    cluster = _cluster(settings)
    if cluster is None:
        return None
    from dreamflow.outbox.adapters.kafka import KafkaPublisher  # noqa: PLC0415 - an extra

    return KafkaPublisher(cluster)


def _cluster(settings: Settings) -> "KafkaCluster | None":
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
