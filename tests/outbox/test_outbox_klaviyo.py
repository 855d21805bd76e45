"""What each answer of Klaviyo means for a delivery, over a real socket, on paper time."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from client.client_server import Garbage, Reply, Reset, Step, Wire, nobody_listens, problem
from dreamflow.outbox import Delivery, DeliveryKind, MirrorUnavailable, ReceivedEvent
from dreamflow.outbox.adapters.klaviyo import KlaviyoReceived, KlaviyoSink
from dreamflow.outbox.model import Accepted, Answer, Deferred, Locked, OneByOne, Rejected, TooLarge

HOUR = datetime(2026, 3, 10, 19, tzinfo=UTC)
EVENT = Delivery(
    id="d-1",
    seq=7,
    parent="parent-1",
    kind=DeliveryKind.EVENT,
    name="Story Generated",
    body={"theme_id": "ocean", "schema": 1, "seq": 7},
    identity=frozenset(),
    purpose="personal_suggestions",
    ledger_entry="entry-1",
    occurred_at=HOUR,
    backfill=False,
)
CARD = replace(
    EVENT,
    id="d-2",
    kind=DeliveryKind.PROFILE,
    name="profile",
    body={"email": "ann@example.org", "locale": "en-GB", "plan_tier": "free"},
    identity=frozenset({"email", "locale"}),
)
PROFILE = {"data": {"type": "profile", "id": "01M1PAAR5HBCRHA3NN9NG5WRTA", "attributes": {}}}
ACCEPTED = {EVENT.id: Reply(202), CARD.id: Reply(200, PROFILE)}


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        yield Wire(stack)


WRONG_KEY = "Klaviyo refuses the credentials: is DREAMFLOW_KLAVIYO__API_KEY right, and has it all scopes?"
UNKNOWN_ADDRESS = "Klaviyo does not know the address: is DREAMFLOW_KLAVIYO__BASE_URL right?"
ANSWERS = [
    pytest.param(Reply(400, problem(400)), "rejected", id="400"),
    pytest.param(Reply(409, problem(409, "duplicate_profile")), "rejected", id="409"),
    pytest.param(Reply(413, problem(413)), TooLarge(), id="413"),
    pytest.param(
        Reply(429, problem(429), {"Retry-After": "240"}),
        Deferred("RateLimited", 240.0, is_ambiguous=False),
        id="429",
    ),
    pytest.param(Reply(429, problem(429)), Deferred("RateLimited", None, is_ambiguous=False), id="429 without a wait"),
    pytest.param(Reply(401, problem(401)), Locked(WRONG_KEY), id="401"),
    pytest.param(Reply(403, problem(403)), Locked(WRONG_KEY), id="403"),
    pytest.param(Reply(404, problem(404)), Locked(UNKNOWN_ADDRESS), id="404"),
    pytest.param(
        Reply(302, headers={"Location": "http://127.0.0.1:9/"}),
        Deferred("UnexpectedResponse", is_ambiguous=False),
        id="302",
    ),
]
LOST = [
    pytest.param(Reply(500, problem(500)), "ServerUnavailable", id="500"),
    pytest.param(Reply(503, body=b"<html>"), "ServerUnavailable", id="503"),
    pytest.param(Garbage(b"SSH-2.0-nonsense\r\n"), "ConnectionFailed", id="not HTTP"),
    pytest.param(Reset(), "ConnectionFailed", id="reset"),
]


def code_of(step: Step) -> Any:
    assert isinstance(step, Reply)
    return step.document["errors"][0]["code"]


@pytest.mark.parametrize("delivery", [EVENT, CARD], ids=["event", "profile"])
@pytest.mark.parametrize(("step", "meaning"), ANSWERS)
async def test_every_answer_to_a_single_send_has_a_meaning(
    wire: Wire, delivery: Delivery, step: Reply, meaning: str | Answer
) -> None:
    answer = await KlaviyoSink(await wire.connect(step)).send_one(delivery)
    if meaning == "rejected":
        reason = f"refused with {step.status}: {code_of(step)} at request"
        assert answer == Rejected({delivery.id: reason})
    else:
        assert answer == meaning


@pytest.mark.parametrize("delivery", [EVENT, CARD], ids=["event", "profile"])
@pytest.mark.parametrize(("step", "error"), LOST)
async def test_a_single_send_without_an_answer_is_tried_again_later(
    wire: Wire, delivery: Delivery, step: Step, error: str
) -> None:
    sink = KlaviyoSink(await wire.connect(step, max_attempts=2))
    assert await sink.send_one(delivery) == Deferred(error)
    assert len(wire.server.received) == 2, "singles are safe to repeat"


@pytest.mark.parametrize(("step", "meaning"), ANSWERS)
async def test_every_answer_to_a_bulk_request_has_a_meaning(wire: Wire, step: Reply, meaning: str | Answer) -> None:
    answer = await KlaviyoSink(await wire.connect(step)).send_events([EVENT])
    assert answer == (Rejected({}) if meaning == "rejected" else meaning), "it does not say who is to blame"


@pytest.mark.parametrize(("step", "error"), LOST)
async def test_a_bulk_request_without_an_answer_is_not_repeated_blindly(wire: Wire, step: Step, error: str) -> None:
    assert await KlaviyoSink(await wire.connect(step)).send_events([EVENT]) == Deferred("OutcomeUnknown")
    assert len(wire.server.received) == 1


MEMBERS = [replace(EVENT, id=id_, parent=parent) for id_, parent in [("a1", "ann"), ("b1", "ben"), ("a2", "ann")]]


def pointing(*places: str) -> dict[str, Any]:
    return {"errors": [{"code": "invalid", "detail": "ann@example.org", "source": {"pointer": at}} for at in places]}


GROUP = "/data/attributes/events-bulk-create/data"
BAD = "refused with 400: invalid at "


@pytest.mark.parametrize(
    ("places", "meaning"),
    [
        ([f"{GROUP}/0/attributes/events/data/1/attributes/metric"], {"a2"}),
        ([f"{GROUP}/0/attributes/events/data/0"], {"a1"}),
        ([f"{GROUP}/1/attributes/events/data/0/attributes/properties/x"], {"b1"}),
        ([f"{GROUP}/0/attributes/profile/data/attributes/email"], {"a1", "a2"}),
        ([f"{GROUP}/1"], {"b1"}),
        ([f"{GROUP}/0/attributes/events/data/1", f"{GROUP}/1/attributes/events/data/0"], {"a2", "b1"}),
        ([f"{GROUP}/0/attributes/events/data/7"], set()),
        ([f"{GROUP}/9/attributes/events/data/0"], set()),
        (["/data/attributes", ""], set()),
        ([f"{GROUP}/0/attributes/events/data/1/attributes/unique_id"], None),
        ([f"{GROUP}/1", f"{GROUP}/0/attributes/events/data/1/attributes/unique_id"], None),
    ],
)
async def test_a_refused_bulk_request_is_read_for_who_is_to_blame(
    wire: Wire, places: list[str], meaning: set[str] | None
) -> None:
    """Its pointers count families in the order in which they stand in the body; a repeat is nobody's fault."""
    answer = await KlaviyoSink(await wire.connect(Reply(400, pointing(*places)))).send_events(MEMBERS)
    if meaning is None:
        assert answer == OneByOne()
    else:
        assert isinstance(answer, Rejected)
        assert set(answer.reasons) == meaning
        assert all(reason.startswith(BAD) and "example.org" not in reason for reason in answer.reasons.values())


