"""Filters of text: Django's, and Klaviyo's with their names from Liquid."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from klaviyo_emulator.templating.filters.registry import Filter, of_text, of_text_with, of_value_with
from klaviyo_emulator.templating.values import SafeText, check_size, is_list, is_mapping, text, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_LIQUID_ELLIPSIS = "..."
_DEFAULT_LENGTH = 50
_BESIDE_APOSTROPHE = re.compile(r"([a-z])'([A-Z])")
_AFTER_DIGIT = re.compile(r"\d([A-Z])")
_STRING_FORMAT = re.compile(r"[-+ #0]{0,5}(\d{1,3})?(\.\d{1,2})?[diouxXeEfFgGcrsa](?:[^%]|%%)*", re.ASCII)
_NOT_IN_SLUG = re.compile(r"[^\w\s-]")
_BETWEEN_IN_SLUG = re.compile(r"[-\s]+")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def _lower_case(match: re.Match[str]) -> str:
    return match[0].lower()


def _title(value: str) -> str:
    return _AFTER_DIGIT.sub(_lower_case, _BESIDE_APOSTROPHE.sub(_lower_case, value.title()))


def _capitalize_first(value: str) -> str:
    return value[:1].upper() + value[1:]


def _truncate_characters(value: str, length: object) -> str:
    limit = whole_number(length)
    if limit is None or len(value) <= limit:
        return value
    return value[: max(limit - 1, 0)] + _ELLIPSIS if limit > 0 else ""


def _truncate(value: str, length: object) -> str:
    """Liquid's way: the three dots count."""
    limit = whole_number(_DEFAULT_LENGTH if length is None else length)
    if limit is None or len(value) <= limit:
        return value
    return value[: max(limit - len(_LIQUID_ELLIPSIS), 0)] + _LIQUID_ELLIPSIS


def _truncate_words(value: str, count: object) -> str:
    limit = whole_number(count)
    if limit is None:
        return value
    found = value.split()
    if len(found) <= limit:
        return " ".join(found)
    return " ".join([*found[: max(limit, 0)], _ELLIPSIS]) if limit > 0 else ""


def _cut(value: str, removed: object) -> str:
    unwanted = text(removed)
    left = replaced(value, unwanted, "")
    # Without its semicolons markup may be markup no more.
    return SafeText(left) if isinstance(value, SafeText) and unwanted != ";" else left


def _slugify(value: str) -> str:
    plain = re.sub(r"[^\x00-\x7f]", "", _decomposed(value)).lower()
    return _BETWEEN_IN_SLUG.sub("-", _NOT_IN_SLUG.sub("", plain)).strip("-_")


def _decomposed(value: str) -> str:
    import unicodedata  # noqa: PLC0415 - a table of a megabyte that few templates need

    return unicodedata.normalize("NFKD", value)


def _string_format(value: object, pattern: object) -> str:
    directive = text(pattern)
    if not _STRING_FORMAT.fullmatch(directive):
        return ""
    try:
        made = f"%{directive}" % ((text(value) if is_list(value) or is_mapping(value) else value),)
    except (ValueError, TypeError, OverflowError):
        return ""
    # Unlike in Django a pattern that is not the author's makes nothing safe.
    return SafeText(made) if isinstance(value, SafeText) and isinstance(pattern, SafeText) else made


def _padded(value: str, width: object, side: str) -> str:
    columns = whole_number(width)
    if columns is None:
        return value
    check_size(columns)
    return {"left": value.ljust, "right": value.rjust, "center": value.center}[side](columns)


