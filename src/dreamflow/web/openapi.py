"""The API's description, with errors as they really are: problem documents."""

from typing import Any

from fastapi import FastAPI

from dreamflow.web.problems import MEDIA_TYPE

_ERRORS = {
    "400": "The body is not JSON.",
    "401": "Nobody vouches for the caller.",
    "404": "There is no such thing, or it is somebody else's.",
    "409": "The present state forbids it.",
    "413": "The body is larger than 64 kB.",
    "422": "A field is wrong; `errors` says which and why.",
    "500": "Something went wrong here; it was noted under the instance id.",
    "503": "A part we lean on is not there; nothing was stored, try again.",
}

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). It names fields and reasons, never values.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:dreamflow:problem:invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Id of this request, as in our log."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the request."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "urn:dreamflow:problem:invalid",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "A story takes 3 to 20 minutes.",
            "instance": "5b68ad02-0b6b-4127-a0bf-38d37f9c587b",
            "errors": [{"pointer": "/minutes", "detail": "A story takes 3 to 20 minutes."}],
        }
    ],
}


def describe_errors(app: FastAPI, prefix: str) -> None:
    """Describe the errors of every operation below a path prefix."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            components = schema.setdefault("components", {}).setdefault("schemas", {})
            components["Problem"] = _PROBLEM
            # FastAPI's own shape of a validation error is one this app never sends.
            for unused in ("HTTPValidationError", "ValidationError"):
                components.pop(unused, None)
            for path, item in schema["paths"].items():
                if path.startswith(prefix):
                    for operation in item.values():
                        operation["responses"].update(_responses())
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi


def _responses() -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": text, "content": content} for status, text in _ERRORS.items()}
