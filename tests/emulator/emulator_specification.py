"""Klaviyo's OpenAPI file as a judge of requests and answers, where it stands beside the checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from emulator_wire import SPECIFICATION
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Mapping

SPECIFICATIONS = SPECIFICATION.parent
JSON_API = "application/vnd.api+json"
_METHODS = ("get", "post", "patch", "put", "delete")
_HERE = "#/components/schemas/"
_THERE = "urn:klaviyo:"
_WORDS = {"oneOf": "anyOf"}
# The live API knowingly answers null here, against its own file.
_NULL_ALL_THE_SAME = ("next", "prev", "whatsapp")


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
        self._registry: Registry[Any] = Registry(retrieve=self._retrieve)
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

    def check_body(self, operation_id: str, document: object) -> None:
        """Raise for a request body that the file does not allow."""
        validator = self._validator(operation_id, None)
        assert validator is not None, f"{operation_id} takes a body"
        validator.validate(document)

    def _validator(self, operation_id: str, status: int | None) -> Draft202012Validator | None:
        key = (operation_id, status)
        if key not in self._validators:
            schema = self._schema(operation_id, status)
            self._validators[key] = None if schema is None else self._compiled(schema)
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

    def _compiled(self, schema: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator(strict(schema), registry=self._registry)

    def _retrieve(self, uri: str) -> Resource[Any]:
        schema = strict(self.schema(uri.removeprefix(_THERE)))
        return Resource(contents=schema, specification=DRAFT202012)


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
    if schema.get("nullable") is True:
        return {"anyOf": [result, {"type": "null"}]}
    return result


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
