"""The relay tells whoever reaches its port how it is, whether there are brokers or not."""

from pathlib import Path

import httpx2

from dreamflow.bootstrap import open_relay
from dreamflow.entrypoints.probing import probing
from dreamflow.entrypoints.sockets import bind, url_of
from dreamflow.outbox.adapters.sql.relaying import SqlRelay
from dreamflow.settings import KafkaSettings, Settings
from world import world


async def test_a_relay_tells_whether_it_is_alive_and_how_far_the_log_is_behind(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.family(("Ada", 5))
        waiting = (await here.house.deliveries.books()).pending
    settings = Settings(state_dir=tmp_path, kafka=KafkaSettings(bootstrap="127.0.0.1:9"))
    async with open_relay(settings) as relay:
        with bind("127.0.0.1", 0) as sock:
            async with (
                probing(sock, relay.database, relay.metrics, relay.is_alive),
                httpx2.AsyncClient(base_url=url_of(sock)) as client,
            ):
                assert (await client.get("/readyz")).json() == {"status": "unready"}
                await relay.service.lease.renew()
                assert (await client.get("/readyz")).json() == {"status": "ok"}
                store = SqlRelay(relay.database)
                (first,) = await store.unpublished(1)
                await store.published(relay.service.lease.worker, first.seq)
                shown = (await client.get("/metrics")).text.splitlines()
    assert waiting > 1
    assert f"dreamflow_relay_unpublished {waiting - 1}.0" in shown
    assert 'dreamflow_outbox_leases{pool="relay"} 1.0' in shown
