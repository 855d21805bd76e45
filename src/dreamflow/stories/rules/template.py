"""Text with slots: `{pal}`, `{children}`, `{light}`.

A template is cut once, when its pack is read. Filling it never looks at a value again, so a child called
"{lead}" or "100 %s" stays exactly that.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_SLOT: Final = re.compile(r"\{([A-Za-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and slot names in turn: text, slot, text, slot, ..., text."""

    parts: tuple[str, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots, in order, repeated as used."""
        return self.parts[1::2]

    @property
    def literal(self) -> str:
        """The words around the slots, each slot shown as a dash."""
        return "-".join(self.parts[::2])

    def fill(self, values: Mapping[str, str]) -> str:
        """The finished text.

        Raises:
            KeyError: a slot has no value.
        """
        return "".join(values[part] if at % 2 else part for at, part in enumerate(self.parts))


def template(text: str) -> Template:
    """Cut a text at its slots."""
    return Template(tuple(_SLOT.split(text)))
