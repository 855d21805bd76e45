"""Names of what functions change, so that processes which share rows wait for each other instead of deadlocking.

The functions of one commit lock rows in the order in which they arrived, and those of another process in another order.
So each says beforehand what it is about; the writer holds all these names, in one order everywhere, before the first
function runs. SQLite has one writer at a time and needs none of this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

T_co = TypeVar("T_co", covariant=True)

_KEY_BYTES = 8


@dataclass(frozen=True, slots=True)
class Holding(Generic[T_co]):
    """A function for `Database.write` that wants to be alone with some things until the commit.

    The rows that it reads and then changes it locks nevertheless: others may change them under no name.

    Attributes:
        names: of what it changes, e.g. the id of a parent.
        fn: the function.
    """

    names: tuple[str, ...]
    fn: Callable[[Connection], T_co]

    def __call__(self, connection: Connection) -> T_co:
        """Run the function."""
        return self.fn(connection)


def keys_of(fn: Callable[[Connection], Any]) -> tuple[int, ...]:
    """The names that a function holds, as sorted numbers of 64 bits; two names with one number wait in vain."""
    if not isinstance(fn, Holding):
        return ()
    return tuple(sorted({_key(name) for name in fn.names}))


def _key(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=_KEY_BYTES).digest(), signed=True)
