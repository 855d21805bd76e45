"""What a request body may have: the table of facts, and the checks that are made with it."""

from __future__ import annotations

import copy
import inspect
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from emulator_specification import Described, specification
from emulator_wire import REPEATABLE, SPECIFICATION
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import ValidationError
from klaviyo_api import KlaviyoAPI

from klaviyo_emulator import bodies
from klaviyo_emulator.bodies import Part, check, part_of
from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.operations import REVISIONS, facts, operations

if TYPE_CHECKING:
    from collections.abc import Iterator

EARLIER, LATER = REVISIONS
WITH_BODY = sorted({operation for operation, _ in facts("bodies.tsv")})
CASES = [
    (operation, revision)
    for operation in WITH_BODY
    for revision in REVISIONS
    if operations()[operation].since <= revision
]
MARK = "#"


def refusal(operation: str, document: object, revision: str = EARLIER) -> tuple[str, str | None]:
    """What a body is refused with, and where."""
    with pytest.raises(Refusal) as caught:
        check(operation, revision, document)
    problem = caught.value.problem
    assert (problem.status, problem.code) == (400, "invalid")
    return problem.detail, problem.pointer


def listed(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "list", "attributes": attributes}}


# ---- Words and pointers ----------------------------------------------------------------------------------------------


def test_a_valid_body_answers_its_data() -> None:
    body = listed(name="Sleepers", opt_in_process="double_opt_in")
    assert check("create_list", EARLIER, body) is body["data"]
    members = {"data": [{"type": "profile", "id": "01A"}, {"type": "profile", "id": "01B"}]}
    assert check("add_profiles_to_list", LATER, members) is members["data"]


@pytest.mark.parametrize(
    ("document", "detail", "pointer"),
    [
        ([], "An object is needed.", "/data"),
        ({}, "'data' is a required field.", "/data"),
        ({"data": None}, "'data' is a required field.", "/data"),
        ({"data": []}, "An object is needed.", "/data"),
        ({**listed(name="a"), "date": 1}, "'date' is not a valid field for the resource 'document'.", "/date"),
        ({"data": {"attributes": {"name": "a"}}}, "'type' is a required field.", "/data/type"),
        ({"data": {"type": "segment", "attributes": {"title": 1}}}, "'type' must be 'list'.", "/data/type"),
        ({"data": {"type": 1, "attributes": {}}}, "'type' must be a string.", "/data/type"),
        ({"data": {"type": "list"}}, "'attributes' is a required field.", "/data/attributes"),
        ({"data": {"type": "list", "attributes": None}}, "'attributes' is a required field.", "/data/attributes"),
        ({"data": {"type": "list", "attributes": 1}}, "An object is needed.", "/data/attributes"),
        (listed(), "'name' is a required field.", "/data/attributes/name"),
        (listed(name=None), "'name' is a required field.", "/data/attributes/name"),
        (listed(name=True), "'name' must be a string.", "/data/attributes/name"),
        (listed(name="a" * 102_401), "'name' is longer than 102400 bytes.", "/data/attributes/name"),
        (
            listed(name="a", **{"na/me~": 1}),
            "'na/me~' is not a valid field for the resource 'list'.",
            "/data/attributes/na~1me~0",
        ),
        (
            listed(name="a", opt_in_process="triple"),
            "'triple' is not a valid value for 'opt_in_process'. Valid are: double_opt_in, single_opt_in",
            "/data/attributes/opt_in_process",
        ),
    ],
)
def test_the_words_of_a_refusal(document: object, detail: str, pointer: str) -> None:
    assert refusal("create_list", document) == (detail, pointer)


@pytest.mark.parametrize(
    ("attributes", "detail", "member"),
    [
        ({"properties": {}, "time": "tonight"}, "'time' must be an ISO 8601 datetime.", "time"),
        ({"properties": {}, "time": 1_795_176_000}, "'time' must be an ISO 8601 datetime.", "time"),
        ({"properties": {}, "value": "2"}, "'value' must be a number.", "value"),
        ({"properties": {}, "value": True}, "'value' must be a number.", "value"),
        ({"properties": {}, "value": 1 << 63}, "'value' must be a number.", "value"),
        ({"properties": []}, "An object is needed.", "properties"),
        (
            {"properties": {"a": 1 << 63}},
            "A number must be finite, and an integer within 64 bits.",
            "properties/a",
        ),
    ],
)
def test_the_types_of_members(attributes: dict[str, Any], detail: str, member: str) -> None:
    metric = {"data": {"type": "metric", "attributes": {"name": "Story Generated"}}}
    profile = {"data": {"type": "profile", "attributes": {"email": "kim@example.org"}}}
    body = {"data": {"type": "event", "attributes": {"metric": metric, "profile": profile, **attributes}}}
    assert refusal("create_event", body) == (detail, f"/data/attributes/{member}")


