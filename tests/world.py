"""A whole house for tests: the app, its worker and an emulated Klaviyo on a real socket."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx2
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from pydantic import SecretStr

from dreamflow.bootstrap import House, Overrides, build, domains, offline_writer
from dreamflow.identity import DemoIssuer, Role
from dreamflow.kit.clock import ManualClock, SystemClock
from dreamflow.settings import DatabaseSettings, IdentitySettings, KlaviyoSettings, Settings, WorkerSettings

TONIGHT = datetime(2026, 11, 23, 19, 10, tzinfo=UTC)
LONDON = {"time_zone": "Europe/London", "locale": "en-GB"}
KEY = generate_private_key(SECP256R1())
# Packs do not change: all houses of a process read them once, together.
WRITING = offline_writer()


@dataclass
class World:
    """The house, its clock, and ways to knock at its door."""

    house: House
    clock: ManualClock
    issuer: DemoIssuer
    stack: AsyncExitStack = field(repr=False)

    async def visitor(self, **headers: str) -> httpx2.AsyncClient:
        """A client that nobody vouches for."""
        transport = httpx2.ASGITransport(self.house.app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)
        return await self.stack.enter_async_context(client)

    async def parent(self, email: str = "parent@families.example", role: Role = Role.PARENT) -> httpx2.AsyncClient:
        """A client with a token for an account."""
        return await self.visitor(Authorization=f"Bearer {self.issuer.mint(email=email, role=role)}")

    async def family(self, *children: tuple[str, int], email: str = "parent@families.example") -> "Home":
        """A family with children and every consent that lets story events leave."""
        client = await self.parent(email)
        created = await client.put("/api/v1/families/me", json=LONDON)
        assert created.status_code == 201, created.text
        ids: list[str] = []
        for name, age in children:
            added = await client.post("/api/v1/families/me/children", json={"name": name, "age": age})
            assert added.status_code == 201, added.text
            ids.append(added.json()["id"])
        given = await client.put("/api/v1/families/me/consents/personal_suggestions", json={"granted": True})
        assert given.status_code == 200, given.text
        return Home(client, created.json()["id"], tuple(ids))

    async def deliver(self) -> None:
        """Send all that waits."""
        assert self.house.mirror is not None
        await asyncio.wait_for(self.house.mirror.worker.drain(), 30)


@dataclass(frozen=True)
class Home:
    """A family seen from outside."""

    client: httpx2.AsyncClient
    id: str
    children: tuple[str, ...]

    async def tell(self, **request: Any) -> dict[str, Any]:
        """Tell a story; the answer."""
        told = await self.client.post("/api/v1/stories", json={"children": list(self.children), **request})
        assert told.status_code == 201, told.text
        return told.json()


def settings(
    state: Path,
    klaviyo_url: str | None = None,
    *,
    database_url: str | None = None,
    lease_seconds: float = 15,
    identity: IdentitySettings | None = None,
    **klaviyo: Any,
) -> Settings:
    """Settings of a house in a folder, in step with an emulator if there is one; its database may be a server's."""
    group = KlaviyoSettings()
    if klaviyo_url is not None:
        group = KlaviyoSettings(api_key=SecretStr("pk_test"), base_url=klaviyo_url, **klaviyo)
    database = DatabaseSettings(url=None if database_url is None else SecretStr(database_url))
    return Settings(
        state_dir=state,
        database=database,
        klaviyo=group,
        identity=identity or IdentitySettings(),
        worker=WorkerSettings(lease_seconds=lease_seconds),
    )


@asynccontextmanager
async def world(
    state: Path,
    klaviyo_url: str | None = None,
    *,
    database_url: str | None = None,
    lease_seconds: float = 15,
    identity: IdentitySettings | None = None,
    **klaviyo: Any,
) -> AsyncGenerator[World]:
    """Open a house; it is closed, with every client, at the end of the block."""
    clock = ManualClock(TONIGHT)
    issuer = DemoIssuer(KEY, SystemClock())
    seeds = iter(range(1, 100_000))
    async with AsyncExitStack() as stack:
        overrides = Overrides(clock=clock, seeds=lambda: next(seeds), issuers=(issuer.config,))
        chosen = settings(
            state,
            klaviyo_url,
            database_url=database_url,
            lease_seconds=lease_seconds,
            identity=identity,
            **klaviyo,
        )
        stack.enter_context(patch.object(domains, "offline_writer", lambda: WRITING))
        house = await stack.enter_async_context(build(chosen, overrides))
        yield World(house, clock, issuer, stack)
