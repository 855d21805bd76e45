"""The emulator's inspector in a real browser: what is stored may be of any length, and tries to run."""

import re
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from emulator.emulator_wire import Wire, event_body, profile_body
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.demo import fill
from klaviyo_emulator.inspector.layout import SECTIONS
from klaviyo_emulator.testing import running_emulator

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)>"
LONG = "Abendgeschichtenvorlesestunde" * 8
FAMILIES = 30


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    with running_emulator(EmulatorConfig(limits=False)) as running:
        fill(running.emulator, FAMILIES)
        wire = Wire(running.url)
        for number, text in enumerate((NASTY, LONG)):
            address = f"{number}@example.org"
            body = profile_body(email=address, first_name=text, properties={text: text})
            assert wire.post("/api/profiles", body).status_code == 201
            event = event_body(email=address, metric=text[:100], properties={text: text})
            assert wire.post("/api/events", event).status_code == 202
            assert wire.post("/api/events", event_body(email=address, metric="Signed Up")).status_code == 202
            wire.get(f"/api/{LONG}", filter=text)
        running.settle()
        yield running.url
        wire.client.close()


@pytest.fixture(params=[("light", 1200), ("dark", 390)], ids=["wide", "phone"])
def page(request: pytest.FixtureRequest, browser: "Browser", url: str) -> Generator["Page"]:
    """A page on which nothing may be said, asked or fetched from elsewhere."""
    scheme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, base_url=url)
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    context.on("dialog", lambda dialog: said.append(dialog.message))
    context.on("request", lambda asked: None if asked.url.startswith((url, "data:")) else said.append(asked.url))
    yield context.new_page()
    context.close()
    assert said == []


def test_every_page_fits_and_runs_nothing(page: "Page") -> None:
    paths = list(SECTIONS)
    for section in ("profiles", "flows", "groups", "mail"):
        page.goto(f"/inspector/{section}")
        links = [str(link.get_attribute("href")) for link in page.locator("td a").all()]
        paths += [link for link in links if re.fullmatch(rf"/inspector/{section}/\w+", link)][:2]
    assert len(paths) == len(SECTIONS) + 7  # there is one flow
    for path in paths:
        page.goto(path)
        root = page.locator("html")
        assert root.evaluate("root => root.scrollWidth <= root.clientWidth"), path
        cut = page.locator(".panel").evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).length")
        assert cut == 0, path
        here = page.locator("nav a[aria-current]")
        assert here.evaluate("link => link.getBoundingClientRect().right <= innerWidth"), path
