"""What is promised of every call, over whatever may become of its attempts, in virtual time."""

import asyncio
import datetime as dt
from dataclasses import dataclass
from email.utils import format_datetime

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
from aioklaviyo.rates import L
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
    pairs,
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
    lambda seconds, acts: Step(answer(503, Retry_After=str(seconds)), 0.1, acts, seconds),
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
    acts=st.just(True),
)
UNSENT = ended(
    *(Failure(fault, "ClientConnectorError") for fault in (Fault.NOT_SENT, Fault.NOT_SENT, Fault.UNTRUSTED)),
    acts=st.just(False),
)
REFUSED = ended(answer(400), answer(404, b'{"errors":[]}'), answer(302), answer(401), acts=st.just(False))
GOOD = ended(answer(200, DOCUMENT), answer(201, DOCUMENT), acts=st.just(True))

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


@settings(max_examples=300)
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
    for before, after in pairs(played.attempts):
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
        if not call.is_repeatable and result.may_repeat:
            assert not played.effects, "told to repeat what was done"
        if isinstance(result, (RequestRejected, RateLimited)) and not call.is_repeatable:
            assert not played.effects
    else:
        assert played.effects or call.deletes_one


def check_ending(played: Played) -> None:
    """What is returned or raised follows from the last attempt, and it was right to stop there."""
    call, result, policy = played.call, played.result, played.policy
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


@settings(max_examples=150)
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
