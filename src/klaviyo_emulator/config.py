"""What can be set about an emulator, checked once when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from klaviyo_emulator.clock import Clock, system_clock

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 8765
"""Where a command listens unless it is told otherwise."""

BulkDuplicates = Literal["request", "history"]
Behaviour = Literal["spec", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorConfig:
    """Everything an `Emulator` needs to know. Raises ValueError, naming the field, for a value it cannot use."""

    database: str = ":memory:"
    """A file path, or `:memory:` for a state that ends with the process."""
    limits: bool = True
    """Whether rate windows are kept. Without them no `RateLimit-*` header is sent."""
    keys: Mapping[str, frozenset[str]] | None = None
    """Accepted private keys and bearer tokens with their scopes; an empty set stands for all scopes.

    None accepts every key that begins with `pk_` and every token, with all scopes.
    """
    latency_ms: int = 0
    """Milliseconds every request waits before it is handled."""
    public_base: str = "https://a.klaviyo.com"
    """Scheme and host that links begin with. The official SDK reads `https` links only."""
    bulk_duplicates: BulkDuplicates = "request"
    """What fails a bulk request: a `unique_id` repeated within it, or also one that is already stored (`history`)."""
    behaviour: Behaviour = "spec"
    """Whose word counts where Klaviyo's specification and its live API are known to differ."""
    visibility_ms: int = 0
    """Milliseconds from the 202 of an event until it is stored and can be read. At Klaviyo it is up to minutes."""
    job_ms: int = 400
    """Milliseconds an asynchronous job takes. It is `queued` at first, `processing` from half of the time on."""
    account_name: str = "Emulated Account"
    """The organisation's name in `GET /api/accounts`."""
    seed: int = 0
    """Seed of all ids of a new state."""
    clock: Clock = system_clock
    """Answers the present; rate windows, `created` and default event times follow it."""

    def __post_init__(self) -> None:
        if not self.database:
            raise ValueError("database: a file path or :memory: is needed")
        for name, value in (
            ("latency_ms", self.latency_ms),
            ("visibility_ms", self.visibility_ms),
            ("job_ms", self.job_ms),
        ):
            if value < 0:
                raise ValueError(f"{name}: must not be negative")
        if not self.public_base.startswith(("https://", "http://")) or self.public_base.endswith("/"):
            raise ValueError("public_base: a URL such as https://a.klaviyo.com without a slash at its end is needed")
        if self.bulk_duplicates not in get_args(BulkDuplicates):
            raise ValueError("bulk_duplicates: 'request' or 'history' is needed")
        if self.behaviour not in get_args(Behaviour):
            raise ValueError("behaviour: 'spec' or 'live' is needed")
