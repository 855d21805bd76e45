"""What others run: Klaviyo, Redis, Kafka. Each is asked one harmless question."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, cast

from dreamflow.bootstrap import CannotOpen, account_name
from dreamflow.entrypoints.doctor.model import Finding, State
from dreamflow.outbox import MirrorUnavailable
from dreamflow.outbox.rules.partitions import PARTITIONS
from dreamflow.settings import Settings

_SECONDS: Final = 3.0


async def look_at_klaviyo(settings: Settings) -> Finding:
    """Whose account the key opens."""
    if settings.klaviyo.api_key is None:
        return Finding("Klaviyo", State.SKIPPED, "no key is set, so nothing is sent")
    try:
        name = await account_name(settings)
    except CannotOpen as error:
        do = "See DREAMFLOW_KLAVIYO__API_KEY and __BASE_URL; what is to be sent waits."
        return Finding("Klaviyo", State.TROUBLE, str(error).removesuffix("."), do)
    except MirrorUnavailable as error:
        return Finding("Klaviyo", State.WARNING, str(error).removesuffix("."), "What is to be sent waits; look again.")
    return Finding("Klaviyo", State.OK, f"account {name}")


async def look_at_redis(settings: Settings) -> Finding:
    """Whether it answers."""
    url = settings.redis.url
    if url is None:
        return Finding("Redis", State.SKIPPED, "not configured: each process keeps Klaviyo's limits alone")
    try:
        from redis.asyncio import Redis
        from redis.exceptions import AuthenticationError, RedisError
    except ModuleNotFoundError:
        return Finding("Redis", State.TROUBLE, "the package redis is missing", "pip install 'dreamflow[redis]'")
    do = "Bulk sends wait for it. See DREAMFLOW_REDIS__URL."
    connect: Callable[..., Any] = cast("Any", Redis).from_url
    try:
        async with asyncio.timeout(_SECONDS), connect(url.get_secret_value()) as client:
            await cast("Callable[[], Awaitable[object]]", client.ping)()
    except AuthenticationError:
        return Finding("Redis", State.TROUBLE, "it refuses the password", do)
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        return Finding("Redis", State.TROUBLE, f"it does not answer ({type(error).__name__})", do)
    return Finding("Redis", State.OK, "it answers")


async def look_at_kafka(settings: Settings) -> Finding:
    """Whether brokers can be reached, and, where the library is installed, whether the topic is as it should be."""
    bootstrap = settings.kafka.bootstrap
    if bootstrap is None:
        return Finding("Kafka", State.SKIPPED, "not configured: workers share the work out by leases")
    brokers = [each.strip() for each in bootstrap.split(",")]
    reached = await asyncio.gather(*map(_is_reached, brokers))
    says = f"{sum(reached)} of {len(brokers)} brokers can be reached"
    if not any(reached):
        return Finding("Kafka", State.TROUBLE, says, "Nothing is sent without it. See DREAMFLOW_KAFKA__BOOTSTRAP.")
    try:
        from aiokafka.admin import AIOKafkaAdminClient  # pyright: ignore[reportMissingTypeStubs] - it has none
    except ModuleNotFoundError:
        return Finding("Kafka", State.TROUBLE, f"{says}; aiokafka is missing", "pip install 'dreamflow[kafka]'")
    admin = cast("Any", AIOKafkaAdminClient)(bootstrap_servers=brokers, request_timeout_ms=int(_SECONDS * 1000))
    try:
        async with asyncio.timeout(_SECONDS * 2):
            await admin.start()
            topics = await admin.describe_topics()
    except Exception as error:  # noqa: BLE001 - a library's many errors mean one thing here
        return Finding("Kafka", State.TROUBLE, f"{says}; no metadata ({type(error).__name__})")
    finally:
        with suppress(Exception):
            await admin.close()
    return _topic(settings.kafka.topic, topics, says, all_reached=all(reached))


def _topic(name: str, topics: list[dict[str, Any]], says: str, *, all_reached: bool) -> Finding:
    count = next((len(topic["partitions"]) for topic in topics if topic["topic"] == name), None)
    if count is None:
        return Finding("Kafka", State.WARNING, f"{says}; there is no topic {name}", "'dreamflow relay' makes it.")
    says += f"; {name} has {count} partitions"
    if count != PARTITIONS:
        return Finding(
            "Kafka", State.TROUBLE, says, f"It must have {PARTITIONS}: choose another DREAMFLOW_KAFKA__TOPIC."
        )
    return Finding("Kafka", State.OK if all_reached else State.WARNING, says)


async def _is_reached(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    try:
        async with asyncio.timeout(_SECONDS):
            _, line = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    line.close()
    return True
