"""An account on a real socket: the emulator, a client of it, and a record of what the client sent."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from urllib.parse import urlsplit

import aiohttp

from aioklaviyo import Klaviyo, NoPacing
from aioklaviyo.operations import Operation
from client.client_server import PaperClock
from client.specification import BETA, STABLE, specification
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.operations import facts, operations
from klaviyo_emulator.testing import RunningEmulator, running_emulator

LATER = "2026-10-15"


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    query: str
    body: bytes
    status: int

    @property
    def operation_id(self) -> str:
        found = _match(self.method, self.path)
        assert found is not None, f"no operation is {self.method} {self.path}"
        return found


@dataclass
class Account:
    """A fresh account, with a client whose requests are written down."""

    klaviyo: Klaviyo
    emulator: RunningEmulator
    sent: list[Sent] = field(default_factory=list)

    def succeeded(self) -> set[str]:
        """The operations that were answered with success."""
        return {each.operation_id for each in self.sent if each.status < 300}

    def check(self) -> None:
        """Every request that was accepted is one that Klaviyo's own files describe, where they are here."""
        for each in self.sent:
            if each.status >= 300:
                continue
            operation = operations()[each.operation_id]
            if STABLE.exists() and _is_stable(each.operation_id):
                specification(STABLE).check(each.method, operation.path, each.query, each.body)
            elif BETA.exists() and specification(BETA).has(each.method, operation.path):
                specification(BETA).check(each.method, operation.path, each.query, each.body)


@asynccontextmanager
async def account(*, clock: PaperClock | None = None, **config: object) -> AsyncIterator[Account]:
    """An account that nobody else uses, without rate limits unless ``limits=True``; jobs are done at once.

    With a ``clock`` the client waits on paper only.
    """
    waiting = {} if clock is None else {"sleep": clock.sleep, "monotonic": clock.monotonic}
    settings = {"limits": False, "job_ms": 0, **config}
    with running_emulator(EmulatorConfig(**settings)) as emulator:
        sent: list[Sent] = []

        async def write_down(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            response = await handler(request)
            body = getattr(request.body, "_value", b"") or b""
            url = urlsplit(str(request.url))
            sent.append(Sent(request.method, url.path, url.query, body, response.status))
            return response

        async with (
            aiohttp.ClientSession(middlewares=(write_down,)) as session,
            Klaviyo("pk_test", base_url=emulator.url, session=session, pacing=NoPacing(), **waiting) as klaviyo,
        ):
            yield Account(klaviyo, emulator, sent)


def stated(*modules: str) -> set[str]:
    """The ids of all operations that resource modules state."""
    return {operation.id for name in modules for operation in operations_of(import_module(name))}


def operations_of(module: ModuleType) -> Iterable[Operation]:
    """The operations that a module states as constants."""
    return [value for value in vars(module).values() if isinstance(value, Operation)]


def resources(*names: str) -> set[str]:
    """The ids of all operations of these modules of ``aioklaviyo.resources``."""
    return stated(*(f"aioklaviyo.resources.{name}" for name in names))


def _is_stable(operation_id: str) -> bool:
    """Whether the later revision takes what the earlier one does."""
    if operations()[operation_id].since == LATER:
        return False
    return not any((operation_id, LATER) in facts(table) for table in ("readings.tsv", "bodies.tsv"))


def _match(method: str, path: str) -> str | None:
    parts = path.split("/")
    for operation in operations().values():
        wanted = operation.path.split("/")
        if (
            operation.method == method
            and len(wanted) == len(parts)
            and all(ours == theirs or theirs.startswith("{") for ours, theirs in zip(parts, wanted, strict=True))
        ):
            return operation.id
    return None


def body_of(sent: Sent) -> object:
    """The JSON that was sent."""
    return json.loads(sent.body)
