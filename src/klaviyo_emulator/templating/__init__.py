"""Klaviyo's templates: a small engine for its dialect of Django's template language.

It knows no HTTP and no state. What it supports is in `TAGS` and `FILTERS`; everything else is refused by name.
"""

from __future__ import annotations

from klaviyo_emulator.templating.errors import TemplateError
from klaviyo_emulator.templating.filters import ALL_FILTERS, UNSUPPORTED_FILTERS
from klaviyo_emulator.templating.state import Message
from klaviyo_emulator.templating.tags import ALL_TAGS, UNSUPPORTED_TAGS
from klaviyo_emulator.templating.template import Template

TAGS: tuple[str, ...] = tuple(sorted(ALL_TAGS))
"""The tags that templates may use."""
FILTERS: tuple[str, ...] = tuple(sorted(ALL_FILTERS))
"""The filters that templates may use."""

__all__ = ["FILTERS", "TAGS", "UNSUPPORTED_FILTERS", "UNSUPPORTED_TAGS", "Message", "Template", "TemplateError"]
