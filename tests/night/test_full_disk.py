"""A full disk is told as what it is, and when there is room again the evening goes on."""

import resource
from pathlib import Path

import httpx2
import pytest

from klaviyo_emulator.testing import RunningEmulator
from night_process import app_process, settings_of, token
from world import LONDON


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux takes the room from a running process")
def test_on_a_full_disk_the_house_reads_and_is_not_ready(tmp_path: Path, klaviyo: RunningEmulator) -> None:
    who = {"Authorization": f"Bearer {token()}"}
    with (
        app_process(settings_of(tmp_path, klaviyo.url, DREAMFLOW_WORKER__EMBEDDED="false")) as (process, url),
        httpx2.Client(base_url=url, headers=who) as client,
    ):
        assert client.get("/readyz").status_code == 200
        room = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, room[1]))  # no file of the process takes a byte
        refused = client.put("/api/v1/families/me", json=LONDON)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert client.get("/readyz").json() == {"status": "unready"}
        assert client.get("/api/v1/families/me").status_code == 404
        assert client.get("/livez").status_code == 200
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, room)
        assert client.get("/readyz").json() == {"status": "ok"}
        assert client.put("/api/v1/families/me", json=LONDON).status_code == 201
