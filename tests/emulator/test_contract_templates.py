"""Templates and universal content through the official SDK: every operation, accepted and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import new_template, outbox, relation
from emulator_wire import NOON_SECONDS, served
from flow_bodies import email, new_flow
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException
from people_bodies import document, new_profile

from klaviyo_emulator.state.templates import html_of_definition

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


BROKEN = definition({**TEXT_BLOCK, "data": {**TEXT_BLOCK["data"], "content": "{% endif %}"}})


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


def test_a_block_is_repeated_and_shown_as_its_options_say(free: Served) -> None:
    templates = free.sdk().Templates
    repeat = {"repeat_for": "event.items", "item_alias": "item"}
    options = {"content_repeat": repeat, "visible_check": "item.price > 2"}
    repeated = {**TEXT_BLOCK, "data": {**TEXT_BLOCK["data"], "content": "{{ item.name }};", "display_options": options}}
    section = definition(TEXT_BLOCK)["body"]["sections"][0]
    section["data"]["display_options"] = {"visibility": {"check": "person.vip"}}
    given = definition(repeated)
    given["body"]["sections"].append(section)
    made = templates.create_template(body("SYSTEM_DRAGGABLE", definition=given)).data.id
    items = [{"name": "Lamp", "price": 3}, {"name": "Pen", "price": 1}, {"name": "Rug", "price": 4}]

    def words(**context: Any) -> list[str]:
        return templates.render_template(render(made, event={"items": items}, **context)).data.attributes.html.split()

    assert words() == ["Lamp;", "Rug;"]
    assert words(person={"vip": True}, first_name="Kim") == ["Lamp;", "Rug;", "<p>Once", "Kim</p>"]


@pytest.mark.parametrize("options", ["x", {"content_repeat": 3, "visibility": []}, None])
def test_the_insides_of_a_block_that_are_not_known_do_no_harm(options: Any) -> None:
    button = {"content_type": "block", "type": "button", "data": {"display_options": options}}
    assert html_of_definition(definition(button, TEXT_BLOCK)) == "<p>Once {{ first_name }}</p>"


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"editor_type": "SYSTEM_DRAGGABLE", "definition": BROKEN}, "/data/attributes/definition"),
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


def test_a_rendering_has_the_fields_that_are_asked_for(free: Served) -> None:
    made = new_template(free, "{{ n }}")
    answer = free.wire.post("/api/template-render?fields[template]=html,name", render(made, n=1)).json()
    assert answer["data"]["attributes"] == {"name": "Story", "html": "1"}


def test_what_a_message_has_of_its_own_can_be_rendered_and_copied_as_it_can_be_read(free: Served) -> None:
    sdk = free.sdk()
    flow = new_flow(free, email("1", new_template(free, "<p>{{ n }}</p>")), live=False)
    (action,) = sdk.Flows.get_actions_for_flow(flow["id"]).data
    (message,) = sdk.Flows.get_flow_action_messages(action.id).data
    own = sdk.Flows.get_template_for_flow_message(message.id).data.id
    assert own not in {one.id for one in sdk.Templates.get_templates().data}
    assert sdk.Templates.render_template(render(own, n=1)).data.attributes.html == "<p>1</p>"
    copied = sdk.Templates.clone_template(body(identifier=own, name="Copy")).data.id
    assert copied in {one.id for one in sdk.Templates.get_templates().data}


CATALOG = (
    "{% catalog 'LAMP' %}{{ catalog_item.title }} {% currency_format catalog_item.metadata|lookup:'price' %} "
    "{{ catalog_item.metadata.color }} {{ catalog_item.currency_code }}"
    "{% has_category catalog_item 'sale' as cheap %}{% if cheap %} on sale{% endif %}{% endcatalog %}"
)


def test_a_template_looks_into_the_catalog(free: Served) -> None:
    catalogs = free.sdk().Catalogs
    kind = {"integration_type": "$custom", "catalog_type": "$default"}
    category = {"external_id": "SALE", "name": "on-sale", **kind}
    found = catalogs.create_catalog_category(document("catalog-category", category)).data.id
    item = {
        "external_id": "LAMP",
        "title": "Lamp",
        "description": "It shines.",
        "url": "https://shop.example/lamp",
        "price": 12.5,
        "custom_metadata": {"color": "red"},
        **kind,
    }
    relations = {"categories": {"data": [{"type": "catalog-category", "id": found}]}}
    lamp = catalogs.create_catalog_item(document("catalog-item", item, relations)).data.id
    templates = free.sdk().Templates
    shown = "Lamp $12.50 red USD on sale"
    asking, careful = (
        new_template(free, CATALOG),
        new_template(free, CATALOG.replace(" %}", " unpublished='cancel' %}", 1)),
    )
    for template in (asking, careful):
        assert templates.render_template(render(template)).data.attributes.html == shown
    catalogs.update_catalog_item(lamp, document("catalog-item", {"published": False}, id=lamp))
    assert templates.render_template(render(asking)).data.attributes.html == shown
    with refused(400, "Unable to find item with code: LAMP"):
        templates.render_template(render(careful))
    sent = preview(asking, "a@example.org")
    templates.create_template_preview_send_job(sent)
    (mail,) = outbox(free)
    assert free.wire.get(f"/__emulator__/outbox/{mail['id']}").json()["html"] == shown


def test_a_profile_has_the_names_that_klaviyo_documents(free: Served) -> None:
    names = ["email", "person.full_name", "person.id", "person.KlaviyoID", "person.City", "person.Region"]
    names += ["person.Country", "person.Zipcode", "person|lookup:'$address1'", "person|lookup:'$timezone'"]
    names += ["person|lookup:'$latitude'", "person|lookup:'$first_name'", "person.phone_number", "phone_number"]
    made = new_template(free, "|".join(f"{{{{ {name} }}}}" for name in [*names, "organization.city"]))
    location = {
        "address1": "1 Lane",
        "city": "Ghent",
        "region": "Flanders",
        "country": "Belgium",
        "zip": "9000",
        "timezone": "Europe/Brussels",
        "latitude": 51.0,
    }
    kim = new_profile(free, first_name="Kim", last_name="Ann", external_id="K-1", location=location)
    free.sdk().Templates.create_template_preview_send_job(preview(made, "a@example.org", profile=kim))
    lee = new_profile(free, "lee@example.org")
    free.sdk().Templates.create_template_preview_send_job(preview(made, "a@example.org", profile=lee))
    first, second = (free.wire.get(f"/__emulator__/outbox/{mail['id']}").json()["html"] for mail in outbox(free))
    assert first == (
        f"kim@example.org|Kim Ann|K-1|{kim}|Ghent|Flanders|Belgium|9000|1 Lane|Europe/Brussels|51.0|Kim|||Exampletown"
    )
    assert second == f"lee@example.org|||{lee}|||||||||||Exampletown"


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
    last = new_template(free)
    with refused(400, "may have 2 templates"):
        free.sdk().Templates.create_template(body(html=HTML))
    with refused(400, "may have 2 templates"):
        free.sdk().Templates.clone_template(body(identifier=last))


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
