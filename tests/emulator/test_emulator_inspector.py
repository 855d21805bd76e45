"""The inspector: what a person finds on each page, and that nothing stored can become markup."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import NOON_SECONDS, REPEATABLE, Served, event_body, profile_body, served
from flow_bodies import email, linked, new_flow, new_metric, new_template, property_filter, track
from hypothesis import given
from hypothesis import strategies as st
from people_bodies import document, settle
from typing_extensions import override

from klaviyo_emulator import DEFAULT_PORT
from klaviyo_emulator.__main__ import main, parser
from klaviyo_emulator.inspector.layout import SECTIONS
from klaviyo_emulator.inspector.markup import Html, tag
from klaviyo_emulator.state.inspection import find_profile_by
from klaviyo_emulator.state.mail import Letter, send, send_preview

if TYPE_CHECKING:
    import sqlite3

    import httpx2

RECORD = "INSERT INTO record (type, id, created_us, updated_us, body)"
POST = "INSERT INTO post (webhook, url, headers, body, created_us, due_us, outcome)"
LINK = "INSERT INTO link (type, owner, relation, target, created_us)"
RUN = "INSERT INTO flow_run (flow, profile, entered_us, status, log)"
NASTY = "<script>alert(1)</script>\"'&amp;<img src=x onerror=alert(1)>"


class Seen(HTMLParser):
    """What is on a page: its text, its elements with their attributes, its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._hidden = 0
        self.feed(page)
        self.close()
        assert not self._open, self._open

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "input"}:
            self._open.append(tag)
        self._hidden += tag == "style"

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._hidden -= tag == "style"

    @override
    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.elements}

    @property
    def links(self) -> list[str]:
        return [str(attributes["href"]) for name, attributes in self.elements if name == "a"]


def look(running: Served, path: str, status: int = 200, **parameters: str) -> Seen:
    response = running.wire.client.get(path, params=parameters or None)
    assert response.status_code == status, response.text[-500:]
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return Seen(response.text)


def write(running: Served, work: Any) -> Any:
    return running.emulator._database.write(work).result()


def fill(running: Served, text: str = "Kim") -> tuple[str, str]:
    """A profile with everything that a page can show, made of `text`; the ids of the profile and of a mail."""
    mint = running.emulator._mint

    def work(connection: sqlite3.Connection) -> str:
        profile = find_profile_by(connection, "kim@example.org")
        assert profile is not None
        seq = profile.seq
        statements: list[tuple[str, tuple[Any, ...]]] = [
            (
                "INSERT INTO consent (profile, channel, status, consented, updated, method) VALUES (?, ?, ?, 1, 1, ?)",
                (seq, "email.marketing", "SUBSCRIBED", text),
            ),
            (
                "INSERT INTO pending_consent (profile, list_id, channel, asked) VALUES (?, ?, 'sms.marketing', 1)",
                (seq, text),
            ),
            ("INSERT INTO suppression (profile, list_id, reason, at) VALUES (?, ?, 'HARD_BOUNCE', 1)", (seq, text)),
            (
                f"{RECORD} VALUES ('list', 'L', 1, 1, json_object('name', ?))",
                (text,),
            ),
            (
                f"{RECORD} VALUES ('a-job', ?, 1, 1, json_object('status', ?))",
                (text, text),
            ),
            (
                f"{RECORD} VALUES ('flow', 'F', 1, 1, json_object('name', ?1, 'status', ?1, 'trigger_type', ?1))",
                (text,),
            ),
            (
                f"{RECORD} VALUES ('flow-action', '1', 1, 1, json_object('definition', json_object('type', ?)))",
                (text,),
            ),
            (
                f"{RUN} VALUES ('F', ?, 1, ?2, json_array(json_array('1', 1, ?2), json_array(?2, 1, ?2)))",
                (seq, text),
            ),
            ("INSERT INTO member (group_id, profile, joined) VALUES ('L', ?, 1)", (seq,)),
            ("INSERT INTO prediction (profile, body) VALUES (?, json_object('total_clv', ?))", (seq, text)),
            (
                f"{RECORD} VALUES ('webhook', ?1, 1, 1, json_object('name', ?1, 'endpoint_url', ?1, 'enabled', 1))",
                (text,),
            ),
            (
                f"{LINK} VALUES ('webhook', ?1, 'webhook-topics', ?1, 1)",
                (text,),
            ),
            ("INSERT INTO task (due_us, kind, payload) VALUES (9e15, ?, json_object('a', ?))", (text, text)),
            (
                f"{POST} VALUES (?, ?, json_object('a', ?), ?, 1, NULL, ?)",
                (text, text, text, text.encode(), text),
            ),
        ]
        for sql, values in statements:
            connection.execute(sql, values)
        letter = Letter(subject=text, sender=text, html=f"<p>{text}</p>", text=text, origin={text: text})
        send_preview(connection, mint, text, letter)
        return send(connection, mint, profile, letter, at=mint.now())

    body = profile_body(
        email="kim@example.org", first_name=text, last_name=text, properties={text: text}, location={"city": text}
    )
    profile = running.wire.post("/api/profiles", body)
    assert profile.status_code == 201, profile.text
    event = event_body(email="kim@example.org", metric=text, properties={text: text}, unique_id=text, value=3)
    assert running.wire.post("/api/events", event).status_code == 202
    return profile.json()["data"]["id"], write(running, work)


