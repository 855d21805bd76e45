"""What the official SDK says of operations, read from its source: it is not imported."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from emulator_facts.facts import Node, expect, present

if TYPE_CHECKING:
    from pathlib import Path

_TYPES = {
    "StrictStr": "string",
    "StrictInt": "integer",
    "StrictBool": "boolean",
    "Union[StrictFloat, StrictInt]": "number",
    "datetime": "datetime",
    "date": "date",
    "Any": "any",
    "object": "any",
}
_NOTHING = ast.Constant(None)


class Sdk:
    """The operations of the official SDK, read from its source."""

    def __init__(self, folder: Path) -> None:
        self.classes: dict[str, ast.ClassDef] = {}
        for path in sorted((folder / "models").glob("*.py")):
            declarations, _, _ = path.read_text(encoding="utf-8").partition("\n    model_config = ")
            for item in ast.parse(declarations).body:
                if isinstance(item, ast.ClassDef):
                    self.classes[item.name] = item
        self.raw: dict[str, Method] = {}
        for path in sorted((folder / "api").glob("*_api.py")):
            for item in ast.parse(_without_variants(path.read_text(encoding="utf-8"))).body:
                if isinstance(item, ast.ClassDef):
                    self.raw |= {method.name: method for method in _methods(item)}

    def values_of_class(self, name: str) -> tuple[str, ...]:
        """The values of an enumeration, none for another class."""
        found = self.classes.get(name)
        if found is None or ast.unparse(found.bases[0]) != "str":
            return ()
        return tuple(ast.literal_eval(item.value) for item in found.body if isinstance(item, ast.Assign))

    def members(self, name: str) -> dict[str, tuple[ast.expr, bool, tuple[Any, ...]]]:
        """The members of a model by the names they have on the wire: annotation, whether required, values."""
        found = self.classes[name]
        values = _validated_values(found)
        members: dict[str, tuple[ast.expr, bool, tuple[Any, ...]]] = {}
        for item in found.body:
            if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
                continue
            if ast.unparse(item.annotation).startswith("ClassVar"):
                continue
            settings = {keyword.arg: keyword.value for keyword in getattr(item.value, "keywords", ())}
            alias = settings.get("alias")
            wire = ast.literal_eval(alias) if alias else item.target.id
            required = item.value is None or (isinstance(item.value, ast.Call) and "default" not in settings)
            members[wire] = (item.annotation, required, values.get(item.target.id, ()))
        return members

    def classes_in(self, annotation: ast.expr) -> list[str]:
        """The classes that an annotation names."""
        return [item.id for item in ast.walk(annotation) if isinstance(item, ast.Name) and item.id in self.classes]

    def body(self, name: str) -> Node:
        """A model as a node."""
        return self._node(ast.Name(name), (), ())

    def _node(self, annotation: ast.expr, values: tuple[Any, ...], above: tuple[str, ...]) -> Node:
        text = ast.unparse(annotation)
        if text in _TYPES:
            return Node(_TYPES[text], nullable=text == "Any", values=values)
        match annotation:
            case ast.Name(name):
                return self._named(name, above)
            case ast.Subscript(ast.Name("Optional"), inner):
                return replace(self._node(inner, values, above), nullable=True)
            case ast.Subscript(ast.Name("List"), inner):
                return Node("array", item=self._node(inner, values, above))
            case ast.Subscript(ast.Name("Dict")):
                return Node("open")
            case _:
                raise SystemExit(f"Unknown annotation in the SDK: {text}")

    def _named(self, name: str, above: tuple[str, ...]) -> Node:
        allowed = self.values_of_class(name)
        if allowed:
            return Node("string", values=allowed)
        if name in above:
            return Node("variant")
        members = {
            wire: replace(self._node(annotation, values, (*above, name)), required=required)
            for wire, (annotation, required, values) in self.members(name).items()
        }
        return Node("object", members=members) if members else Node("open")

    def paths(self, name: str, prefix: str = "", above: tuple[str, ...] = ()) -> set[str]:
        """The sparse fields of a model: dotted, objects with their members, arrays without."""
        found: set[str] = set()
        for wire, (annotation, _, _) in self.members(name).items():
            found.add(prefix + wire)
            if "List[" in ast.unparse(annotation):
                continue
            for inner in self.classes_in(annotation):
                if not self.values_of_class(inner) and inner not in above:
                    found |= self.paths(inner, f"{prefix}{wire}.", (*above, inner))
        return found

    @cache  # noqa: B019 - one instance, which lives as long as the process
    def resources(self, response: str) -> dict[str, frozenset[str]]:
        """The sparse fields of each type of resource that a response has as a model."""
        found: dict[str, set[str]] = defaultdict(set)
        members = self.members(response)
        for part in ("data", "included"):
            for model in self.classes_in(members[part][0]) if part in members else ():
                inner = self.members(model)
                for kind in chain.from_iterable(map(self.values_of_class, self.classes_in(inner["type"][0]))):
                    attributes = self.classes_in(inner["attributes"][0]) if "attributes" in inner else []
                    found[kind] |= {"id", *chain.from_iterable(map(self.paths, attributes))}
        return {kind: frozenset(paths) for kind, paths in found.items()}

    def related(self, response: str) -> dict[str, set[str]]:
        """The types at the other end of each relationship of a response's resources."""
        found: dict[str, set[str]] = defaultdict(set)
        for model in self.classes_in(self.members(response)["data"][0]):
            for relationships in self.classes_in(self.members(model).get("relationships", (_NOTHING,))[0]):
                for wire, (annotation, _, _) in self.members(relationships).items():
                    for inner in self.classes_in(annotation):
                        for target in self.classes_in(self.members(inner).get("data", (_NOTHING,))[0]):
                            for kind in self.classes_in(self.members(target)["type"][0]):
                                found[wire] |= set(self.values_of_class(kind))
        return dict(found)


