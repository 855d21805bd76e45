"""Make Kafka start in half the time: `python -m dreamflow.bench.servers.prepare_kafka`, once after it was installed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dreamflow.bench.servers.kafka_installation import KafkaInstallation, kafka_installation
from dreamflow.bench.servers.kafka_process import KafkaProcess


def prepare(installation: KafkaInstallation) -> None:
    """Let a broker live once, and keep its classes as the JVM holds them in memory (50 MB, beside the jars)."""
    installation.archive.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        broker = KafkaProcess(installation, Path(folder))
        broker.start(record=True)
        broker.stop()


def main() -> None:
    """Prepare the Kafka of this environment, if there is one."""
    installation = kafka_installation()
    if installation is None:
        sys.exit("There is no Kafka here: tools/install-servers puts it beside the packages of this environment.")
    prepare(installation)


if __name__ == "__main__":
    main()
