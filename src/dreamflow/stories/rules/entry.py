"""One entry of a pack file, read field by field; what is wrong is named by file, entry and field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from dreamflow.stories.model import CALMEST, LIVELIEST
from dreamflow.stories.rules.pack import PackError


@dataclass(frozen=True, slots=True)
class Entry:
    """A table of a pack file.

    Attributes:
        file: its file's name.
        name: how the entry calls itself, or its kind and number.
        values: what was parsed.
    """

    file: str
    name: str
    values: Mapping[str, object]

    def wrong(self, field: str, detail: str) -> PackError:
        """The error for a field."""
        return PackError(f"{self.file}: {self.name}: {field}: {detail}")

    def text(self, field: str, default: str | None = None) -> str:
        """A string that is not empty."""
        value = self.values.get(field, default)
        if not isinstance(value, str) or not value:
            raise self.wrong(field, "must be a text")
        return value

    def number(self, field: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.values.get(field, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(field, "must be a whole number")
        return value

    def level(self, field: str) -> int:
        """An energy."""
        value = self.number(field)
        if not CALMEST <= value <= LIVELIEST:
            raise self.wrong(field, f"must be {CALMEST} to {LIVELIEST}")
        return value

    def share(self, field: str) -> float:
        """A number between 0 and 1."""
        value = self.values.get(field)
        if not isinstance(value, int | float) or not 0 < value <= 1:
            raise self.wrong(field, "must be more than 0 and at most 1")
        return float(value)

    def flag(self, field: str) -> bool:
        """True or false; false when absent."""
        value = self.values.get(field, False)
        if not isinstance(value, bool):
            raise self.wrong(field, "must be true or false")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        value = self.values.get(field, [])
        items = cast("Sequence[object]", value) if isinstance(value, list) else (None,)
        found = tuple(item for item in items if isinstance(item, str) and item)
        if len(found) != len(items):
            raise self.wrong(field, "must be a list of texts")
        return found

    def table(self, field: str) -> "Entry":
        """A table inside this one; empty when absent."""
        value = self.values.get(field, {})
        if not isinstance(value, dict):
            raise self.wrong(field, "must be a table")
        return Entry(self.file, field, cast("Mapping[str, object]", value))

    def pair(self, field: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
        """Two whole numbers, the smaller first."""
        value = self.values.get(field)
        if value is None and default is not None:
            return default
        match value:
            case [int() as smaller, int() as larger] if smaller <= larger:
                return smaller, larger
            case _:
                raise self.wrong(field, "must be two whole numbers, the smaller first")

    def known(self, *fields: str) -> None:
        """Refuse a field that nobody reads: most likely it is misspelt."""
        for field in self.values:
            if field not in fields:
                raise self.wrong(field, "is not a field here")


def entries(file: str, tables: Mapping[str, object], kind: str) -> tuple[Entry, ...]:
    """All tables of a kind in a file, e.g. every `[[storylet]]`.

    Raises:
        PackError: the kind is not a list of tables.
    """
    value = tables.get(kind, [])
    items = cast("Sequence[object]", value) if isinstance(value, list) else (None,)
    found: list[Entry] = []
    for at, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise PackError(f"{file}: {kind}: must be a list of tables")
        values = cast("Mapping[str, object]", item)
        name = values.get("id")
        found.append(Entry(file, name if isinstance(name, str) else f"{kind} {at}", values))
    return tuple(found)
