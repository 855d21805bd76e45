"""What a filter is, and the few ways to make one from a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.values import SafeText, check_size, size, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from klaviyo_emulator.templating.state import State


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter; `call` takes the value, the argument (None when there is none) and the rendering.

    With `keeps_safety` what is made of safe text is safe, as in Django; otherwise it is escaped again. `reads_all` is
    for a filter that goes through everything within its value.
    """

    call: Callable[[object, object, State], object]
    takes_argument: bool = False
    needs_argument: bool = False
    keeps_safety: bool = False
    reads_all: bool = True

    def apply(self, value: object, argument: object, state: State) -> object:
        """The filtered value. Raises Failure where Django would fail, and Excess beyond the bounds."""
        if self.reads_all:
            state.read(value)
        state.read(argument)
        made = self.call(value, argument, state)
        check_size(size(made))
        state.step(made)
        if self.keeps_safety and isinstance(made, str) and isinstance(value, SafeText):
            made = SafeText(made)
        return made


def of_value(function: Callable[[object], object], *, keeps_safety: bool = False, reads_all: bool = True) -> Filter:
    """A filter of any value, without an argument."""
    return Filter(lambda value, _argument, _state: function(value), keeps_safety=keeps_safety, reads_all=reads_all)


def of_value_with(
    function: Callable[[object, object], object],
    *,
    optional: bool = False,
    keeps_safety: bool = False,
    reads_all: bool = True,
) -> Filter:
    """A filter of any value, with an argument."""
    return Filter(
        lambda value, argument, _state: function(value, argument),
        takes_argument=True,
        needs_argument=not optional,
        keeps_safety=keeps_safety,
        reads_all=reads_all,
    )


def of_text(function: Callable[[str], object], *, keeps_safety: bool = False) -> Filter:
    """A filter of the value's text, without an argument."""
    return Filter(lambda value, _argument, _state: function(text(value)), keeps_safety=keeps_safety)


def of_text_with(
    function: Callable[[str, object], object], *, optional: bool = False, keeps_safety: bool = False
) -> Filter:
    """A filter of the value's text, with an argument."""
    return Filter(
        lambda value, argument, _state: function(text(value), argument),
        takes_argument=True,
        needs_argument=not optional,
        keeps_safety=keeps_safety,
    )