def test_the_first_page_tells_a_newcomer_how_to_begin(free: Served) -> None:
    page = look(free, "/")
    assert f"account {free.emulator.account_id}" in page.text
    assert f"Listening on {free.url} for 0 s" in page.text
    assert "Here it is 2026-11-20 12:00:00 UTC." in page.text
    assert f'KlaviyoAPI("pk_anything", test_host="{free.url}")' in page.text
    assert f'profiles.basePath = "{free.url}"' in page.text
    assert f"curl {free.url}/__emulator__" in page.text
    assert "Nobody has asked anything yet. This does:" in page.text
    assert set(SECTIONS) <= set(page.links)
    assert [attributes["href"] for name, attributes in page.elements if attributes.get("aria-current")] == ["/"]


def test_what_an_empty_page_says_works(free: Served) -> None:
    """Every command that an empty page gives leads out of the emptiness; the commands are taken apart, not run."""
    for path, after in (
        ("/inspector/profiles", "kim@example.org"),
        ("/inspector/events", "Signed Up"),
        ("/inspector/groups", "Newsletter"),
    ):
        page = look(free, path)
        (command,) = re.findall(r"curl (\S+) .*?-d '(.*?)'", page.text, re.DOTALL)
        assert free.wire.post(command[0].removeprefix(free.url), command[1].encode()).status_code in {201, 202}
        assert after in look(free, path).text
    faults = look(free, "/inspector/faults").text
    (_, body), *_ = re.findall(r"curl -X PUT (\S+)/__emulator__/faults .*?-d '(.*?)'", faults, re.DOTALL)
    headers = {"Content-Type": "application/json"}
    assert free.wire.client.put("/__emulator__/faults", content=body, headers=headers).status_code == 200
    assert "create_event:429,retry-after=2*3" in look(free, "/inspector/faults").text
    assert "2 faults will make requests go wrong." in look(free, "/").text
    (_, body), *_ = re.findall(
        r"curl (\S+)/__emulator__/limits .*?-d '(.*?)'", look(free, "/inspector/limits").text, re.DOTALL
    )
    assert free.wire.client.post("/__emulator__/limits", content=body, headers=headers).json()["enabled"] is True


@pytest.mark.parametrize("path", SECTIONS)
def test_every_section_is_there_when_nothing_is(free: Served, path: str) -> None:
    page = look(free, path)
    assert ("class", "empty") in {item for _, attributes in page.elements for item in attributes.items()}
    assert [attributes["href"] for _, attributes in page.elements if attributes.get("aria-current")] == [path]
    assert look(free, path + "?refresh=on").names == page.names


def test_profiles_are_found_by_what_one_types(free: Served) -> None:
    for name, phone in (("kim", "+31612345678"), ("ann", None)):
        free.wire.post(
            "/api/profiles", profile_body(email=f"{name}@example.org", phone_number=phone, external_id=f"x-{name}")
        )
    both = look(free, "/inspector/profiles").text
    assert both.index("ann@example.org") < both.index("kim@example.org")  # newest first
    for wanted in ("kim", "KIM@example.org", "+316", "x-kim"):
        found = look(free, "/inspector/profiles", q=wanted).text
        assert "kim@example.org" in found
        assert "ann@example.org" not in found
    for wanted in ("%", "_im", "im@", "\\"):
        assert f"No profile's identifier begins with {wanted!r}" in look(free, "/inspector/profiles", q=wanted).text


def test_a_profile_has_everything_on_its_page(free: Served) -> None:
    profile_id, mail_id = fill(free)
    page = look(free, f"/inspector/profiles/{profile_id}")
    for text in (
        "kim@example.org",
        profile_id,
        '"Kim": "Kim"',
        "city Kim",
        "email.marketing",
        "SUBSCRIBED",
        "HARD_BOUNCE",
        "waits for confirmation",
        "suppressed in list Kim",
        '"total_clv": "Kim"',
        "Received Email",
        "2026-11-20 12:00:00",
    ):
        assert text in page.text, text
    assert f"/inspector/mail/{mail_id}" in page.links
    assert f"/inspector/profiles/{profile_id}" in look(free, "/inspector/events").links
    assert "There is nothing here" in look(free, "/inspector/profiles/01M1PAAR5HBCRHA3NN9NG5WRTA", 404).text


