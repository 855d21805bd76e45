"""The parent's pages without a browser: every step of the evening, and every way it may stumble."""

import html
import re
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text as sql

from dreamflow.families import CONSENT_TEXTS, Purpose
from dreamflow.identity import Role
from world import World


class Visitor:
    """Somebody with a browser: follows redirects, keeps cookies, fills in forms as they were shown."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.page = ""

    async def open(self, path: str = "/") -> httpx2.Response:
        answer = await self.client.get(path, headers={"accept": "text/html"}, follow_redirects=True)
        self.page = answer.text
        return answer

    async def submit(self, action: str, **fields: str | list[str]) -> httpx2.Response:
        """Send a form of the page that is open."""
        proof = {"csrf": self.field("csrf")}
        if action == "/family/children":
            proof["once"] = self.field("once")
        answer = await self.client.post(
            action, data={**proof, **fields}, headers={"accept": "text/html"}, follow_redirects=True
        )
        self.page = answer.text
        return answer

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page)
        assert found, f"there is no {name} on this page"
        return found[1]


@pytest.fixture
async def visitor(here: World) -> Visitor:
    return Visitor(await here.visitor())


async def signed_in(here: World, visitor: Visitor, role: Role = Role.PARENT) -> httpx2.Response:
    await visitor.open()
    return await visitor.submit("/session", token=here.issuer.mint(email="parent@families.example", role=role))


async def at_home(here: World, visitor: Visitor, *children: tuple[str, str]) -> None:
    await signed_in(here, visitor)
    await visitor.submit("/family", time_zone="Europe/London")
    for name, age in children:
        answer = await visitor.submit("/family/children", name=name, age=age)
        assert answer.status_code == 200


async def test_from_the_first_visit_to_the_end_of_a_story(here: World, visitor: Visitor) -> None:
    assert "Sign in with a token" in (await visitor.open()).text
    assert "Where do your evenings take place?" in (await signed_in(here, visitor)).text
    assert "Who is listening?" in (await visitor.submit("/family", time_zone="Europe/London")).text
    assert "Good evening" in (await visitor.submit("/family/children", name="Ada <b>", age="5")).text
    assert "Ada &lt;b&gt;, 5" in visitor.page
    assert "Why this one" in visitor.page

    answer = await visitor.submit("/tonight", once=visitor.field("once"), minutes="4", wishes="calmer")
    assert answer.url.path.startswith("/stories/")
    assert "Ada &lt;b&gt;" in answer.text
    assert "You asked for 4 minutes." in answer.text
    ended = await visitor.submit(f"{answer.url.path}/outcome", outcome="asleep")
    assert "Asleep. Good night." in ended.text
    assert "was told this evening" in (await visitor.open()).text


async def test_children_are_as_old_as_they_are_this_evening(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    assert "Ada, 5" in visitor.page
    here.clock.advance(timedelta(days=800))
    assert "Ada, 7" in (await visitor.open()).text


async def test_nobody_chosen_means_the_first_four_and_the_page_shows_which(here: World, visitor: Visitor) -> None:
    names = ["Ada", "Bo", "Cy", "Di", "Ed"]
    await at_home(here, visitor, *((name, "5") for name in names))
    chosen = re.findall(r'name="children" value="[^"]*"( checked)?><span>(\w+)', visitor.page)
    assert [name for _, name in chosen] == names
    assert [name for checked, name in chosen if checked] == names[:4]
    told = await visitor.submit("/tonight", once=visitor.field("once"))
    assert "Ed" not in re.findall(r"\w+", told.text)


async def test_a_second_press_tells_no_second_story(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    once = visitor.field("once")
    first = await visitor.submit("/tonight", once=once)
    await visitor.open()
    second = await visitor.submit("/tonight", once=once)
    assert first.url == second.url


async def test_consents_are_given_and_taken_back(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    assert 'aria-checked="true"' not in visitor.page
    await visitor.submit("/family/consents", purpose="weekly_letter", granted="yes")
    assert visitor.page.count('aria-checked="true"') == 1
    await visitor.submit("/family/consents", purpose="weekly_letter", granted="no")
    assert 'aria-checked="true"' not in visitor.page


@pytest.mark.parametrize(
    ("action", "fields", "status", "said"),
    [
        ("/family", {"time_zone": "Mars/Base"}, 409, "family already"),
        ("/family/children", {"name": "x" * 61, "age": "5"}, 422, "A name has at most 60 characters."),
        ("/family/children", {"name": "   ", "age": "5"}, 422, "A child needs a name."),
        ("/family/children", {"name": "Bo", "age": "five"}, 422, "An age is 1 to 16 years."),
        ("/tonight", {"once": "1", "minutes": "99"}, 422, "3 to 20 minutes"),
        ("/tonight", {"once": "1", "minutes": "-1"}, 422, "3 to 20 minutes"),
        ("/tonight", {"once": "1", "minutes": "soon"}, 422, "3 to 20 minutes"),
        ("/tonight", {"once": "1", "theme": "volcano"}, 422, "There is no such world"),
        ("/tonight", {"once": "1", "children": "nobody"}, 404, "no such child"),
        ("/family/consents", {"purpose": "moon", "granted": "yes"}, 404, "no such purpose"),
    ],
)
async def test_a_mistake_is_told_on_the_page(
    here: World, visitor: Visitor, action: str, fields: dict[str, str], status: int, said: str
) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    if action == "/family":
        fields = {"time_zone": "Europe/Paris"}
    answer = await visitor.submit(action, **fields)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert said in answer.text


async def test_a_wrong_time_zone_can_be_mended(here: World, visitor: Visitor) -> None:
    await signed_in(here, visitor)
    wrong = await visitor.submit("/family", time_zone="Mars/Base")
    assert wrong.status_code == 422
    assert "not an IANA time zone" in wrong.text
    assert "Who is listening?" in (await visitor.submit("/family", time_zone="Europe/London")).text


async def test_a_token_that_is_not_valid_begins_no_session(visitor: Visitor) -> None:
    await visitor.open()
    answer = await visitor.submit("/session", token="nonsense")
    assert answer.status_code == 401
    assert "not valid here" in answer.text
    assert not answer.cookies


async def test_without_a_session_every_step_leads_home(here: World, visitor: Visitor) -> None:
    await visitor.open()
    for action, fields in (
        ("/family", {"time_zone": "Europe/London"}),
        ("/family/consents", {"purpose": "weekly_letter", "granted": "yes"}),
        ("/tonight", {"once": "1"}),
        ("/stories/1/outcome", {"outcome": "asleep"}),
    ):
        await visitor.open()
        assert "Sign in with a token" in (await visitor.submit(action, **fields)).text
    assert "Sign in with a token" in (await visitor.open("/stories/1")).text


async def test_a_session_that_expired_is_no_session(here: World, visitor: Visitor) -> None:
    visitor.client.cookies.set("dreamflow_session", "expired-or-forged")
    assert "Sign in with a token" in (await visitor.open()).text


async def test_signing_out_forgets_the_session(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    assert "Sign in with a token" in (await visitor.submit("/session/end")).text
    assert "dreamflow_session" not in visitor.client.cookies


async def test_a_form_without_proof_changes_nothing(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    answer = await visitor.client.post(
        "/family/children",
        data={"csrf": "forged", "once": "1", "name": "Mallory", "age": "5"},
        headers={"accept": "text/html"},
    )
    assert answer.status_code == 403
    cross = await visitor.client.post(
        "/family/children",
        data={"csrf": visitor.field("csrf"), "once": "1", "name": "Mallory", "age": "5"},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert cross.status_code == 403
    assert cross.headers["content-type"] == "application/problem+json"
    assert "Mallory" not in (await visitor.open()).text


async def test_nobody_is_signed_in_by_another_site(here: World, visitor: Visitor) -> None:
    await visitor.open()
    form = {"csrf": visitor.field("csrf"), "token": here.issuer.mint(email="mallory@families.example")}
    answer = await visitor.client.post("/session", data=form, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not answer.cookies
    own = await visitor.client.post("/session", data=form, headers={"origin": "http://127.0.0.1"})
    assert own.status_code == 303
    assert "secure" not in own.headers["set-cookie"].lower()


async def test_the_words_that_were_read_are_the_words_in_the_ledger(here: World, visitor: Visitor) -> None:
    await signed_in(here, visitor)
    assert CONSENT_TEXTS[Purpose.SERVICE].text in visitor.page
    await visitor.submit("/family", time_zone="Europe/London")
    for purpose, text in CONSENT_TEXTS.items():
        assert text.text in html.unescape(visitor.page), purpose
    await visitor.submit("/family/consents", purpose="llm_writing", granted="yes")
    rows = await here.house.database.read(
        lambda connection: connection.execute(sql("SELECT purpose, text_sha256 FROM consent_ledger")).all()
    )
    assert {(row.purpose, row.text_sha256) for row in rows} == {
        (str(purpose), CONSENT_TEXTS[purpose].sha256) for purpose in (Purpose.SERVICE, Purpose.LLM_WRITING)
    }


async def test_a_second_press_adds_no_second_child(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor)
    once = visitor.field("once")
    for _ in range(2):
        visitor.page = visitor.page.replace(visitor.field("once"), once)
        await visitor.submit("/family/children", name="Ada", age="5")
    assert visitor.page.count("Ada, 5") == 1
    visitor.page = visitor.page.replace(visitor.field("once"), once)
    answer = await visitor.submit("/family/children", name="Bo", age="5")
    assert "This page had been used before." in answer.text


async def test_a_story_that_is_not_there_is_a_page_too(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    answer = await visitor.open("/stories/nowhere")
    assert answer.status_code == 404
    assert "There is no such story in this family." in answer.text
    assert "Back to tonight" in answer.text


async def test_the_operator_sees_events_and_books_but_no_names(here: World, visitor: Visitor) -> None:
    home = await here.family(("Ada", 4), email="other@families.example")
    await home.tell()
    await here.deliver()
    answer = await signed_in(here, visitor, Role.OPERATOR)
    assert answer.url.path == "/operator"
    assert "Story Generated" in answer.text
    assert "Hour (UTC)" in answer.text
    assert "23 Nov 19:00" in answer.text
    assert "The books balance" in answer.text
    assert "Ada" not in answer.text
    assert "other@families.example" not in answer.text


async def test_before_anything_was_received_the_operator_is_told_how_long_it_may_take(
    here: World, visitor: Visitor
) -> None:
    answer = await signed_in(here, visitor, Role.OPERATOR)
    assert "Klaviyo has received nothing yet." in answer.text
    assert "at Klaviyo that may take minutes" in answer.text


async def test_the_operators_page_is_for_operators(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    answer = await visitor.open("/operator")
    assert answer.status_code == 403
    assert "This page is for operators." in answer.text


async def test_outside_the_demo_nobody_can_become_somebody(here: World, visitor: Visitor) -> None:
    assert "demo family" not in (await visitor.open()).text
    assert (await visitor.submit("/demo/session", persona="sarah")).status_code == 404


async def test_no_page_loads_anything_from_elsewhere(here: World, visitor: Visitor) -> None:
    await at_home(here, visitor, ("Ada", "5"))
    story = await visitor.submit("/tonight", once=visitor.field("once"))
    operator = Visitor(await here.visitor())
    await signed_in(here, operator, Role.OPERATOR)
    for who, path, status in (
        (visitor, "/", 200),
        (visitor, story.url.path, 200),
        (visitor, "/operator", 403),
        (operator, "/operator", 200),
    ):
        answer = await who.open(path)
        assert (answer.url.path, answer.status_code) == (path, status)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
        assert "<script" not in answer.text
        assert "style=" not in answer.text
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
