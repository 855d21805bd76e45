"""From a method and a path to an operation, for all operations that Klaviyo has, built or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from klaviyo_emulator.errors import method_not_allowed, not_found
from klaviyo_emulator.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Match:
    """An operation and the values of its path parameters, in order."""

    operation: Operation
    arguments: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict[str, "_Node"])
    parameter: _Node | None = None
    methods: dict[str, Operation] = field(default_factory=dict[str, Operation])


class Router:
    """A tree of path segments. A fixed segment wins over a parameter."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            node = self._root
            for segment in operation.path.strip("/").split("/"):
                if segment.startswith("{"):
                    node.parameter = node = node.parameter or _Node()
                else:
                    node = node.fixed.setdefault(segment, _Node())
            node.methods[operation.method] = operation

    def match(self, method: str, raw_path: bytes) -> Match:
        """Find the operation of a percent-encoded path. Raises a 404 or 405 refusal.

        A trailing slash is ignored, and an encoded slash stays within its segment.
        """
        if not raw_path.isascii():
            raise not_found("The path is not percent-encoded.")
        try:
            segments = [unquote_to_bytes(segment).decode() for segment in raw_path.strip(b"/").split(b"/")]
        except UnicodeDecodeError:
            raise not_found("The path is not UTF-8.") from None
        node: _Node | None = self._root
        arguments: list[str] = []
        for segment in segments:
            fixed = node.fixed.get(segment)
            if fixed is None and segment:
                arguments.append(segment)
                fixed = node.parameter
            if fixed is None:
                raise not_found("There is no such path in the API.")
            node = fixed
        if not node.methods:
            raise not_found("There is no such path in the API.")
        operation = node.methods.get(method)
        if operation is None:
            raise method_not_allowed(method, ", ".join(sorted(node.methods)))
        return Match(operation, tuple(arguments))
