"""An Apache Kafka of one's own: a broker on loopback, or three, with their data in a folder of the caller's."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from dreamflow.bench.servers.leash import Leash

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dreamflow.bench.servers.kafka_installation import KafkaInstallation

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_STARTED = b"Kafka Server started"
_CLUSTER_ID = "dreamflowdreamflowdrea"  # 16 bytes as base64: any will do, nothing else listens to it

# Below the ports that the system gives to outgoing connections: a client that tries again and again while a broker
# is away would sooner or later be given the broker's own port, and connect to itself.
_FIRST_PORT, _PORTS = 25_000, 7_000
_steps = itertools.count()  # a port is not given twice: its broker may be away just now

_ALWAYS: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    # A topic with a misspelt name, or with another number of partitions than was decided, is an error.
    "auto.create.topics.enable": "false",
    # Groups form at once, and members may be declared dead as quickly as a test wishes.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    # Few of everything: the default is a machine for itself.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "group.coordinator.threads": "2",
    "log.cleaner.dedupe.buffer.size": "2097152",
}
# How long a broker may be silent until the others take over. A lone one waits for itself: when it comes back after
# SIGKILL, it is let in when its former life has expired.
_ALONE: Final[Mapping[str, str]] = {"broker.session.timeout.ms": "1000", "broker.heartbeat.interval.ms": "100"}
_TOGETHER: Final[Mapping[str, str]] = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "200"}


class NoKafkaError(Exception):
    """It does not start, or it is not running; the message ends with what it said."""


class Seat(NamedTuple):
    """Where one broker of a cluster listens, on loopback."""

    port: int
    """For clients and the other brokers."""
    controller_port: int
    """For the controllers."""


class KafkaProcess:
    """One broker that is a controller too, on ports of its own, which keeps its data from one start to the next.

    It survives SIGKILL with all it acknowledged, as the system writes what it holds; a power cut is another matter:
    Kafka does not wait for the disk. Topics are not made by asking for them.

    Args:
        installation: what to run; see `kafka_installation`.
        folder: an empty one, or that of a former process.
        node: its number in the cluster.
        seats: where all brokers of the cluster listen, by number; without it, it is alone.
        settings: of the broker, e.g. `{"message.max.bytes": "2000000"}`; they win over those of this class.
    """

    def __init__(
        self,
        installation: KafkaInstallation,
        folder: Path,
        *,
        node: int = 1,
        seats: Mapping[int, Seat] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._installation = installation
        self._node = node
        self._seats = dict(seats or {node: free_seat()})
        self._settings = {**_ALWAYS, **(_TOGETHER if len(self._seats) > 1 else _ALONE), **(settings or {})}
        self._data = folder / f"data-{node}"
        self._properties = folder / f"{node}.properties"
        self.log: Final = folder / f"{node}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None
        self._log_begins = 0

    @property
    def bootstrap(self) -> str:
        """Where it listens, as clients want it: `127.0.0.1:PORT`; the same after each start."""
        return f"127.0.0.1:{self._seats[self._node].port}"

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended since."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of its process; it is running."""
        return self._running().pid

    def start(self, *, record: bool = False) -> None:
        """Start it with what the folder holds, and wait until it serves clients.

        Args:
            record: write the archive of classes when it is stopped; see `KafkaInstallation`.

        Raises:
            NoKafkaError: It does not.
        """
        self.launch(record=record)
        self.wait()

    def launch(self, *, record: bool = False) -> None:
        """Start it without waiting, so that several start at the same time."""
        if self._process is not None:
            raise NoKafkaError("Kafka is running already")
        command = self._installation.command("kafka.Kafka", str(self._properties), record=record)
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self._written().items()))
        if not (self._data / "meta.properties").exists():
            formatting = self._installation.command(
                "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(self._properties)
            )
            # The same process afterwards, whose number we know.
            command = ("sh", "-c", f"{shlex.join(formatting)} && exec {shlex.join(command)}")
        with self.log.open("ab") as log:
            self._log_begins = log.tell()
            # In a session of its own: Ctrl-C in the terminal is for us to answer, and to pass on.
            self._process = subprocess.Popen(  # noqa: S603 - our own
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._leash = Leash(self._process.pid)

    def wait(self) -> None:
        """Wait until it serves clients.

        Raises:
            NoKafkaError: It does not.
        """
        process = self._running()
        ends_at = time.monotonic() + _START_SECONDS
        while _STARTED not in (said := self._said()):
            if process.poll() is not None or time.monotonic() > ends_at:
                self._end(signal.SIGKILL)
                lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
                last = [line for line in lines if line and not line.startswith("at ")][-3:]
                raise NoKafkaError(f"Kafka did not start: {' | '.join(last)}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it in good order: it hands over what it leads first. Nothing, if it is not running."""
        self._end(signal.SIGTERM)

    def ask_to_stop(self) -> None:
        """Tell it to end in good order, without waiting; `stop` waits."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once with SIGKILL."""
        self._running()
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it in good order and start it again."""
        self.stop()
        self.start()

    def _written(self) -> dict[str, str]:
        seat = self._seats[self._node]
        voters = (f"{node}@127.0.0.1:{each.controller_port}" for node, each in self._seats.items())
        copies = len(self._seats)
        enough = str(copies // 2 + 1)
        return {
            "node.id": str(self._node),
            "controller.quorum.voters": ",".join(voters),
            "listeners": f"BROKER://127.0.0.1:{seat.port},CONTROLLER://127.0.0.1:{seat.controller_port}",
            "log.dirs": str(self._data),
            "default.replication.factor": str(copies),
            "min.insync.replicas": enough,
            "offsets.topic.replication.factor": str(copies),
            "transaction.state.log.replication.factor": str(copies),
            "transaction.state.log.min.isr": enough,
            **self._settings,
        }

    def _said(self) -> bytes:
        """What this life of it has written to its log."""
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            return log.read()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise NoKafkaError("Kafka is not running")
        return self._process

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._leash is not None:
            self._leash.release()
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._leash = None


class KafkaCluster:
    """Brokers numbered from 1, all of them controllers too.

    Three keep three copies of everything (two of them are enough), so any one may be away. A topic has as many copies
    as it is made with; aiokafka wants a number for that.

    Args:
        installation: what to run; see `kafka_installation`.
        folder: an empty one, or that of a former cluster of as many.
        brokers: one or three.
        settings: of every broker; they win over those of `KafkaProcess`.
    """

    def __init__(
        self,
        installation: KafkaInstallation,
        folder: Path,
        brokers: int = 1,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        seats = {node: free_seat() for node in range(1, brokers + 1)}
        self.brokers: Final[Mapping[int, KafkaProcess]] = {
            node: KafkaProcess(installation, folder, node=node, seats=seats, settings=settings) for node in seats
        }

    @property
    def bootstrap(self) -> str:
        """Where they listen, as clients want it: `127.0.0.1:PORT`, with commas between."""
        return ",".join(broker.bootstrap for broker in self.brokers.values())

    def start(self, broker: int | None = None) -> None:
        """Start one, or all, and wait until they serve clients.

        Raises:
            NoKafkaError: One does not; if all were to start, none is left running.
        """
        if broker is not None:
            self.brokers[broker].start()
            return
        try:
            for each in self.brokers.values():
                each.launch()
            for each in self.brokers.values():
                each.wait()
        except NoKafkaError:
            for each in self.brokers.values():
                each.stop()
            raise

    def stop(self, broker: int | None = None) -> None:
        """End one in good order, or all of them together; those that are not running stay so."""
        chosen = list(self.brokers.values()) if broker is None else [self.brokers[broker]]
        for each in chosen:
            each.ask_to_stop()
        for each in chosen:
            each.stop()

    def kill(self, broker: int | None = None) -> None:
        """End one at once with SIGKILL, or all that are running."""
        if broker is not None:
            self.brokers[broker].kill()
            return
        for each in self.brokers.values():
            if each.is_running:
                each.kill()


def free_seat() -> Seat:
    """Two ports on loopback that nobody listens on, and that were not given before."""
    return Seat(_free_port(), _free_port())


def _free_port() -> int:
    for _ in range(_PORTS):
        # Processes that look at the same time begin at different places.
        port = _FIRST_PORT + (os.getpid() * 101 + next(_steps)) % _PORTS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise NoKafkaError("no port is free")
