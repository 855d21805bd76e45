"""The only reader of the environment.

Every setting is `DREAMFLOW_<NAME>`, nested groups with two underscores: `DREAMFLOW_KLAVIYO__API_KEY`.
"""

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSource

from dreamflow.identity import IssuerConfig
from dreamflow.kit import urls
from dreamflow.kit.errors import DreamFlowError, Invalid
from dreamflow.kit.failpoints import PLACES

PREFIX: Final = "DREAMFLOW_"
_KEY: Final = re.compile(r"[!-~]+")  # what a header can carry, without blanks
_BROKER: Final = re.compile(r"(?:[\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}", re.ASCII)
_ORIGIN: Final = re.compile(r"https?://[\w.:\[\]-]+", re.ASCII)


class SettingsError(DreamFlowError):
    """A setting is unknown or has a value that cannot be used. The message names it, not its value."""

    code = "unusable-setting"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_url(url: str, shape: str, schemes: Collection[str], *, needs_host: bool = True) -> None:
    """See that a URL with a password can be taken apart. What is wrong is said without a word of it.

    Raises:
        ValueError: it cannot.
    """
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in schemes and parts.netloc.count("@") <= 1 and parts.port != 0
    except ValueError:
        is_whole = False
    else:
        is_whole = is_whole and (bool(parts.hostname) or not needs_host)
    if not is_whole:
        raise ValueError(f"give {shape}; what is neither letter nor digit in a password is written as %XX")


class KlaviyoSettings(_Group):
    """The account that is kept in step. Without a key nothing is sent, and what would be sent waits."""

    api_key: SecretStr | None = Field(default=None, description="Private key of the real account (pk_...).")
    base_url: str = Field(default="https://a.klaviyo.com", description="Credentials go here and nowhere else.")
    profile_budget_seconds: Annotated[float, Field(gt=0, le=5)] = 0.8
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not _KEY.fullmatch(key.get_secret_value()):
            raise ValueError("a key is printable ASCII without blanks or line ends")
        return key

    @field_validator("base_url")
    @classmethod
    def _may_have_the_key(cls, url: str) -> str:
        if not (urls.is_safe(url) and _ORIGIN.fullmatch(url)):
            raise ValueError("give https://HOST and nothing behind it (http only on this machine)")
        return url


class IssuerSettings(_Group):
    """One issuer of tokens; see `docs/architecture.md`, "Who is asking"."""

    issuer: str
    audience: str
    jwks_url: str | None = None
    hs256_secret: SecretStr | None = None
    algorithm: str | None = None
    trust_email: bool = False
    role_claim: str | None = None
    max_age_seconds: int | None = None

    def config(self) -> IssuerConfig:
        """The issuer as identity knows it.

        Raises:
            Invalid: the fields do not fit together.
        """
        secret = self.hs256_secret
        return IssuerConfig(
            issuer=self.issuer,
            audience=self.audience,
            jwks_url=self.jwks_url,
            hs256_secret=None if secret is None else secret.get_secret_value(),
            algorithm=self.algorithm,
            trust_email=self.trust_email,
            role_claim=self.role_claim,
            max_age_seconds=self.max_age_seconds,
        )

    @model_validator(mode="after")
    def _can_be_believed(self) -> Self:
        try:
            self.config()
        except Invalid as refused:
            faults = [f"{error.pointer.removeprefix('/')}: {error.detail}" for error in refused.errors]
            raise ValueError(" ".join(faults)) from None
        return self


