"""What can go wrong with a template: one public error, and the two signals from which it is made."""

from __future__ import annotations

_LONGEST_MESSAGE = 300


class TemplateError(Exception):
    """A template that cannot be compiled, or that cannot be rendered with its context.

    `line` counts from 1 and is where the tag or variable begins; `message` says what is wrong, without the line.
    """

    def __init__(self, message: str, line: int) -> None:
        self.message = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."
        super().__init__(f"{self.message} (line {line})")
        self.line = line


class Failure(Exception):
    """Something in a tag, an expression or a filter is wrong; the place is added by whoever knows it.

    Inside the condition of an `if` a failure while rendering makes its comparison false, as in Django.
    """


class MissingArgument(Failure):
    """A filter's argument is a variable that does not exist."""


class Excess(Exception):
    """A bound is passed. Unlike a failure, nothing in a template can catch it."""
