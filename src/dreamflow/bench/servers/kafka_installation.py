"""The Apache Kafka of this environment: a Java and the jars that `tools/install-servers` puts beside the packages."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Small and quick to be there: a broker of a test lives for seconds and holds next to nothing.
_JVM: Final = (
    "-Xmx256m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
)
_LOGGING: Final[Mapping[str, str]] = {
    "showDateTime": "true",
    "dateTimeFormat": "HH:mm:ss.SSS",
    "log.org.apache.kafka.common.config": "warn",  # or it lists every setting at every start
}


@dataclass(frozen=True, slots=True)
class KafkaInstallation:
    """What is needed to run a broker."""

    java: str
    """The program."""
    jars: Path
    """The folder with all the jars, and with the archive if one was made."""

    @property
    def archive(self) -> Path:
        """Where the classes are kept as the JVM holds them in memory, which halves the time to start."""
        return self.jars / "classes.jsa"

    def command(self, main: str, *arguments: str, record: bool = False) -> tuple[str, ...]:
        """How to run a class of Kafka's; it logs to the standard error output.

        Args:
            main: the class.
            arguments: what it is told.
            record: write the archive when the process ends in good order, instead of using it.
        """
        # In a fixed order: the archive is of no use with any other. If the JVM cannot use it, it does without.
        path = os.pathsep.join(map(str, sorted(self.jars.glob("*.jar"))))
        flags = [*_JVM, *(f"-Dorg.slf4j.simpleLogger.{name}={value}" for name, value in _LOGGING.items())]
        if record:
            flags += [f"-XX:ArchiveClassesAtExit={self.archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        elif self.archive.is_file():
            flags += [f"-XX:SharedArchiveFile={self.archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        return (self.java, *flags, "-cp", path, main, *arguments)


def kafka_installation(folder: Path | None = None) -> KafkaInstallation | None:
    """What `tools/install-servers` has installed, or none if there is no Java or there are no jars.

    Args:
        folder: where the jars are; without it, where that tool puts them in the environment that runs us.
    """
    java = shutil.which("java")
    jars = folder or Path(sys.prefix) / ".kafka"
    if java is None or not any(jars.glob("kafka_*.jar")):
        return None
    return KafkaInstallation(java, jars)