def test_a_place_within_arrays_is_named() -> None:
    body = {"data": [{"type": "profile", "id": "01A"}, {"type": "profile", "id": 2}]}
    assert refusal("add_profiles_to_list", body) == ("'id' must be a string.", "/data/1/id")
    body = {"data": [{"type": "profile", "id": "01A"}, None]}
    assert refusal("add_profiles_to_list", body) == ("An object is needed.", "/data/1")
    query = {"metric_id": "M", "measurements": ["count", 3]}
    aggregate = {"data": {"type": "metric-aggregate", "attributes": query | {"filter": []}}}
    expected = ("An item of 'measurements' must be a string.", "/data/attributes/measurements/1")
    assert refusal("query_metric_aggregates", aggregate) == expected


def test_null_stands_for_absence_unless_the_member_is_required() -> None:
    check("create_list", EARLIER, listed(name="a", opt_in_process=None))
    nullable = [
        (operation, row[0])
        for (operation, _), rows in facts("bodies.tsv").items()
        for row in rows
        if row[2] == "required null"
    ]
    assert ("create_flow", "/data/attributes/definition/entry_action_id") in nullable
    triggers: dict[str, Any] = {"triggers": [], "actions": []}
    body = {"data": {"type": "flow", "attributes": {"name": "a", "definition": triggers}}}
    expected = ("'entry_action_id' is a required field.", "/data/attributes/definition/entry_action_id")
    assert refusal("create_flow", body) == expected
    triggers["entry_action_id"] = None
    check("create_flow", EARLIER, body)


def test_the_patch_of_an_events_profile_moves_out_of_the_attributes() -> None:
    def body(place: str) -> dict[str, Any]:
        data: dict[str, Any] = {"type": "profile", "attributes": {"email": "kim@example.org"}}
        (data if place == "beside" else data["attributes"])["meta"] = {"patch_properties": {"unset": "a"}}
        metric = {"data": {"type": "metric", "attributes": {"name": "a"}}}
        attributes = {"properties": {}, "metric": metric, "profile": {"data": data}}
        return {"data": {"type": "event", "attributes": attributes}}

    at = "/data/attributes/profile/data"
    words = "'meta' is not a valid field for the resource 'profile'."
    check("create_event", EARLIER, body("among"))
    assert refusal("create_event", body("beside")) == (words, f"{at}/meta")
    check("create_event", LATER, body("beside"))
    assert refusal("create_event", body("among"), LATER) == (words, f"{at}/attributes/meta")


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels else {}


def test_the_insides_of_variants_are_bounded_too() -> None:
    def body(condition: object) -> dict[str, Any]:
        definition = {"condition_groups": [{"conditions": [condition]}]}
        return {"data": {"type": "segment", "attributes": {"name": "a", "definition": definition}}}

    at = "/data/attributes/definition/condition_groups/0/conditions/0"
    check("create_segment", EARLIER, body({"type": "whatever", "deep": nested(18)}))
    assert refusal("create_segment", body("x")) == ("An object is needed.", at)
    assert refusal("create_segment", body({"deep": nested(20)}))[1] == f"{at}/deep"
    assert refusal("create_segment", body({"long": "a" * 102_401}))[1] == f"{at}/long"


def test_an_operation_without_a_body_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        check("get_profiles", EARLIER, {"data": {}})


# ---- Every body ------------------------------------------------------------------------------------------------------

EXAMPLES: dict[str, Any] = {
    "string": "x",
    "integer": 3,
    "number": 1.5,
    "boolean": True,
    "datetime": "2026-11-20T12:00:00+00:00",
    "date": "2026-11-20",
    "open": {"a": [1, None, {"b": "c"}]},
    "variant": {"type": "x"},
    "any": "x",
}


def example(part: Part, *, whole: bool, variants: bool = True) -> Any:
    """A value that a part takes, with all of its members or the required ones; without variants if told so."""
    match part.kind:
        case "object":
            return {
                name: example(member, whole=whole, variants=variants)
                for name, member in part.members.items()
                if whole or member.required
            }
        case "array":
            if part.item is None or (part.item.kind == "variant" and not variants):
                return []
            return [example(part.item, whole=whole, variants=variants)]
        case "variant" if not variants:
            return {}
        case _:
            return part.values[0] if part.values else copy.deepcopy(EXAMPLES[part.kind])


def places(part: Part, value: Any, at: str = "/data") -> Iterator[tuple[Part, Any, str]]:
    """Every part of a value that `example` made, with its pointer."""
    yield part, value, at
    if part.kind == "object":
        for name, member in value.items():
            yield from places(part.members[name], member, f"{at}/{name}")
    elif part.kind == "array" and part.item:
        for place, item in enumerate(value):
            yield from places(part.item, item, f"{at}/{place}")


