"""Templates and universal content through the official SDK: every operation, accepted and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import new_template, outbox, relation
from emulator_wire import NOON_SECONDS, served
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException
from people_bodies import document, new_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator_wire import Served

NOPE = "NOPE01"
HTML = "<p>Dear {{ first_name|default:'reader' }}</p>"
TEXT_BLOCK = {
    "content_type": "block",
    "type": "text",
    "data": {"content": "<p>Once {{ first_name }}</p>", "display_options": {}, "styles": {}},
}


def refused(status: int, pointer: str = "") -> Any:
    """The block is refused with a status, and names the pointer."""
    kind = {400: BadRequestException, 404: NotFoundException}.get(status, ApiException)
    return pytest.raises(kind, match=rf"(?s)\({status}\).*{pointer}")


def body(editor: str = "CODE", identifier: str | None = None, **attributes: Any) -> dict[str, Any]:
    if identifier is not None:
        return document("template", attributes, id=identifier)
    return document("template", {"name": "Story", "editor_type": editor, **attributes})


def definition(*blocks: dict[str, Any]) -> dict[str, Any]:
    row = {"data": {"styles": {}}, "columns": [{"data": {}, "blocks": list(blocks)}]}
    section = {
        "content_type": "section",
        "type": "section",
        "data": {"properties": {}, "display_options": {}, "styles": {}},
        "rows": [row],
    }
    return {"body": {"properties": {}, "styles": {}, "sections": [section]}, "styles": []}


def render(template: str, **context: Any) -> dict[str, Any]:
    return document("template", {"context": context}, id=template)


def preview(template: str, *recipients: str, profile: str | None = None, **attributes: Any) -> dict[str, Any]:
    relations = relation("template", template) | ({} if profile is None else relation("profile", profile))
    return document("template-preview-send-job", {"recipients": list(recipients), **attributes}, relations)


def content(name: str = "Greeting", value: Any = None) -> dict[str, Any]:
    return document("template-universal-content", {"name": name, "definition": TEXT_BLOCK if value is None else value})


def test_a_template_is_made_read_changed_copied_and_deleted(free: Served) -> None:
    templates = free.sdk().Templates
    created = templates.create_template(body(html=HTML, text="Dear {{ first_name }}", amp=None)).data
    assert len(created.id) == 6
    attributes = created.attributes
    assert (attributes.name, attributes.editor_type, attributes.html) == ("Story", "CODE", HTML)
    assert (attributes.text, attributes.amp) == ("Dear {{ first_name }}", None)
    assert attributes.screenshot_url.startswith("https://")
    assert int(attributes.created.timestamp()) == NOON_SECONDS
    free.clock.advance(5)
    changed = templates.update_template(created.id, body(identifier=created.id, name="Tale", text=None)).data
    assert (changed.attributes.name, changed.attributes.html, changed.attributes.text) == ("Tale", HTML, None)
    assert int(changed.attributes.updated.timestamp()) == NOON_SECONDS + 5
    copied = templates.clone_template(body(identifier=created.id, name="Copy")).data
    assert (copied.attributes.name, copied.attributes.html) == ("Copy", HTML)
    assert copied.id != created.id
    assert templates.clone_template(body(identifier=created.id)).data.attributes.name == "Tale (Clone)"
    templates.delete_template(created.id)
    with refused(404, "Template with id"):
        templates.get_template(created.id)
    assert templates.get_template(copied.id).data.attributes.html == HTML


def test_a_template_of_blocks_has_a_definition(free: Served) -> None:
    templates = free.sdk().Templates
    given = definition(TEXT_BLOCK)
    created = templates.create_template(body("SYSTEM_DRAGGABLE", definition=given)).data
    assert created.attributes.html == "<p>Once {{ first_name }}</p>"
    assert created.attributes.definition is None
    read = templates.get_template(created.id, additional_fields_template=["definition"]).data
    assert read.attributes.definition.body.sections[0].rows[0].columns[0].blocks == [TEXT_BLOCK]
    rendered = templates.render_template(render(created.id, first_name="Kim")).data
    assert rendered.attributes.html == "<p>Once Kim</p>"
    other = definition({**TEXT_BLOCK, "data": {**TEXT_BLOCK["data"], "content": "Twice"}})
    changed = templates.update_template(created.id, body(identifier=created.id, definition=other)).data
    assert changed.attributes.html == "Twice"


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"name": " ", "html": HTML}, "/data/attributes/name"),
        ({"editor_type": "OTHER", "html": HTML}, "/data/attributes/editor_type"),
        ({}, "/data/attributes/html"),
        ({"editor_type": "SYSTEM_DRAGGABLE"}, "/data/attributes/definition"),
        ({"editor_type": "SYSTEM_DRAGGABLE", "definition": definition(), "html": HTML}, "/data/attributes/html"),
        ({"html": HTML, "definition": definition()}, "/data/attributes/definition"),
        ({"html": "{% if %}"}, "/data/attributes/html"),
        ({"html": HTML, "text": "{{ x|nofilter }}"}, "/data/attributes/text"),
    ],
)
def test_a_template_is_refused(free: Served, attributes: dict[str, Any], pointer: str) -> None:
    templates = free.sdk().Templates
    with refused(400, pointer):
        templates.create_template(body(**attributes))
    assert templates.get_templates().data == []


def test_a_change_is_refused(free: Served) -> None:
    templates = free.sdk().Templates
    code = new_template(free)
    with refused(400, "/data/attributes/html"):
        templates.update_template(code, body(identifier=code, html="{% endif %}"))
    with refused(400, "/data/attributes/definition"):
        templates.update_template(code, body(identifier=code, definition=definition()))
    with refused(400, "/data/id"):
        templates.update_template(code, body(identifier="OTHER1", name="x"))


def test_templates_are_found_and_sorted(free: Served) -> None:
    templates = free.sdk().Templates
    ids = {}
    for name in ("B", "C", "A"):
        ids[name] = new_template(free, name=name)
        free.clock.advance(1)

    def names(**query: Any) -> list[str]:
        return [one.attributes.name for one in templates.get_templates(**query).data]

    assert names(sort="name") == ["A", "B", "C"]
    assert names(sort="-created") == ["A", "C", "B"]
    assert names(filter='equals(name,"B")') == ["B"]
    assert names(filter=f'any(id,["{ids["C"]}"])') == ["C"]
    assert names(filter="greater-than(updated,2026-11-20T12:00:01.5Z)") == ["A"]
    first = templates.get_templates(sort="name", page_size=2)
    assert names(sort="name", page_cursor=first.links.next) == ["C"]
    with refused(400):
        templates.get_templates(filter='equals(html,"A")')


def test_a_template_is_rendered(free: Served) -> None:
    templates = free.sdk().Templates
    made = new_template(free, "{{ person.name|upper }} & <b>{{ n|default:'none' }}</b>", text="{{ person.name }}")
    rendered = templates.render_template(render(made, person={"name": "<Kim>"})).data
    assert rendered.id == made
    assert rendered.attributes.html == "&lt;KIM&gt; & <b>none</b>"
    assert rendered.attributes.text == "<Kim>"
    failing = new_template(free, "{% for x in n %}{% endfor %}")
    with refused(400, "/data/attributes/context"):
        templates.render_template(render(failing, n=3))
    with refused(404):
        templates.render_template(render(NOPE))


def test_a_preview_goes_to_the_outbox(free: Served) -> None:
    templates = free.sdk().Templates
    made = new_template(free, "{{ first_name }}, {{ person.Animal }}, {{ event.extra }}, {{ organization.name }}")
    kim = new_profile(free, first_name="Kim", properties={"Animal": "Fox"})
    sent = templates.create_template_preview_send_job(
        preview(made, "a@example.org", "b@example.org", profile=kim, context={"event": {"extra": "more"}})
    ).data
    assert sent.attributes.status == "complete"
    assert [mail["to"] for mail in outbox(free)] == ["a@example.org", "b@example.org"]
    (mail, _) = outbox(free)
    assert mail["subject"] == "[Preview] Story"
    read = free.wire.get(f"/__emulator__/outbox/{mail['id']}").json()
    assert read["html"] == "Kim, Fox, more, Emulated Account"


@pytest.mark.parametrize(
    ("recipients", "profile", "pointer"),
    [
        ((), None, "/data/attributes/recipients"),
        (("a@example.org",) * 6, None, "/data/attributes/recipients"),
        (("a@example.org", "nobody"), None, "/data/attributes/recipients/1"),
        (("a@example.org",), NOPE, "/data/relationships/profile/data/id"),
    ],
)
def test_a_preview_is_refused(free: Served, recipients: tuple[str, ...], profile: str | None, pointer: str) -> None:
    made = new_template(free)
    with refused(400, pointer):
        free.sdk().Templates.create_template_preview_send_job(preview(made, *recipients, profile=profile))
    assert outbox(free) == []


def test_a_preview_that_cannot_be_rendered_is_refused(free: Served) -> None:
    made = new_template(free, "{% for x in n %}{% endfor %}")
    with refused(400, "/data/relationships/template/data/id"):
        free.sdk().Templates.create_template_preview_send_job(preview(made, "a@example.org", context={"n": 3}))
    assert outbox(free) == []


def test_there_is_room_for_a_thousand_templates(free: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klaviyo_emulator.routes.templates.MAXIMUM_TEMPLATES", 2)
    new_template(free)
    new_template(free)
    with refused(400, "/data"):
        free.sdk().Templates.create_template(body(html=HTML))


def test_the_live_statuses_differ() -> None:
    with served(limits=False, behaviour="live") as live:
        made = new_template(live)
        post = live.wire.post
        assert post("/api/template-render", render(made)).status_code == 200
        assert post("/api/template-clone", body(identifier=made)).status_code == 200
        assert live.wire.send("DELETE", f"/api/templates/{made}").status_code == 200


def test_universal_content_is_made_read_changed_copied_and_deleted(free: Served) -> None:
    templates = free.sdk().Templates
    created = templates.create_universal_content(content()).data
    assert len(created.id) == 26
    assert created.attributes.definition == TEXT_BLOCK
    assert created.attributes.screenshot_status == "never_generated"
    changes = {"name": "Other", "definition": {**TEXT_BLOCK, "data": {**TEXT_BLOCK["data"], "content": "x"}}}
    update = document("template-universal-content", changes, id=created.id)
    changed = templates.update_universal_content(created.id, update).data
    assert changed.attributes.name == "Other"
    assert changed.attributes.definition["data"]["content"] == "x"
    clone = document("template-universal-content", {"id": created.id, "name": "Copy"}, id=created.id)
    copied = templates.clone_universal_content(clone).data
    assert (copied.attributes.name, copied.attributes.definition) == ("Copy", changed.attributes.definition)
    assert templates.get_universal_content(created.id).data.attributes.name == "Other"
    templates.delete_universal_content(created.id)
    with refused(404):
        templates.get_universal_content(created.id)


def test_universal_content_is_found(free: Served) -> None:
    templates = free.sdk().Templates
    html = {"content_type": "block", "type": "html", "data": {"content": "<hr>", "display_options": {}}}
    templates.create_universal_content(content("B"))
    templates.create_universal_content(content("A", html))

    def names(**query: Any) -> list[str]:
        return [one.attributes.name for one in templates.get_all_universal_content(**query).data]

    assert names(sort="name") == ["A", "B"]
    assert names(filter='equals(definition.type,"html")') == ["A"]
    assert names(filter='equals(definition.content_type,"block"),equals(name,"B")') == ["B"]
    with refused(400):
        names(filter='equals(definition.type,"poem")')


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({**TEXT_BLOCK, "content_type": "poem"}, "/data/attributes/definition/content_type"),
        ({**TEXT_BLOCK, "type": "poem"}, "/data/attributes/definition/type"),
        ({**TEXT_BLOCK, "data": 3}, "/data/attributes/definition/data"),
    ],
)
def test_universal_content_is_refused(free: Served, value: Any, pointer: str) -> None:
    templates = free.sdk().Templates
    with refused(400, pointer):
        templates.create_universal_content(content(value=value))
    made = templates.create_universal_content(content()).data.id
    with refused(400, pointer):
        templates.update_universal_content(made, document("template-universal-content", {"definition": value}, id=made))


def test_universal_content_keeps_its_type(free: Served) -> None:
    templates = free.sdk().Templates
    made = templates.create_universal_content(content()).data.id
    html = {"content_type": "block", "type": "html", "data": {"content": "<hr>", "display_options": {}}}
    with refused(400, "/data/attributes/definition/type"):
        templates.update_universal_content(made, document("template-universal-content", {"definition": html}, id=made))
    with refused(400, "/data/attributes/id"):
        templates.clone_universal_content(document("template-universal-content", {"id": NOPE}, id=made))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.get_template(NOPE),
        lambda t: t.update_template(NOPE, body(identifier=NOPE, name="x")),
        lambda t: t.delete_template(NOPE),
        lambda t: t.clone_template(body(identifier=NOPE)),
        lambda t: t.create_template_preview_send_job(preview(NOPE, "a@example.org")),
        lambda t: t.get_universal_content(NOPE),
        lambda t: t.update_universal_content(NOPE, document("template-universal-content", {"name": "x"}, id=NOPE)),
        lambda t: t.delete_universal_content(NOPE),
        lambda t: t.clone_universal_content(document("template-universal-content", {"id": NOPE}, id=NOPE)),
    ],
)
def test_what_is_unknown_is_not_found(free: Served, call: Callable[[Any], Any]) -> None:
    with refused(404):
        call(free.sdk().Templates)
