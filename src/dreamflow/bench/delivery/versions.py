"""What the figures of delivery depend on, beside this program and the machine: libraries and servers, by version."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from dreamflow.bench.servers.kafka_installation import kafka_installation
from dreamflow.bench.servers.postgres_process import postgres_programs

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARIES: Final = ("aiohttp", "aiokafka", "psycopg", "sqlalchemy", "uvicorn")


def versions() -> Mapping[str, str]:
    """By name; what is not here is left out."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {name: number for name, number in (("postgresql", _postgresql()), ("kafka", _kafka())) if number}


def _postgresql() -> str | None:
    programs = postgres_programs()
    if programs is None:
        return None
    said = subprocess.run((programs / "postgres", "--version"), capture_output=True, text=True, check=False)  # noqa: S603 - found by us
    number = re.search(r"\d+(\.\d+)*", said.stdout)
    return number and number[0]


def _kafka() -> str | None:
    """As the name of its jar says it: `kafka_SCALA-VERSION.jar`."""
    installation = kafka_installation()
    jars = sorted(installation.jars.glob("kafka_*.jar")) if installation else []
    number = re.search(r"kafka_[\d.]+-(\d+(?:\.\d+)*)\.jar", " ".join(jar.name for jar in jars))
    return number and number[1]
