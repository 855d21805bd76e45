"""Klaviyo's client, as the settings want it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256

from aioklaviyo import CredentialsRejected, Klaviyo, KlaviyoError, NotFound, RedisPacing
from dreamflow.bootstrap.errors import CannotOpen, NotInstalled
from dreamflow.outbox import MirrorUnavailable
from dreamflow.settings import RedisSettings, Settings

_ACCOUNT_DEADLINE_SECONDS = 1.5


@asynccontextmanager
async def klaviyo_client(settings: Settings) -> AsyncGenerator[Klaviyo | None]:
    """The client; none without a key.

    Raises:
        CannotOpen: the address of Redis cannot be read.
        NotInstalled: limits are to be shared through Redis, and its package is missing.
    """
    if settings.klaviyo.api_key is None:
        yield None
        return
    key = settings.klaviyo.api_key.get_secret_value()
    pacing = _shared_pacing(settings, key)
    try:
        async with Klaviyo(
            api_key=key,
            base_url=settings.klaviyo.base_url,
            timeout_seconds=settings.klaviyo.timeout_seconds,
            pacing=pacing,
        ) as client:
            yield client
    finally:
        if pacing is not None:
            await pacing.aclose()


async def account_name(settings: Settings) -> str:
    """Whose Klaviyo account the key of the settings opens.

    Raises:
        CannotOpen: Klaviyo refuses the key, or there is no Klaviyo at the address.
        MirrorUnavailable: Klaviyo does not answer as it should; that may pass.
    """
    alone = settings.model_copy(update={"redis": RedisSettings()})  # it is only one question
    async with klaviyo_client(alone) as client:
        if client is None:
            raise CannotOpen("DREAMFLOW_KLAVIYO__API_KEY is not set.")
        try:
            return await account_name_of(client)
        except (CredentialsRejected, NotFound) as error:
            raise CannotOpen(f"Klaviyo answers {error.status}.") from None
        except KlaviyoError as error:
            raise MirrorUnavailable(f"Klaviyo does not answer ({type(error).__name__}).") from None


async def account_name_of(client: Klaviyo) -> str:
    """The name of the organisation, or the account's id.

    Raises:
        KlaviyoError: as the client does.
    """
    account = await client.accounts.get(deadline_seconds=_ACCOUNT_DEADLINE_SECONDS)
    contact = account.contact_information
    return (contact and contact.organization_name) or account.id


def _shared_pacing(settings: Settings, key: str) -> RedisPacing | None:
    """What keeps Klaviyo's limits together with other processes; none: each process keeps them alone."""
    url = settings.redis.url
    if url is None:
        return None
    account = sha256(f"{settings.klaviyo.base_url} {key}".encode()).hexdigest()
    try:
        return RedisPacing(url.get_secret_value(), account=account)
    except ModuleNotFoundError:
        raise NotInstalled("DREAMFLOW_REDIS__URL needs the package redis: pip install 'dreamflow[redis]'") from None
    except ValueError:
        raise CannotOpen("DREAMFLOW_REDIS__URL is not redis://HOST:PORT/0") from None
