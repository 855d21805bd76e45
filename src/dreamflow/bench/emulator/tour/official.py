"""The official SDK. It has no types, so that all that cannot be checked is here."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamflow.bench.emulator.tour.steps import Document

_VARIANTS = ("_with_http_info", "_without_preload_content")
_DETAIL = 300


class SdkMissingError(Exception):
    """The official SDK is not installed."""


class RefusedError(Exception):
    """A call did not come to its end: it was refused, or no model of the SDK can read the answer."""


class Sdk:
    """The SDK, told not to repeat what fails. Raises SdkMissingError where there is none."""

    def __init__(self, url: str, key: str) -> None:
        if find_spec("klaviyo_api") is None:
            raise SdkMissingError
        # A delay of 0 stands for the default, of minutes.
        self._api: Any = import_module("klaviyo_api").KlaviyoAPI(key, max_retries=1, max_delay=1, test_host=url)
        self._areas: dict[str, Any] = {}

    def operations(self, area: str) -> Sequence[frozenset[str]]:
        """The names of each operation of an area: most have several."""
        names: dict[int, set[str]] = {}
        offered: dict[str, object] = dict(self._area(area).__class__.__dict__)
        for name, function in offered.items():
            if callable(function) and not name.startswith("_") and not name.endswith(_VARIANTS):
                names.setdefault(id(function), set()).add(name)
        return [frozenset(some) for some in names.values()]

    def call(self, area: str, operation: str, *arguments: object, **query: object) -> Document:
        """Call an operation; answers what the SDK has read, {} for an answer without body. Raises RefusedError."""
        try:
            answer = getattr(self._area(area), operation)(*arguments, **query)
        except Exception as error:  # the SDK raises errors of pydantic and urllib3, too
            raise RefusedError(_words(error)) from error
        if answer is None:
            return {}
        if isinstance(answer, dict):
            raise RefusedError("no model of the SDK has read the answer")
        return json.loads(json.dumps(answer.to_dict(), default=str))

    def _area(self, area: str) -> Any:  # noqa: ANN401 - no types
        if area not in self._areas:
            self._areas[area] = getattr(self._api, area.replace(" ", "_"))
        return self._areas[area]


def _words(error: Exception) -> str:
    """One line: the details of a refusal, or what is wrong with an answer."""
    body: Any = getattr(error, "body", None)
    try:
        told = [f"{one['status']} {one['detail']} {one['source']}" for one in json.loads(body)["errors"]]
    except (TypeError, ValueError, KeyError):
        told = [f"{type(error).__name__}: {error}"]
    return " ".join("; ".join(told).split())[:_DETAIL]
