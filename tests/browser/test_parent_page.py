"""The parent's evening in a real browser: the demo, one button, a story with its reasons."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Every claim about a page is made with `expect`, which waits: a click may return before the page it leads to is there.
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (make test-all does)")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = playwright.expect
expect.set_options(timeout=20_000)
STORY = re.compile(r"/stories/[0-9a-f-]{36}$")  # and nothing else in the address: no token, no query
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The demo in a process of its own; its URL."""
    data = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [sys.executable, "-m", "dreamflow", "demo", "--port", "0", "--data", str(data)],
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        # By then the worker has delivered the weeks before, and the first story is told: nothing changes under a test.
        url = next((line.split()[3] for line in process.stdout if line.startswith("Read on at")), None)
        assert url, "the demo ended before it was open; what it said is in the captured error output"
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture
def page(browser: "Browser", demo: str) -> Generator["Page"]:
    """A phone in a dark room. Anything that the page asks of another host fails the test."""
    context = browser.new_context(
        viewport={"width": 412, "height": 915}, device_scale_factor=2, color_scheme="dark", base_url=demo
    )
    foreign: list[str] = []
    context.on("request", lambda request: None if request.url.startswith(demo) else foreign.append(request.url))
    yield context.new_page()
    context.close()
    assert foreign == []


@pytest.fixture
def picture(pytestconfig: pytest.Config) -> Callable[["Page", str], None]:
    """Take a picture for the documents, when asked (`make pictures`)."""
    folder = pytestconfig.getoption("--pictures")

    def take(page: "Page", name: str) -> None:
        if folder:
            page.wait_for_load_state("load")
            page.screenshot(path=Path(folder) / name)

    return take


def test_a_parent_reads_tonights_story_and_why_it_is_this_one(
    page: "Page", picture: Callable[["Page", str], None]
) -> None:
    page.goto("/")
    page.get_by_role("button", name="John, family plan").click()
    expect(page.get_by_role("heading", name="Good evening")).to_be_visible()
    expect(page.locator("section.why li").nth(3)).to_be_visible()
    page.locator("form.tonight > button").click()
    expect(page).to_have_url(STORY)
    expect(page.locator("article")).to_contain_text("Noah")
    expect(page.locator("article")).to_contain_text("Lily")
    picture(page, "story.png")

    page.get_by_text("Why this story").click()
    expect(page.locator("details.why li").nth(3)).to_be_visible()
    page.get_by_role("button", name="Asleep already").click()
    expect(page.get_by_text("Asleep. Good night.")).to_be_visible()
    page.get_by_role("link", name="Back to tonight").click()
    expect(page.get_by_role("link", name="Read it again")).to_be_visible()


def test_pressing_the_same_button_twice_tells_one_story(page: "Page", picture: Callable[["Page", str], None]) -> None:
    page.goto("/")
    page.get_by_role("button", name="Sarah, premium").click()
    picture(page, "tonight.png")
    button = page.locator("form.tonight > button")
    once = page.locator("form.tonight input[name=once]").input_value()
    button.click()
    expect(page).to_have_url(STORY)
    first = page.url
    page.goto("/")
    page.locator("form.tonight input[name=once]").evaluate(f"field => field.value = '{once}'")
    page.locator("form.tonight > button").click()
    expect(page).to_have_url(first)


def test_a_parent_wishes_for_something_else(page: "Page") -> None:
    page.goto("/")
    page.get_by_role("button", name="Emily, free plan").click()
    page.get_by_text("Change something").click()
    page.get_by_text("4 min", exact=True).click()
    page.get_by_label("In your own words").fill("calmer please")
    page.locator("form.tonight > button").click()
    page.get_by_text("Why this story").click()
    reasons = page.locator("details.why")
    expect(reasons).to_contain_text("You asked for 4 minutes.")
    expect(reasons).to_contain_text("You asked for a calmer start.")


def test_the_operator_sees_what_klaviyo_received(page: "Page", picture: Callable[["Page", str], None]) -> None:
    page.set_viewport_size({"width": 1100, "height": 800})
    page.goto("/")
    page.get_by_role("button", name="An operator").click()
    expect(page.get_by_role("heading", name="What Klaviyo received")).to_be_visible()
    expect(page.get_by_text("the families and their history are simulated")).to_be_visible()
    expect(page.get_by_text("A demo family.")).to_have_count(0)
    expect(page.get_by_text("The books balance")).to_be_visible()
    expect(page.locator("tbody tr").nth(10)).to_be_visible()
    board = page.inner_text("body")
    assert not any(name in board for name in ("Maya", "Noah", "Lily", "Theo"))
    picture(page, "operator.png")


def test_the_session_is_out_of_reach_of_scripts_and_ends(page: "Page") -> None:
    page.goto("/")
    page.get_by_role("button", name="Sarah, premium").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    cookie = next(c for c in page.context.cookies() if c.get("name") == "dreamflow_session")
    assert cookie.get("httpOnly") is True
    assert cookie.get("sameSite") == "Lax"
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sarah, premium")).to_be_visible()
    assert page.context.cookies() == []


def test_a_form_from_elsewhere_is_refused(page: "Page") -> None:
    page.goto("/")
    page.get_by_role("button", name="Sarah, premium").click()
    page.locator("form.tonight input[name=csrf]").evaluate("field => field.value = 'forged'")
    page.locator("form.tonight > button").click()
    expect(page.locator("body")).to_contain_text("form came from elsewhere")
