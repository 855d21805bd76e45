"""Rows that are measured together."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Protocol

from dreamflow.bench.model import Broken, Skipped
from dreamflow.bench.servers.kafka_process import NoKafkaError
from dreamflow.bench.servers.postgres_process import NoPostgresError
from dreamflow.bench.subject import SubjectError
from dreamflow.kit.db import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dreamflow.bench.model import Lab, Outcome, Row


class NotHereError(Exception):
    """What a row needs is not on this machine. The message is a sentence for its reader."""


class Measure(Protocol):
    """Measures rows of a group; each at most once, in any order. `seed` is the bench's."""

    def __call__(self, lab: Lab, seed: int, /) -> Iterable[Outcome]:
        """Raises NotHereError for rows that cannot be measured here, and SubjectError where something is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Group:
    """Rows, and what measures them."""

    rows: tuple[Row, ...]
    measure: Measure

    def outcomes(self, lab: Lab, seed: int) -> Iterator[Outcome]:
        """One outcome for each row: those that are not measured are skipped or broken."""
        left = {row.id for row in self.rows}
        ended: type[Skipped | Broken] = Broken
        reason = "it was not measured"
        try:
            for outcome in self.measure(lab, seed):
                left.remove(outcome.row)
                yield outcome
        except NotHereError as error:
            ended, reason = Skipped, str(error)
        except (SubjectError, NoPostgresError, NoKafkaError, DatabaseUnavailable, OSError, HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - a defect in one group must not cost an hour's figures of the others
            reason = f"{type(error).__name__}: {error}"
            lab.say("".join(traceback.format_exception(error)))
        yield from (ended(row.id, reason) for row in self.rows if row.id in left)