def test_a_list_shows_who_is_in_it(free: Served) -> None:
    profile_id, _ = fill(free)
    groups = look(free, "/inspector/groups")
    assert "/inspector/groups/L" in groups.links
    assert "/inspector/groups/L" in look(free, f"/inspector/profiles/{profile_id}").links
    page = look(free, "/inspector/groups/L")
    assert "A list with 1 profile; those who joined last come first." in page.text
    assert f"/inspector/profiles/{profile_id}" in page.links
    assert [attributes["href"] for _, attributes in page.elements if attributes.get("aria-current")] == [
        "/inspector/groups"
    ]
    free.wire.post("/api/lists", {"data": {"type": "list", "attributes": {"name": "Empty"}}})
    assert "Empty" in look(free, "/inspector/groups").text
    look(free, "/inspector/groups/nothing", 404)


def test_a_segment_is_evaluated_when_somebody_looks(free: Served) -> None:
    definition = property_filter("plan", "family")
    made = free.wire.post("/api/segments", document("segment", {"name": "Family plan", "definition": definition}))
    segment = made.json()["data"]["id"]
    settle(free)
    for name in ("ann", "kim"):
        free.wire.post("/api/profiles", profile_body(email=f"{name}@example.org", properties={"plan": "family"}))
        free.clock.advance(1)
        path = look(free, "/inspector/profiles", q=name).links[-1]
        assert f"/inspector/groups/{segment}" in look(free, path).links
    assert "Family plansegment" + segment + "2" in look(free, "/inspector/groups").text
    free.wire.post("/api/profiles", profile_body(email="noor@example.org", properties={"plan": "family"}))
    free.clock.advance(1)
    assert "A segment with 3 profiles" in look(free, f"/inspector/groups/{segment}").text


def test_a_flow_shows_who_entered_and_why_a_step_was_skipped(free: Served) -> None:
    actions = (email("mail", new_template(free), "text"), linked("send-sms", "text"))
    trigger = {"type": "metric", "id": new_metric(free)}
    assert "There are no flows yet." in look(free, "/inspector/flows").text
    flow = new_flow(free, *actions, trigger=trigger, name="Come back")["id"]
    page = look(free, "/inspector/flows")
    assert f"/inspector/flows/{flow}" in page.links
    assert "Nobody has entered it." in look(free, f"/inspector/flows/{flow}").text
    free.wire.post("/api/profile-suppression-bulk-create-jobs", suppression("kim@example.org"))
    settle(free)
    track(free)
    settle(free)
    page = look(free, f"/inspector/flows/{flow}")
    assert "send-email: skipped: the profile may not get e-mail" in page.text
    assert "send-sms: skipped: " in page.text
    (kim,) = [link for link in page.links if link.startswith("/inspector/profiles/")]
    seen = look(free, kim)
    assert f"/inspector/flows/{flow}" in seen.links
    assert "send-email: skipped: the profile may not get e-mail" in seen.text
    look(free, "/inspector/flows/nothing", 404)


def suppression(address: str) -> Any:
    profiles = {"data": [{"type": "profile", "attributes": {"email": address}}]}
    return document("profile-suppression-bulk-create-job", {"profiles": profiles})


def test_a_mail_to_nobody_known_is_shown_and_cannot_be_opened(free: Served) -> None:
    letter = Letter(subject="Alert", sender="a@b.example", html="<p>Hi</p>", text="Hi", origin={})
    mint = free.emulator._mint
    mail_id = write(free, lambda connection: send_preview(connection, mint, "boss@example.org", letter))
    listed = look(free, "/inspector/mail")
    assert "boss@example.org" in listed.text
    assert f"/inspector/mail/{mail_id}" in listed.links
    page = look(free, f"/inspector/mail/{mail_id}").text
    assert "It went to an address and to no profile" in page
    assert "Opened Email" not in page


def test_a_place_is_told_as_far_as_it_is_known(free: Served) -> None:
    location = {"city": "Helsinki", "region": None, "country": "Finland"}
    made = free.wire.post("/api/profiles", profile_body(email="kim@example.org", location=location))
    page = look(free, f"/inspector/profiles/{made.json()['data']['id']}")
    assert "city Helsinki, country Finland" in page.text


