"""All filters by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.templating.filters.lists import LIST_FILTERS
from klaviyo_emulator.templating.filters.markup import MARKUP_FILTERS
from klaviyo_emulator.templating.filters.numbers import NUMBER_FILTERS
from klaviyo_emulator.templating.filters.texts import TEXT_FILTERS
from klaviyo_emulator.templating.filters.times import TIME_FILTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.templating.filters.registry import Filter

ALL_FILTERS: Mapping[str, Filter] = {
    **LIST_FILTERS,
    **MARKUP_FILTERS,
    **NUMBER_FILTERS,
    **TEXT_FILTERS,
    **TIME_FILTERS,
}

UNSUPPORTED_FILTERS = (
    "escapeseq",
    "filesizeformat",
    "iriencode",
    "json_script",
    "linenumbers",
    "phone2numeric",
    "pprint",
    "random",
    "resplit",
    "safeseq",
    "timesince",
    "timeuntil",
    "truncatechars_html",
    "truncatewords_html",
    "unordered_list",
    "urlize",
    "urlizetrunc",
    "wordwrap",
)
"""Filters that Django or Klaviyo has and the emulator has not."""

FILTER_ADVICE: Mapping[str, str] = {
    "divided_by": "divide",
    "nl2br": "linebreaksbr",
    "replace": "find_replace:'old|new'",
    "strip_tags": "striptags",
    "subtract": "floatsub",
    "times": "multiply",
    "url_encode": "urlencode",
}
"""What to use instead of a filter that people expect, and that is not documented for Klaviyo."""