@pytest.mark.parametrize(("operation", "revision"), CASES)
def test_every_body_is_taken_whole_and_bare_and_not_otherwise(operation: str, revision: str) -> None:
    part = part_of(operation, revision)
    for whole in (True, False):
        document = {"data": example(part, whole=whole)}
        assert check(operation, revision, document) is document["data"]
        for inner, value, at in places(part, document["data"]):
            if inner.kind == "object":
                value[MARK] = 1
                assert refusal(operation, document, revision)[1] == f"{at}/{MARK}"
                del value[MARK]
                for name, nullable in inner.needed:
                    kept = value.pop(name)
                    assert refusal(operation, document, revision) == (f"'{name}' is a required field.", f"{at}/{name}")
                    value[name] = None
                    if nullable:
                        check(operation, revision, document)
                    else:
                        assert refusal(operation, document, revision)[1] == f"{at}/{name}"
                    value[name] = kept
                for name, member in inner.members.items():
                    if name in value and member.kind != "any":
                        kept = value[name]
                        value[name] = [[]] if member.kind in {"object", "open", "variant"} else {"a": []}
                        assert refusal(operation, document, revision)[1] == f"{at}/{name}"
                        value[name] = f"{MARK}no" if member.values else 1j
                        assert member.kind == "any" or refusal(operation, document, revision)[1] == f"{at}/{name}"
                        value[name] = kept


def set_at(document: Any, pointer: str, value: Any) -> None:
    """Put a value where a pointer leads."""
    *above, last = [int(step) if step.isdecimal() else step for step in pointer.split("/")[1:]]
    for step in above:
        document = document[step]
    document[last] = value


def leads_somewhere(document: Any, pointer: str) -> bool:
    """Whether all but the last step of a pointer exist."""
    for step in pointer.split("/")[1:-1]:
        name = step.replace("~1", "/").replace("~0", "~")
        match document:
            case list():
                document = document[int(name)]
            case dict() if name in document:
                document = document[name]
            case _:
                return False
    return True


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "type", "attributes", "id", "relationships", "a/b", "~"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(case=st.sampled_from(CASES), document=JSON)
@REPEATABLE
def test_no_json_breaks_the_check(case: tuple[str, str], document: object) -> None:
    before = repr(document)
    try:
        check(*case, document)
    except Refusal as caught:
        assert caught.problem.status == 400  # noqa: PT017 - both ends are fine
    assert repr(document) == before


@given(case=st.sampled_from(CASES), chance=st.randoms(use_true_random=False), value=JSON)
@REPEATABLE
def test_no_change_of_a_valid_body_breaks_the_check(case: tuple[str, str], chance: Any, value: object) -> None:
    part = part_of(*case)
    document = {"data": example(part, whole=True)}
    _, _, at = chance.choice(list(places(part, document["data"])))
    set_at(document, at, value)
    try:
        check(*case, document)
    except Refusal as caught:
        pointer = caught.problem.pointer
        assert pointer is not None
        # What is wrong lies at or below what was changed, or is missing from where it was.
        assert pointer.startswith(at) or (value is None and pointer == at)
        assert leads_somewhere(document, pointer)


# ---- Against Klaviyo's specification ---------------------------------------------------------------------------------


def described_bodies() -> list[tuple[str, Described]]:
    if not SPECIFICATION.exists():
        return []
    return [(name, found) for name, found in sorted(specification().operations.items()) if found.body_schema()]


