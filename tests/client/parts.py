"""Parts of definitions as hypothesis makes them: read off their types, and as JSON off the specification."""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from aioklaviyo.models.segment.grammar import Part

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
WHOLE = st.integers(-1_000_000, 1_000_000)
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
MOMENTS = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2040, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
_ABSENT = object()
_EXAMPLES: dict[Any, list[Any]] = {
    str: ["UTC"],
    int: [7],
    float: [1.5],
    bool: [True, False],
    dict: [{}],
    dt.datetime: [MOMENT],
    dt.date: [MOMENT.date()],
    dt.time: [MOMENT.time()],
    NoneType: [None],
}
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
Chosen = Mapping[tuple[type[Part], str], SearchStrategy[Any]]
"""For some members of some parts, what they are instead of anything of their type."""


def parts(kind: type[Part], chosen: Chosen) -> SearchStrategy[Any]:
    """Any part of this kind."""

    def build() -> SearchStrategy[Any]:
        members = {
            name: chosen[kind, name] if (kind, name) in chosen else values(field.annotation, chosen)
            for name, field in kind.model_fields.items()
        }
        return st.builds(kind, **members)

    return st.deferred(build)


def values(annotation: Any, chosen: Chosen) -> SearchStrategy[Any]:
    """Any value of a type that a part may hold."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return values(get_args(annotation)[0], chosen)
    if origin in {Union, UnionType}:
        return st.one_of(*(values(choice, chosen) for choice in get_args(annotation)))
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin is tuple:
        return st.lists(values(get_args(annotation)[0], chosen), max_size=3).map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return parts(annotation, chosen)
    return {
        str: TEXT,
        int: WHOLE,
        float: st.floats(-1e6, 1e6),
        bool: st.booleans(),
        dt.datetime: MOMENTS,
        NoneType: st.none(),
    }[annotation]


def every_value(annotation: Any, chosen: Mapping[tuple[type[Part], str], list[Any]] | None = None) -> list[Any]:
    """Values of a type such that each choice in it, however deep, is taken by one of them."""
    chosen = {} if chosen is None else chosen
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Part):
        members = {
            name: chosen[annotation, name] if (annotation, name) in chosen else every_value(field.annotation, chosen)
            for name, field in annotation.model_fields.items()
        }
        return [annotation.model_validate(one) for one in _one_after_the_other(members)]
    if origin is Literal:
        return list(inner)
    if origin is tuple:
        return [(), tuple(every_value(inner[0], chosen))]
    if origin is Annotated:
        inner = inner[:1]
    if origin in {Annotated, Union, UnionType}:
        return [value for choice in inner for value in every_value(choice, chosen)]
    return _EXAMPLES[origin or annotation]


def every_document(schema: Any, schemas: Mapping[str, Any]) -> list[Any]:
    """JSON that an OpenAPI schema describes, such that each choice in it, however deep, is taken by some of it."""
    if "$ref" in schema:
        return every_document(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return [*_every_document(schema, schemas), *([None] if schema.get("nullable") else [])]


def _every_document(schema: Any, schemas: Mapping[str, Any]) -> list[Any]:
    kind = schema.get("type")
    if "oneOf" in schema:
        return [document for choice in schema["oneOf"] for document in every_document(choice, schemas)]
    if "enum" in schema:
        return list(schema["enum"])
    if kind == "object":
        members = {name: every_document(inner, schemas) for name, inner in schema["properties"].items()}
        for name in members.keys() - set(schema.get("required", [])):
            members[name].append(_ABSENT)
        return [
            {name: value for name, value in document.items() if value is not _ABSENT}
            for document in _one_after_the_other(members)
        ]
    if kind == "array":
        return [[], every_document(schema["items"], schemas)]
    if schema.get("format") == "date-time":
        return [MOMENT.isoformat()]
    return {"string": ["x"], "integer": [7], "number": [1.5], "boolean": [True, False], None: []}[kind]


def describes(schema: Any, value: Any, schemas: Mapping[str, Any]) -> bool:
    """Whether an OpenAPI schema describes this JSON, without any member that it does not name."""
    if "$ref" in schema:
        return describes(schemas[schema["$ref"].rpartition("/")[2]], value, schemas)
    if value is None:
        return bool(schema.get("nullable"))
    if "oneOf" in schema:
        return any(describes(choice, value, schemas) for choice in schema["oneOf"])
    if "enum" in schema:
        return any(value == choice and type(value) is type(choice) for choice in schema["enum"])
    if isinstance(value, dict):
        members, needed = schema.get("properties", {}), set(schema.get("required", ()))
        return needed <= value.keys() <= members.keys() and all(
            describes(members[name], inner, schemas) for name, inner in value.items()
        )
    items = value if isinstance(value, list) else []
    return type(value) in _TYPES[schema["type"]] and all(describes(schema["items"], item, schemas) for item in items)


def _one_after_the_other(members: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """As many as the member with the most values has; the others begin anew with their first."""
    return [
        {name: values[index % len(values)] for name, values in members.items()}
        for index in range(max(map(len, members.values())))
    ]
