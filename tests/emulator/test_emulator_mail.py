"""What becomes of mail that was sent: unsubscribed by its link, bounced, complained of, and counted in the reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import Ready, outbox
from emulator_wire import Served, served
from flow_bodies import email, new_flow, new_metric, new_template, track
from people_bodies import document, events_of, new_profile, settle, subscriptions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LETTER = "<p>Dear {{ first_name }}</p>{% unsubscribe %}"
UNSUBSCRIBED = "Unsubscribed from Email Marketing"


@pytest.fixture
def quick() -> Iterator[Served]:
    """An emulator without rate windows whose jobs take no time."""
    with served(limits=False, job_ms=0) as running:
        yield running


def sent(running: Served, *addresses: str) -> Ready:
    ready = Ready(running, *addresses, html=LETTER)
    ready.send(running)
    settle(running)
    return ready


def letter(running: Served, address: str = "kim@example.org") -> dict[str, Any]:
    """The last mail to an address, with its text."""
    return running.wire.get(f"/__emulator__/outbox/{outbox(running, to=address)[-1]['id']}").json()


def link_in(running: Served, address: str = "kim@example.org") -> str:
    found = re.search(r'href="([^"]+)">Unsubscribe<', letter(running, address)["html"])
    assert found is not None
    return found[1]


def told(running: Served, metric: str) -> list[dict[str, Any]]:
    return [properties for name, properties in events_of(running) if name == metric]


def counted(running: Served, *statistics: str) -> dict[str, float]:
    """Statistics of the one campaign that was sent."""
    metric = running.wire.get("/api/metrics").json()["data"][0]["id"]
    asked = {"statistics": list(statistics), "timeframe": {"key": "today"}, "conversion_metric_id": metric}
    answer = running.wire.post("/api/campaign-values-reports", document("campaign-values-report", asked))
    (result,) = answer.json()["data"]["attributes"]["results"]
    return result["statistics"]


def test_the_unsubscribe_link_asks_first_and_its_button_unsubscribes(quick: Served) -> None:
    ready = sent(quick, "kim@example.org", "lee@example.org")
    link = link_in(quick)
    assert link.startswith(f"{quick.url}/unsubscribe/")
    client = quick.wire.client
    page = client.get(link)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'<form method="post" action="{link.removeprefix(quick.url)}">' in page.text
    # A browser that is to send no referrer says `Origin: null`, which is nobody's own.
    assert page.headers["referrer-policy"] == "same-origin"
    assert subscriptions_of(quick)["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    assert client.post(link, headers={"Origin": quick.url}).status_code == 200
    marketing = subscriptions_of(quick)["email"]["marketing"]
    assert (marketing["consent"], marketing["can_receive_email_marketing"]) == ("UNSUBSCRIBED", False)
    assert marketing["method"] == "PREFERENCE_PAGE"
    assert [one["reason"] for one in marketing["suppression"]] == ["UNSUBSCRIBE"]
    (event,) = told(quick, UNSUBSCRIBED)
    assert (event["$message"], event["$campaign"], event["Method"]) == (ready.message, ready.id, "PREFERENCE_PAGE")
    assert counted(quick, "unsubscribes", "unsubscribe_rate") == {"unsubscribes": 1.0, "unsubscribe_rate": 0.5}
    assert "is unsubscribed" in client.get(link).text


def test_who_unsubscribed_gets_no_more_and_is_counted_once(quick: Served) -> None:
    ready = sent(quick)
    for _ in range(2):
        assert quick.wire.client.post(link_in(quick), data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert len(told(quick, UNSUBSCRIBED)) == 1
    again = quick.wire.post("/api/campaign-clone", document("campaign", {"new_name": "Again"}, id=ready.id))
    job = document("campaign-send-job", id=again.json()["data"]["id"])
    assert quick.wire.post("/api/campaign-send-jobs", job).status_code == 202
    settle(quick, 86_400)
    assert len(outbox(quick)) == 1


def test_a_link_of_a_flow_unsubscribes_who_the_recipient_is_now(quick: Served) -> None:
    metric = new_metric(quick)
    flow = new_flow(quick, email("mail", new_template(quick, LETTER)), trigger={"type": "metric", "id": metric})
    track(quick)
    settle(quick)
    (mail,) = outbox(quick)
    lee = new_profile(quick, "lee@example.org")
    merge = document(
        "profile-merge",
        relationships={"profiles": {"data": [{"type": "profile", "id": mail["profile_id"]}]}},
        id=lee,
    )
    assert quick.wire.post("/api/profile-merge", merge).status_code == 201
    settle(quick)
    assert quick.wire.client.post(link_in(quick)).status_code == 200
    assert subscriptions_of(quick, "lee@example.org")["email"]["marketing"]["consent"] == "UNSUBSCRIBED"
    (event,) = told(quick, UNSUBSCRIBED)
    assert event["$flow"] == flow["id"]


@pytest.mark.parametrize("headers", [{"Origin": "http://example.org"}, {"Origin": "null"}, {"Host": "example.org"}])
def test_no_other_page_can_unsubscribe_somebody(quick: Served, headers: dict[str, str]) -> None:
    sent(quick)
    assert quick.wire.client.post(link_in(quick), headers=headers).status_code == 403
    assert told(quick, UNSUBSCRIBED) == []


@pytest.mark.parametrize("path", ["", "/", "/x", "/x/y", "/x/y/z", "/%00/%2e%2e"])
def test_a_link_of_no_mail_leads_nowhere(quick: Served, path: str) -> None:
    sent(quick)
    kim = letter(quick)["profile_id"]
    for wrong in (f"/unsubscribe{path}", f"/unsubscribe/{kim}", f"/unsubscribe/{kim}/x"):
        assert quick.wire.client.get(wrong).status_code == 404
        assert quick.wire.client.post(wrong).status_code == 404
    assert quick.wire.client.put(link_in(quick)).status_code == 405
    assert told(quick, UNSUBSCRIBED) == []


def test_mail_bounces_is_complained_of_and_unsubscribed_by_on_request(quick: Served) -> None:
    ready = sent(quick, *(f"{name}@example.org" for name in ("kim", "lee", "max", "ned")))
    for name, action, answer in (
        ("kim", "bounce", "bounced"),
        ("lee", "complain", "complained"),
        ("max", "unsubscribe", "unsubscribed"),
    ):
        mail = letter(quick, f"{name}@example.org")
        said = quick.wire.client.post(f"/__emulator__/outbox/{mail['id']}/{action}", json={})
        assert (said.status_code, said.json()) == (200, {answer: mail["id"]})
    for metric in ("Bounced Email", "Marked Email as Spam", UNSUBSCRIBED):
        (event,) = told(quick, metric)
        assert event["$message"] == ready.message
    assert told(quick, "Bounced Email")[0]["Bounce Type"] == "Hard"
    reasons = [
        [one["reason"] for one in subscriptions_of(quick, f"{name}@example.org")["email"]["marketing"]["suppression"]]
        for name in ("kim", "lee", "max", "ned")
    ]
    assert reasons == [["HARD_BOUNCE"], ["SPAM_COMPLAINT"], ["UNSUBSCRIBE"], []]
    assert counted(quick, "recipients", "delivered", "bounced", "bounce_rate", "spam_complaints", "unsubscribes") == {
        "recipients": 4.0,
        "delivered": 3.0,
        "bounced": 1.0,
        "bounce_rate": 0.25,
        "spam_complaints": 1.0,
        "unsubscribes": 1.0,
    }
