"""The page behind an unsubscribe link in a real browser, which says by itself where a form comes from."""

from typing import TYPE_CHECKING

import pytest

from emulator.emulator_wire import Wire, event_body
from klaviyo_emulator import EmulatorConfig
from klaviyo_emulator.testing import running_emulator

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_the_button_unsubscribes(browser: "Browser") -> None:
    with running_emulator(EmulatorConfig(limits=False)) as running:
        wire = Wire(running.url)
        template = {"name": "Night", "editor_type": "CODE", "html": "{% unsubscribe_link %}"}
        body = {"data": {"type": "template", "attributes": template}}
        template_id = wire.post("/api/templates", body).json()["data"]["id"]
        assert wire.post("/api/events", event_body(email="lee@example.org")).status_code == 202
        metric_id = wire.get("/api/metrics").json()["data"][0]["id"]
        mail = {
            "temporary_id": "mail",
            "type": "send-email",
            "data": {"message": {"subject_line": "Hi", "template_id": template_id}},
        }
        definition = {
            "triggers": [{"type": "metric", "id": metric_id}],
            "actions": [mail],
            "entry_action_id": "mail",
        }
        body = {"data": {"type": "flow", "attributes": {"name": "Night", "definition": definition}}}
        flow_id = wire.post("/api/flows", body).json()["data"]["id"]
        live = {"data": {"type": "flow", "id": flow_id, "attributes": {"status": "live"}}}
        assert wire.send("PATCH", f"/api/flows/{flow_id}", live).status_code == 200
        assert wire.post("/api/events", event_body(email="kim@example.org")).status_code == 202
        running.settle()
        (sent,) = wire.get("/__emulator__/outbox").json()["mail"]
        link = wire.get(f"/__emulator__/outbox/{sent['id']}").json()["html"]
        page = browser.new_page()
        page.goto(link)
        page.get_by_role("button", name="Unsubscribe").click()
        assert page.get_by_role("heading").inner_text() == "Unsubscribed"
        page.close()
        metrics = [one["attributes"]["name"] for one in wire.get("/api/metrics").json()["data"]]
        assert "Unsubscribed from Email Marketing" in metrics
        wire.client.close()
