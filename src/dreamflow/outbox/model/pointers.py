"""Pointers to deliveries, for workers that share them out through a log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pointer:
    """That a delivery waits, for workers that learn it from a log instead of the database.

    Attributes:
        seq: see `Delivery`.
        id: of the delivery.
        parent: whose it is; also what places it in the log.
        number: counts what leaves about its parent, from 1.
        partition: of the outbox, and of the log.
    """

    seq: int
    id: str
    parent: str
    number: int
    partition: int
