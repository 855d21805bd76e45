"""A command waits for no library that it does not use: an operator may be in a hurry, and workers are many."""

import os
import subprocess
import sys
from pathlib import Path

from entrypoints.command_line import Command, command

__all__ = ["command"]

# In one process, the lightest first: to start one takes longer than all that it then does.
IMPORTS = """
import sys
from contextlib import suppress
from dreamflow.entrypoints.cli import main

def say(*names):
    print(sorted(set(names) & set(sys.modules)))

sys.argv = ["dreamflow", "outbox", "ls"]
with suppress(SystemExit):
    main()
say("aiohttp", "aioklaviyo", "alembic", "fastapi", "jinja2", "prometheus_client", "starlette", "uvicorn", "sqlalchemy")
import dreamflow.entrypoints.relay
say("aiohttp", "aioklaviyo", "alembic", "fastapi", "jinja2", "starlette", "uvicorn", "prometheus_client")
import dreamflow.entrypoints.worker
say("alembic", "dreamflow.stories", "fastapi", "jinja2", "starlette", "uvicorn", "aioklaviyo")
"""


def test_only_who_serves_imports_a_web_framework_and_only_who_migrates_alembic(
    tmp_path: Path, command: Command
) -> None:
    command("db", "upgrade", DREAMFLOW_STATE_DIR=str(tmp_path))
    environment = {**os.environ, "DREAMFLOW_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    # The last name of each is one that it does need.
    assert done.stdout.splitlines() == [
        "No delivery is dead.",
        "['sqlalchemy']",
        "['prometheus_client']",
        "['aioklaviyo']",
    ], done.stderr
