"""The app dies without warning at points between request and delivery, and is started again.

The app runs in a process of its own; the emulated Klaviyo outlives it. What was acknowledged is not lost, and
nothing happens twice.
"""

import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dreamflow.settings import IdentitySettings
from klaviyo_emulator.testing import RunningEmulator
from night_klaviyo import events_at
from night_process import ISSUER, app_process, settings_of, token
from world import LONDON, World, world

KEY = {"Idempotency-Key": "the-first-night"}
POINTS = [
    ("sqlite", "stories.written"),
    ("sqlite", "stories.committed"),
    ("sqlite", "after the answer"),
    ("sqlite", "outbox.claimed"),
    ("sqlite", "outbox.sent"),
    # The server hears of the end of a process that was in the middle of a transaction, and lets go of its rows.
    pytest.param("postgres", "outbox.settling", marks=pytest.mark.postgres),
]
LEASE_SECONDS = 1.0  # whoever comes next takes over when it has run out
SENT = {"outbox.sent", "outbox.settling"}


async def sign_up(here: World) -> None:
    """A family with one child, all of it delivered."""
    client = await here.visitor(Authorization=f"Bearer {token()}")
    await client.put("/api/v1/families/me", json=LONDON)
    await client.post("/api/v1/families/me/children", json={"name": "Ada", "age": 4})
    await client.put("/api/v1/families/me/consents/personal_suggestions", json={"granted": True})
    await here.deliver()


def ask(url: str) -> dict[str, Any] | None:
    """Ask for a story; none when the app died before it answered."""
    try:
        with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token()}", **KEY}) as client:
            answer = client.post("/api/v1/stories", json={"minutes": 4})
    except httpx2.TransportError:
        return None
    assert answer.status_code == 201, answer.text
    return answer.json()


async def stories_told(klaviyo: RunningEmulator) -> list[str]:
    """The stories Klaviyo has heard of, once for each time."""
    events = await events_at(klaviyo.url)
    return [event.properties["story_id"] for event in events if event.metric == "Story Generated"]


@pytest.mark.parametrize(("database_url", "point"), POINTS, indirect=["database_url"])
async def test_a_crash_loses_nothing_acknowledged_and_doubles_nothing(
    tmp_path: Path, klaviyo: RunningEmulator, database_url: str | None, point: str
) -> None:
    state, identity = tmp_path / "state", IdentitySettings(issuers=(ISSUER,))
    async with world(state, klaviyo.url, database_url=database_url, identity=identity) as before:
        await sign_up(before)

    # To die between answer and delivery, nothing may be delivered yet.
    failing = {"DREAMFLOW_WORKER__EMBEDDED": "false"} if " " in point else {"DREAMFLOW_FAILPOINT": point}
    if database_url is not None:
        failing["DREAMFLOW_DATABASE__URL"] = database_url
    failing["DREAMFLOW_WORKER__LEASE_SECONDS"] = str(LEASE_SECONDS)
    with app_process(settings_of(state, klaviyo.url, **failing)) as (process, url):
        acknowledged = ask(url)
        if point == "after the answer":
            process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    # The worker may be quicker than the answer; what is acknowledged must be there, what is not may be.
    assert not (acknowledged and point.startswith("stories."))
    assert acknowledged or point != "after the answer"
    assert len(await stories_told(klaviyo)) == (point in SENT)

    async with world(
        state, klaviyo.url, database_url=database_url, lease_seconds=LEASE_SECONDS, identity=identity
    ) as after:
        client = await after.visitor(Authorization=f"Bearer {token()}", **KEY)
        assert len((await client.get("/api/v1/stories")).json()) == (point != "stories.written")
        again = (await client.post("/api/v1/stories", json={"minutes": 4})).json()
        if acknowledged is not None:
            assert again == acknowledged
        assert [story["id"] for story in (await client.get("/api/v1/stories")).json()] == [again["id"]]
        await after.deliver()
        books = await after.house.deliveries.books()
        assert books.balanced
        assert books.delivered == books.accepted

    assert await stories_told(klaviyo) == [again["id"]]


async def test_the_house_waits_for_the_disk(here: World) -> None:
    synchronous = await here.house.database.write(
        lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    )
    assert synchronous == 2, "FULL: what was acknowledged outlives a loss of power"
