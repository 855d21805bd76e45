"""Klaviyo's OpenAPI file as a judge of requests and answers, where it stands beside the checkout."""

from __future__ import annotations

import json
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from emulator_wire import SPECIFICATION
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing import Specification as Opaque

from klaviyo_emulator import app
from klaviyo_emulator.operations import REVISIONS, facts, operations

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

SPECIFICATIONS = SPECIFICATION.parent
JSON_API = "application/vnd.api+json"
_METHODS = ("get", "post", "patch", "put", "delete")
_HERE = "#/components/schemas/"
_THERE = "urn:klaviyo:"
_WORDS = {"oneOf": "anyOf"}
# The live API knowingly answers null here, against its own file.
_NULL_ALL_THE_SAME = ("next", "prev", "whatsapp")


FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@dataclass(frozen=True)
class Described:
    """An operation as the file has it."""

    method: str
    path: str
    raw: dict[str, Any]

    def query(self) -> dict[str, dict[str, Any]]:
        """Its query parameters by their names."""
        return {item["name"]: item for item in self.raw.get("parameters", ()) if item["in"] == "query"}

    def body_schema(self) -> dict[str, Any] | None:
        """The schema of its JSON body, as written, None where it takes none."""
        content = self.raw.get("requestBody", {}).get("content", {})
        return content[JSON_API]["schema"] if JSON_API in content else None


class Specification:
    """The file, with a validator for each body and answer, made when it is first needed."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self.operations: Mapping[str, Described] = {
            operation["operationId"]: Described(method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in _METHODS
        }
        # Opaque: no schema of it has a name or an anchor within, and to look for them takes most of a validation.
        self._registry: Registry[Any] = Registry().with_resources(
            (f"{_THERE}{name}", Resource(contents=strict(schema), specification=Opaque.OPAQUE))
            for name, schema in self._components["schemas"].items()
        )
        self._validators: dict[tuple[str, int | None], Draft202012Validator | None] = {}

    def schema(self, name: str) -> dict[str, Any]:
        """One of its named schemas, as written."""
        return self._components["schemas"][name]

    def check_answer(self, operation_id: str, status: int, document: object) -> None:
        """Raise for an answer that the file does not allow; `document` is None for one without a body."""
        validator = self._validator(operation_id, status)
        if validator is None:
            assert document is None, f"{operation_id} answers {status} without a body"
        else:
            validator.validate(document)

    def check_body(self, operation_id: str, document: Any) -> None:
        """Raise for a request body that the file does not allow."""
        validator = self._validator(operation_id, None)
        assert validator is not None, f"{operation_id} takes a body"
        if not validator.is_valid(document):
            validator.validate(without_nulls(document))

    def _validator(self, operation_id: str, status: int | None) -> Draft202012Validator | None:
        key = (operation_id, status)
        if key not in self._validators:
            schema = self._schema(operation_id, status)
            self._validators[key] = None if schema is None else self._compiled(schema, is_answer=status is not None)
        return self._validators[key]

    def _schema(self, operation_id: str, status: int | None) -> dict[str, Any] | None:
        described = self.operations[operation_id]
        if status is None:
            return described.body_schema()
        responses = described.raw["responses"]
        answer = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        assert answer is not None, f"{operation_id} does not answer {status}"
        if "$ref" in answer:
            answer = self._components["responses"][answer["$ref"].rpartition("/")[2]]
        content = answer.get("content")
        return content[JSON_API]["schema"] if content else None

    def _compiled(self, schema: dict[str, Any], *, is_answer: bool) -> Draft202012Validator:
        formats = FORMATS if is_answer else None
        return Draft202012Validator(strict(schema), registry=self._registry, format_checker=formats)


@cache
def specification() -> Specification:
    """The stable file, read once. Ask whether SPECIFICATION exists before."""
    return Specification(json.loads(SPECIFICATION.read_text(encoding="utf-8")))


def strict(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable`, and references that are looked up one by one.

    `oneOf` is read as `anyOf`: the branches of many overlap, so that nothing would be valid.
    """
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {_WORDS.get(key, key): strict(value) for key, value in schema.items() if key != "nullable"}
    if isinstance(result.get("$ref"), str):
        result["$ref"] = result["$ref"].replace(_HERE, _THERE)
    properties = result.get("properties", {})
    for name in _NULL_ALL_THE_SAME:
        if name in properties:
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
    related = properties.get("data", {})
    if related.get("properties", {}).keys() == {"type", "id"}:
        # JSON:API's own way to say that there is none.
        properties["data"] = {"anyOf": [related, {"type": "null"}]}
    if schema.get("nullable") is True:
        return {"anyOf": [result, {"type": "null"}]}
    return result


