"""What an operation of the API is, and how calling one becomes a request. Nothing here sends anything.

Each resource module states its operations as constants beside their use; tests compare them with the specification.
"""

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias
from urllib.parse import quote, urlencode

from aioklaviyo import jsonapi
from aioklaviyo.errors import InvalidRequest, invalid_request
from aioklaviyo.jsonapi import Json, MalformedDocumentError
from aioklaviyo.rates import PARAMETER_RATES, Charge, Rate

Method: TypeAlias = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
QueryValue: TypeAlias = str | int | bool | Sequence[str] | None
"""Lists are joined by commas; None and empty lists are left out."""
Query: TypeAlias = Mapping[str, QueryValue]

_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_PLACEHOLDER = re.compile(r"\{\w+\}")
_NO_QUERY: Query = {}


class Need(enum.Enum):
    """What a call wants of a 2xx body."""

    DOCUMENT = "a JSON document"
    OPTIONAL = "a JSON document or nothing"
    NOTHING = "the status alone"


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it is repeated: everything, an idempotency key included, is fixed before the first attempt."""

    operation_id: str
    method: Method
    template: str
    """The path with placeholders for its ids: what may be told of it."""
    path: str
    query: str = ""
    body: bytes | None = None
    is_repeatable: bool = False
    need: Need = Need.DOCUMENT
    charges: tuple[Charge, ...] = ()

    @property
    def is_read(self) -> bool:
        """Whether equal calls have equal answers, so that one may answer for another."""
        return self.method == "GET"

    @property
    def deletes_one(self) -> bool:
        """Whether it deletes a resource, rather than members of one."""
        return self.method == "DELETE" and self.template.endswith("}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API, by the name the specification gives it."""

    id: str
    method: Method
    path: str
    """With a placeholder in braces for each id."""
    rate: Rate
    need: Need = Need.DOCUMENT
    is_repeatable: bool | None = None
    """Whether doing it twice has the effect of doing it once; None: all but a POST, for a PATCH sets values."""

    @property
    def repeats(self) -> bool:
        """Whether a call is repeated after an attempt that may have worked, where nothing else is said."""
        return self.method != "POST" if self.is_repeatable is None else self.is_repeatable

    def call(
        self,
        *ids: str,
        query: Query = _NO_QUERY,
        data: Json = None,
        is_repeatable: bool | None = None,
    ) -> Call:
        """This operation on these ids.

        Args:
            ids: One for each placeholder of the path, in order; each stays one segment, whatever it holds.
            query: Its query parameters.
            data: The document's ``data``; None sends no body.
            is_repeatable: Where it depends on what is sent; None means what the operation says.

        Raises:
            InvalidRequest: An id cannot be a segment of a path, or the data cannot be written as JSON.
        """
        path = self._path_to(ids)
        return Call(
            self.id,
            self.method,
            self.path,
            path,
            query_string(self.method, path, query) if query else "",
            None if data is None else encoded(self.method, path, {"data": data}),
            self.repeats if is_repeatable is None else is_repeatable,
            self.need,
            (_charge(self.method, self.path, self.rate), *(_parameter_charges(query) if query else ())),
        )

    def refused(self, problem: str, pointer: str) -> InvalidRequest:
        """An error for a call that is not made; ``problem`` quotes no value, ``pointer`` is a place in its body."""
        return invalid_request(problem, method=self.method, path=self.path, pointer=pointer)

    def _path_to(self, ids: Sequence[str]) -> str:
        parts = _fixed_parts(self.path)
        if len(parts) != len(ids) + 1:
            raise TypeError(f"{self.id} takes {len(parts) - 1} ids")
        path = parts[0]
        for identifier, rest in zip(ids, parts[1:], strict=True):
            path += self._segment(identifier) + rest
        return path

    def _segment(self, identifier: str) -> str:
        if identifier in {"", ".", ".."}:
            raise invalid_request(
                "an id must not be empty or made of dots", method=self.method, path=self.path, parameter="id"
            )
        _require_unicode(identifier, method=self.method, path=self.path, parameter="id")
        return quote(identifier, safe="")


# Operations are constants, so there are as many of both as there are operations.
@cache
def _fixed_parts(template: str) -> Sequence[str]:
    return _PLACEHOLDER.split(template)


@cache
def _charge(method: str, template: str, rate: Rate) -> Charge:
    return Charge(charge_key(method, template), rate)


def charge_key(method: str, template: str) -> str:
    """The name of an endpoint's windows, whatever its placeholders are called."""
    return f"{method} {_PLACEHOLDER.sub('{id}', template)}"


def query_string(method: str, path: str, parameters: Query) -> str:
    """Percent-encoded parameters in the order given; None and empty lists are left out, lists are joined by commas.

    Empty text is sent like any other: to JSON:API, ``include=`` is not the same as no ``include``.

    Raises:
        InvalidRequest: A parameter is not valid Unicode.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, (str, int)):
            pairs.append((name, str(value)))
        elif value:
            pairs.append((name, ",".join(value)))
    for name, text in pairs:
        _require_unicode(name + text, method=method, path=path, parameter=name)
    return urlencode(pairs, quote_via=quote, safe="")


def encoded(method: str, path: str, document: Json) -> bytes:
    """A request body.

    Raises:
        InvalidRequest: It cannot be written as JSON.
    """
    try:
        return jsonapi.encode(document)
    except MalformedDocumentError as error:
        problem = str(error)
    raise invalid_request(problem, method=method, path=path, pointer="/data")


def _require_unicode(text: str, *, method: str, path: str, parameter: str) -> None:
    # Half of a surrogate pair has no encoding; looking for it raises nothing that would carry the text along.
    if _HALF_CHARACTER.search(text):
        raise invalid_request("text must be valid Unicode", method=method, path=path, parameter=parameter)


def _parameter_charges(query: Query) -> list[Charge]:
    return [
        Charge(key, PARAMETER_RATES[key])
        for name, value in query.items()
        if name.startswith("additional-fields[") and value and not isinstance(value, (str, int))
        for item in value
        if (key := f"{name}={item}") in PARAMETER_RATES
    ]