def test_a_mail_is_shown_without_any_right(free: Served) -> None:
    _, mail_id = fill(free)
    page = look(free, f"/inspector/mail/{mail_id}")
    (frame,) = [attributes for name, attributes in page.elements if name == "iframe"]
    assert frame["sandbox"] == ""
    body = free.wire.client.get(str(frame["src"]))
    assert (body.status_code, body.text) == (200, "<p>Kim</p>")
    policy = body.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script" not in policy
    assert body.headers["x-frame-options"] == "SAMEORIGIN"
    for command in re.findall(r"curl (?:-X POST )?(\S+/(?:open|click))", page.text):
        told = free.wire.client.post(
            command.removeprefix(free.url), json={"url": "https://example.org/"} if "click" in command else {}
        )
        assert told.status_code == 200
    assert "Opened Email" in look(free, "/inspector/events").text
    assert look(free, "/inspector/mail").links.count(f"/inspector/mail/{mail_id}") == 1
    for path in (
        "/inspector/mail/x",
        "/inspector/mail/x/body",
        "/inspector/mail/x/y/z",
        "/inspector/nothing",
        "/inspector",
    ):
        look(free, path, 404)


def test_requests_show_why_they_were_refused(klaviyo: Served) -> None:
    klaviyo.wire.get("/api/profiles", filter='equals(emial,"x")')
    klaviyo.wire.get("/elsewhere")
    klaviyo.wire.client.put("/__emulator__/faults", json={"faults": "get_accounts:503*1"})
    klaviyo.wire.get("/api/accounts")
    klaviyo.wire.get("/api/accounts")
    page = look(klaviyo, "/inspector/requests").text
    for text in (
        'GET /api/profiles?filter=equals(emial,"x")',
        "'emial' is not a filterable field",
        "400",
        "GET /elsewhere",
        "fault 503",
    ):
        assert text in page, text
    limits = look(klaviyo, "/inspector/limits").text
    assert "get_accounts" in limits
    assert "1 of 15" in limits
    assert "See which" not in look(klaviyo, "/").text  # the fault has happened as often as it should


def test_jobs_and_webhooks(free: Served) -> None:
    fill(free, "Kim")
    jobs = look(free, "/inspector/jobs").text
    assert "2255-" in jobs  # the task is due then
    assert "advance_seconds" in jobs
    assert "a-job" in jobs
    assert '"a": "Kim"' in look(free, "/inspector/webhooks").text


def test_a_job_says_how_much_of_it_failed(free: Served) -> None:
    people = [{"type": "profile", "attributes": {"email": address}} for address in ("kim@example.org", "nobody")]
    body = document("profile-bulk-import-job", {"profiles": {"data": people}})
    assert free.wire.post("/api/profile-bulk-import-jobs", body).status_code == 202
    free.clock.advance(1)
    page = look(free, "/inspector/jobs")
    assert "profile-bulk-import-jobcomplete1" in page.text
    assert ("span", {"class": "pill warn"}) in page.elements


def test_a_webhook_is_shown_without_its_secret(free: Served) -> None:
    topics = [{"type": "webhook-topic", "id": f"event:klaviyo.{name}"} for name in ("opened_email", "clicked_email")]
    body = document(
        "webhook",
        {"name": "Mirror", "endpoint_url": "http://127.0.0.1:9/mirror", "secret_key": "not-to-be-shown-anywhere"},
    )
    body["data"]["relationships"] = {"webhook-topics": {"data": topics}}
    made = free.wire.post("/api/webhooks", body)
    assert made.status_code == 201, made.text
    page = look(free, "/inspector/webhooks").text
    for text in ("Mirror", "http://127.0.0.1:9/mirror", "event:klaviyo.opened_email", "enabled"):
        assert text in page
    assert "not-to-be-shown-anywhere" not in page


def test_the_clock_is_told(free: Served) -> None:
    for body, said in (
        ({"set": "2030-01-01T00:00:00Z"}, "2030-01-01 00:00:00 UTC, by a clock that was put."),
        ({"stopped": True}, "2030-01-01 00:00:00 UTC, by a clock that stands still."),
        ({"follow": "system"}, "2026-11-20 12:00:00 UTC."),
    ):
        free.wire.client.post("/__emulator__/clock", json=body)
        assert said in look(free, "/").text


