"""A small dictionary model and the emulator do the same things, over a socket and on the state, and are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from emulator_model import JOB_MS, NEVER, InState, Item, Layer, Model, Names, OverTheWire, Person
from emulator_wire import REPEATABLE
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

if TYPE_CHECKING:
    from klaviyo_emulator.config import BulkDuplicates

START = 1_793_491_200  # 2026-11-01, which passes out of the segment's days within some jumps of the clock
EMAILS = st.sampled_from(["a@x.org", "b@x.org", "c@x.org"])
NAMES = st.fixed_dictionaries({}, optional={"email": EMAILS, "external_id": st.sampled_from(["1", "2"])}).filter(bool)
ITEMS = st.tuples(
    st.sampled_from(["A", "B"]),
    st.sampled_from([None, "u", "v", "w"]),
    st.integers(START, START + 2),
    st.sampled_from([None, None, 7]),
)
CHOICE = st.integers(0, 11)
# No sum of the small ones is the time that a job takes.
JUMPS = st.sampled_from([0.01, 0.11, 0.25, 0.5, 1.0, 3_000.0, 43_000.0, 90_000.0])
SOON, AT_LAST = JOB_MS // 2, JOB_MS


class Machine(RuleBasedStateMachine):
    """The rules, whatever the layer is."""

    kind: ClassVar[type[Layer]]

    def __init__(self) -> None:
        super().__init__()
        self.layer: Layer = self.kind()
        self.model: Model | None = None

    @initialize(duplicates=st.sampled_from(["request", "history"]))
    def start(self, duplicates: BulkDuplicates) -> None:
        self.layer.start(duplicates)
        self.model = Model(duplicates, self.layer.clock)

    @override
    def teardown(self) -> None:
        if self.model is not None:
            self.layer.stop()

    @property
    def world(self) -> Model:
        assert self.model is not None
        return self.model

    def person(self, choice: int) -> Person:
        return self.world.people[choice % len(self.world.people)]

    def list(self, choice: int) -> str:
        return list(self.world.lists)[choice % len(self.world.lists)]

    def id_of(self, person: Person) -> str:
        return next(seen.id for seen in self.layer.people(100) if seen.label == person.label)

    @rule(names=NAMES, n=st.integers(0, 3))
    def imports(self, names: Names, n: int) -> None:
        assert self.layer.upsert(names, n) == self.world.upsert(names, n)[0]

    @rule(names=NAMES, item=ITEMS)
    def tracks(self, names: Names, item: Item) -> None:
        assert self.layer.track(names, [item], bulk=False) == self.world.track(names, [item], bulk=False)

    @rule(names=NAMES, items=st.lists(ITEMS, min_size=1, max_size=5))
    def tracks_many(self, names: Names, items: list[Item]) -> None:
        assert self.layer.track(names, items, bulk=True) == self.world.track(names, items, bulk=True)

    @precondition(lambda self: self.model and len(self.model.people) > 1)
    @rule(one=CHOICE, step=CHOICE)
    def merges(self, one: int, step: int) -> None:
        destination, source = self.person(one), self.person(one + 1 + step % (len(self.world.people) - 1))
        self.layer.merge(self.id_of(destination), self.id_of(source))
        self.world.later(SOON, lambda _: self.world.merge(destination, source))

    @rule(email=EMAILS, lift=st.booleans())
    def suppresses(self, email: str, lift: bool) -> None:  # noqa: FBT001 - drawn
        self.layer.suppress(email, lift=lift)
        act = self.world.unsuppress if lift else self.world.suppress
        self.world.later(AT_LAST, lambda _: act(email))

    @rule(email=EMAILS, leave=st.booleans(), choice=CHOICE)
    def subscribes(self, email: str, leave: bool, choice: int) -> None:  # noqa: FBT001 - drawn
        list_id = self.list(choice) if self.world.lists and choice % 3 else ""
        self.layer.subscribe(email, list_id, leave=leave)
        act = self.world.unsubscribe if leave else self.world.subscribe
        self.world.later(SOON, lambda at: act(email, list_id, at))

    @rule(email=EMAILS)
    def is_forgotten(self, email: str) -> None:
        self.layer.erase(email)
        self.world.later(SOON, lambda _: self.world.erase(email))

    @precondition(lambda self: self.model and len(self.model.lists) < 3)
    @rule()
    def makes_a_list(self) -> None:
        self.world.lists[self.layer.new_list()] = set()

    @precondition(lambda self: self.model and self.model.lists)
    @rule(choice=CHOICE)
    def deletes_a_list(self, choice: int) -> None:
        list_id = self.list(choice)
        self.layer.delete_list(list_id)
        self.world.delete_list(list_id)

    @precondition(lambda self: self.model and self.model.lists and self.model.people)
    @rule(which=CHOICE, who=CHOICE, remove=st.sampled_from([False, False, True]))
    def changes_a_list(self, which: int, who: int, remove: bool) -> None:  # noqa: FBT001 - drawn
        list_id, person = self.list(which), self.person(who)
        self.layer.change_list(list_id, self.id_of(person), remove=remove)
        members = self.world.lists[list_id]
        if remove:
            members.discard(person)
        else:
            members.add(person)

    @rule(seconds=JUMPS)
    def time_passes(self, seconds: float) -> None:
        self.layer.pass_time(seconds)
        self.world.catch_up()

    @invariant()
    def agree(self) -> None:
        if self.model is None:
            return
        people = self.layer.people(2)
        labels = {seen.id: seen.label for seen in people}
        assert sorted(_told(seen.label, seen.n, seen.consent, seen.suppressions) for seen in people) == sorted(
            _told(one.label, one.n, one.consent[0] if one.consent else NEVER, one.suppressions)
            for one in self.world.people
        )
        stored = [event for event in self.layer.events(3) if event[1] in {"A", "B"}]
        assert sorted((labels[who], *rest[:3], str(rest[3])) for who, *rest in stored) == sorted(
            (person.label, metric, unique_id, time, str(value))
            for (person, metric, unique_id), (time, value) in self.world.events.items()
        )
        for list_id, members in self.world.lists.items():
            found = [labels[member] for member in self.layer.members(list_id, 1)]
            assert sorted(found) == sorted(member.label for member in members)
        assert {labels[member] for member in self.layer.segment()} == self.world.segment()


def _told(label: object, n: int | None, consent: str, suppressions: object) -> tuple[object, ...]:
    return label, -1 if n is None else n, consent, sorted(suppressions)  # type: ignore[call-overload]


class OverTheWireMachine(Machine):
    kind = OverTheWire


class InStateMachine(Machine):
    kind = InState


TestOverTheWire = OverTheWireMachine.TestCase
TestOverTheWire.settings = settings(REPEATABLE, max_examples=12, stateful_step_count=20)
TestInState = InStateMachine.TestCase
TestInState.settings = settings(REPEATABLE, max_examples=120, stateful_step_count=30)
