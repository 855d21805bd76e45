"""What is promised of every call, over whatever may become of its attempts, in virtual time."""

import asyncio
import datetime as dt
import json
from dataclasses import dataclass, field
from email.utils import format_datetime
from itertools import pairwise
from urllib.parse import parse_qs

from hypothesis import event, given, settings
from hypothesis import strategies as st

from aioklaviyo import (
    ConnectionFailed,
    DeadlineExceeded,
    KlaviyoError,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    ServerUnavailable,
    UnexpectedResponse,
)
from aioklaviyo.calls import Reply
from aioklaviyo.operations import Call, Need, Operation
from aioklaviyo.pacing.local import LocalPacing
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L
from aioklaviyo.resources.area import Area
from aioklaviyo.retry import Fault, RetryPolicy
from aioklaviyo.transport import Answer, Failure
from client.virtual_calls import (
    EPOCH,
    Attempt,
    CountedSlot,
    CountingPacing,
    ScriptedTransport,
    Step,
    SteppedLoop,
    answer,
    caller,
    stepped,
)

DATA = {"type": "thing", "attributes": {}}
DOCUMENT = b'{"data":{"type":"thing","id":"1"}}'
READ = Operation("get_thing", "GET", "/api/things/{id}", L).call("1")
CREATE = Operation("create_thing", "POST", "/api/things", L).call(data=DATA)
SUBMIT = Operation("submit_thing", "POST", "/api/thing-jobs", L, Need.NOTHING).call(data=DATA)
UPSERT = Operation("upsert_thing", "POST", "/api/thing-import", L, is_repeatable=True).call(data=DATA)
UPDATE = Operation("update_thing", "PATCH", "/api/things/{id}", L, Need.OPTIONAL).call("1", data=DATA)
APPEND = Operation("update_thing", "PATCH", "/api/things/{id}", L, is_repeatable=False).call("1", data=DATA)
DELETE = Operation("delete_thing", "DELETE", "/api/things/{id}", L, Need.NOTHING).call("1")
REMOVE = Operation("remove_parts", "DELETE", "/api/things/{id}/relationships/parts", L, Need.NOTHING).call("1", data=[])
CALLS = (READ, CREATE, SUBMIT, UPSERT, UPDATE, APPEND, DELETE, REMOVE)

NOT_PROCESSED = (Fault.NOT_SENT, Fault.UNTRUSTED)


def throttled(asks: str) -> st.SearchStrategy[Step]:
    """A 429 that asks to wait in one of the ways there are."""

    def step(seconds: int, took: float) -> Step:
        moment = dt.datetime.fromtimestamp(EPOCH, dt.UTC)
        match asks:
            case "seconds":
                return Step(answer(429, Retry_After=str(seconds)), took, asks_seconds=seconds)
            case "date":
                at = format_datetime(moment + dt.timedelta(seconds=seconds), usegmt=True)
                return Step(answer(429, Retry_After=at, Date=format_datetime(moment)), took, asks_seconds=seconds)
            case "for ever":
                return Step(answer(429, Retry_After="9" * 40), took, asks_seconds=1e9)
            case "nonsense":
                return Step(answer(429, Retry_After="soon"), took)
            case _:
                return Step(answer(429), took)

    return st.builds(step, st.integers(0, 12), st.floats(0, 3))


def ended(*outcomes: Answer | Failure, acts: st.SearchStrategy[bool]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.sampled_from(outcomes), st.floats(0, 12), acts)


THROTTLED = st.sampled_from(["seconds", "seconds", "date", "for ever", "nonsense", "not at all"]).flatmap(throttled)
# After any of these nobody knows whether it was done: before the effect or after.
LOST = ended(
    Failure(Fault.LOST, "ServerDisconnectedError"),
    *(answer(status) for status in (408, 500, 502, 503, 504, 524)),
    answer(503, b"{", defect=Fault.LOST),
    acts=st.booleans(),
)
BUSY = st.builds(
    lambda seconds, acts: Step(answer(503, Retry_After=str(seconds)), 0.1, acts=acts, asks_seconds=seconds),
    st.integers(0, 12),
    st.booleans(),
)
SILENT = st.builds(Step, st.just(Failure(Fault.LOST, "")), st.just(1e6), st.booleans())
UNREADABLE = ended(
    answer(200, b"<html>"),
    answer(200),
    answer(200, b'{"da', defect=Fault.LOST),
    answer(200, defect=Fault.SILENT),
    answer(201, b"x", defect=Fault.OVERSIZED),
    acts=st.just(value=True),
)
UNSENT = ended(
    *(Failure(fault, "ClientConnectorError") for fault in (Fault.NOT_SENT, Fault.NOT_SENT, Fault.UNTRUSTED)),
    acts=st.just(value=False),
)
REFUSED = ended(answer(400), answer(404, b'{"errors":[]}'), answer(302), answer(401), acts=st.just(value=False))
GOOD = ended(answer(200, DOCUMENT), answer(201, DOCUMENT), acts=st.just(value=True))

