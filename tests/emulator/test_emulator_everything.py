"""Every operation, systematically: each way to read that the facts name works, and what is not built says so."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from emulator_everything import BUILT, UNBUILT, Account, InProcess, fill, path_of, required
from emulator_storm import Blow, Storm, weather

from klaviyo_emulator.app import ROUTES
from klaviyo_emulator.errors import not_found
from klaviyo_emulator.operations import REVISIONS, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator_specification import Judge

    from klaviyo_emulator.filters import FieldRule

READS = [operation for operation in BUILT if operation.method == "GET"]
# What the account has none of: it translates a template, not a variation.
NOTHING_THERE = frozenset({"get_translation_for_campaign_variation"})
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
    included = {"include": ",".join(reading.includes)} if reading.includes else {}
    yield {}
    yield from ({"sort": f"{sign}{sort}"} for sort in reading.sorts for sign in ("", "-"))
    yield from ({"include": include} for include in reading.includes)
    yield included
    yield from ({"page[size]": size} for size in ("1", str(reading.maximum_size)) if reading.maximum_size)
    yield from ({name: value} for name, values in reading.others.items() for value in values)
    for kind, names in reading.additional.items():
        everything = {f"additional-fields[{kind}]": ",".join(names)}
        yield everything
        yield from ({f"additional-fields[{kind}]": name} for name in names)
        yield {**everything, **{f"fields[{of}]": ",".join(known) for of, known in reading.fields.items() if of == kind}}
    for kind, names in reading.fields.items():
        yield {f"fields[{kind}]": ""}
        yield {f"fields[{kind}]": ",".join(names), **included}
        yield from ({f"fields[{kind}]": name, **included} for name in sorted(names))
    for name, rule in reading.filters.items():
        for text in filters(name, rule):
            yield {"filter": text}
            yield from ({"filter": text, "sort": f"-{sort}"} for sort in reading.sorts[-1:])


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


def walk(
    asked: InProcess, path: str, revision: str, query: dict[str, str], way: str
) -> tuple[list[str], dict[str, str]]:
    """The ids on all pages that `next` or `prev` leads to, and the query of the last of them."""
    found: list[str] = []
    while True:
        document = asked.get(path, revision, **query).document()
        found += [item["id"] for item in document["data"]]
        link = document["links"][way]
        if link is None:
            return found, query
        query = {name: value for name, (value,) in parse_qs(urlsplit(link).query, keep_blank_values=True).items()}


@pytest.mark.parametrize("operation", [each for each in READS if each.reading(REVISIONS[-1]).maximum_size], ids=name_of)
def test_every_order_of_a_listing_leads_through_all_of_it_once_and_back(
    asked: InProcess, account: Account, operation: Operation
) -> None:
    for revision in REVISIONS:
        reading = operation.reading(revision)
        if revision < operation.since or (reading == operation.reading(REVISIONS[-1]) and revision != REVISIONS[-1]):
            continue
        needed = required(operation, revision)
        orders = [{}, *({"sort": f"{sign}{sort}"} for sort in reading.sorts for sign in ("", "-"))]
        for identifier in account.ids_for(operation) if "{" in operation.path else [""]:
            path = path_of(operation, identifier)
            listing = asked.get(path, revision, **needed)
            if listing.status != 200 or len(listing.document()["data"]) < 2:
                continue
            for order in orders:
                query = {**needed, **order}
                whole, _ = walk(asked, path, revision, {**query, "page[size]": str(reading.maximum_size)}, "next")
                there, last = walk(asked, path, revision, {**query, "page[size]": "1"}, "next")
                back, _ = walk(asked, path, revision, last, "prev")
                assert there == back[::-1] == whole, (revision, path, order)
                assert len({*whole}) == len(whole)


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


EACH = 26
BEFORE_RESTORED = 60


@pytest.mark.parametrize("operations", [BUILT, UNBUILT], ids=["built", "not built"])
def test_whatever_an_operation_is_sent_it_refuses_in_shape_or_does(
    judge: Judge | None, operations: list[Operation]
) -> None:
    chance = random.Random(len(operations))
    with InProcess() as asked:
        account = fill(asked)
        account.cursors = cursors(asked)
        picture = asked.picture()
        storm = Storm(account, chance)
        times = EACH if operations is BUILT else 3
        for number, operation in enumerate(chance.sample(operations * times, k=len(operations) * times)):
            if number % BEFORE_RESTORED == 0:
                asked.restore(picture)
                asked.settle(chance.choice((0.1, 1, 60, 3600, 86_400)))
                assert asked.complaints.found == []
            blow = storm.blow(operation)
            assert weather(asked, blow) == "", blow
    if judge is not None:
        assert judge.deviations == []


def test_members_that_are_null_or_left_out_or_of_another_type_are_no_defect(judge: Judge | None) -> None:
    """One after the other in good bodies of every operation: what is not required is not looked for."""
    with InProcess() as asked:
        account = fill(asked)
        picture = asked.picture()
        storm = Storm(account, random.Random(0))
        for operation in BUILT:
            asked.restore(picture)
            if operation.method == "GET":
                continue
            for blow in storm.siege(operation, max(operation.since, REVISIONS[0]), (None, ...)):
                assert weather(asked, blow) == "", blow
            for blow in storm.siege(operation, REVISIONS[-1], ([], {})):
                assert weather(asked, blow) == "", blow
    if judge is not None:
        assert judge.deviations == []


def test_a_storm_notices_a_defect_and_a_refusal_that_has_changed_something(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    async def refuse_too_late(context: Any, _: Any) -> Any:
        await context.write(lambda connection: connection.execute("INSERT INTO setting VALUES ('a', 'b')"))
        raise not_found("Too late.")

    with InProcess() as asked:
        blow = Blow("get_lists", "GET", "/api/lists", b"", {})
        assert weather(asked, blow) == ""
        monkeypatch.setitem(cast("dict[str, Any]", ROUTES), "get_lists", fail)
        assert "GET /api/lists failed" in weather(asked, blow)
        monkeypatch.setitem(cast("dict[str, Any]", ROUTES), "get_lists", refuse_too_late)
        assert "a refused request changed the state" in weather(asked, blow)


def cursors(asked: InProcess) -> list[str]:
    """Cursors of several listings."""
    found: list[str] = []
    for operation in READS:
        if operation.reading(max(operation.since, REVISIONS[0])).maximum_size and "{" not in operation.path:
            revision = max(operation.since, REVISIONS[0])
            needed = required(operation, revision)
            page = asked.get(operation.path, revision, **{"page[size]": "1"}, **needed).document()
            following = page["links"]["next"]
            found += [] if following is None else parse_qs(urlsplit(following).query)["page[cursor]"]
    return found


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        ({"content_type": "section", "type": "text"}, "/content_type"),
        ({"content_type": "block", "type": "coupon", "data": {}}, "/type"),
        ({"content_type": "block", "type": "text"}, "/data"),
        ({"content_type": "block", "type": "button"}, "/data"),
        ({"content_type": "block", "type": "html", "data": {"content": "x"}}, "/data/display_options"),
        ({"content_type": "block", "type": "html", "data": {"content": 1, "display_options": {}}}, "/data/content"),
        ({"content_type": "block", "type": "image", "data": [], "x": 1}, "/data"),
        ({"content_type": "block", "type": "image", "data": None, "x": 1}, "/x"),
    ],
)
def test_blocks_that_are_refused(asked: InProcess, definition: dict[str, Any], pointer: str) -> None:
    body = {"data": {"type": "template-universal-content", "attributes": {"name": "U", "definition": definition}}}
    answer = asked.request("POST", "/api/template-universal-content", json.dumps(body).encode())
    assert answer.status == 400
    (error,) = answer.document()["errors"]
    assert error["source"] == {"pointer": f"/data/attributes/definition{pointer}"}