def test_nothing_stored_becomes_markup(free: Served) -> None:
    profile_id, mail_id = fill(free, NASTY)
    free.wire.get(f"/api/{NASTY}")
    free.wire.client.get("/inspector/profiles", params={"q": NASTY})
    paths = [
        *SECTIONS,
        f"/inspector/profiles/{profile_id}",
        f"/inspector/mail/{mail_id}",
        "/inspector/groups/L",
        "/inspector/flows/F",
        f"/inspector/{NASTY}",
    ]
    shown = 0
    for path in paths:
        for query in ("", "?q=%22%3E%3Cscript%3E", "?refresh=on"):
            response = free.wire.client.get(path + query)
            page = Seen(response.text)
            assert page.names.isdisjoint({"script", "img", "object"}), path
            assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")], path
            shown += NASTY in page.text
    assert shown > 10


def test_a_browser_is_told_to_run_nothing(free: Served) -> None:
    fill(free)
    for path in (*SECTIONS, "/inspector/nothing"):
        response = free.wire.client.get(path)
        policy = response.headers["content-security-policy"]
        style = response.text.split("<style>")[1].split("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy
        assert policy.startswith("default-src 'none';")
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "style=" not in response.text  # it would not be applied
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "http" not in "".join(link for link in Seen(response.text).links)  # nothing leads out


def test_a_page_renews_itself_when_asked(free: Served) -> None:
    free.wire.post("/api/profiles", profile_body(email="kim@example.org"))
    plain = look(free, "/inspector/profiles", q="kim")
    (link,) = [link for link in plain.links if "refresh=on" in link]
    assert link == "/inspector/profiles?q=kim&refresh=on"
    renewed = look(free, link)
    assert ("meta", {"http-equiv": "refresh", "content": "3"}) in renewed.elements
    assert not [attributes for _, attributes in plain.elements if attributes.get("http-equiv")]
    assert "/inspector/profiles?q=kim" in renewed.links
    assert "kim@example.org" in renewed.text


def test_pages_can_be_read_only(free: Served) -> None:
    for path in SECTIONS:
        assert free.wire.client.head(path).status_code == 200
        assert free.wire.client.post(path, json={}).status_code == 405
    assert look(free, "/?x=%FF", 400).text


def test_a_state_that_is_gone_is_told(free: Served) -> None:
    free.emulator.close()
    assert "not available" in look(free, "/", 503).text


def test_what_the_pages_say_of_time_is_the_emulators(free: Served) -> None:
    free.wire.post("/api/events", event_body())
    page = look(free, "/inspector/events")
    times = [attributes["datetime"] for name, attributes in page.elements if name == "time"]
    assert times == ["2026-11-20T12:00:00+00:00"]
    assert NOON_SECONDS == 1_795_176_000


@REPEATABLE
@given(st.text())
def test_text_is_text(text: str) -> None:
    shown = tag("p", text, title=text)
    assert isinstance(shown, Html)
    page = Seen(shown.replace("\r", " "))  # a parser may read a carriage return as a new line
    assert page.names == {"p"}
    assert page.text == text.replace("\r", " ")
    assert page.elements[0][1] == {"title": text.replace("\r", " ")}
    assert tag("b", Html("<i></i>"), None, 3) == "<b><i></i>3</b>"


# The command


def test_the_command_warns_of_a_host_that_others_reach(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    text = tmp_path / "text"
    text.write_text("x" * 5000)
    assert main(["--host", "0.0.0.0", "--port", "0", "--data", str(text)]) == 1
    warning, refusal = capsys.readouterr().err.splitlines()
    assert warning == (
        "klaviyo_emulator: 0.0.0.0 can be reached from other machines, "
        "and whoever reaches it can read, change and empty everything"
    )
    assert "cannot open the state" in refusal


def test_the_command_has_an_option_for_each_thing() -> None:
    given = parser().parse_args(
        [
            "--behaviour",
            "live",
            "--bulk-duplicates",
            "history",
            "--seed",
            "7",
            "--visibility-ms",
            "5",
            "--job-ms",
            "6",
            "--acceptance-log",
            "on",
            "--faults",
            "*:503",
        ]
    )
    assert (given.behaviour, given.bulk_duplicates, given.seed) == ("live", "history", 7)
    assert (given.visibility_ms, given.job_ms, given.acceptance_log, given.faults) == (5, 6, "on", "*:503")
    assert f"http://127.0.0.1:{DEFAULT_PORT}/__emulator__" in parser().format_help()


def test_a_page_is_whole_for_every_text() -> None:
    """Control characters, signs of every script, and halves of pairs that JSON can name."""
    with served(limits=False) as running:
        for text in ("\x01\x1f\x7f", "漢字 עברית 🦔", "a" * 5000):
            running.wire.post("/api/events", event_body(metric=text, properties={text: text}))
        response: httpx2.Response = running.wire.client.get("/inspector/events")
        assert "漢字 עברית 🦔" in Seen(response.text).text