async def test_a_profile_answer_that_is_no_profile_is_tried_again_later(wire: Wire) -> None:
    sink = KlaviyoSink(await wire.connect(Reply(200, body=b"<html>Welcome to the hotel network</html>")))
    assert await sink.send_one(CARD) == Deferred("UnexpectedResponse")


@pytest.mark.parametrize("delivery", [EVENT, CARD], ids=["event", "profile"])
async def test_when_nobody_listens_what_is_to_be_sent_waits(wire: Wire, delivery: Delivery) -> None:
    with nobody_listens() as url:
        sink = KlaviyoSink(await wire.client(url))
        not_sent = Deferred("ConnectionFailed", is_ambiguous=False)
        assert await sink.send_one(delivery) == not_sent
        assert await sink.send_events([EVENT]) == not_sent
        assert await sink.send_profiles([CARD]) == not_sent


@pytest.mark.parametrize("delivery", [EVENT, CARD], ids=["event", "profile"])
async def test_an_accepted_delivery_is_accepted(wire: Wire, delivery: Delivery) -> None:
    assert await KlaviyoSink(await wire.connect(ACCEPTED[delivery.id])).send_one(delivery) == Accepted()
    assert len(wire.server.received) == 1


async def test_a_passing_refusal_is_waited_out_within_the_same_send(wire: Wire) -> None:
    steps = (Reply(429, problem(429), {"Retry-After": "2"}), Reply(202))
    assert await KlaviyoSink(await wire.connect(*steps)).send_one(EVENT) == Accepted()
    assert wire.server.received[0].body == wire.server.received[1].body


