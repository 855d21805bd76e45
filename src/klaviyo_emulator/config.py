"""What can be set about an emulator, checked once when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from klaviyo_emulator.clock import Clock, system_clock
from klaviyo_emulator.faults import FaultsError, parse_faults, write_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 8765
"""Where a command listens unless it is told otherwise."""

BulkDuplicates = Literal["request", "history"]
Behaviour = Literal["spec", "live"]
OptInProcess = Literal["single_opt_in", "double_opt_in"]


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
    faults: str = ""
    """What is to go wrong, as compact text, as JSON, or as `@FILE`; see `faults.GRAMMAR`. Kept as compact text."""
    acceptance_log: bool = False
    """Whether every request that changes something leaves a row that the control API lists."""
    hosts: tuple[str, ...] = ()
    """Names besides those of the loopback that the control API and the inspector answer to."""
    webhook_batch_ms: int = 1000
    """Milliseconds that the events for a webhook are gathered for, before they are sent to it together."""
    advanced_kdp: bool = True
    """Whether the account has Klaviyo's Advanced Data Platform. With it there may be 50 custom metrics instead of one
    and, where `behaviour` is `live`, private keys may use webhooks."""
    opt_in_process: OptInProcess = "single_opt_in"
    """The account's way to opt in: of new lists that name none, and of who subscribes without a list."""

    def __post_init__(self) -> None:
        if not self.database:
            raise ValueError("database: a file path or :memory: is needed")
        self._check_numbers()
        try:
            faults = parse_faults(self.faults)
        except FaultsError as error:
            raise FaultsError(f"faults: {error}") from None
        # A file is read once: a reset must find what the start found.
        object.__setattr__(self, "faults", "; ".join(map(write_fault, faults)))
        if not self.public_base.startswith(("https://", "http://")) or self.public_base.endswith("/"):
            raise ValueError("public_base: a URL such as https://a.klaviyo.com without a slash at its end is needed")
        if self.bulk_duplicates not in get_args(BulkDuplicates):
            raise ValueError("bulk_duplicates: 'request' or 'history' is needed")
        if self.behaviour not in get_args(Behaviour):
            raise ValueError("behaviour: 'spec' or 'live' is needed")
        if self.opt_in_process not in get_args(OptInProcess):
            raise ValueError("opt_in_process: 'single_opt_in' or 'double_opt_in' is needed")

    def _check_numbers(self) -> None:
        for name in ("limits", "acceptance_log", "advanced_kdp"):
            value = getattr(self, name)
            if value is not True and value is not False:  # a text such as "off" would count as true
                raise ValueError(f"{name}: True or False is needed")
        for name in ("latency_ms", "visibility_ms", "job_ms", "webhook_batch_ms"):
            value = getattr(self, name)
            if type(value) is not int:
                raise ValueError(f"{name}: must be a whole number")
            if value < 0:
                raise ValueError(f"{name}: must not be negative")
