"""The cookie, and the proof that a form came from our own page."""

from datetime import timedelta
from http.cookies import Morsel, SimpleCookie

import pytest
from fastapi import Request, Response
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.identity import Account, Caller, Role
from dreamflow.web.sessions import COOKIE, ForgedForm, Sessions
from kit.kit_house import EVENING

SESSIONS = Sessions(b"k" * 32)
TOKEN = "aaaa.bbbb.cccc"


def request(host: str = "127.0.0.1:8000", *, token: str | None = None, scheme: str = "http", **headers: str) -> Request:
    sent = [(b"host", host.encode())]
    sent += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if token is not None:
        sent.append((b"cookie", f"{COOKIE}={token}".encode()))
    return Request(
        {"type": "http", "method": "POST", "scheme": scheme, "path": "/", "query_string": b"", "headers": sent}
    )


def caller(lasts: timedelta) -> Caller:
    return Caller(Account("https://issuer.example", "ann"), None, Role.PARENT, EVENING + lasts)


def cookie_of(response: Response) -> "Morsel[str]":
    return SimpleCookie(response.headers["set-cookie"])[COOKIE]


def begun(host: str, lasts: timedelta = timedelta(hours=1)) -> "Morsel[str]":
    response = Response()
    SESSIONS.begin(request(host), response, TOKEN, caller(lasts), EVENING)
    return cookie_of(response)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.9.9.9", "localhost:8000", "[::1]:8000"])
def test_on_loopback_the_cookie_travels_over_plain_http_and_is_out_of_reach_of_scripts(host: str) -> None:
    cookie = begun(host)
    assert cookie.value == TOKEN
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "lax", "/", "")
    assert cookie["domain"] == ""


@pytest.mark.parametrize(
    "host", ["dream.example", "10.0.0.5", "localhost.evil.example", "127.0.0.1.evil.example", "[2001:db8::1]:8000", ""]
)
def test_anywhere_else_the_cookie_travels_over_https_only(host: str) -> None:
    cookie = begun(host)
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "lax", True)


@pytest.mark.parametrize(
    ("lasts", "seconds"), [(timedelta(hours=1), "3600"), (timedelta(seconds=1.9), "1"), (timedelta(hours=-1), "0")]
)
def test_a_session_ends_with_its_token(lasts: timedelta, seconds: str) -> None:
    assert begun("127.0.0.1", lasts)["max-age"] == seconds


def test_ending_a_session_takes_the_cookie_back() -> None:
    response = Response()
    SESSIONS.end(response)
    cookie = cookie_of(response)
    assert (cookie.value, cookie["max-age"], cookie["path"], cookie["httponly"]) == ("", "0", "/", True)


def test_a_session_is_read_from_its_cookie_only() -> None:
    assert SESSIONS.token(request(token=TOKEN)) == TOKEN
    assert SESSIONS.token(request(authorization=f"Bearer {TOKEN}")) is None


def test_a_form_of_our_own_page_is_accepted() -> None:
    proof = SESSIONS.csrf(request(token=TOKEN))
    SESSIONS.check(request(token=TOKEN), proof)
    SESSIONS.check(request(token=TOKEN, sec_fetch_site="same-origin"), proof)
    SESSIONS.check(request(token=TOKEN, sec_fetch_site="none"), proof)


def test_a_visitor_without_a_session_has_a_proof_as_well() -> None:
    SESSIONS.check(request(), SESSIONS.csrf(request()))
    with pytest.raises(ForgedForm):
        SESSIONS.check(request(token=TOKEN), SESSIONS.csrf(request()))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "SAME-ORIGIN", "nonsense"])
def test_a_form_from_another_site_is_refused_even_with_the_right_proof(site: str) -> None:
    asked = request(token=TOKEN, sec_fetch_site=site)
    with pytest.raises(ForgedForm):
        SESSIONS.check(asked, SESSIONS.csrf(asked))


def test_a_proof_belongs_to_one_session_of_one_installation() -> None:
    mine = request(token=TOKEN)
    proof = SESSIONS.csrf(mine)
    for other in (
        SESSIONS.csrf(request(token="aaaa.bbbb.dddd")),
        Sessions(b"l" * 32).csrf(mine),
        proof.upper(),
        proof[:-1],
    ):
        with pytest.raises(ForgedForm):
            SESSIONS.check(mine, other)
    assert TOKEN not in proof


@given(st.text())
def test_no_text_passes_for_a_proof_and_none_is_quoted(proof: str) -> None:
    with pytest.raises(ForgedForm) as refusal:
        SESSIONS.check(request(token=TOKEN), "canary" + proof)
    assert "canary" not in str(refusal.value)