async def test_the_reason_of_a_refusal_names_places_and_never_quotes_klaviyos_sentences(wire: Wire) -> None:
    refusals = {
        "errors": [
            {"code": "invalid", "detail": "'ann@example.org' is bad", "source": {"pointer": "/data/attributes/email"}},
            {"code": "not_allowed", "detail": "ann@example.org", "source": {"parameter": "fields"}},
        ]
    }
    answer = await KlaviyoSink(await wire.connect(Reply(400, refusals))).send_one(CARD)
    expected = "refused with 400: invalid at /data/attributes/email; not_allowed at fields"
    assert answer == Rejected({CARD.id: expected})


async def test_what_could_never_be_a_request_is_rejected_here_and_holds_nobody_up(wire: Wire) -> None:
    sink = KlaviyoSink(await wire.connect(Reply(202)))
    answer = await sink.send_one(replace(CARD, body={"email": "", "locale": 4711}))
    assert isinstance(answer, Rejected)
    assert answer.reasons[CARD.id].startswith("not sent: ")
    assert "email" in answer.reasons[CARD.id]
    assert "4711" not in answer.reasons[CARD.id]
    answer = await sink.send_events([EVENT, replace(EVENT, id="d-3", name="")])
    assert isinstance(answer, Rejected)
    assert list(answer.reasons) == ["d-3"], "the others go on without it"
    answer = await sink.send_profiles([CARD, replace(CARD, id="d-4", parent="p-4", body={"locale": 4711})])
    assert isinstance(answer, Rejected)
    assert list(answer.reasons) == ["d-4"]
    assert wire.server.received == []


async def test_a_refusal_without_a_reason_says_so(wire: Wire) -> None:
    answer = await KlaviyoSink(await wire.connect(Reply(400, {"errors": []}))).send_one(EVENT)
    assert answer == Rejected({EVENT.id: "refused with 400: no reason given"})


async def test_an_event_goes_by_the_random_id_alone_at_its_hour_and_can_be_told_from_a_repeat(wire: Wire) -> None:
    await KlaviyoSink(await wire.connect(Reply(202))).send_one(EVENT)
    assert wire.server.received[0].path == "/api/events"
    sent = wire.server.received[0].json["data"]["attributes"]
    assert sent.pop("metric")["data"]["attributes"] == {"name": "Story Generated"}
    assert sent.pop("profile")["data"] == {"type": "profile", "attributes": {"external_id": "parent-1"}}
    assert sent == {"properties": EVENT.body, "time": "2026-03-10T19:00:00+00:00", "unique_id": "d-1"}


async def test_made_up_events_are_marked_so_that_no_flow_acts_on_them(wire: Wire) -> None:
    await KlaviyoSink(await wire.connect(Reply(202))).send_one(replace(EVENT, backfill=True))
    assert wire.server.received[0].json["data"]["attributes"]["backfill"] is True


async def test_a_profile_update_separates_klaviyos_own_fields_from_custom_properties(wire: Wire) -> None:
    await KlaviyoSink(await wire.connect(Reply(200, PROFILE))).send_one(CARD)
    assert wire.server.received[0].path == "/api/profile-import"
    assert wire.server.received[0].json["data"]["attributes"] == {
        "external_id": "parent-1",
        "email": "ann@example.org",
        "locale": "en-GB",
        "properties": {"plan_tier": "free"},
    }


