"""The composition root: the only place that names concrete classes.

::

    async with build(settings, overrides) as house:
        await serve(house.app)

Each module puts one part together. The names here are imported when they are first used: a worker without a port does
not wait for a web framework, nor the operator's commands for Klaviyo's client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamflow.bootstrap.background import Mirror
    from dreamflow.bootstrap.database import DATABASE, MIGRATIONS, connected, open_database, upgrade
    from dreamflow.bootstrap.dead_letters import open_dead_letters
    from dreamflow.bootstrap.domains import Services, services
    from dreamflow.bootstrap.errors import CannotOpen, NotInstalled
    from dreamflow.bootstrap.house import House, build
    from dreamflow.bootstrap.klaviyo import account_name
    from dreamflow.bootstrap.overrides import Overrides
    from dreamflow.bootstrap.relay import Relay, open_relay
    from dreamflow.bootstrap.session_key import SESSION_KEY, SESSION_KEY_BYTES
    from dreamflow.bootstrap.worker import Worker, open_worker
    from dreamflow.bootstrap.writer import offline_writer

__all__ = [
    "DATABASE",
    "MIGRATIONS",
    "SESSION_KEY",
    "SESSION_KEY_BYTES",
    "CannotOpen",
    "House",
    "Mirror",
    "NotInstalled",
    "Overrides",
    "Relay",
    "Services",
    "Worker",
    "account_name",
    "build",
    "connected",
    "offline_writer",
    "open_database",
    "open_dead_letters",
    "open_relay",
    "open_worker",
    "services",
    "upgrade",
]

_HOMES = {
    "background": "Mirror",
    "database": "DATABASE MIGRATIONS connected open_database upgrade",
    "dead_letters": "open_dead_letters",
    "domains": "Services services",
    "errors": "CannotOpen NotInstalled",
    "house": "House build",
    "klaviyo": "account_name",
    "overrides": "Overrides",
    "relay": "Relay open_relay",
    "session_key": "SESSION_KEY SESSION_KEY_BYTES",
    "worker": "Worker open_worker",
    "writer": "offline_writer",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
