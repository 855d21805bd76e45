"""A template: compiled once, rendered any number of times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.templating.errors import Excess, Failure, TemplateError
from klaviyo_emulator.templating.lexer import tokens
from klaviyo_emulator.templating.parser import Parser
from klaviyo_emulator.templating.state import Message, State
from klaviyo_emulator.templating.tags import ALL_TAGS, explain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_NO_MESSAGE = Message()


class Template:
    """A compiled template in Klaviyo's dialect of Django's template language.

    Raises TemplateError for what cannot be compiled: an unknown or unsupported tag or filter, a tag that is not
    closed, an expression that cannot be read, or nesting beyond the bound.
    """

    def __init__(self, source: str) -> None:
        parser = Parser(tokens(source), ALL_TAGS, explain)
        try:
            self._block = parser.template()
        except Failure as failure:
            raise TemplateError(str(failure), parser.line) from None
        self.names = frozenset(parser.names - parser.bound)
        """The names that the template asks its context for, without those that its own tags bind."""

    def render(
        self, context: Mapping[str, object], *, now: datetime, message: Message = _NO_MESSAGE, html: bool = True
    ) -> str:
        """The text for a context of JSON values.

        `now` is aware, in the time zone of the account. `html=False` is for subjects, plain text and SMS: nothing is
        escaped, and links are written in words. Raises TemplateError where Django fails as well (a filter's argument
        that does not exist, a loop over a number, a date that is none), for a tag that needs more than `message`
        gives, and beyond the bounds of steps, output and values. Nothing else is raised, whatever the context.
        """
        state = State(context, now, message, html=html)
        try:
            self._block.render(state)
        except (Failure, Excess) as failure:
            raise TemplateError(str(failure), state.line) from None
        except RecursionError:
            raise TemplateError("A value is nested too deeply", state.line) from None
        return state.output()
