"""`/readyz` tells the truth about the database and about delivery, and about nothing else."""

from pathlib import Path

from sqlalchemy import Connection, text

from databases import on_both_databases
from world import World, world


async def health(here: World) -> tuple[int, str]:
    answer = await (await here.visitor()).get("/readyz")
    return answer.status_code, answer.json()["status"]


@on_both_databases
async def test_a_house_whose_database_went_on_to_another_schema_is_not_ready(
    tmp_path: Path, database_url: str | None
) -> None:
    async with world(tmp_path, database_url=database_url) as here:

        async def become(schema: str) -> None:
            def write(connection: Connection) -> None:
                connection.execute(text("UPDATE alembic_version SET version_num = :schema"), {"schema": schema})

            await here.house.database.write(write)

        assert await health(here) == (200, "ok")
        await become("9999")
        assert await health(here) == (503, "unready")
        await become("0002")
        assert await health(here) == (200, "ok")


async def test_a_house_that_delivers_is_ready_while_its_lease_is_young(here: World) -> None:
    assert here.house.mirror is not None
    here.house.readiness.require(here.house.mirror.delivers)
    assert await health(here) == (503, "unready")
    await here.house.mirror.worker.lease.renew()
    assert await health(here) == (200, "ok")
    await here.house.mirror.worker.lease.leave()
    assert await health(here) == (503, "unready")


async def test_a_klaviyo_that_is_away_makes_nobody_unready(tmp_path: Path) -> None:
    async with world(tmp_path, "http://127.0.0.1:9") as here:
        assert here.house.mirror is not None
        here.house.readiness.require(here.house.mirror.delivers)
        await here.house.mirror.worker.lease.renew()
        assert await health(here) == (200, "ok")


async def test_the_metrics_of_a_house_count_what_happened_in_it(here: World) -> None:
    await here.family(("Ada", 5))
    await here.deliver()
    shown = (await (await here.visitor()).get("/metrics")).text
    assert 'dreamflow_outbox_events{state="pending"} 0.0' in shown
    assert 'dreamflow_outbox_leases{pool="delivery"} 64.0' in shown
    assert "dreamflow_outbox_unbalanced 0.0" in shown
    assert 'dreamflow_outbox_delivered_total{lane="event",outcome="delivered"} ' in shown
    assert 'count{method="PUT",route="/api/v1/families/me",status="201"} 1.0' in shown
    assert "Ada" not in shown
    assert "families.example" not in shown
