"""Against Klaviyo's own specification, where it stands beside the checkout, and against the official SDK."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import subprocess
import sys
import typing
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from emulator_specification import SPECIFICATIONS, Checker, Described, specification
from emulator_wire import SPECIFICATION, bulk_body, event_attributes, event_body, profile_body, served
from klaviyo_api import KlaviyoAPI
from pydantic import BaseModel

from klaviyo_emulator.errors import Refusal
from klaviyo_emulator.operations import PARAMETER_RATES, REVISIONS, Operation, Reading, operations
from klaviyo_emulator.query import Query, read_query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

needs_specification = pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="Klaviyo's OpenAPI file does not stand beside the checkout"
)
EARLIER, LATER = REVISIONS
TOOLS = Path(__file__).parents[2] / "tools"
PACKAGE = Path(str(files("klaviyo_emulator")))
RENAMED = {"clone_campaign": "create_campaign_clone"}


def described_operations() -> list[tuple[str, Described]]:
    return sorted(specification().operations.items()) if SPECIFICATION.exists() else []


def identity(case: Any) -> str:
    return case if isinstance(case, str) else ""


@pytest.fixture(scope="module")
def tool() -> Iterator[Any]:
    """The module that writes the tables."""
    sys.path.append(str(TOOLS))
    yield importlib.import_module("emulator_facts.tables")
    sys.path.remove(str(TOOLS))


@pytest.fixture(scope="module")
def tables(tool: Any) -> dict[str, str]:
    return tool.Facts(SPECIFICATIONS).tables()


@needs_specification
def test_the_tables_are_as_the_sources_say(tool: Any, tables: dict[str, str]) -> None:
    assert tool.differences(tables) == []


@needs_specification
def test_a_table_that_was_changed_by_hand_is_noticed(tool: Any, tables: dict[str, str], tmp_path: Path) -> None:
    for name in tables:
        shutil.copy(PACKAGE / name, tmp_path / name)
    assert tool.differences(tables, tmp_path) == []
    changed = tmp_path / "readings.tsv"
    changed.write_text(changed.read_text(encoding="utf-8").replace("\t200 1000", "\t200 2000"), encoding="utf-8")
    (tmp_path / "bodies.tsv").unlink()
    assert tool.differences(tables, tmp_path) == ["readings.tsv", "bodies.tsv"]


def test_the_command_says_where_it_looks_for_the_sources() -> None:
    command = [sys.executable, TOOLS / "emulator-facts", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--check" in shown.stdout
    assert "../shared/klaviyo-openapi" in shown.stdout


@needs_specification
def test_the_table_names_every_operation() -> None:
    known = {name for name, operation in operations().items() if operation.since != LATER}
    assert known == specification().operations.keys()
    assert len(operations()) == 434


@needs_specification
def test_method_path_rate_scopes_and_area() -> None:
    for name, described in described_operations():
        known = operations()[name]
        limits = described.raw.get("x-klaviyo-ratelimit", {})
        expected = tuple(int(limits[key].split("/")[0]) for key in ("burst", "steady", "daily") if key in limits)
        assert (known.method, known.path) == (described.method, described.path)
        assert known.rate is None or tuple(limit for limit, _ in known.rate.windows()) == expected
        assert (known.rate is None) == (not limits)
        assert known.scopes == frozenset(described.raw.get("x-klaviyo-scopes", ()))
        assert [known.area] == (described.raw["tags"] if described.path.startswith("/api/") else ["Client"])


@needs_specification
def test_the_rates_of_expensive_parameters() -> None:
    pattern = re.compile(r"using the `([^`]+)` parameter .*?Burst: `(\d+)/s`<br>Steady: `(\d+)/m`")
    expected = {
        match[1]: (int(match[2]), int(match[3]))
        for _, described in described_operations()
        for match in pattern.finditer(described.raw["description"])
    }
    # The words for `include` are in the singular there, and in the plural in the parameter's own values.
    known = {
        re.sub(r"^(include=.*)s$", r"\1", name): (rate.burst, rate.steady) for name, rate in PARAMETER_RATES.items()
    }
    assert known == expected


def parameters_of(reading: Reading) -> set[str]:
    """The names of the query parameters that a reading stands for."""
    names = {f"fields[{kind}]" for kind in reading.fields}
    names |= {f"additional-fields[{kind}]" for kind in reading.additional}
    names |= {"filter"} if reading.filters else set()
    names |= {"sort"} if reading.sorts else set()
    names |= {"include"} if reading.includes else set()
    names |= {"page[cursor]"} if reading.cursor else set()
    names |= {"page[size]"} if reading.maximum_size else set()
    return names | reading.others.keys()


@pytest.mark.parametrize(("name", "described"), described_operations(), ids=identity)
def test_the_query_parameters(name: str, described: Described) -> None:
    reading = operations()[name].reading(EARLIER)
    given = described.query()
    assert parameters_of(reading) == given.keys()
    assert reading.required == {name for name, parameter in given.items() if parameter.get("required")}
    for kind, fields in reading.fields.items():
        assert fields == set(given[f"fields[{kind}]"]["schema"]["items"]["enum"])
    for kind, fields in reading.additional.items():
        assert fields == set(given[f"additional-fields[{kind}]"]["schema"]["items"]["enum"])
    for other, values in reading.others.items():
        assert set(values) == set(given[other]["schema"].get("enum", ()))
    if reading.includes:
        assert set(reading.includes) == set(given["include"]["schema"]["items"]["enum"])
    if reading.sorts:
        enum = set(given["sort"]["schema"]["enum"])
        assert {sign + name for name in reading.sorts for sign in ("", "-")} == enum
    if reading.maximum_size:
        schema = given["page[size]"]["schema"]
        assert (reading.default_size, reading.maximum_size) == (schema["default"], schema["maximum"])


@pytest.mark.parametrize(("name", "described"), described_operations(), ids=identity)
def test_the_filters(name: str, described: Described) -> None:
    reading = operations()[name].reading(EARLIER)
    expected = described.raw.get("x-klaviyo-filters", {})
    assert reading.filters.keys() == expected.keys()
    for field, rule in reading.filters.items():
        operators = expected[field]["operators"]
        assert rule.single == set(operators.get("single", ()))
        assert rule.many == set(operators.get("list", ()))
        assert rule.bare == set(operators.get("none", ()))
        value = expected[field].get("value", {"type": "string"})
        kind = "datetime" if value.get("format") == "date-time" else value["type"]
        assert rule.kind == ("number" if kind == "integer" else kind)
        assert rule.values == set(value.get("enum", ()))


def sdk_methods() -> dict[str, tuple[type, Callable[..., Any]]]:
    """The methods of the official SDK by the operation they call, each with its class."""
    sdk = KlaviyoAPI("pk_test")
    areas = [name for name, member in vars(KlaviyoAPI).items() if isinstance(member, property)]
    found: dict[str, tuple[type, Callable[..., Any]]] = {}
    for area in areas:
        api = type(getattr(sdk, area))
        for name in vars(api):
            serialized = re.fullmatch(r"_(\w+)_serialize", name)
            # Former names of a method stand beside it.
            if serialized and getattr(api, serialized[1]).__name__ == serialized[1]:
                found[serialized[1]] = (api, getattr(api, serialized[1]))
    return found


@pytest.fixture(scope="module")
def methods() -> dict[str, tuple[type, Callable[..., Any]]]:
    return sdk_methods()


def test_every_operation_of_the_sdk_is_known(methods: Mapping[str, Any]) -> None:
    names = {RENAMED.get(name, name) for name in methods}
    assert len(names) == 423
    assert names <= operations().keys()
    assert {name for name, operation in operations().items() if operation.since == LATER} == {
        name for name in names if operations()[name].since != EARLIER
    }
    # Only what a browser calls is not generated.
    assert {name for name in operations().keys() - names if operations()[name].area != "Client"} == set()


def placed(api: type, name: str) -> tuple[str, str, dict[str, str]]:
    """Method, path, and the argument of each query parameter, as the SDK sends an operation."""
    source = inspect.getsource(getattr(api, f"_{name}_serialize"))
    found = re.search(r"method='(\w+)',\s+resource_path='([^']+)'", source)
    assert found is not None
    return found[1], found[2], dict(re.findall(r"_query_params\.append\(\('([^']+)', (\w+)\)\)", source))


def description_of(parameter: inspect.Parameter) -> str:
    """What the SDK says of a parameter."""
    (found,) = (item.description for item in parameter.annotation.__metadata__ if getattr(item, "description", None))
    return found


def test_the_sdk_sends_the_same_parameters(methods: Mapping[str, tuple[type, Any]]) -> None:
    for name, (api, method) in methods.items():
        known = operations()[RENAMED.get(name, name)]
        verb, path, arguments = placed(api, name)
        assert (known.method, known.path) == (verb, path), name
        assert known.area.replace(" ", "") == api.__name__.removesuffix("Api"), name
        reading = known.reading(LATER)
        assert parameters_of(reading) == arguments.keys(), name
        signature = inspect.signature(inspect.unwrap(method))
        descriptions = {wire: signature.parameters[argument] for wire, argument in arguments.items()}
        required = {wire for wire, parameter in descriptions.items() if parameter.default is inspect.Parameter.empty}
        assert reading.required == required, name
        if reading.maximum_size:
            expected = f"Default: {reading.default_size}. Min: 1. Max: {reading.maximum_size}."
            assert description_of(descriptions["page[size]"]) == expected, name
        if reading.filters:
            listed = re.findall(r"<br>`([^`]+)`: ([^<]*)", description_of(descriptions["filter"]))
            assert {field for field, _ in listed} == reading.filters.keys(), name
            for field, line in listed:
                assert set(re.findall(r"`([a-z-]+)`", line)) == reading.filters[field].operators, (name, field)
                assert reading.filters[field].values >= set(re.findall(r"`'([^']*)'`", line)), (name, field)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in models_in(argument)]


def test_every_attribute_of_the_sdks_models_can_be_asked_for(methods: Mapping[str, tuple[type, Any]]) -> None:
    asked = 0
    for name, (_, method) in methods.items():
        reading = operations()[RENAMED.get(name, name)].reading(LATER)
        for answer in models_in(inspect.signature(inspect.unwrap(method)).return_annotation):
            resources = models_in(answer.model_fields["data"].annotation) if "data" in answer.model_fields else []
            for resource in resources:
                if "attributes" not in resource.model_fields:
                    continue
                kind = next(iter(resource.model_fields["type"].annotation)).value  # type: ignore[reportOptionalIterable]
                if kind not in reading.fields:
                    continue
                for model in models_in(resource.model_fields["attributes"].annotation):
                    names = {field.alias or wire for wire, field in model.model_fields.items()}
                    assert names <= reading.fields[kind], name
                    asked += 1
    assert asked > 200


def readings() -> list[tuple[Operation, str, Reading]]:
    return [
        (operation, revision, operation.reading(revision))
        for operation in operations().values()
        for revision in REVISIONS
        if operation.since <= revision
    ]


def test_what_no_source_says_is_sensible() -> None:
    for operation, revision, reading in readings():
        case = (operation.id, revision)
        assert (reading.default_size > 0) == reading.cursor, case
        assert reading.default_sort or not reading.cursor, case
        order = reading.default_sort.removeprefix("-")
        assert not reading.sorts or order in reading.sorts, case
        assert reading.sorts or order in {"", "id"}, case
    assert operations()["get_events"].reading(EARLIER).default_sort == "-datetime"
    assert operations()["get_metrics"].reading(LATER).default_size == 200
    assert operations()["get_bulk_create_catalog_items_jobs"].reading(LATER).default_size == 100


def test_a_revision_has_rows_of_its_own_only_where_it_differs() -> None:
    same = operations()["get_tag"]
    assert same.reading(EARLIER) == same.reading(LATER) != Reading()
    campaigns = operations()["get_campaigns"]
    assert "scheduled_at" in campaigns.reading(EARLIER).sorts
    assert "scheduled_at" not in campaigns.reading(LATER).sorts
    assert campaigns.reading(EARLIER).required == {"filter"}
    assert campaigns.reading(LATER).required == set()
    assert operations()["get_translations"].reading(EARLIER) == Reading()


def asked(operation: str, revision: str = EARLIER, **parameters: str) -> Query:
    return read_query(tuple(parameters.items()), operations()[operation].reading(revision))


def refused(operation: str, **parameters: str) -> tuple[str, str | None]:
    with pytest.raises(Refusal) as caught:
        asked(operation, **parameters)
    return caught.value.problem.detail, caught.value.problem.parameter


def test_a_parameter_may_be_required_by_the_revision() -> None:
    assert refused("get_campaigns") == ("'filter' is a required query parameter.", "filter")
    assert asked("get_campaigns", LATER).size == 100
    company = {"company_id": "AbC123"}
    assert asked("create_client_event", **company).others == company
    assert refused("create_client_event")[1] == "company_id"


def test_parameters_of_an_operations_own_are_kept_and_their_values_checked() -> None:
    assert asked("query_flow_series", page_cursor="abc").others == {"page_cursor": "abc"}
    assert asked("query_flow_series").others == {}
    (name, values) = next(
        (name, values)
        for name, values in operations()["get_client_review_values_reports"].reading(EARLIER).others.items()
        if values
    )
    report = {"company_id": "AbC123", "statistics": "average_rating", "timeframe": "all_time", "group_by": "product_id"}
    report |= {name: values[0]}
    assert asked("get_client_review_values_reports", **report).others == report
    assert refused("get_client_review_values_reports", **report | {name: "never"})[1] == name


def test_a_filter_is_compared_only_with_values_that_exist() -> None:
    assert asked("get_flows", filter='equals(trigger_type,"Price Drop")').filters[0].value == "Price Drop"
    detail, parameter = refused("get_flows", filter='equals(trigger_type,"price drop")')
    assert parameter == "filter"
    assert detail.startswith("Invalid value for trigger_type: 'price drop'. Allowed values are Added to List, ")


CHECKED = {
    "bulk_create_events",
    "create_event",
    "create_or_update_profile",
    "create_profile",
    "get_account",
    "get_accounts",
    "get_event",
    "get_events",
    "get_metric",
    "get_metric_for_event",
    "get_metric_id_for_event",
    "get_metrics",
    "get_profile",
    "get_profile_for_event",
    "get_profile_id_for_event",
    "get_profiles",
    "update_profile",
}


@needs_specification
def test_answers_and_bodies_are_valid() -> None:
    checker = Checker()
    with served(limits=False) as running:
        wire = running.wire
        full = {"additional-fields[profile]": "subscriptions,predictive_analytics"}
        body = profile_body(email="kim@example.org", location={"latitude": 1.5}, properties={"a": [1]})
        profile = checker.check("create_profile", wire.post("/api/profiles", body, params=full), body)["data"]
        change = profile_body(profile["id"], first_name="Kim")
        at = f"/api/profiles/{profile['id']}"
        checker.check("update_profile", wire.send("PATCH", at, change, params=full), change)
        for attributes in ({"email": "kim@example.org"}, {"external_id": "new"}):
            body = profile_body(**attributes, meta={"patch_properties": {"append": {"a": 1}}})
            answer = wire.post("/api/profile-import", body, params=full)
            checker.check("create_or_update_profile", answer, body)
        body = event_body(unique_id="u", value=2, value_currency="EUR", properties={"a": None})
        checker.check("create_event", wire.post("/api/events", body), body)
        body = bulk_body((profile_body(external_id="new"), [event_attributes("Other"), event_attributes()]))
        checker.check("bulk_create_events", wire.post("/api/event-bulk-create-jobs", body), body)
        everything = {"include": "attributions,metric,profile", "page[size]": "2"}
        first = checker.check("get_events", wire.get("/api/events", **everything))
        following = first["links"]["next"].removeprefix("https://a.klaviyo.com")
        checker.check("get_events", wire.client.get(following))
        event = f"/api/events/{first['data'][0]['id']}"
        checker.check("get_event", wire.get(event, include="attributions,metric,profile"))
        checker.check("get_metric_for_event", wire.get(f"{event}/metric"))
        checker.check("get_profile_for_event", wire.get(f"{event}/profile", **full))
        checker.check("get_metric_id_for_event", wire.get(f"{event}/relationships/metric"))
        checker.check("get_profile_id_for_event", wire.get(f"{event}/relationships/profile"))
        metrics = checker.check("get_metrics", wire.get("/api/metrics", include="flow-triggers"))
        checker.check("get_metric", wire.get(f"/api/metrics/{metrics['data'][0]['id']}"))
        checker.check("get_profiles", wire.get("/api/profiles", include="conversations,push-tokens", **full))
        checker.check("get_profile", wire.get(at, include="lists,segments,push-tokens,conversations", **full))
        checker.check("get_accounts", wire.get("/api/accounts"))
        checker.check("get_account", wire.get(f"/api/accounts/{running.emulator.account_id}"))
    assert checker.seen == CHECKED