GONE = Step(answer(404))

OUTCOMES = st.one_of(THROTTLED, LOST, BUSY, SILENT, UNREADABLE, UNSENT, REFUSED, GOOD)
SCRIPTS = st.lists(OUTCOMES, min_size=1, max_size=8)
POLICIES = st.builds(RetryPolicy, st.integers(1, 6), st.sampled_from([0.0, 0.25, 1.0]), st.sampled_from([1.0, 8.0]))
WAITS = st.lists(st.floats(0, 6) | st.just(0.0), min_size=1, max_size=4)


@dataclass
class Played:
    """A call that has ended, and all that it did."""

    call: Call
    policy: RetryPolicy
    allowed: float
    took: float
    result: Reply | KlaviyoError
    attempts: list[Attempt]
    slots: list[CountedSlot]
    refused_slots: int

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]

    @property
    def effects(self) -> int:
        return sum(attempt.step.acts for attempt in self.attempts)


def play(call: Call, script: list[Step], policy: RetryPolicy, allowed: float, waits: list[float], seed: int) -> Played:
    async def main(loop: SteppedLoop) -> Played:
        transport, pacing = ScriptedTransport(script), CountingPacing(waits)
        made = caller(transport, pacing, policy=policy, seed=seed)
        try:
            result: Reply | KlaviyoError = await made.send(call, allowed)
        except KlaviyoError as error:
            result = error
        assert not transport.under_way
        return Played(
            call, policy, allowed, loop.time(), result, transport.attempts, pacing.slots, refused_slots=pacing.refused
        )

    return stepped(main)


@settings(max_examples=200)
@given(
    call=st.sampled_from(CALLS),
    script=SCRIPTS,
    policy=POLICIES,
    allowed=st.floats(0.5, 60),
    waits=WAITS,
    seed=st.integers(0, 99),
)
def test_promises_hold_whatever_becomes_of_the_attempts(
    call: Call, script: list[Step], policy: RetryPolicy, allowed: float, waits: list[float], seed: int
) -> None:
    played = play(call, script, policy, allowed, waits, seed)
    event(type(played.result).__name__)
    assert played.took <= allowed + 1e-6
    assert len(played.attempts) <= policy.max_attempts
    check_waits(played)
    check_slots(played)
    check_effects(played)
    check_ending(played)


def is_ambiguous(attempt: Attempt, call: Call) -> bool:
    """Whether Klaviyo may have done it, and has not said so."""
    if attempt.status is None:
        return attempt.fault not in NOT_PROCESSED
    if attempt.status >= 500 or attempt.status == 408:
        return True
    return attempt.status < 300 and not is_success(attempt, call)


def is_success(attempt: Attempt, call: Call) -> bool:
    outcome = attempt.outcome
    if not isinstance(outcome, Answer) or not 200 <= outcome.status < 300:
        return False
    if call.need is Need.NOTHING:
        return True
    whole = outcome.defect is None
    return whole and (outcome.body == DOCUMENT or (call.need is Need.OPTIONAL and not outcome.body))


def check_waits(played: Played) -> None:
    for before, after in pairwise(played.attempts):
        assert after.began >= before.goes_on_at, "asked to wait longer"
    for attempt in played.attempts:
        assert attempt.began + attempt.timeout_seconds <= played.allowed + 1e-6
        if played.call.is_repeatable:
            assert attempt.timeout_seconds <= 10


def check_slots(played: Played) -> None:
    """Every slot is ended once, and says what became of its attempt."""
    unused = played.slots[len(played.attempts) :]
    assert [slot.ends for slot in unused] in ([], [["given back"]])
    for slot, attempt in zip(played.slots, played.attempts, strict=False):
        was_sent = attempt.fault not in NOT_PROCESSED
        assert slot.ends == ["settled" if was_sent else "given back"]
        if attempt.status == 429:
            assert slot.told == (attempt.step.asks_seconds or 0.0)
        elif attempt.status is not None:
            assert isinstance(attempt.outcome, Answer)
            assert slot.told is attempt.outcome.headers
        else:
            assert slot.told is None