def without_nulls(value: Any) -> Any:
    """A request's body as it is understood: null stands for absence, and dates are read more generously."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


class Checker:
    """Judges pairs of a request and its answer, and remembers of which operations."""

    def __init__(self) -> None:
        self.specification = specification()
        self.seen: set[str] = set()

    def check(self, operation_id: str, response: Any, body: Any = None) -> Any:
        """The document of an answer that is valid, to a body that is valid."""
        document = response.json() if response.content else None
        self.specification.check_answer(operation_id, response.status_code, document)
        if body is not None:
            self.specification.check_body(operation_id, body)
        self.seen.add(operation_id)
        return document


EARLIER, LATER = REVISIONS
_ENOUGH = 20
# What a job finds wrong with a profile becomes one of its errors.
_JUDGED_LATER = frozenset({"bulk_import_profiles"})
_OF_ONE_SHAPE = 3
_BODY: ContextVar[object] = ContextVar("body", default=None)


def shape(value: object) -> object:
    """What a validator mostly looks at: names and types, without the values."""
    if isinstance(value, dict):
        return tuple((name, shape(item)) for name, item in value.items())
    if isinstance(value, list):
        return (list, *{shape(item) for item in value})
    return type(value)


def thinned(value: Any) -> Any:
    """The value, of whose long arrays only a few items of each shape are left."""
    if isinstance(value, dict):
        return {name: thinned(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) <= _OF_ONE_SHAPE:
        return [thinned(item) for item in value]
    seen: Counter[object] = Counter()
    kept: list[Any] = []
    for item in value:
        key = shape(item)
        seen[key] += 1
        if seen[key] <= _OF_ONE_SHAPE:
            kept.append(thinned(item))
    return kept


def is_described(operation_id: str, revision: str) -> bool:
    """Whether the file, which is of the earlier revision, can tell about an operation in a revision."""
    if operations()[operation_id].since == LATER:
        return False
    changed = any((operation_id, LATER) in facts(table) for table in ("readings.tsv", "bodies.tsv"))
    return revision == EARLIER or not changed


class Judge:
    """Looks at every answer that leaves an emulator of this process, and at every body that one accepts.

    Not at what a fault made, at what only some fields were asked of, and at an emulator that behaves as the live API
    does where that is known to differ. What it found wrong waits in `deviations`.
    """

    def __init__(self) -> None:
        self.deviations: list[str] = []
        self.judged: Counter[str] = Counter()
        self._seen: Counter[object] = Counter()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Begin to look, until the patch is undone."""
        deliver, read = app.Api._deliver, app.read_document

        async def judge_and_deliver(api: Any, exchange: Any, answer: Any, scope: Any, *rest: Any) -> None:
            if exchange.fault is None and api._context.config.behaviour == "spec":
                self._judge(exchange.asked.operation, answer, scope)
            await deliver(api, exchange, answer, scope, *rest)

        async def read_and_keep(*parts: Any) -> tuple[object, int]:
            document, size = await read(*parts)
            # What stands beside `data` is nothing that any operation takes.
            _BODY.set({"data": document["data"]} if isinstance(document, dict) and "data" in document else None)
            return document, size

        patch.setattr(app.Api, "_deliver", judge_and_deliver)
        patch.setattr(app, "read_document", read_and_keep)

    def _judge(self, operation_id: str | None, answer: Any, scope: Any) -> None:
        body = _BODY.get()
        _BODY.set(None)
        query = scope["query_string"].decode("latin-1")
        if operation_id is None or "fields" in query.replace("additional-fields", ""):
            return
        revision = dict(scope["headers"]).get(b"revision", b"").decode("latin-1").removesuffix(".pre")
        if answer.status < 400 and not is_described(operation_id, revision):
            return
        if operations()[operation_id].since == LATER:
            return
        document = thinned(json.loads(answer.body)) if answer.body else None
        if self._is_new(operation_id, answer.status, document):
            self._note(f"{operation_id} answered {answer.status}", answer.status, operation_id, document)
        if answer.status < 400 and body is not None and operation_id not in _JUDGED_LATER:
            asked = thinned(body)
            if self._is_new(operation_id, None, asked):
                self._note(f"{operation_id} accepted", None, operation_id, asked)

    def _is_new(self, operation_id: str, status: int | None, document: object) -> bool:
        key = (operation_id, status, shape(document))
        self._seen[key] += 1
        return self._seen[key] <= _ENOUGH

    def _note(self, what: str, status: int | None, operation_id: str, document: object) -> None:
        self.judged[operation_id] += 1
        judge = specification()
        try:
            if status is None:
                judge.check_body(operation_id, document)
            else:
                judge.check_answer(operation_id, status, document)
        except ValidationError as error:
            worst = best_match([error]) or error
            self.deviations.append(f"{what}: {worst.json_path}: {worst.message[:500]}")
        except AssertionError as error:
            self.deviations.append(f"{what}: {error}")