class IdentitySettings(_Group):
    """Who may vouch for callers."""

    issuers: tuple[IssuerSettings, ...] = ()

    @field_validator("issuers")
    @classmethod
    def _are_different(cls, issuers: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
        if len({each.issuer for each in issuers}) != len(issuers):
            raise ValueError("an issuer may be configured only once")
        return issuers


class HttpSettings(_Group):
    """Where the app listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = Field(
        default=0.5, description="After SIGTERM, how long the door stays open while /readyz already says no."
    )
    metrics: Literal["loopback", "anybody"] = Field(
        default="loopback", description="Who may read /metrics: callers on this machine, or whoever reaches the app."
    )


class LogSettings(_Group):
    """What is written to stderr."""

    json_lines: bool = True
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class DatabaseSettings(_Group):
    """Where everything is kept."""

    url: SecretStr | None = Field(
        default=None, description="postgresql://USER:PASSWORD@HOST:PORT/NAME; without it a file in the state folder."
    )

    @field_validator("url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        long = re.sub("^postgres://", "postgresql://", url.get_secret_value())  # some providers cut it short
        _check_url(long, "postgresql://USER:PASSWORD@HOST:PORT/NAME", {"postgresql"}, needs_host=False)
        return SecretStr(long)


class RedisSettings(_Group):
    """Where processes share what they use of Klaviyo's limits. Without it each keeps them alone."""

    url: SecretStr | None = Field(default=None, description="redis://HOST:PORT/0, or rediss:// over TLS.")

    @field_validator("url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _check_url(url.get_secret_value(), "redis://HOST:PORT/0", {"redis", "rediss"})
        return url


class KafkaSettings(_Group):
    """What shares deliveries out to workers when one database's leases are not to do that."""

    bootstrap: str | None = Field(default=None, description="HOST:PORT of some brokers, with commas between them.")
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=249)] = "dreamflow.deliveries"
    group: Annotated[str, Field(min_length=1, max_length=249)] = "dreamflow-delivery"
    replication: Annotated[int, Field(ge=1, le=15)] | None = Field(
        default=None, description="Copies of a topic that has to be made; none: as many as brokers, up to three."
    )

    @field_validator("bootstrap")
    @classmethod
    def _are_brokers(cls, brokers: str | None) -> str | None:
        if brokers is not None and not all(_BROKER.fullmatch(each.strip()) for each in brokers.split(",")):
            raise ValueError("give HOST:PORT, or several with commas between them")
        return brokers


class WorkerSettings(_Group):
    """Delivery to Klaviyo, inside `serve` or in a `dreamflow worker` of its own."""

    embedded: bool = Field(default=True, description="Deliver in the app's process; otherwise run `dreamflow worker`.")
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.2
    lease_seconds: Annotated[float, Field(ge=0.5, le=600)] = Field(
        default=15.0, description="How long after its last sign of life a worker counts as dead."
    )
    bulk_from: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=10, description="So many waiting events leave in bulk; fewer go one by one."
    )
    bulk_limit: Annotated[int, Field(ge=1, le=1000)] = Field(default=1000, description="Events in one bulk request.")
    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None, description="Where a `dreamflow worker` or `relay` answers /livez, /readyz and /metrics."
    )


class OutboxSettings(_Group):
    """What is kept of deliveries."""

    keep_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        default=30, description="How long a delivery that has ended is kept; then only its count stays."
    )


class Settings(BaseSettings):
    """All settings, checked."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # compose files pass on what is not set as an empty text
        frozen=True,
        extra="forbid",
        env_file=None,
    )

    state_dir: Path = Field(
        default_factory=lambda: user_data_path("dreamflow"), description="Database, keys; created when missing."
    )
    data_dir: Path | None = Field(default=None, description="Data sets that benches measure with; only read.")
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    kafka: KafkaSettings = KafkaSettings()
    klaviyo: KlaviyoSettings = KlaviyoSettings()
    identity: IdentitySettings = IdentitySettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    worker: WorkerSettings = WorkerSettings()
    outbox: OutboxSettings = OutboxSettings()
    failpoint: str = Field(default="", description="For tests: die at this named place.")

    @field_validator("failpoint")
    @classmethod
    def _is_a_place(cls, failpoint: str) -> str:
        if failpoint and failpoint not in PLACES:
            raise ValueError(f"give one of {', '.join(PLACES)}")
        return failpoint

    @classmethod
    def from_env(cls) -> Self:
        """Read the environment once.

        Raises:
            SettingsError: names every setting that is unknown or wrong.
        """
        unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and not _is_known(name.upper()))
        if unknown:
            raise SettingsError(
                "Unknown settings: " + ", ".join(unknown) + ". docs/architecture.md, Settings, lists those there are."
            )
        try:
            return cls()
        except ValidationError as error:
            wrong = [f"{_name(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False)]
            raise SettingsError("Settings that cannot be used: " + "; ".join(wrong)) from None
        except UnreadableSource as error:
            # A group, or a list in it, that is not JSON: the message names the group, its cause quotes the value.
            groups = [_name((name,)) for name in cls.model_fields if f'"{name}"' in str(error)]
            raise SettingsError(f"Settings that cannot be used: {', '.join(groups)}: not JSON") from None


def _is_known(name: str) -> bool:
    head, *rest = name.removeprefix(PREFIX).lower().split("__")
    field = Settings.model_fields.get(head)
    if field is None:
        return False
    group = field.annotation
    if isinstance(group, type) and issubclass(group, _Group):
        return not rest or rest[0] in group.model_fields
    return not rest


def _name(location: tuple[int | str, ...]) -> str:
    return PREFIX + "__".join(str(part).upper() for part in location)