@dataclass(frozen=True)
class Method:
    """One method of the SDK."""

    name: str
    area: str
    method: str
    path: str
    text: str
    query: dict[str, tuple[str, bool]]
    """The description of each query parameter, and whether it is required."""
    body: str
    response: str

    @cached_property
    def rate(self) -> str:
        """The rate windows."""
        found = re.findall(r"(?:Burst|Steady|Daily): `(\d+)/", self.text)
        return "/".join(found) or "-"

    @cached_property
    def scopes(self) -> str:
        """The scopes."""
        found = re.search(r"\*\*Scopes:\*\*((?:\s*`[^`]+`)+)", self.text)
        return " ".join(sorted(re.findall(r"`([^`]+)`", found[1]))) if found else "-"


def _without_variants(text: str) -> str:
    """The source of an API class without the two further forms that each method has: they are most of it."""
    head, *parts = re.split(r"\n    (?=@validate_call|def _\w+_serialize)", text)
    variant = re.compile(r"@validate_call\s+def \w+_(with_http_info|without_preload_content)\(")
    return "\n    ".join([head, *(part for part in parts if not variant.match(part))])


def _methods(item: ast.ClassDef) -> list[Method]:
    functions = {part.name: part for part in item.body if isinstance(part, ast.FunctionDef)}
    area = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", item.name.removesuffix("Api"))
    methods: list[Method] = []
    for name, function in functions.items():
        serializer = functions.get(f"_{name}_serialize")
        if serializer is None:
            continue
        source = ast.unparse(serializer)
        placed = present(re.search(r"method='(\w+)', resource_path='([^']+)'", source), f"{name} has a path")
        bodies = re.findall(r"_body_params = (\w+)", source)
        answers = re.search(r"'20\d': '(\w+)'", ast.unparse(function))
        described = _described(function)
        query = {
            wire: described[argument]
            for wire, argument in re.findall(r"_query_params\.append\(\('([^']+)', (\w+)\)\)", source)
        }
        expect(all(body in described for body in bodies), f"{name} says what its body is")
        models = [re.match(r"(?:Annotated\[)?(\w+)", described[body][0]) for body in bodies]
        methods.append(
            Method(
                name=name,
                area=area,
                method=placed[1],
                path=placed[2],
                text=ast.get_docstring(function) or "",
                query=query,
                body=next((model[1] for model in models if model), ""),
                response=answers[1] if answers else "",
            )
        )
    return methods


def _described(function: ast.FunctionDef) -> dict[str, tuple[str, bool]]:
    arguments = function.args.args
    first_default = len(arguments) - len(function.args.defaults)
    return {
        argument.arg: (ast.unparse(argument.annotation), place < first_default)
        for place, argument in enumerate(arguments)
        if argument.annotation is not None
    }


def _validated_values(model: ast.ClassDef) -> dict[str, tuple[Any, ...]]:
    values: dict[str, tuple[Any, ...]] = {}
    for item in model.body:
        if not isinstance(item, ast.FunctionDef) or not item.name.endswith("_validate_enum"):
            continue
        lists = [part for part in ast.walk(item) if isinstance(part, ast.List)]
        expect(len(lists) == 1, f"{model.name}.{item.name} has one list of values")
        values[item.name.removesuffix("_validate_enum")] = tuple(ast.literal_eval(lists[0]))
    return values
