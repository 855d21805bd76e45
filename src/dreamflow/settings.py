"""The only reader of the environment.

Every setting is `DREAMFLOW_<NAME>`, nested groups with two underscores: `DREAMFLOW_KLAVIYO__API_KEY`.
"""

import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSource

PREFIX: Final = "DREAMFLOW_"


class SettingsError(Exception):
    """A setting is unknown or has a value that cannot be used. The message names it, not its value."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KlaviyoSettings(_Group):
    """The account that is kept in step. Without a key nothing is sent, and what would be sent waits."""

    api_key: SecretStr | None = Field(default=None, description="Private key of the real account (pk_...).")
    base_url: str = Field(
        default="https://a.klaviyo.com",
        pattern=r"^https?://[^/]+$",
        description="Credentials go here and nowhere else.",
    )
    profile_budget_seconds: Annotated[float, Field(gt=0, le=5)] = 0.8
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0


class IssuerSettings(_Group):
    """One issuer of tokens; see `docs/architecture.md`, "Who is asking"."""

    issuer: str
    audience: str
    jwks_url: str | None = None
    hs256_secret: SecretStr | None = None
    algorithms: tuple[str, ...] = ()
    trust_email: bool = False
    role_claim: str | None = None
    max_age_seconds: int | None = None


class IdentitySettings(_Group):
    """Who may vouch for callers."""

    issuers: tuple[IssuerSettings, ...] = ()


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
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", env_file=None
    )

    state_dir: Path = Field(
        default_factory=lambda: user_data_path("dreamflow"), description="Database, keys; created when missing."
    )
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
                "Unknown settings: " + ", ".join(unknown) + ". `dreamflow config check` prints those there are."
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
