"""Requests that nobody should send: for every operation bodies, queries, headers and ids that are not quite right."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import re
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from emulator_everything import EARLIER, LATER, required
from typing_extensions import override

from klaviyo_emulator import bodies
from klaviyo_emulator.app import ROUTES
from klaviyo_emulator.filters import OPERATORS
from klaviyo_emulator.jsonapi import MEDIA_TYPE

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from emulator_everything import Account, Answered, InProcess

    from klaviyo_emulator.bodies import Part
    from klaviyo_emulator.operations import Operation

_PARAMETER = re.compile(r"\{[^}]*\}")


def _deep(levels: int) -> Any:
    found: Any = 1
    for level in range(levels):
        found = [found] if level % 2 else {"a": found}
    return found


_VERY_DEEP = "very deep"
# Values for any place of a body. Some are a JSON text, which Python would not write.
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**400, -0.0, 1e-320, 1e308, 0.1,
    "", " ", "x", "\0", "a\0b", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\U0001f600", "é", "e\u0301", "%", "_",
    "%s", "{{ x }}", "{% if %}", "{{ x|nope }}", "{% for a in b %}", "{{", "'", '"', "\\", "'; DROP TABLE profile; --",
    "$", "$.x", "properties['", "../..", "/", "a/b", "a::b", "$custom:::$default:::shirt", "$custom:::$default:::",
    ":::", "x" * 300, "x" * 103_000, "ü" * 60_000, "2026-11-01", "2026-11-01T00:00:00Z", "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999-14:00", "2026-02-30T00:00:00Z",
    "2026-11-01T00:00:00+99:99", "10000-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "12:00:00", "99:99", "Europe/Vienna",
    "../../etc/passwd", "Nowhere/Else", "EUR", "12345", "1e400", "nan", "Infinity", "kim@example.org", "kim@", "@",
    "a@b", "\u0130@x.org", "+4366012345678", "+", "https://x.example/", "http://localhost:1/", "https://[",
    "javascript:alert(1)", "file:///etc/passwd", "true", "null", [], {}, [[]], [{}], [None], [1, "a"], ["x"] * 4001,
    list(range(60)), {"": 1}, {"a": None}, {"data": None}, {"data": []}, {"data": {}}, {"data": {"type": "profile"}},
    {"data": {"type": "profile", "id": None}}, {"type": "profile", "id": "x"}, {"type": "x"}, {"id": 1}, {"a\0": "\0"},
    {"$gt": 1}, {"~": 1, "/": 2}, _deep(9), _deep(12), _deep(60), _VERY_DEEP,
    {str(number): number for number in range(401)},
)  # fmt: skip
_NAMES = (
    "data",
    "id",
    "type",
    "attributes",
    "relationships",
    "meta",
    "links",
    "included",
    "",
    "x",
    "~1",
    "a/b",
    "\0",
    "\ud800",
)
_RAW = (
    b"", b" ", b"{", b"[]", b"null", b"0", b'""', b'"x"', b"{}", b'{"data"', b'{"data":null}', b'{"data":[]}',
    b'{"data":{}}', b'{"data":[{}]}', b'{"data":[null]}', b'{"data":0}', b"\xff\xfe", b"\xef\xbb\xbf{}",
    b'{"data":NaN}', b'{"data":"\\ud800"}', b'{"data":{"\\udfff":1}}', b'{"data":1e999}', b"[" * 5000, b'{"a":' * 5000,
    b"1" * 5000, b'{"data":' + b"9" * 5000 + b"}", b'{"data":1,"data":2}', b"{'data':1}",
)  # fmt: skip
_IDS = (
    "%00", "%FF", "%ED%A0%80", "%C3%BC", "%2F", "%2E%2E", "..", ".", "%20", "+", "0", "-1", "1e5", "9" * 18, "9" * 19,
    "9" * 40, "0x1", "%F0%9F%98%80", "a" * 5000, "*", "'", "%22", "%25", "%", "%zz", "null", "true", "undefined",
    "$custom:::$default:::shirt", "%24custom%3A%3A%3A%24default%3A%3A%3Amug", ":::", "a:b", "x-y-z", "a--b", "email",
    "x:email:open", "01M1PAAR5HBCRHA3NN9NG5WRTA", "TEN-A1", "AbCdEf", "event:klaviyo.opened_email",
    "00000000-0000-0000-0000-000000000000", "YWJj", "e30", "%0A", "a%00b", "\u0660".encode().hex(), "%D9%A0",
    "revenue", "1.5", "~", ";", "%7B%7D",
)  # fmt: skip
_CURSORS = (
    "",
    "=",
    "x",
    "!",
    "bmV4dA",
    "e30",
    "WzFd",
    "WzEsIk5PUEUiLHRydWVd",
    "bmV4dDo6aWQ6OjAx",
    "cHJldjo6aWQ6OgA",
    "bmV4dDo6Y3JlYXRlZDo6MTo6eA",
    "https://a.klaviyo.com/api/profiles?page[cursor]=x",
    "https://[",
    "a" * 3000,
)
_SIZES = ("1", "2", "3", "100", "1000", "0", "-1", "1001", "x", "1.0", "٣", "", "9" * 30, " 1", "+1", "1e1")
_VALUES = (
    '"x"', "'x'", '""', '"\\"', '"\0"', "1", "-1", "1.5", "1e300", "1e999", "9" * 18, "9" * 25, "true", "null",
    "2026-11-01T00:00:00Z", '"2026-11-01T00:00:00Z"', "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z", "2026-11-01", "[]", '["x"]', '["x",1]', "[[]]",
    "[null]", '["x","y"]', "x", '"' + "x" * 3000 + '"', '"%"', "\"'\"", "[" + ",".join(['"x"'] * 500) + "]",
)  # fmt: skip
_HEADERS: tuple[dict[str, bytes], ...] = (
    {"authorization": b""}, {"authorization": b"Klaviyo-API-Key"}, {"authorization": b"Klaviyo-API-Key sk_x"},
    {"authorization": b"Bearer \xff"}, {"authorization": b"\x00"}, {"authorization": b"Bearer x"}, {"revision": b""},
    {"revision": b"2026-07-15.pre"}, {"revision": b"2026-10-15.pre"}, {"revision": b"2026-07-15.x"},
    {"revision": b"2024-02-15"}, {"revision": b"9999-99-99"}, {"revision": b"\xff"}, {"revision": b"2026-07-16"},
    {"revision": "٢٠٢٦-07-15".encode()}, {"content-type": b""}, {"content-type": b"text/plain"},
    {"content-type": b"application/json; charset=\xff"}, {"content-type": b"application/json;;=;charset"},
    {"content-type": b"multipart/form-data"}, {"content-encoding": b"gzip"}, {"content-encoding": b"br"},
    {"content-encoding": b"gzip, gzip"}, {"content-encoding": b"\xff"}, {"accept": b"text/html"},
    {"x-other": b"\xff" * 100}, {"content-length": b"-1"}, {"host": b"\xff"},
)  # fmt: skip


_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "integer": (0, 1, 3, 10, 100),
    "number": (0, 1, 9.5),
    "boolean": (True, False),
    "datetime": ("2026-11-20T00:00:00Z", "2026-11-25T00:00:00+00:00", "2026-11-01T00:00:00"),
    "date": ("2026-11-20",),
    "open": ({}, {"a": 1}, {"type": "x"}),
    "variant": ({}, {"type": "x"}, {"type": "email"}, {"channel": "email"}, {"condition_groups": []}),
    "any": (1, "x", None, {}),
}


@dataclass
class Blow:
    """A request of the storm."""

    operation: str
    method: str
    target: str
    body: bytes
    headers: dict[str, bytes]

    @override
    def __str__(self) -> str:
        return f"{self.operation}: {self.method} {self.target[:600]} {self.headers} {self.body[:1500]!r}"


class Storm:
    """Makes requests for operations of a filled account."""

    def __init__(self, account: Account, chance: random.Random) -> None:
        self.account = account
        self.chance = chance
        self.identifier = ""

    def blow(self, operation: Operation) -> Blow:
        """One request, of which one or two parts are strange."""
        chance = self.chance
        revision = operation.since if operation.since > EARLIER else chance.choice((EARLIER, LATER))
        headers = {"revision": revision.encode()}
        strange = chance.choices(
            ("body", "query", "headers", "path"),
            (0 if operation.method == "GET" else 12, 6, 1, 2),
            k=chance.choice((1, 1, 1, 2)),
        )
        path = self._path(operation, strange="path" in strange)
        query = self._query(operation, revision, strange="query" in strange)
        body = b""
        if operation.method != "GET":
            body = self._body(operation, revision, strange="body" in strange)
        if "headers" in strange:
            headers |= chance.choice(_HEADERS)
        if headers.get("content-encoding") == b"gzip" and chance.random() < 0.5:
            body = gzip.compress(body)[: chance.choice((None, -1, 5))]
        return Blow(operation.id, operation.method, f"{path}?{query}" if query else path, body, headers)

    def siege(self, operation: Operation, revision: str, values: Sequence[Any]) -> Iterator[Blow]:
        """Requests in which one member of a body after the other is left out, or has another value."""
        documents = [*self.account.bodies.get(operation.id, ())]
        with suppress(KeyError, IndexError):
            part = bodies.part_of(operation.id, revision)
            documents.append({"data": self._value(part, "data", full=True)})
        path = self._path(operation, strange=False)
        headers = {"revision": revision.encode()}
        for document in documents:
            if self.identifier and isinstance(document["data"], dict) and "id" in document["data"]:
                document["data"]["id"] = unquote(self.identifier)
            for container, key in _places(document):
                before = container[key]
                for value in values:
                    if value is not ...:
                        container[key] = value
                    elif isinstance(container, dict):
                        del container[key]
                    yield Blow(operation.id, operation.method, path, _encoded(document), headers)
                    container[key] = before

    def _path(self, operation: Operation, *, strange: bool) -> str:
        chance = self.chance
        self.identifier = ""
        known = self.account.ids_for(operation)
        others = [one for ids in self.account.ids.values() for one in ids]

        def segment(_: object) -> str:
            if known and not strange:
                self.identifier = quote(chance.choice(known), safe="")
                return self.identifier
            if chance.random() < 0.2:
                return "".join(f"%{chance.randrange(256):02X}" for _ in range(chance.randint(1, 6)))
            if chance.random() < 0.3:
                return quote(chance.choice(others), safe="")
            return chance.choice(_IDS)

        return _PARAMETER.sub(segment, operation.path)

    def _query(self, operation: Operation, revision: str, *, strange: bool) -> str:
        chance = self.chance
        reading = operation.reading(revision)
        given: dict[str, str] = required(operation, revision) if operation.id in ROUTES else {}
        if not strange:
            return urlencode(given)
        if chance.random() < 0.05:
            return "".join(chr(chance.randrange(33, 127)) for _ in range(chance.randint(1, 30)))
        names = [*reading.others]
        names += [
            name
            for name, taken in (("filter", reading.filters), ("sort", reading.sorts), ("include", reading.includes))
            if taken
        ]
        names += ["page[cursor]"] * 2 if reading.cursor else []
        names += ["page[size]"] if reading.maximum_size else []
        if not names or chance.random() < 0.05:
            names += [
                "filter",
                "sort",
                "include",
                "page[cursor]",
                "page[size]",
                "x",
                "fields[x]",
                "additional-fields[x]",
                "fields[",
                "\0",
            ]
        names += [f"fields[{kind}]" for kind in reading.fields] + [
            f"additional-fields[{kind}]" for kind in reading.additional
        ]
        for name in chance.sample(names, k=min(len(names), chance.randint(1, 3))):
            given[name] = self._parameter(operation, name, revision)
        pairs = list(given.items())
        if chance.random() < 0.03:
            pairs += pairs[:1]
        text = urlencode(pairs, quote_via=quote, errors="surrogatepass")
        return text + "&filter=%FF" if chance.random() < 0.02 else text

    def _parameter(self, operation: Operation, name: str, revision: str) -> str:
        chance = self.chance
        reading = operation.reading(revision)
        if name == "filter":
            return ",".join(self._filter(reading.filters) for _ in range(chance.choice((1, 1, 1, 2))))
        if name == "page[cursor]":
            return self._cursor([*reading.sorts, "id"])
        known: Mapping[str, Any] = {
            "sort": [sign + sort for sort in reading.sorts for sign in ("", "-")],
            "include": reading.includes,
            "page[size]": _SIZES,
            **{f"fields[{kind}]": sorted(values) for kind, values in reading.fields.items()},
            **{f"additional-fields[{kind}]": sorted(values) for kind, values in reading.additional.items()},
            **reading.others,
        }
        values = [*known.get(name, ()), "", "x", ",", "\0"]
        return ",".join(chance.choice(values) for _ in range(chance.choice((1, 1, 2, 3))))

    def _filter(self, rules: Mapping[str, Any]) -> str:
        chance = self.chance
        if not rules or chance.random() < 0.1:
            return chance.choice(
                (
                    "",
                    "x",
                    "(",
                    "equals(",
                    "and(" * 20,
                    "equals(id)",
                    "or(a,b)",
                    "equals(x,1)",
                    "\0",
                    "equals(id,'x'",
                    "has(x)",
                    "and()",
                    ")",
                )
            )
        name = chance.choice(sorted(rules))
        allowed = sorted(rules[name].operators) if chance.random() < 0.8 else OPERATORS
        ids = [one for found in self.account.ids.values() for one in found]
        value = json.dumps(chance.choice(ids)) if chance.random() < 0.3 else chance.choice(_VALUES)
        if rules[name].values and chance.random() < 0.5:
            value = json.dumps(chance.choice(sorted(rules[name].values)))
        if chance.random() < 0.2:
            value = f"[{value}]"
        return (
            f"{chance.choice(allowed)}({name})"
            if chance.random() < 0.05
            else f"{chance.choice(allowed)}({name},{value})"
        )

    def _cursor(self, sorts: list[str]) -> str:
        chance = self.chance
        if chance.random() < 0.4:
            return chance.choice(_CURSORS)
        if self.account.cursors and chance.random() < 0.4:
            return chance.choice(self.account.cursors)
        if chance.random() < 0.3:
            moment = chance.choice((0, 1, -1, 1_795_000_000, 2**62, 2**63, 2**64, "x", None, True, 1.5))
            text = json.dumps(
                [moment, chance.choice(self.account.ids.get("event", ["x"])), chance.choice((True, False, 1))]
            )
        else:
            key = json.dumps(
                chance.choice(
                    ("", "x", 0, 1, -1, 2**61, 2**63, None, True, 1.5, [], "\ud800", "\0", "2026-11-01", 10**400)
                )
            )
            middle = chance.choice(("", f"{key}::", f"{key}::"))
            direction, last = chance.choice(("next", "prev")), chance.choice(("", "x", "01", "\0", "::"))
            text = f"{direction}::{chance.choice(sorts)}::{middle}{last}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _body(self, operation: Operation, revision: str, *, strange: bool) -> bytes:
        chance = self.chance
        if strange and chance.random() < 0.06:
            return chance.choice(_RAW) if chance.random() < 0.5 else chance.randbytes(chance.randint(0, 60))
        known = self.account.bodies.get(operation.id)
        if known and chance.random() < 0.6:
            document = copy.deepcopy(chance.choice(known))
        else:
            try:
                part = bodies.part_of(operation.id, revision)
            except (KeyError, IndexError):
                return chance.choice(_RAW)
            document = {"data": self._value(part, "data", full=chance.random() < 0.5)}
        if (
            self.identifier
            and isinstance(document["data"], dict)
            and "id" in document["data"]
            and chance.random() < 0.95
        ):
            document["data"]["id"] = unquote(self.identifier)
        if strange:
            for _ in range(chance.choice((1, 1, 1, 2, 4))):
                self._harm(document)
        return _encoded(document)

    def _harm(self, document: Any) -> None:
        chance = self.chance
        places = _places(document)
        if not places:
            return
        container, key = chance.choice(places)
        match chance.randrange(8):
            case 0 if isinstance(container, dict):
                del container[key]
            case 1 if isinstance(container, dict):
                container[chance.choice(_NAMES)] = self._strange()
            case 2:
                container[key] = [container[key]]
            case 3:
                other, name = chance.choice(places)
                container[key] = copy.deepcopy(other[name])
            case 4 if isinstance(container[key], list):
                container[key] = container[key] * 2
            case 5 if isinstance(container[key], str):
                container[key] = self._text("id", "")
            case _:
                container[key] = self._strange()

    def _strange(self) -> Any:
        return copy.deepcopy(self.chance.choice(STRANGE))

    def _value(self, part: Part, name: str, *, full: bool, kind: str = "") -> Any:
        chance = self.chance
        if part.values:
            return chance.choice(part.values)
        match part.kind:
            case "object":
                named = part.members.get("type")
                kind = named.values[0] if named and named.values else ""
                return {
                    key: self._value(member, key, full=full, kind=kind)
                    for key, member in part.members.items()
                    if member.required or chance.random() < (0.8 if full else 0.25)
                }
            case "array":
                if part.item is None:
                    return []
                return [self._value(part.item, name, full=full) for _ in range(chance.choice((0, 1, 1, 2)))]
            case "string":
                return self._text(name, kind)
            case _:
                return chance.choice(_PLAIN[part.kind])

    def _text(self, name: str, kind: str) -> str:
        chance = self.chance
        ids = self.account.ids
        if name.endswith(("id", "ids", "included", "excluded")):
            wanted = kind or name.removesuffix("_id").replace("_", "-")
            known = ids.get(wanted) or [one for found in ids.values() for one in found]
            return chance.choice(known)
        words = {
            "email": "kim@example.org",
            "phone_number": "+4366012345678",
            "url": "https://x.example/",
            "endpoint_url": "https://receiver.example/",
            "timezone": "Europe/Vienna",
            "secret_key": "s" * 32,
            "html": "<p>{{ first_name }}</p>",
        }
        return words.get(name) or chance.choice(
            ("x", "Kim", "a b", "daily", "2026-11-01T00:00:00Z", "kim@example.org", "{{ x }}")
        )


def _encoded(document: Any) -> bytes:
    return json.dumps(document).replace(json.dumps(_VERY_DEEP), "[" * 900 + "]" * 900).encode()


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every place (container, key) in a JSON value, of long arrays only the first."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        keys = list(value) if isinstance(value, dict) else range(min(len(value), 5)) if isinstance(value, list) else ()
        for key in keys:
            found.append((value, key))
            waiting.append(value[key])
    return found


def weather(asked: InProcess, blow: Blow) -> str:
    """Send a request; what is wrong with the answer, or nothing."""
    asked.settle()
    if "segment" in blow.operation or "report" in blow.operation:
        asked.refresh()
    before = asked.picture()
    answer = asked.request(blow.method, blow.target, blow.body, blow.headers)
    problems = asked.complaints.found
    if problems:
        asked.complaints.found = []
        return problems[0]
    if answer.status == 501:
        return "a handler answered 501" if blow.operation in ROUTES else shape_problem(answer, before, asked)
    if answer.status >= 500:
        return f"answered {answer.status}"
    return shape_problem(answer, before, asked) if answer.status >= 400 else ""


def shape_problem(answer: Answered, before: bytes, asked: InProcess) -> str:
    """What is wrong with a refusal, or nothing."""
    if answer.headers["content-type"] != MEDIA_TYPE:
        return f"content type {answer.headers['content-type']}"
    for error in answer.document()["errors"]:
        if error["status"] != answer.status or not {"id", "code", "title", "detail", "source"} <= error.keys():
            return f"the error {error}"
    after = asked.picture()
    if after == before:
        return ""
    # Pages may be laid out in another way when a change was taken back.
    changed = set(_rows(before)) ^ set(_rows(after))
    return f"a refused request changed the state: {sorted(changed)[:3]}" if changed else ""


def _rows(picture: bytes) -> Iterator[str]:
    """A picture as SQL."""
    image = bytearray(picture)
    image[18:20] = b"\x01\x01"  # no write-ahead log, which a copy in memory has not
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(bytes(image))
        yield from copy.iterdump()
