"""What is alive while a template is rendered: its names, what it has written, and how much it may still do."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.errors import Excess
from klaviyo_emulator.templating.values import MISSING, check_size, escape, output_text, size, weight

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from datetime import datetime

MAXIMUM_STEPS = 200_000
"""Tags, rounds of loops and filters that one rendering may go through; long values count for more."""
MAXIMUM_OUTPUT = 5_000_000
"""Characters that one rendering may write."""

_CHARACTERS_PER_STEP = 100
_CONSTANTS: Mapping[str, bool | None] = {"True": True, "False": False, "None": None}


@dataclass(frozen=True, slots=True)
class Message:
    """What the message around a template knows, and the template's data does not.

    Without a recipient the defaults are right: the links lead to placeholders, as Klaviyo's do in a preview.

    Attributes:
        unsubscribe_link: for `unsubscribe` and `unsubscribe_link`.
        manage_preferences_link: for `manage_preferences` and `manage_preferences_link`.
        web_view_link: for `web_view` and `web_view_link`.
        currency: ISO 4217 code for `currency_format`.
        coupon_code: the recipient's code of a coupon by its name; None when it has no code left.
        catalog_item: a catalog item by its id and the further arguments of `catalog` (`integration`, `catalog_id`,
            `language`, `region`, `unpublished`); None when there is none that may be shown.
        property_link: the link of `update_property_link` for a property, its value and where it leads in the end.
    """

    unsubscribe_link: str = "https://klaviyo.example/unsubscribe"
    manage_preferences_link: str = "https://klaviyo.example/manage-preferences"
    web_view_link: str = "https://klaviyo.example/web-view"
    currency: str = "USD"
    coupon_code: Callable[[str], str | None] | None = None
    catalog_item: Callable[[str, Mapping[str, str]], Mapping[str, object] | None] | None = None
    property_link: Callable[[str, str, str], str] | None = None


class State:
    """One rendering. `line` is where it stands, for errors; `memory` is what single tags remember in it."""

    def __init__(self, context: Mapping[str, object], now: datetime, message: Message, *, html: bool) -> None:
        self.now = now
        self.message = message
        self.html = html
        self.autoescape = html
        self.line = 1
        self.memory: dict[object, object] = {}
        self._context = context
        self._names: list[dict[str, object]] = [{}]
        self._parts: list[str] = []
        self._steps = 0
        self._written = 0

    def find(self, name: str) -> object:
        """The value of a name, from the innermost scope that has it; else `MISSING`."""
        for names in reversed(self._names):
            if name in names:
                return names[name]
        if name in self._context:
            return self._context[name]
        return _CONSTANTS.get(name, MISSING)

    def bind(self, name: str, value: object) -> None:
        """Give a name a value in the innermost scope."""
        self._names[-1][name] = value

    def rebind(self, name: str, value: object) -> None:
        """Give a name a value where it has one already, else in the innermost scope."""
        for names in reversed(self._names):
            if name in names:
                names[name] = value
                return
        names = self._names[0] if name in self._context else self._names[-1]
        names[name] = value

    @contextmanager
    def scope(self) -> Generator[None]:
        """A scope of its own for the names that are bound within."""
        self._names.append({})
        try:
            yield
        finally:
            self._names.pop()

    @contextmanager
    def escaping(self, *, on: bool) -> Generator[None]:
        """Switch escaping on or off within."""
        before = self.autoescape
        self.autoescape = on
        try:
            yield
        finally:
            self.autoescape = before

    @contextmanager
    def capture(self) -> Generator[list[str]]:
        """Collect what is written within, instead of writing it."""
        before = self._parts
        self._parts = []
        try:
            yield self._parts
        finally:
            self._parts = before

    def written(self, value: object) -> str:
        """The value as it is written here: escaped, or not."""
        shown = output_text(value)
        return escape(shown) if self.autoescape else shown

    def write(self, text: str) -> None:
        """Add to the output."""
        self._written += len(text)
        if self._written > MAXIMUM_OUTPUT:
            raise Excess(f"The template writes more than {MAXIMUM_OUTPUT:,} characters")
        self._parts.append(text)

    def output(self) -> str:
        """All that was written."""
        return "".join(self._parts)

    def step(self, value: object = None) -> None:
        """Count one step, and more for a long text or list."""
        self._count(size(value))

    def read(self, value: object) -> None:
        """Count what it takes to go through a value and all within it."""
        self._count(weight(value))

    def compare(self, value: object) -> None:
        """Count what it takes to compare a value with another; beyond the bound of values it is not compared."""
        heavy = weight(value)
        check_size(heavy)
        self._count(heavy)

    def _count(self, length: int) -> None:
        self._steps += 1 + length // _CHARACTERS_PER_STEP
        if self._steps > MAXIMUM_STEPS:
            raise Excess(f"The template needs more than {MAXIMUM_STEPS:,} steps; a loop may be too long")
