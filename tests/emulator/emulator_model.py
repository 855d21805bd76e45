"""A small dictionary model of an account, and the two layers of the emulator that have to agree with it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from emulator_wire import SetClock, bulk_body, event_attributes, event_body, profile_body, served
from people_bodies import consent, document, entry, identifiers, subscription_job, suppression_job

from klaviyo_emulator.cursors import Position
from klaviyo_emulator.state import consents
from klaviyo_emulator.state.database import MEMORY, Database
from klaviyo_emulator.state.events import RepeatedUniqueIdError, list_events, store_events
from klaviyo_emulator.state.lists import LIST, join_list
from klaviyo_emulator.state.members import clear_members, list_members, member_rows, remove_members
from klaviyo_emulator.state.merging import erase_profile, merge_profiles
from klaviyo_emulator.state.metrics import ensure_metric, find_metrics
from klaviyo_emulator.state.minting import Mint, open_mint
from klaviyo_emulator.state.new_events import NewEvent, NewEvents
from klaviyo_emulator.state.profiles import (
    DuplicateProfileError,
    Profile,
    ProfileChange,
    find_identified,
    find_profile,
    list_profiles,
    profile_in_row,
    upsert_profile,
)
from klaviyo_emulator.state.records import create_record, delete_record, find_record, free_short_id
from klaviyo_emulator.state.segments import SEGMENT, refresh_segment
from klaviyo_emulator.state.tasks import finish, next_due, schedule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from klaviyo_emulator.config import BulkDuplicates
    from klaviyo_emulator.state.paging import Page
    from klaviyo_emulator.state.tasks import Task

Row = TypeVar("Row")
Result = TypeVar("Result")
Names = dict[str, str]
"""Identifiers: `email`, `external_id`."""
Label = tuple[str, str]
"""Which person: e-mail address and external id, empty where there is none."""
Item = tuple[str, str | None, int, int | None]
"""An event: metric, unique id, time, value."""

JOB_MS = 400
SUBSCRIBED, UNSUBSCRIBED, NEVER = consents.SUBSCRIBED, consents.UNSUBSCRIBED, consents.NEVER_SUBSCRIBED
COUNTED = "A"
DAYS = 20


def counted(metric_id: str) -> dict[str, Any]:
    """At least two events of a metric within the last days."""
    condition = {
        "type": "profile-metric",
        "metric_id": metric_id,
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "greater-than-or-equal", "value": 2},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": DAYS},
    }
    return {"condition_groups": [{"conditions": [condition]}]}


@dataclass(frozen=True)
class Seen:
    """A person as a layer shows them."""

    id: str
    label: Label
    n: int | None
    consent: str
    suppressions: frozenset[tuple[str, str]]


class Layer(Protocol):
    """What the machine drives. Answers are `new`, `known`, `accepted`, `conflict` or `repeated`."""

    clock: SetClock

    def start(self, duplicates: BulkDuplicates) -> None: ...
    def stop(self) -> None: ...
    def upsert(self, names: Names, n: int) -> str: ...
    def track(self, names: Names, items: Sequence[Item], *, bulk: bool) -> str: ...
    def merge(self, destination: str, source: str) -> None: ...
    def suppress(self, email: str, *, lift: bool) -> None: ...
    def subscribe(self, email: str, list_id: str, *, leave: bool) -> None: ...
    def erase(self, email: str) -> None: ...
    def new_list(self) -> str: ...
    def delete_list(self, list_id: str) -> None: ...
    def change_list(self, list_id: str, profile_id: str, *, remove: bool) -> None: ...
    def pass_time(self, seconds: float) -> None: ...
    def people(self, size: int) -> list[Seen]: ...
    def events(self, size: int) -> list[tuple[str, str, str, int, Any]]: ...
    def members(self, list_id: str, size: int) -> list[str]: ...
    def segment(self) -> set[str]: ...


@dataclass(eq=False)
class Person:
    """A person of the model."""

    email: str | None = None
    external_id: str | None = None
    further: set[str] = field(default_factory=set)
    n: int | None = None
    consent: tuple[str, int] | None = None
    suppressions: set[tuple[str, str]] = field(default_factory=set)
    merged_into: Person | None = None

    @property
    def label(self) -> Label:
        return self.email or "", self.external_id or ""


class Model:
    """What an account holds, in dictionaries, and the jobs that wait for their time."""

    def __init__(self, duplicates: BulkDuplicates, clock: SetClock) -> None:
        self.duplicates = duplicates
        self.clock = clock
        self.people: list[Person] = []
        self.events: dict[tuple[Person, str, str], tuple[int, int | None]] = {}
        self.valued: set[str] = set()
        self.lists: dict[str, set[Person]] = {}
        self._jobs: list[tuple[float, int, Callable[[int], None]]] = []
        self._count = 0

    def upsert(self, names: Names, n: int | None = None) -> tuple[str, Person | None]:
        found = {id(one): one for one in self.people for name, value in names.items() if self._has(one, name, value)}
        if len(found) > 1:
            return "conflict", None
        known = bool(found)
        person = found.popitem()[1] if known else Person()
        if not known:
            self.people.append(person)
        for name, value in names.items():
            if name == "external_id":
                person.external_id = value
            elif value not in person.further:
                person.email = value
        if n is not None:
            person.n = n
        return ("known" if known else "new"), person

    @staticmethod
    def _has(person: Person, name: str, value: str) -> bool:
        return value == person.external_id if name == "external_id" else value in {person.email, *person.further}

    def track(self, names: Names, items: Sequence[Item], *, bulk: bool) -> str:
        candidates = [one for one in self.people for name, value in names.items() if self._has(one, name, value)]
        unique = [(metric, unique_id) for metric, unique_id, _, _ in items if unique_id is not None]
        repeated = len(set(unique)) < len(unique)
        if self.duplicates == "history":
            repeated |= any((one, *key) in self.events for one in candidates for key in unique)
        if len({id(one) for one in candidates}) > 1:
            return "conflict"
        if bulk and repeated:
            return "repeated"
        _, person = self.upsert(names)
        assert person is not None
        for metric, unique_id, time, value in items:
            key = (person, metric, unique_id or str(time))
            if key in self.events:
                continue
            self.events[key] = (time, 0 if value is None and metric in self.valued else value)
            if value is not None:
                self.valued.add(metric)
        return "accepted"

    def later(self, milliseconds: int, job: Callable[[int], None]) -> None:
        """Have a job run in a while; it is told the whole second it runs in."""
        self._count += 1
        self._jobs.append((self.clock.moment.timestamp() + milliseconds / 1000, self._count, job))

    def catch_up(self) -> None:
        """Run the jobs whose time has come."""
        now = self.clock.moment.timestamp() + 0.000_001
        for job in sorted(self._jobs, key=lambda one: one[:2]):
            if job[0] <= now:
                self._jobs.remove(job)
                job[2](int(job[0] + 0.000_001))

    @staticmethod
    def present(person: Person) -> Person:
        """The person that a person has become."""
        while person.merged_into is not None:
            person = person.merged_into
        return person

    def merge(self, destination: Person, source: Person) -> None:
        kept, given = self.present(destination), self.present(source)
        if kept is given or kept not in self.people or given not in self.people:
            return
        for (person, metric, unique_id), event in list(self.events.items()):
            if person is given:
                del self.events[given, metric, unique_id]
                self.events.setdefault((kept, metric, unique_id), event)
        for members in self.lists.values():
            if given in members:
                members.remove(given)
                members.add(kept)
        if given.consent and (kept.consent is None or given.consent[1] > kept.consent[1]):
            kept.consent = given.consent
        kept.suppressions |= given.suppressions
        kept.further |= given.further
        if kept.email is None:
            kept.email = given.email
        elif given.email is not None:
            kept.further.add(given.email)
        kept.external_id = kept.external_id or given.external_id
        kept.n = given.n if kept.n is None else kept.n
        given.merged_into = kept
        self.people.remove(given)

    def subscribe(self, email: str, list_id: str, at: int) -> None:
        if list_id and list_id not in self.lists:
            return
        _, person = self.upsert({"email": email})
        assert person is not None
        person.consent = (SUBSCRIBED, at)
        lifted = {(where, reason) for where in ("", list_id) for reason in consents.LIFTED_BY_CONSENT}
        person.suppressions -= lifted
        if list_id:
            self.lists[list_id].add(person)

    def unsubscribe(self, email: str, list_id: str, at: int) -> None:
        _, person = self.upsert({"email": email})
        assert person is not None
        if person in self.lists.get(list_id, ()):
            self.lists[list_id].remove(person)
            person.suppressions.add((list_id, consents.UNSUBSCRIBE))
            return
        person.consent = (UNSUBSCRIBED, at)
        person.suppressions.add(("", consents.UNSUBSCRIBE))

    def suppress(self, email: str) -> None:
        _, person = self.upsert({"email": email})
        assert person is not None
        person.suppressions.add(("", consents.USER_SUPPRESSED))

    def unsuppress(self, email: str) -> None:
        for person in self.people:
            if self._has(person, "email", email):
                person.suppressions.discard(("", consents.USER_SUPPRESSED))

    def erase(self, email: str) -> None:
        for person in list(self.people):
            if self._has(person, "email", email):
                self.people.remove(person)
                self.events = {key: event for key, event in self.events.items() if key[0] is not person}
                for members in self.lists.values():
                    members.discard(person)

    def delete_list(self, list_id: str) -> None:
        del self.lists[list_id]
        for person in self.people:
            person.suppressions = {one for one in person.suppressions if one[0] != list_id}

    def segment(self) -> set[Label]:
        today = int(self.clock.moment.timestamp()) // 86_400
        since = (today - DAYS) * 86_400  # days are counted from midnight
        of_person = {
            id(person): [key for key, (time, _) in self.events.items() if key[0] is person and time >= since]
            for person in self.people
        }
        return {
            person.label
            for person in self.people
            if sum(metric == COUNTED for _, metric, _ in of_person[id(person)]) >= 2
        }


class OverTheWire:
    """The emulator behind a socket."""

    def start(self, duplicates: BulkDuplicates) -> None:
        self._stack = ExitStack()
        running = self._stack.enter_context(served(limits=False, bulk_duplicates=duplicates, job_ms=JOB_MS))
        self.clock: SetClock = running.clock
        self.wire = running.wire
        assert self.track({"email": "first@x.org"}, [(COUNTED, "first", 0, None)], bulk=False) == "accepted"
        metric_id = self.wire.get("/api/metrics").json()["data"][0]["id"]
        made = self.wire.post("/api/segments", document("segment", {"name": "S", "definition": counted(metric_id)}))
        assert made.status_code == 201, made.text
        self._segment = made.json()["data"]["id"]
        self.erase("first@x.org")
        self.pass_time(100)

    def stop(self) -> None:
        self._stack.close()

    def upsert(self, names: Names, n: int) -> str:
        answer = self.wire.post("/api/profile-import", profile_body(**names, properties={"n": n}))
        return {201: "new", 200: "known", 409: "conflict"}[answer.status_code]

    def track(self, names: Names, items: Sequence[Item], *, bulk: bool) -> str:
        events = [
            {"metric": metric, "unique_id": unique_id, "time": _text(time), "value": value}
            for metric, unique_id, time, value in items
        ]
        if bulk:
            body = bulk_body((profile_body(**names), [event_attributes(**event) for event in events]))
            answer = self.wire.post("/api/event-bulk-create-jobs", body)
        else:
            answer = self.wire.post("/api/events", event_body(profile=profile_body(**names), **events[0]))
        if answer.status_code == 400:
            assert "is repeated" in answer.text
            return "repeated"
        return {202: "accepted", 409: "conflict"}[answer.status_code]

    def merge(self, destination: str, source: str) -> None:
        of_source = {"profiles": {"data": [{"type": "profile", "id": source}]}}
        self._accepted("/api/profile-merge", document("profile-merge", None, of_source, id=destination))

    def suppress(self, email: str, *, lift: bool) -> None:
        action = "delete" if lift else "create"
        self._accepted(f"/api/profile-suppression-bulk-{action}-jobs", suppression_job(email, action=action))

    def subscribe(self, email: str, list_id: str, *, leave: bool) -> None:
        action = "delete" if leave else "create"
        of_email = {"email": consent(UNSUBSCRIBED if leave else SUBSCRIBED)}
        body = subscription_job(entry(of_email, email=email), list_id=list_id or None, action=action)
        self._accepted(f"/api/profile-subscription-bulk-{action}-jobs", body)

    def erase(self, email: str) -> None:
        named = {"profile": {"data": {"type": "profile", "attributes": {"email": email}}}}
        self._accepted("/api/data-privacy-deletion-jobs", document("data-privacy-deletion-job", named))

    def new_list(self) -> str:
        return self._accepted("/api/lists", document("list", {"name": "L"})).json()["data"]["id"]

    def delete_list(self, list_id: str) -> None:
        assert self.wire.client.delete(f"/api/lists/{list_id}").status_code == 204

    def change_list(self, list_id: str, profile_id: str, *, remove: bool) -> None:
        path = f"/api/lists/{list_id}/relationships/profiles"
        answer = self.wire.send("DELETE" if remove else "POST", path, identifiers("profile", profile_id))
        assert answer.status_code == 204, answer.text

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def people(self, size: int) -> list[Seen]:
        parameters = {"additional-fields[profile]": "subscriptions", "sort": "-email"}
        return [_seen(one) for one in self._pages("/api/profiles", size, **parameters)]

    def events(self, size: int) -> list[tuple[str, str, str, int, Any]]:
        names = {one["id"]: one["attributes"]["name"] for one in self.wire.get("/api/metrics").json()["data"]}
        found: list[tuple[str, str, str, int, Any]] = []
        for one in self._pages("/api/events", size):
            attributes, related = one["attributes"], one["relationships"]
            properties = attributes["event_properties"]
            metric = names[related["metric"]["data"]["id"]]
            unique_id, value = properties["$event_id"], properties.get("$value")
            found.append((related["profile"]["data"]["id"], metric, unique_id, attributes["timestamp"], value))
        return found

    def members(self, list_id: str, size: int) -> list[str]:
        return [one["id"] for one in self._pages(f"/api/lists/{list_id}/profiles", size)]

    def segment(self) -> set[str]:
        path = f"/api/segments/{self._segment}/relationships/profiles"
        return {one["id"] for one in self.wire.all_pages(path)}

    def _accepted(self, path: str, body: Any) -> Any:
        answer = self.wire.post(path, body)
        assert answer.status_code in {201, 202}, answer.text
        return answer

    def _pages(self, path: str, size: int, **parameters: str) -> list[Any]:
        """All of a listing, forwards, after walking back from its end has shown the same."""
        page = self.wire.get(path, **{"page[size]": str(size)}, **parameters)
        ahead, back = [], []
        while True:
            assert page.status_code == 200, page.text
            last = page.json()
            ahead.append(last["data"])
            if last["links"]["next"] is None:
                break
            page = self._follow(last["links"]["next"])
        while True:
            back.insert(0, last["data"])
            if last["links"]["prev"] is None:
                break
            last = self._follow(last["links"]["prev"]).json()
        rows = [row for page in ahead for row in page]
        assert [row["id"] for page in back for row in page] == [row["id"] for row in rows]
        assert all(len(page) == size for page in ahead[:-1])
        return rows

    def _follow(self, link: str) -> Any:
        return self.wire.client.get(link.removeprefix("https://a.klaviyo.com"))


def _text(time: int) -> str:
    return datetime.fromtimestamp(max(time, 1_000_000_000), UTC).isoformat()


def _seen(one: dict[str, Any]) -> Seen:
    attributes = one["attributes"]
    marketing = attributes["subscriptions"]["email"]["marketing"]
    suppressions = {("", item["reason"]) for item in marketing["suppression"]}
    suppressions |= {(item["list_id"], item["reason"]) for item in marketing["list_suppressions"]}
    return Seen(
        one["id"],
        (attributes["email"] or "", attributes["external_id"] or ""),
        attributes["properties"].get("n"),
        marketing["consent"],
        frozenset(suppressions),
    )


class InState:
    """The functions of the state, on a database in memory, with jobs of the machine's own over its tasks."""

    def start(self, duplicates: BulkDuplicates) -> None:
        self.clock = SetClock()
        self._duplicates: BulkDuplicates = duplicates
        self._database = Database(MEMORY)
        self._mint: Mint = self._write(lambda connection: open_mint(connection, 0, self.clock))
        metric = self._write(lambda connection: ensure_metric(connection, self._mint, COUNTED, None))
        row = self._write(lambda connection: connection.execute("SELECT id FROM metric WHERE seq = ?", (metric.seq,)))
        body = {"name": "S", "definition": counted(row.fetchone()[0]), "is_active": True, "ready_us": 0}
        self._segment = self._write(lambda connection: create_record(connection, self._mint, SEGMENT, "SEGMEN", body))
        self.pass_time(100)

    def stop(self) -> None:
        self._database.close()

    def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        return self._database.write(work).result()

    def upsert(self, names: Names, n: int) -> str:
        change = ProfileChange(identifiers=names, details={"properties": {"n": n}})
        try:
            _, is_new = self._write(lambda connection: upsert_profile(connection, self._mint, change))
        except DuplicateProfileError:
            return "conflict"
        return "new" if is_new else "known"

    def track(self, names: Names, items: Sequence[Item], *, bulk: bool) -> str:
        events = [
            NewEvent(
                metric=metric, service=None, time=time, unique_id=unique_id, value=value, currency=None, properties="{}"
            )
            for metric, unique_id, time, value in items
        ]
        entries = [NewEvents(ProfileChange(identifiers=names), events)]
        duplicates = self._duplicates if bulk else None
        try:
            self._write(lambda connection: store_events(connection, self._mint, entries, duplicates))
        except DuplicateProfileError:
            return "conflict"
        except RepeatedUniqueIdError:
            return "repeated"
        return "accepted"

    def merge(self, destination: str, source: str) -> None:
        self._later("merge", destination, source)

    def suppress(self, email: str, *, lift: bool) -> None:
        self._later("unsuppress" if lift else "suppress", email, after_ms=JOB_MS)

    def subscribe(self, email: str, list_id: str, *, leave: bool) -> None:
        self._later("unsubscribe" if leave else "subscribe", email, list_id)

    def erase(self, email: str) -> None:
        self._later("erase", email)

    def _later(self, kind: str, *given: str, after_ms: int = JOB_MS // 2) -> None:
        payload = {"given": given}
        self._write(lambda connection: schedule(connection, self._mint, kind, payload, after_ms=after_ms))

    def new_list(self) -> str:
        def work(connection: sqlite3.Connection) -> str:
            list_id = free_short_id(connection, self._mint)
            return create_record(connection, self._mint, LIST, list_id, {"name": "L"}).id

        return self._write(work)

    def delete_list(self, list_id: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            clear_members(connection, list_id)
            consents.forget_list(connection, list_id)
            delete_record(connection, LIST, list_id)

        self._write(work)

    def change_list(self, list_id: str, profile_id: str, *, remove: bool) -> None:
        def work(connection: sqlite3.Connection) -> None:
            profile = find_profile(connection, profile_id)
            assert profile is not None
            if remove:
                remove_members(connection, list_id, [profile.seq])
            else:
                join_list(connection, self._mint, list_id, [profile])

        self._write(work)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

        def work(connection: sqlite3.Connection) -> None:
            while task := next_due(connection, self._mint.now_us()):
                self._do(connection, self._mint.at(task.due_us), task)
                finish(connection, task)

        self._write(work)

    def _do(self, connection: sqlite3.Connection, mint: Mint, task: Task) -> None:
        first, *rest = task.payload["given"]
        if task.kind == "merge":
            destination, source = find_profile(connection, first), find_profile(connection, rest[0])
            if destination is not None and source is not None and destination.seq != source.seq:
                merge_profiles(connection, mint, destination, source)
            return
        if task.kind in {"erase", "unsuppress"}:
            for profile in find_identified(connection, {"email": first}):
                if task.kind == "erase":
                    erase_profile(connection, profile)
                else:
                    consents.unsuppress(connection, mint, [profile])
            return
        if task.kind == "subscribe" and rest[0] and find_record(connection, LIST, rest[0]) is None:
            return
        profile, _ = upsert_profile(connection, mint, ProfileChange(identifiers={"email": first}))
        if task.kind == "suppress":
            consents.suppress(connection, mint, [profile])
        elif task.kind == "subscribe":
            grant = consents.Grant(at=mint.now(), list_id=rest[0])
            consents.subscribe(connection, mint, profile, [consents.EMAIL], grant)
        else:
            consents.unsubscribe(connection, mint, profile, [consents.EMAIL], at=mint.now(), list_id=rest[0])

    def people(self, size: int) -> list[Seen]:
        def page(connection: sqlite3.Connection, start: Position | None) -> Page[Profile]:
            return list_profiles(connection, (), sort="email", descending=True, start=start, size=size)

        def seen(connection: sqlite3.Connection, profile: Profile) -> Seen:
            said = consents.consents_of(connection, profile.seq).get(consents.EMAIL)
            return Seen(
                profile.id,
                (profile.email or "", profile.external_id or ""),
                profile.details.get("properties", {}).get("n"),
                NEVER if said is None else said.status,
                frozenset((one.list_id, one.reason) for one in consents.suppressions_of(connection, profile.seq)),
            )

        profiles = self._pages(page, lambda row: (row.email or "", row.id))
        return self._write(lambda connection: [seen(connection, profile) for profile in profiles])

    def events(self, size: int) -> list[tuple[str, str, str, int, Any]]:
        rows = self._pages(
            lambda connection, start: list_events(connection, (), descending=True, start=start, size=size),
            lambda event: (event.time, event.seq),
        )
        ids = list({row.metric_id for row in rows})
        names = {one.id: one.name for one in self._write(lambda connection: find_metrics(connection, ids))}
        return [(row.profile_id, names[row.metric_id], row.unique_id, row.time, row.value) for row in rows]

    def members(self, list_id: str, size: int) -> list[str]:
        rows = self._pages(
            lambda connection, start: list_members(connection, list_id, (), descending=False, start=start, size=size),
            lambda member: (member.joined, member.profile.seq),
        )
        return [row.profile.id for row in rows]

    def segment(self) -> set[str]:
        def work(connection: sqlite3.Connection) -> set[str]:
            refresh_segment(connection, self._mint, self._segment)
            profiles = [profile_in_row(connection, row) for row in member_rows(connection, self._segment.id)]
            return {profile.id for profile in profiles if profile is not None}

        return self._write(work)

    def _pages(
        self,
        page: Callable[[sqlite3.Connection, Position | None], Page[Row]],
        key: Callable[[Row], tuple[str | int, str | int]],
    ) -> list[Row]:
        """All of a listing, forwards, after walking back from its end has shown the same."""

        def walk(connection: sqlite3.Connection, start: Position | None, *, forward: bool) -> Iterable[Page[Row]]:
            while True:
                found = page(connection, start)
                yield found
                if not (found.has_next if forward else found.has_previous):
                    return
                start = Position(*key(found.rows[-1 if forward else 0]), forward)

        def work(connection: sqlite3.Connection) -> list[Row]:
            ahead = list(walk(connection, None, forward=True))
            rows = [row for found in ahead for row in found.rows]
            if ahead[-1].has_previous:
                start = Position(*key(ahead[-1].rows[0]), forward=False)
                back = [*reversed(list(walk(connection, start, forward=False))), ahead[-1]]
                assert [key(row) for found in back for row in found.rows] == [key(row) for row in rows]
            return rows

        return self._write(work)
