"""Whatever Klaviyo sends, a model is read or the document is refused: nothing else is ever raised."""

import inspect
import pkgutil
import random
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from aioklaviyo import models, resources
from aioklaviyo.jsonapi import Json, MalformedDocumentError, Resource

DOCUMENTS = 150
"""Random ones, for each kind of resource; the same in every run."""
VALUES: list[Json] = [
    *(None, 0, 1.5, True, "", "x", "2020-01-01T00:00:00Z", 10**30),
    *([], ["x"], [None], [7], [[1]], [{}], [{"type": "x"}]),
    *({}, {"a": 1}, {"type": "x"}, {"data": None}, {"data": []}, {"data": [7]}, {"data": {"id": 7}}),
    {"data": {"type": "x", "id": "1"}},
    {"data": [{"type": "x", "id": "1"}, {"type": "x", "id": "none"}]},
]
Parser = Callable[[Resource], object]


def parsers() -> Iterator[Parser]:
    """All functions that make something of a resource."""
    for package in (models, resources):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for made in vars(import_module(found.name)).values():
                if inspect.isfunction(made) and made.__module__ == found.name and _takes_a_resource(made):
                    yield made


def _takes_a_resource(function: Callable[..., Any]) -> bool:
    first, *others = [*inspect.signature(function).parameters.values(), None]
    is_resource = first is not None and first.annotation is Resource
    return is_resource and all(other is None or other.default is not other.empty for other in others)


def names_in(parser: Parser) -> list[str]:
    """What the resource may have: the model's fields, and the words of the module."""
    module = inspect.getmodule(parser)
    assert module is not None
    words = set(re.findall(r'"([a-z][a-z_-]+)"', inspect.getsource(module)))
    model = inspect.signature(parser).return_annotation
    known = set(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else set[str]()
    return sorted(words | known)


@pytest.mark.parametrize("parser", list(parsers()), ids=lambda parser: parser.__name__)
def test_a_resource_is_read_or_refused(parser: Parser) -> None:
    rng, names = random.Random(1), names_in(parser)
    included = {("x", "1"): Resource("x", "1", {}, {})}
    read = 0
    for number in range(DOCUMENTS):
        attributes, relationships = (
            {rng.choice(names): rng.choice(VALUES) for _ in range(number % 12)} for _ in range(2)
        )
        try:
            parser(Resource("x", "1", attributes, relationships, included))
        except (ValidationError, MalformedDocumentError):
            continue
        read += 1
    # An empty resource has nothing wrong with it.
    assert read


def test_every_kind_of_resource_is_tried() -> None:
    assert len(list(parsers())) > 30