class Maker:
    """Makes values of OpenAPI schemas: of unions the branch with a given number, of objects all members."""

    def __init__(self, branch: int) -> None:
        self.branch = branch
        self.branches = 1
        self.of_unions: list[Any] = []
        """What was made for a union: which of its members are needed depends on its kind."""

    def make(self, schema: dict[str, Any], above: tuple[str, ...] = ()) -> Any:
        """A value. A schema that lies within itself is left out there."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return None if name in above else self.make(specification().schema(name), (*above, name))
        options = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
        if options:
            self.branches = max(self.branches, len(options))
            made = self.make(options[self.branch % len(options)], above)
            self.of_unions.append(made)
            return made
        return self._plain(schema, above)

    def _plain(self, schema: dict[str, Any], above: tuple[str, ...]) -> Any:
        if "enum" in schema:
            values = [value for value in schema["enum"] if value is not None]
            return values[self.branch % len(values)] if values else None
        match schema.get("type"):
            case "object":
                made = {name: self.make(value, above) for name, value in schema.get("properties", {}).items()}
                needed = schema.get("required", ())
                return {name: value for name, value in made.items() if value is not None or name in needed}
            case "array":
                item = self.make(schema.get("items", {}), above)
                return [] if item is None else [item]
            case "string":
                return EXAMPLES[{"date-time": "datetime", "date": "date"}.get(schema.get("format", ""), "string")]
            case kind:
                return EXAMPLES[kind or "any"]


@pytest.mark.parametrize(
    ("name", "described"), described_bodies(), ids=lambda case: case if isinstance(case, str) else ""
)
def test_what_the_specification_allows_is_taken(name: str, described: Described) -> None:
    schema = described.body_schema()
    assert schema is not None
    maker = Maker(0)
    while maker.branch < maker.branches:
        document = maker.make(schema)
        specification().check_body(name, document)
        check(name, EARLIER, document)
        maker.branch += 1


@pytest.mark.parametrize(
    ("name", "described"), described_bodies(), ids=lambda case: case if isinstance(case, str) else ""
)
def test_what_the_table_needs_the_specification_needs(name: str, described: Described) -> None:
    maker = Maker(0)
    document = maker.make(described.body_schema() or {})
    untold = {id(made) for made in maker.of_unions if isinstance(made, dict)}
    removed = 0
    for pointer in list(pointers_of_members(part_of(name, EARLIER), document["data"], "/data", untold)):
        less = copy.deepcopy(document)
        *above, last = [int(step) if step.isdecimal() else step for step in pointer.split("/")[1:]]
        holder: Any = less
        for step in above:
            holder = holder[step]
        del holder[last]
        assert is_refused(name, less) == is_invalid(name, less), pointer
        removed += 1
    assert removed


def pointers_of_members(part: Part, value: Any, at: str, untold: set[int]) -> Iterator[str]:
    """The pointers of the members that the table tells, but those of the objects whose ids are `untold`."""
    if part.kind == "object" and id(value) not in untold:
        for name, member in value.items():
            yield f"{at}/{name}"
            yield from pointers_of_members(part.members[name], member, f"{at}/{name}", untold)
    elif part.kind == "array" and part.item:
        for place, item in enumerate(value):
            yield from pointers_of_members(part.item, item, f"{at}/{place}", untold)


def is_refused(name: str, document: object) -> bool:
    try:
        check(name, EARLIER, document)
    except Refusal:
        return True
    return False


def is_invalid(name: str, document: object) -> bool:
    try:
        specification().check_body(name, document)
    except ValidationError:
        return True
    return False


# ---- Against the official SDK ----------------------------------------------------------------------------------------


@cache
def sdk_bodies() -> dict[str, Any]:
    """The model of the body of each operation of the SDK."""
    sdk = KlaviyoAPI("pk_test")
    found: dict[str, Any] = {}
    for area in (name for name, member in vars(KlaviyoAPI).items() if isinstance(member, property)):
        api = type(getattr(sdk, area))
        for name in vars(api):
            serialized = re.fullmatch(r"_(\w+)_serialize", name)
            method = getattr(api, serialized[1]) if serialized else None
            if method is None or method.__name__ not in name:
                continue
            source = inspect.getsource(getattr(api, name))
            arguments = re.findall(r"_body_params = (\w+)", source)
            if arguments and "_form_params.append" not in source and "_files[" not in source:
                parameter = inspect.signature(inspect.unwrap(method)).parameters[arguments[0]]
                annotation = parameter.annotation
                found[method.__name__] = annotation if isinstance(annotation, type) else annotation.__origin__
    return found


READ_ONLY = {"id", "data_id", "universal_id", "template_id"}
"""What the SDK leaves out of the definitions of templates, though the specification has it."""


def has_all_of(value: Any, wanted: Any) -> bool:
    """Whether a value has all that another has: the SDK adds the members that have defaults."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            has_all_of(value[name], item) if name in value else name in READ_ONLY for name, item in wanted.items()
        )
    if isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(has_all_of, value, wanted))
    return value == wanted


def test_what_the_table_has_the_sdk_takes_and_sends() -> None:
    models = sdk_bodies()
    renamed = {"clone_campaign": "create_campaign_clone"}
    assert len(models) > 130
    for name, model in models.items():
        operation = renamed.get(name, name)
        for whole in (True, False):
            document = {"data": example(part_of(operation, LATER), whole=whole, variants=False)}
            taken = model.from_dict(copy.deepcopy(document))
            sent = json.loads(json.dumps(taken.to_dict(), default=lambda value: value.isoformat()))
            check(operation, LATER, sent)
            if whole:
                assert has_all_of(sent, document), name


def test_the_table_has_every_body_of_the_sdk() -> None:
    renamed = {"clone_campaign": "create_campaign_clone"}
    names = {renamed.get(name, name) for name in sdk_bodies()}
    client = {name for name in WITH_BODY if operations()[name].area == "Client"}
    assert names == set(WITH_BODY) - client


def test_every_kind_of_part_is_checked() -> None:
    kinds = {row[1] for rows in facts("bodies.tsv").values() for row in rows} - {"same-as"}
    assert kinds == set(bodies._CHECKS)
