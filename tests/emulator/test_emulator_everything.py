"""Every operation, systematically: each way to read that the facts name works, and what is not built says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from emulator_everything import BUILT, UNBUILT, Account, InProcess, fill, path_of, required

from klaviyo_emulator.operations import REVISIONS, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from klaviyo_emulator.filters import FieldRule

READS = [operation for operation in BUILT if operation.method == "GET"]
# What a new account has none of: it needs an image, a translation.
NOTHING_THERE = frozenset(
    {"get_image_for_campaign_variation", "get_image_for_campaign_message", "get_translation_for_campaign_variation"}
)
ABSENT = "01M1PAAR5HBCRHA3NN9NG5WRTA"


@pytest.fixture(scope="module")
def asked() -> Iterator[InProcess]:
    with InProcess() as running:
        yield running


@pytest.fixture(scope="module")
def account(asked: InProcess) -> Account:
    return fill(asked)


def name_of(case: Any) -> str:
    return case.id if isinstance(case, Operation) else str(case)


def readings(operation: Operation, revision: str) -> Iterator[dict[str, str]]:
    """Every single thing that an operation can be asked for in a revision, and some together."""
    reading = operation.reading(revision)
    yield {}
    for sort in reading.sorts:
        yield {"sort": sort}
        yield {"sort": f"-{sort}"}
    for include in reading.includes:
        yield {"include": include}
    if reading.includes:
        yield {"include": ",".join(reading.includes)}
    for kind, names in reading.additional.items():
        for name in names:
            yield {f"additional-fields[{kind}]": name}
        everything = {f"additional-fields[{kind}]": ",".join(names)}
        yield everything
        if kind in reading.fields:
            yield {**everything, f"fields[{kind}]": ",".join(reading.fields[kind])}
    included = {"include": ",".join(reading.includes)} if reading.includes else {}
    for kind, names in reading.fields.items():
        yield {f"fields[{kind}]": ""}
        yield {f"fields[{kind}]": ",".join(names), **included}
        for name in sorted(names):
            yield {f"fields[{kind}]": name, **included}
    if reading.maximum_size:
        yield {"page[size]": "1"}
        yield {"page[size]": str(reading.maximum_size)}
    for name, values in reading.others.items():
        for value in values:
            yield {name: value}
    for name, rule in reading.filters.items():
        for text in filters(name, rule):
            yield {"filter": text}
            if reading.sorts:
                yield {"filter": text, "sort": f"-{reading.sorts[-1]}"}


def together(needed: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    """Both queries; of two filters, both."""
    both = {**needed, **wanted}
    if "filter" in needed and "filter" in wanted:
        both["filter"] = f"{needed['filter']},{wanted['filter']}"
    return both


def filters(name: str, rule: FieldRule) -> Iterator[str]:
    """Each operator of a filterable field, with the values it takes."""
    values = {"string": ['"x"', '""'], "number": ["1", "-1.5"], "boolean": ["true", "false"]}
    values["datetime"] = ["2026-11-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    chosen = [f'"{value}"' for value in sorted(rule.values)] or values[rule.kind]
    for operator in rule.single:
        for value in chosen:
            yield f"{operator}({name},{value})"
    for operator in rule.many:
        yield f"{operator}({name},[])"
        yield f"{operator}({name},[{','.join(chosen)}])"
    for operator in rule.bare:
        yield f"{operator}({name})"


@pytest.mark.parametrize("operation", READS, ids=name_of)
def test_everything_that_an_operation_may_be_asked_for(
    asked: InProcess, account: Account, operation: Operation
) -> None:
    ids = account.ids_for(operation) if "{" in operation.path else [""]
    assert ids, "the account has none of them"
    answered = 0
    for revision in REVISIONS:
        if revision < operation.since:
            continue
        needed = required(operation, revision)
        for wanted in readings(operation, revision):
            for identifier in ids if not wanted else ids[:1]:
                query = urlencode(together(needed, wanted), quote_via=quote)
                path = path_of(operation, identifier)
                answer = asked.request("GET", f"{path}?{query}", headers={"revision": revision.encode()})
                allowed = {200, 404} if identifier else {200}
                assert answer.status in allowed, (revision, path, query, answer.body)
                answered += answer.status == 200
        if ids != [""]:
            absent = asked.get(path_of(operation, ABSENT), revision, **needed)
            assert absent.status in {400, 404}, (revision, absent.body)
    assert asked.complaints.found == []
    assert answered or operation.id in NOTHING_THERE, "none of its ids was found"


@pytest.mark.parametrize("operation", UNBUILT, ids=name_of)
def test_what_is_not_built_says_what_it_is_and_where_it_is_described(asked: InProcess, operation: Operation) -> None:
    revision = max(operation.since, REVISIONS[0])
    target = path_of(operation, "x")
    answer = asked.request(operation.method, target, b"{", {"revision": revision.encode()})
    assert answer.status == 501
    (error,) = json.loads(answer.body)["errors"]
    assert (error["code"], error["status"]) == ("not_implemented", 501)
    assert f"does not implement {operation.id} ({operation.method} {operation.path})" in error["detail"]
    assert f"https://developers.klaviyo.com/en/reference/{operation.id} " in error["detail"]
