"""The only reader of the environment.

Every setting is `DREAMFLOW_<NAME>`, nested groups with two underscores: `DREAMFLOW_KLAVIYO__API_KEY`.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSource

from dreamflow.identity import IssuerConfig
from dreamflow.kit import urls
from dreamflow.kit.errors import DreamFlowError, Invalid

PREFIX: Final = "DREAMFLOW_"
_KEY: Final = re.compile(r"[!-~]+")  # what a header can carry, without blanks
_ORIGIN: Final = re.compile(r"https?://[\w.:\[\]-]+", re.ASCII)


class SettingsError(DreamFlowError):
    """A setting is unknown or has a value that cannot be used. The message names it, not its value."""

    code = "unusable-setting"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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


class LogSettings(_Group):
    """What is written to stderr."""

    json_lines: bool = True
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class WorkerSettings(_Group):
    """Delivery inside `serve`."""

    embedded: bool = Field(default=True, description="Deliver in the app's process; otherwise run `dreamflow worker`.")
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.2


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
    klaviyo: KlaviyoSettings = KlaviyoSettings()
    identity: IdentitySettings = IdentitySettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    worker: WorkerSettings = WorkerSettings()
    failpoint: str = Field(default="", description="For tests: die at this named place.")

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
