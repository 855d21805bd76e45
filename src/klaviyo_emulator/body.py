"""Reading a request body: type, encoding, size, JSON. Nothing is inflated or parsed beyond the size limit."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, NoReturn

from klaviyo_emulator.errors import invalid, too_large, unsupported_media

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAXIMUM_BYTES = 5 * 1024 * 1024
_DRAINED_BYTES = 8 * MAXIMUM_BYTES
"""How much of a body that is too large is still read, so that its sender gets to read the answer."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_TYPES = frozenset({"application/vnd.api+json", "application/json"})
_TOO_LARGE = f"The payload is larger than {MAXIMUM_BYTES} bytes."


async def read_document(
    chunks: AsyncIterator[bytes], content_type: bytes | None, encoding: bytes | None
) -> tuple[object, int]:
    """The JSON value in a body, and how many bytes it has after decompression. Raises a 400, 413 or 415 refusal."""
    _check_type(content_type)
    method = _encoding(encoding)
    raw = await _read(chunks)
    plain = _inflate(raw) if method == "gzip" else raw
    return parse_json(plain), len(plain)


def parse_json(raw: bytes) -> object:
    """Parse JSON more strictly than Python does: UTF-8, no NaN, no Infinity, no lone surrogate, no endless nesting."""
    if not raw.strip():
        raise invalid("A request body is needed.", "/data")
    try:
        document: object = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        if _SURROGATE.search(raw):
            json.dumps(document, ensure_ascii=False).encode("utf-8")  # fails for one without its other half
    except (ValueError, RecursionError):
        raise invalid("The request body is not valid JSON.", "/data") from None
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_type(content_type: bytes | None) -> None:
    text = (content_type or b"").decode("latin-1")
    kind, *parameters = [part.strip().lower() for part in text.split(";")]
    if kind not in _TYPES:
        raise unsupported_media(f'Unsupported media type "{text}" in request.')
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
            raise unsupported_media(f'Unsupported charset "{value}" in request.')


def _encoding(encoding: bytes | None) -> str:
    text = (encoding or b"identity").decode("latin-1").strip().lower()
    if text not in {"identity", "gzip", "x-gzip"}:
        raise unsupported_media(f'Unsupported content encoding "{text}" in request.')
    return text.removeprefix("x-")


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= MAXIMUM_BYTES:
            parts.append(chunk)
        elif size > _DRAINED_BYTES:
            break
    if size > MAXIMUM_BYTES:
        raise too_large(_TOO_LARGE)
    return b"".join(parts)


def _inflate(raw: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(raw, MAXIMUM_BYTES + 1)
    except zlib.error:
        raise invalid("The request body is not valid gzip.", "/data") from None
    if len(plain) > MAXIMUM_BYTES:
        raise too_large(_TOO_LARGE)
    if not inflater.eof or inflater.unused_data:
        raise invalid("The request body is not valid gzip.", "/data")
    return plain