def check_effects(played: Played) -> None:
    call, result = played.call, played.result
    assert not any(is_lasting(attempt) for attempt in played.attempts[:-1])
    if not call.is_repeatable:
        assert not any(is_ambiguous(attempt, call) for attempt in played.attempts[:-1]), "an unsafe repeat"
        assert played.effects <= 1
    if isinstance(result, KlaviyoError):
        assert result.attempts == len(played.attempts)
        assert result.record.may_be_done is any(is_ambiguous(attempt, call) for attempt in played.attempts)
        assert result.record.may_be_done or not played.effects
        if not call.is_repeatable and result.may_repeat:
            assert not played.effects, "told to repeat what was done"
        if isinstance(result, (RequestRejected, RateLimited)) and not call.is_repeatable:
            assert not played.effects
    else:
        assert played.effects or call.deletes_one


def check_ending(played: Played) -> None:
    """What is returned or raised follows from the last attempt, and it was right to stop there."""
    call, result = played.call, played.result
    if not played.attempts:
        # The wait for a slot was too long, or exactly as long as the call may take.
        assert isinstance(result, RateLimited if played.refused_slots else DeadlineExceeded)
        return
    last = played.last
    earlier = any(is_ambiguous(attempt, call) for attempt in played.attempts[:-1])
    if is_success(last, call):
        assert isinstance(result, Reply)
        assert result.was_ambiguous is earlier
    elif last.status == 404 and earlier and call.deletes_one:
        assert isinstance(result, Reply)
        assert result.document is None
    elif last.status in {302, 400, 401, 404}:
        assert isinstance(result, KlaviyoError)
        assert not result.may_repeat
        assert isinstance(result, UnexpectedResponse) is (last.status == 302)
    elif is_ambiguous(last, call) and not call.is_repeatable:
        assert isinstance(result, OutcomeUnknown)
    else:
        check_giving_up(played)


def check_giving_up(played: Played) -> None:
    """Another attempt could have helped, but was not allowed any more."""
    last, result = played.last, played.result
    waited_for_a_slot = len(played.slots) > len(played.attempts) or played.refused_slots
    if waited_for_a_slot:
        assert isinstance(result, RateLimited if played.refused_slots else DeadlineExceeded)
        return
    assert type(result) in expected(last)
    if isinstance(result, RateLimited):
        assert result.retry_after_seconds == last.step.asks_seconds
    made, remaining = len(played.attempts), played.allowed - (last.ended or 0.0)
    asked = last.step.asks_seconds if last.outcome is last.step.outcome else None
    longest = played.policy.backoff_bound_seconds(made) if asked is None else asked
    assert made == played.policy.max_attempts or is_lasting(last) or longest >= remaining - 1e-6, "gave up early"


def is_lasting(attempt: Attempt) -> bool:
    defect = attempt.outcome.defect if isinstance(attempt.outcome, Answer) else None
    return attempt.fault is Fault.UNTRUSTED or defect is Fault.OVERSIZED


def expected(last: Attempt) -> set[type[KlaviyoError]]:
    """What an attempt that is not repeated any more is told as."""
    outcome = last.outcome
    if isinstance(outcome, Failure):
        return {DeadlineExceeded} if outcome.fault is Fault.SILENT else {ConnectionFailed, DeadlineExceeded}
    assert outcome is not None
    if outcome.status == 429:
        return {RateLimited}
    if outcome.status >= 400:
        return {ServerUnavailable}
    match outcome.defect:
        case Fault.LOST:
            return {ConnectionFailed, DeadlineExceeded}
        case Fault.SILENT:
            return {DeadlineExceeded}
        case _:
            return {UnexpectedResponse}


@settings(max_examples=100)
@given(
    call=st.sampled_from([DELETE, REMOVE]),
    before=st.lists(st.one_of(THROTTLED, LOST, UNSENT), max_size=3),
    after=st.sampled_from([GONE, Step(answer(204), acts=True), Step(answer(400))]),
    seed=st.integers(0, 99),
)
def test_what_a_lost_attempt_has_deleted_is_deleted(call: Call, before: list[Step], after: Step, seed: int) -> None:
    played = play(call, [*before, after], RetryPolicy(9), 600, [0.0], seed)
    check_slots(played)
    check_effects(played)
    check_ending(played)
    if played.last.step is after:
        is_gone = after is GONE and call is DELETE and any(is_ambiguous(a, call) for a in played.attempts)
        event(f"gone: {is_gone}")
        assert isinstance(played.result, Reply) is (is_gone or after.acts)


