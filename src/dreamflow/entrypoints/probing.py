"""Health and metrics of a process that serves nobody, at a port of their own."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dreamflow.bootstrap.metrics import Metrics
from dreamflow.bootstrap.probes import exposition, readiness
from dreamflow.entrypoints.serving import serving
from dreamflow.kit.db import Database
from dreamflow.kit.ids import RandomIds
from dreamflow.web.app import create_probes
from dreamflow.web.health import Check, Readiness


@asynccontextmanager
async def probing(sock: socket.socket, database: Database, metrics: Metrics, check: Check) -> AsyncGenerator[Readiness]:
    """Answer `/livez`, `/readyz` and `/metrics` while the block runs; whoever reaches the port may read them.

    Args:
        sock: listens.
        database: has to take writes.
        metrics: of this process.
        check: whether the work of this process goes on.
    """
    ready = await readiness(database)
    ready.require(check)
    async with serving(create_probes(ready, exposition(metrics, is_public=True), RandomIds()), sock):
        yield ready