async def test_a_bulk_request_keeps_the_order_within_each_family(wire: Wire) -> None:
    ids = [("a1", "ann"), ("b1", "ben"), ("a2", "ann"), ("b2", "ben")]
    members = [replace(EVENT, id=id_, parent=parent) for id_, parent in ids]
    assert await KlaviyoSink(await wire.connect(Reply(202))).send_events(members) == Accepted()
    [request] = wire.server.received
    assert request.path == "/api/event-bulk-create-jobs"
    groups = request.json["data"]["attributes"]["events-bulk-create"]["data"]
    sent = {
        group["attributes"]["profile"]["data"]["attributes"]["external_id"]: [
            event["attributes"]["unique_id"] for event in group["attributes"]["events"]["data"]
        ]
        for group in groups
    }
    assert sent == {"ann": ["a1", "a2"], "ben": ["b1", "b2"]}


def listed(*events: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": [
            {
                "type": "event",
                "id": f"e{number}",
                "attributes": {"datetime": "2026-03-10T19:00:00+00:00", **event.get("attributes", {})},
                "relationships": event.get("relationships", {}),
            }
            for number, event in enumerate(events)
        ],
        "included": [
            {"type": "metric", "id": "M1", "attributes": {"name": "Story Generated"}},
            {"type": "profile", "id": "P1", "attributes": {"external_id": "parent-1"}},
        ],
        "links": {"self": "http://127.0.0.1/api/events", "next": None, "prev": None},
    }


KNOWN = {
    "attributes": {"event_properties": {"theme_id": "ocean", "$event_id": "d-1", "$value": 3}},
    "relationships": {
        "metric": {"data": {"type": "metric", "id": "M1"}},
        "profile": {"data": {"type": "profile", "id": "P1"}},
    },
}


async def test_what_klaviyo_received_is_read_back_newest_first_without_its_own_properties(wire: Wire) -> None:
    received = KlaviyoReceived(await wire.connect(Reply(200, listed(KNOWN))))
    assert await received.recent(5) == [ReceivedEvent("Story Generated", "parent-1", HOUR, {"theme_id": "ocean"})]
    query = wire.server.received[0].query
    assert (query["sort"], query["page[size]"], query["include"]) == ("-datetime", "5", "metric,profile")


async def test_the_hour_of_an_event_is_shown_in_utc_wherever_the_account_is(wire: Wire) -> None:
    elsewhere = KNOWN | {"attributes": {"datetime": "2026-03-10T15:00:00-04:00"}}
    [event] = await KlaviyoReceived(await wire.connect(Reply(200, listed(elsewhere)))).recent(5)
    assert event.at is not None
    assert (event.at, event.at.hour) == (HOUR, 19)


async def test_an_event_of_an_unknown_metric_or_family_is_shown_as_unknown(wire: Wire) -> None:
    received = KlaviyoReceived(await wire.connect(Reply(200, listed({"attributes": {"datetime": None}}))))
    assert await received.recent(5) == [ReceivedEvent("?", "?", None, {})]


async def test_no_more_events_are_shown_than_were_asked_for(wire: Wire) -> None:
    received = KlaviyoReceived(await wire.connect(Reply(200, listed(*[KNOWN] * 9))))
    assert len(await received.recent(4)) == 4
    assert len(wire.server.received) == 1


async def test_an_account_without_events_shows_none(wire: Wire) -> None:
    assert await KlaviyoReceived(await wire.connect(Reply(200, listed()))).recent(5) == []


@pytest.mark.parametrize(
    "step",
    [Reply(401, problem(401)), Reply(429, problem(429)), Reply(500, problem(500)), Reply(200, body=b"<html>"), Reset()],
    ids=["401", "429", "500", "not JSON", "reset"],
)
async def test_when_klaviyo_cannot_be_read_one_error_says_so(wire: Wire, step: Step) -> None:
    received = KlaviyoReceived(await wire.connect(step))
    with pytest.raises(MirrorUnavailable, match="cannot be read") as refusal:
        await received.recent(5)
    assert refusal.value.retryable