def _add_slashes(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")


def replaced(value: str, old: str, new: str, count: int = -1) -> str:
    """Text with one part for another. Nothing is not looked for."""
    if not old:
        return str(value)
    found = value.count(old) if count < 0 else count
    check_size(len(value) + found * (len(new) - len(old)))
    return value.replace(old, new, count)


def _old_and_new(pair: object) -> tuple[str, str]:
    """`old|new` in one text, which is how Klaviyo's replacing filters are told."""
    old, _, new = text(pair).partition("|")
    return old, new


def _replace_last(value: str, old: str, new: str) -> str:
    before, found, after = value.rpartition(old) if old else ("", "", value)
    return before + new + after if found else str(value)


def _split(value: str, separator: object) -> list[object]:
    between = text(separator)
    return list(value.split(between) if between else value)


def _with_scheme(scheme: str) -> Filter:
    def call(value: str) -> str:
        bare = _SCHEME.sub("", value, count=1) if _SCHEME.match(value) else value
        return f"{scheme}://{bare}" if bare else ""

    return of_text(call)


def _encoded(value: str) -> bytes:
    return value.encode("utf-8", "replace")


def _decode_base64(value: str, *, url_safe: bool) -> str:
    padded = value + "=" * (-len(value) % 4)
    try:
        raw = base64.b64decode(_encoded(padded), altchars=b"-_" if url_safe else None)
    except ValueError:
        return ""
    return raw.decode("utf-8", "replace")


def _quote(value: str, safe: object) -> str:
    return quote(value, safe="/" if safe is None else text(safe).encode("ascii", "ignore").decode(), errors="replace")


def _hash(algorithm: str) -> Filter:
    return of_text(lambda value: hashlib.new(algorithm, _encoded(value), usedforsecurity=False).hexdigest())


def _concatenate(value: object, other: object) -> object:
    if is_list(value) and is_list(other):
        return [*value, *other]
    return text(value) + text(other)


_UPPER = of_text(str.upper)
_LOWER = of_text(str.lower, keeps_safety=True)
_CAPITALIZE = of_text(_capitalize_first, keeps_safety=True)

TEXT_FILTERS: Mapping[str, Filter] = {
    "addslashes": of_text(_add_slashes, keeps_safety=True),
    "append": of_text_with(lambda value, other: value + text(other)),
    "base64_decode": of_text(lambda value: _decode_base64(value, url_safe=False)),
    "base64_encode": of_text(lambda value: base64.b64encode(_encoded(value)).decode()),
    "base64_url_safe_decode": of_text(lambda value: _decode_base64(value, url_safe=True)),
    "base64_url_safe_encode": of_text(lambda value: base64.urlsafe_b64encode(_encoded(value)).decode()),
    "capfirst": _CAPITALIZE,
    "capitalize": _CAPITALIZE,
    "center": of_text_with(lambda value, width: _padded(value, width, "center"), keeps_safety=True),
    "concat": of_value_with(_concatenate),
    "cut": of_text_with(_cut),
    "downcase": _LOWER,
    "find_replace": of_text_with(lambda value, pair: replaced(value, *_old_and_new(pair))),
    "httpize": _with_scheme("http"),
    "httpsize": _with_scheme("https"),
    "ljust": of_text_with(lambda value, width: _padded(value, width, "left"), keeps_safety=True),
    "lower": _LOWER,
    "lstrip": of_text(str.lstrip, keeps_safety=True),
    "md5_hash": _hash("md5"),
    "prepend": of_text_with(lambda value, other: text(other) + value),
    "remove": of_text_with(lambda value, removed: replaced(value, text(removed), "")),
    "remove_first": of_text_with(lambda value, removed: replaced(value, text(removed), "", 1)),
    "remove_last": of_text_with(lambda value, removed: _replace_last(value, text(removed), "")),
    "replace_first": of_text_with(lambda value, pair: replaced(value, *_old_and_new(pair), 1)),
    "replace_last": of_text_with(lambda value, pair: _replace_last(value, *_old_and_new(pair))),
    "rjust": of_text_with(lambda value, width: _padded(value, width, "right"), keeps_safety=True),
    "rstrip": of_text(str.rstrip, keeps_safety=True),
    "sha_1": _hash("sha1"),
    "sha_256": _hash("sha256"),
    "slugify": of_text(_slugify, keeps_safety=True),
    "split": of_text_with(_split),
    "stringformat": of_value_with(_string_format),
    "strip": of_text(str.strip, keeps_safety=True),
    "strip_newlines": of_text(lambda value: value.replace("\r", "").replace("\n", ""), keeps_safety=True),
    "title": of_text(_title, keeps_safety=True),
    "trim_slash": of_text(lambda value: value.rstrip("/"), keeps_safety=True),
    "truncate": of_text_with(_truncate, optional=True, keeps_safety=True),
    "truncatechars": of_text_with(_truncate_characters, keeps_safety=True),
    "truncatewords": of_text_with(_truncate_words, keeps_safety=True),
    "upcase": _UPPER,
    "upper": _UPPER,
    "urldecode": of_text(unquote),
    "urldecodeplus": of_text(unquote_plus),
    "urlencode": of_text_with(_quote, optional=True),
    "urlencodeplus": of_text(lambda value: quote_plus(value, errors="replace")),
    "wordcount": of_text(lambda value: len(value.split())),
}
