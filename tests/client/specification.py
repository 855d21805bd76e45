"""Klaviyo's OpenAPI files as judges of requests, where they stand beside the checkout."""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[2].parent / "shared" / "klaviyo-openapi"
STABLE = FOLDER / "stable-2026-07-15.json"
# Of the 2026-10-15 revision only this much has been published.
BETA = FOLDER / "beta-2026-07-15.pre.json"
_SKIPPED = {"example", "description", "nullable", "default", "format"}
_HERE = "#/components/schemas/"


class Specification:
    """One file: which operations it has, and whether a request is one of them."""

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text(encoding="utf-8"))
        self._operations = {
            (method.upper(), template): operation
            for template, methods in document["paths"].items()
            for method, operation in methods.items()
            if isinstance(operation, dict)
        }
        self._components = {
            "schemas": {name: strict(schema) for name, schema in document["components"]["schemas"].items()}
        }

    def has(self, method: str, template: str) -> bool:
        return (method, template) in self._operations

    def check(self, method: str, template: str, query: str, body: bytes) -> None:
        """Raise for a request that the file does not describe: a parameter, a value, a member of the body."""
        operation = self._operations[method, template]
        allowed = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p["in"] == "query"}
        for name, text in parse_qsl(query, keep_blank_values=True):
            assert name in allowed, f"{method} {template} takes no {name}"
            self._validate(_typed(text, allowed[name]), allowed[name])
        content = operation.get("requestBody", {}).get("content", {})
        if body:
            assert content, f"{method} {template} takes no body"
            self._validate(json.loads(body), next(iter(content.values()))["schema"])
        else:
            assert not content, f"{method} {template} takes a body"

    def _validate(self, value: Any, schema: Any) -> None:
        Draft202012Validator({**strict(schema), "components": self._components}).validate(value)


@cache
def specification(path: Path) -> Specification:
    """A file, read once. Ask whether it exists before."""
    return Specification(path)


def strict(schema: Any, *, is_closed: bool = True) -> Any:
    """The JSON schema an OpenAPI 3.0 one means, without unknown names; ``oneOf`` overlaps, so it is any of them."""
    if isinstance(schema, list):
        return [strict(entry, is_closed=is_closed) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: strict(inner) for name, inner in value.items()}
        elif key not in _SKIPPED:
            # What is composed of several parts is closed by none of them.
            made["anyOf" if key == "oneOf" else key] = strict(value, is_closed=key != "allOf" and is_closed)
    if is_closed and made.get("properties"):
        made.setdefault("additionalProperties", False)
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


def _typed(text: str, schema: dict[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return text.split(",")
    return int(text) if kind == "integer" else text
