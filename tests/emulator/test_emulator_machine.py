"""A small dictionary model and the emulator do the same things, over a socket, and are compared after each."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from emulator_wire import REPEATABLE, bulk_body, event_attributes, event_body, profile_body, served
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

EMAILS = st.sampled_from([None, "a@x.org", "b@x.org", "c@x.org"])
EXTERNAL = st.sampled_from([None, "1", "2"])
UNIQUE = st.sampled_from([None, "u", "v"])
METRICS = st.sampled_from(["A", "B"])
OFFSETS = st.integers(0, 2)
START = 1_793_491_200  # 2026-11-01


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.people: list[dict] = []
        self.events: dict[tuple[int, str, str], dict] = {}
        self.valued: set[str] = set()

    @initialize()
    def start(self) -> None:
        self.running = self.stack.enter_context(served(limits=False))

    @override
    def teardown(self) -> None:
        self.stack.close()

    def match(self, identifiers: dict) -> int | None:
        """The index of the person meant; -1 for two of them, None for nobody."""
        found = {
            index
            for index, person in enumerate(self.people)
            for name, value in identifiers.items()
            if value is not None and person.get(name) == value
        }
        return None if not found else found.pop() if len(found) == 1 else -1

    def upsert(self, identifiers: dict, properties: dict) -> int:
        index = self.match(identifiers)
        if index is None:
            self.people.append({"properties": {}})
            index = len(self.people) - 1
        self.people[index] |= {name: value for name, value in identifiers.items() if value is not None}
        self.people[index]["properties"] |= properties
        return index

    def add(self, person: int, metric: str, unique: str | None, offset: int, value: int | None) -> None:
        key = (person, metric, unique or str(START + offset))
        if key not in self.events:
            default = 0 if metric in self.valued else None
            self.events[key] = {"time": START + offset, "value": default if value is None else value}
            if value is not None:
                self.valued.add(metric)

    @rule(email=EMAILS, external=EXTERNAL, value=st.integers(0, 3))
    def imports(self, email: str | None, external: str | None, value: Any) -> None:
        identifiers = {"email": email, "external_id": external}
        given = {name: text for name, text in identifiers.items() if text is not None}
        response = self.running.wire.post("/api/profile-import", profile_body(**given, properties={"n": value}))
        index = self.match(identifiers)
        expected = 400 if not given else 409 if index == -1 else 201 if index is None else 200
        assert response.status_code == expected
        if expected < 400:
            self.upsert(identifiers, {"n": value})

    @rule(email=EMAILS, external=EXTERNAL, metric=METRICS, unique=UNIQUE, offset=OFFSETS, value=st.none() | st.just(7))
    def tracks(
        self, email: str | None, external: str | None, metric: str, unique: str | None, offset: int, value: Any
    ) -> None:
        identifiers = {"email": email, "external_id": external}
        given = {name: text for name, text in identifiers.items() if text is not None}
        body = event_body(
            profile=profile_body(**given),
            metric=metric,
            unique_id=unique,
            time=f"2026-11-01T00:00:0{offset}Z",
            value=value,
        )
        response = self.running.wire.post("/api/events", body)
        index = self.match(identifiers)
        expected = 400 if not given else 409 if index == -1 else 202
        assert response.status_code == expected
        if expected == 202:
            self.add(self.upsert(identifiers, {}), metric, unique, offset, value)

    @rule(email=EMAILS.filter(bool), items=st.lists(st.tuples(METRICS, UNIQUE, OFFSETS), min_size=1, max_size=4))
    def tracks_many(self, email: str | None, items: list[tuple[str, str | None, int]]) -> None:
        events = [
            event_attributes(metric, unique_id=unique, time=f"2026-11-01T00:00:0{offset}Z")
            for metric, unique, offset in items
        ]
        response = self.running.wire.post("/api/event-bulk-create-jobs", bulk_body((profile_body(email=email), events)))
        explicit = [(metric, unique) for metric, unique, _ in items if unique]
        if len(set(explicit)) < len(explicit):
            assert response.status_code == 400
            return
        assert response.status_code == 202
        person = self.upsert({"email": email}, {})
        for metric, unique, offset in items:
            self.add(person, metric, unique, offset, None)

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "running"):
            return
        wire = self.running.wire
        people = wire.all_pages("/api/profiles", **{"page[size]": "2"})
        stored = {item["id"]: item["attributes"] for item in people}
        assert sorted(
            (attributes["email"] or "", attributes["external_id"] or "", attributes["properties"].get("n", -1))
            for attributes in stored.values()
        ) == sorted(
            (person.get("email", ""), person.get("external_id", ""), person["properties"].get("n", -1))
            for person in self.people
        )
        metrics = {item["id"]: item["attributes"]["name"] for item in wire.get("/api/metrics").json()["data"]}
        events = wire.all_pages("/api/events", sort="datetime", **{"page[size]": "3"})
        assert len({event["id"] for event in events}) == len(events)
        found = sorted(
            (
                stored[event["relationships"]["profile"]["data"]["id"]]["email"] or "",
                stored[event["relationships"]["profile"]["data"]["id"]]["external_id"] or "",
                metrics[event["relationships"]["metric"]["data"]["id"]],
                event["attributes"]["event_properties"]["$event_id"],
                event["attributes"]["timestamp"],
                event["attributes"]["event_properties"].get("$value", -1),
            )
            for event in events
        )
        assert found == sorted(
            (
                self.people[person].get("email", ""),
                self.people[person].get("external_id", ""),
                metric,
                unique,
                event["time"],
                -1 if event["value"] is None else event["value"],
            )
            for (person, metric, unique), event in self.events.items()
        )


TestModel = Model.TestCase
TestModel.settings = settings(REPEATABLE, max_examples=25, stateful_step_count=12)
