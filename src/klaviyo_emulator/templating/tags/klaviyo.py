"""Klaviyo's own tags: links of the message, dates, money, coupons and the catalog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from klaviyo_emulator.templating.dates import MONTHS, WEEKDAYS, write_by_directives
from klaviyo_emulator.templating.errors import Failure
from klaviyo_emulator.templating.money import write_money
from klaviyo_emulator.templating.tags.arguments import Arguments, read_arguments, simple
from klaviyo_emulator.templating.values import SafeText, escape, is_list, is_mapping, look_up, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from klaviyo_emulator.templating.expressions import Expression
    from klaviyo_emulator.templating.parser import Block, Node, Parser, Tag, TagParser
    from klaviyo_emulator.templating.state import Message, State

_CUT = "cut="
_CATALOG_OPTIONS = ("catalog_id", "integration", "language", "region", "unpublished")


def _url(address: Callable[[Message], str]) -> TagParser:
    return simple(lambda state, _: address(state.message))


def _link(address: Callable[[Message], str], words: str) -> TagParser:
    """A link with words of its own, which one may give; in plain text the words and the address."""

    def call(state: State, values: Sequence[object]) -> object:
        url = address(state.message)
        shown = values[0] if values else SafeText(words)
        if not state.html:
            return f"{text(shown)} ( {url} )"
        return SafeText(f'<a href="{escape(url)}">{escape(shown)}</a>')

    return simple(call, 0, 1)


def _date_part(part: Callable[[State], object]) -> TagParser:
    return simple(lambda state, _: part(state))


def _today(state: State, values: Sequence[object]) -> object:
    return write_by_directives(state.now, text(values[0]))


def _currency_format(state: State, values: Sequence[object]) -> object:
    return write_money(values[0], state.message.currency)


def _render_variable(_state: State, values: Sequence[object]) -> object:
    return values[0]


def _coupon(parser: Parser, tag: Tag) -> Node:
    """The recipient's code; `cut=#Gg` leaves these signs out of it."""
    cut = "".join(word.removeprefix(_CUT) for word in tag.words if word.startswith(_CUT))
    words = tuple(word for word in tag.words if not word.startswith(_CUT))
    return simple(partial(_coupon_code, cut), 1)(parser, replace(tag, words=words))


def _coupon_code(cut: str, state: State, values: Sequence[object]) -> object:
    if state.message.coupon_code is None:
        raise Failure("customer profile is required")
    name = text(values[0])
    code = state.message.coupon_code(name)
    if code is None:
        raise Failure(f"There is no code of the coupon '{name}' left")
    return code.translate(dict.fromkeys(map(ord, cut)))


def _update_property_link(state: State, values: Sequence[object]) -> object:
    name, value, address = map(text, values)
    make = state.message.property_link
    return address if make is None else make(name, value, address)


def _has_category(state: State, values: Sequence[object]) -> object:
    """Whether one of an item's categories has the words in its name."""
    del state
    item, wanted = values
    categories = look_up(item, "categories")
    return is_list(categories) and any(text(wanted) in _category_name(category) for category in categories)


def _category_name(category: object) -> str:
    return text(look_up(category, "name") if is_mapping(category) else category)


def _catalog(parser: Parser, tag: Tag) -> Node:
    arguments = read_arguments(parser, tag, 1, 1, _CATALOG_OPTIONS, target=False)
    parser.bound.add("catalog_item")
    block, _ = parser.block(tag, "endcatalog")
    return _Catalog(arguments, block, tag.line)


@dataclass(frozen=True, slots=True)
class _Catalog:
    arguments: Arguments
    block: Block
    line: int

    def render(self, state: State) -> None:
        state.line = self.line
        find = state.message.catalog_item
        if find is None:
            raise Failure("There is no catalog here to look into")
        item_id = _read_text(self.arguments.values[0], state)
        options = {name: _read_text(expression, state) for name, expression in self.arguments.named.items()}
        item = find(item_id, options)
        if item is None:
            raise Failure(f"Unable to find item with code: {item_id}. It may have been deleted.")
        with state.scope():
            state.bind("catalog_item", item)
            self.block.render(state)


def _read_text(expression: Expression, state: State) -> str:
    value = expression.value(state)
    state.read(value)
    return text(value)


KLAVIYO_TAGS: Mapping[str, TagParser] = {
    "catalog": _catalog,
    "coupon_code": _coupon,
    "currency_format": simple(_currency_format, 1),
    "current_day": _date_part(lambda state: state.now.day),
    "current_month": _date_part(lambda state: state.now.month),
    "current_month_name": _date_part(lambda state: MONTHS[state.now.month - 1]),
    "current_weekday": _date_part(lambda state: WEEKDAYS[state.now.weekday()]),
    "current_year": _date_part(lambda state: state.now.year),
    "has_category": simple(_has_category, 2),
    "manage_preferences": _link(lambda message: message.manage_preferences_link, "Manage Preferences"),
    "manage_preferences_link": _url(lambda message: message.manage_preferences_link),
    "render_variable": simple(_render_variable, 1),
    "today": simple(_today, 1),
    "unsubscribe": _link(lambda message: message.unsubscribe_link, "Unsubscribe"),
    "unsubscribe_link": _url(lambda message: message.unsubscribe_link),
    "update_property_link": simple(_update_property_link, 3),
    "web_view": _link(lambda message: message.web_view_link, "View in Your Browser"),
    "web_view_link": _url(lambda message: message.web_view_link),
}