@settings(max_examples=100)
@given(
    things=st.lists(st.sampled_from("abc"), min_size=1, max_size=8),
    script=st.lists(st.one_of(THROTTLED, THROTTLED, LOST, GOOD), max_size=10),
    allowed=st.floats(1, 40),
)
def test_a_throttled_endpoint_is_left_alone_by_every_call(
    things: list[str], script: list[Step], allowed: float
) -> None:
    async def main(loop: SteppedLoop) -> list[Attempt]:
        transport = ScriptedTransport([*script, Step(answer(200, DOCUMENT), 0.1)])
        made = caller(transport, LocalPacing(monotonic=loop.time, sleep=asyncio.sleep))
        read = Operation("get_thing", "GET", "/api/things/{id}", L)
        calls = [made.send(read.call(thing), allowed) for thing in things]
        results = await asyncio.gather(*calls, made.send(CREATE, allowed), return_exceptions=True)
        assert all(isinstance(result, (Reply, KlaviyoError)) for result in results)
        assert loop.time() <= allowed + 1e-6
        return transport.attempts

    attempts = stepped(main)
    for throttled_one in attempts:
        if throttled_one.status == 429:
            assert throttled_one.ended is not None
            assert not [
                later
                for later in attempts
                if later.method == throttled_one.method
                and throttled_one.ended < later.began < throttled_one.goes_on_at - 1e-9
            ]


PATIENCE = RetryPolicy(max_attempts=1)


@dataclass
class Pages:
    """A listing of so many things a page; some requests fail, and the last page may lead back to an earlier one."""

    sizes: list[int]
    first: int
    failing: set[int]
    leads_back_to: int | None
    asked: list[int] = field(default_factory=list[int])

    def things(self) -> list[str]:
        before = sum(self.sizes[: self.first])
        return [str(number) for number in range(before, sum(self.sizes))]

    def step(self, attempt: Attempt) -> Step:
        page = int(parse_qs(attempt.query).get("page[cursor]", ["c0"])[0][1:])
        self.asked.append(page)
        assert len(self.asked) <= 40, "it never ends"
        if len(self.asked) in self.failing:
            return Step(answer(503), 0.5)
        before = sum(self.sizes[:page])
        data = [{"type": "thing", "id": str(before + number)} for number in range(self.sizes[page])]
        after = page + 1 if page + 1 < len(self.sizes) else self.leads_back_to
        link = None if after is None else f"https://a.klaviyo.com/api/things?page%5Bcursor%5D=c{after}"
        return Step(answer(200, json.dumps({"data": data, "links": {"next": link}}).encode()), 0.5)


class Things(Area):
    """An area with nothing but a listing."""

    def list(self, cursor: str | None = None) -> Listing[str]:
        return self._list(Operation("get_things", "GET", "/api/things", L), parse=lambda it: it.id, cursor=cursor)


@st.composite
def listings(draw: st.DrawFn) -> Pages:
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=6))
    first = draw(st.integers(0, len(sizes) - 1))
    # A link back to the first page is noticed one page later: nobody has told its cursor.
    back = st.none() | st.integers(max(first, 1), len(sizes) - 1) if max(first, 1) < len(sizes) else st.none()
    return Pages(sizes, first, draw(st.sets(st.integers(1, 12), max_size=5)), draw(back))


@settings(max_examples=100)
@given(pages=listings(), cancelled=st.sets(st.integers(1, 12), max_size=3), resumes=st.booleans())
def test_a_listing_loses_and_doubles_nothing(pages: Pages, cancelled: set[int], *, resumes: bool) -> None:
    """Whoever goes on after each failure and each cancellation, with the same listing or from its last cursor."""

    async def main(loop: SteppedLoop) -> tuple[list[str], str]:
        things = Things(caller(ScriptedTransport(pages.step), CountingPacing(), policy=PATIENCE))
        cursor = None if pages.first == 0 else f"c{pages.first}"
        listing = things.list(cursor).pages()
        found: list[str] = []
        while True:
            asking = asyncio.ensure_future(anext(listing))
            if len(pages.asked) + 1 in cancelled:
                cancelled.discard(len(pages.asked) + 1)
                loop.call_later(0.2, asking.cancel)
            try:
                page = await asking
            except (ServerUnavailable, asyncio.CancelledError):
                listing = things.list(cursor).pages() if resumes else listing
            except StopAsyncIteration:
                return found, "the end"
            except UnexpectedResponse:
                return found, "a circle"
            else:
                found += page.items
                cursor = page.next_cursor or cursor

    found, met = stepped(main)
    if pages.leads_back_to is None:
        assert met == "the end"
        assert found == pages.things()
    elif not resumes:
        # The page that leads back is refused as a whole; what came before it came once.
        assert met == "a circle"
        assert found == pages.things()[: len(found)]
        assert len(found) >= len(pages.things()) - pages.sizes[-1]
