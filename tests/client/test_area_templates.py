"""Templates and universal content over a real socket."""

import datetime as dt
import json
from types import NoneType
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from aioklaviyo import InvalidRequest, NotFound, OutcomeUnknown, ProfileAttributes, RequestRejected, filters
from aioklaviyo.models.new_template import BlockTemplate, HtmlTemplate
from aioklaviyo.models.template_definition import (
    ButtonBlock,
    Column,
    ContentRepeat,
    DisplayOptions,
    DropShadowBlock,
    HorizontalRuleBlock,
    HtmlBlock,
    ImageBlock,
    Row,
    Section,
    SpacerBlock,
    TemplateBlock,
    TemplateDefinition,
    TextBlock,
    Visibility,
)
from aioklaviyo.models.template_style import (
    BaseStyles,
    ButtonBlockStyles,
    DropShadowBlockStyles,
    HeadingStyles,
    HorizontalRuleBlockStyles,
    ImageBlockStyles,
    LinkStyles,
    Look,
    MobileStyles,
    SectionStyles,
    SpacerBlockStyles,
    TemplateStyles,
    TextBlockStyles,
    TextStyles,
)
from aioklaviyo.models.universal_content import UniversalDisplayOptions, UniversalHtmlBlock, UniversalTextBlock
from client.client_server import Connect, Reply, Reset, Serve
from client.emulated import Account, account, resources
from client.specification import STABLE, specification
from klaviyo_emulator.operations import operations

HTML = "<p>Dear {{ first_name|default:'reader' }}</p>"
HELLO = TextBlock(content="<p>Hello {{ person.name }}</p>")
SINCE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def check(here: Account) -> None:
    """What was accepted is what the published specification describes: the next one has only added to answers."""
    here.check()
    if STABLE.exists():
        for sent in here.sent:
            operation = operations()[sent.operation_id]
            if sent.status < 300 and specification(STABLE).has(sent.method, operation.path):
                specification(STABLE).check(sent.method, operation.path, sent.query, sent.body)


async def outbox(here: Account) -> list[tuple[str, str]]:
    """Whom the emulator has mailed, and what."""
    listed = (await here.klaviyo.request("GET", "/__emulator__/outbox")).document["mail"]
    mail = [(await here.klaviyo.request("GET", f"/__emulator__/outbox/{each['id']}")).document for each in listed]
    here.sent[:] = [sent for sent in here.sent if sent.path.startswith("/api/")]
    return [(each["to"], each["html"]) for each in mail]


async def test_every_operation_of_templates_does_what_it_says() -> None:
    async with account() as here:
        templates = here.klaviyo.templates
        made = await templates.create(HtmlTemplate(name="Night", html=HTML, text="Dear {{ first_name }}"))
        assert (made.name, made.editor_type, made.html, made.amp) == ("Night", "CODE", HTML, None)
        changed = await templates.update(made.id, name="Good night", text=None)
        assert (changed.name, changed.text, changed.html) == ("Good night", None, HTML)
        assert (await templates.update(made.id, html="<p>{{ n }}</p>", amp="<html></html>")).amp == "<html></html>"
        copy = await templates.clone(made.id, name="Copy")
        assert (copy.name, copy.html) == ("Copy", "<p>{{ n }}</p>")
        assert "night" in str((await templates.clone(made.id)).name)
        rendered = await templates.render(made.id, {"n": {"deep": 7}}, fields=("html",))
        assert (rendered.id, rendered.html, rendered.name) == (made.id, "<p>{&#x27;deep&#x27;: 7}</p>", None)
        wanted = filters.all_of(filters.any_of("name", ["Copy", "Good night"]), filters.greater_than("created", SINCE))
        found = [each async for each in templates.list(filter=wanted, sort="-name", page_size=1, fields=("name",))]
        assert [each.name for each in found] == ["Good night", "Copy"]
        read = await templates.get(copy.id)
        assert (read.name, read.definition) == ("Copy", None)
        assert read.screenshot_url is not None
        ann = (await here.klaviyo.profiles.upsert(ProfileAttributes(email="a@example.org", first_name="Ann"))).profile
        letter = await templates.create(HtmlTemplate(name="L", html=HTML, editor_type="USER_DRAGGABLE"))
        job = await templates.send_preview(letter.id, ["me@example.org", "you@example.org"], profile_id=ann.id)
        assert job.is_finished
        await templates.send_preview(letter.id, ["me@example.org"], context={"first_name": "Bea"})
        assert await outbox(here) == [
            ("me@example.org", "<p>Dear Ann</p>"),
            ("you@example.org", "<p>Dear Ann</p>"),
            ("me@example.org", "<p>Dear Bea</p>"),
        ]
        await templates.delete(made.id)
        with pytest.raises(NotFound):
            await templates.get(made.id)
        assert here.succeeded() >= resources("templates")
        check(here)


async def test_the_live_api_answers_otherwise_and_is_understood() -> None:
    async with account(behaviour="live") as here:
        templates = here.klaviyo.templates
        made = await templates.create(HtmlTemplate(name="Night", html=HTML))
        assert (await templates.render(made.id, {"first_name": "Ann"})).html == "<p>Dear Ann</p>"
        copy = await templates.clone(made.id)
        await templates.delete(made.id)
        assert [each.id async for each in templates.list()] == [copy.id]
        # Not what the specification says: 201, 201 and 204.
        assert [(sent.method, sent.status) for sent in here.sent[1:4]] == [
            ("POST", 200),
            ("POST", 200),
            ("DELETE", 200),
        ]


async def test_a_template_of_blocks_is_written_read_and_rendered() -> None:
    async with account() as here:
        templates = here.klaviyo.templates
        repeated = TextBlock(
            content="{{ item.title }};",
            display_options=DisplayOptions(content_repeat=ContentRepeat(repeat_for="items", item_alias="item")),
        )
        raw = {
            "content_type": "block",
            "type": "video",
            "data": {"properties": {}, "display_options": {}, "styles": {}},
        }
        definition = TemplateDefinition(
            sections=(
                Section.of(HELLO, repeated),
                Section(
                    rows=(Row(columns=(Column(blocks=(raw,)), Column()), column_layout="2-columns-equal-width"),),
                    display_options=DisplayOptions(visibility=Visibility(check="person.name")),
                ),
            ),
            styles=TemplateStyles(heading_1=HeadingStyles(font_size=30), base=BaseStyles(currency="EUR", margin_top=4)),
            background_color="#112233",
            width=600,
            css_class="night",
        )
        made = await templates.create(
            BlockTemplate(name="Blocks", definition=definition, text="Hello"), additional_fields=("definition",)
        )
        assert (made.editor_type, made.text) == ("SYSTEM_DRAGGABLE", "Hello")
        assert made.definition is not None
        assert made.definition == definition.wire()
        assert made.definition["body"]["styles"] == {"background_color": "#112233", "width": 600}
        styles = {each["style_type"]: each for each in made.definition["styles"]}
        assert len(styles) == 8
        assert styles["heading-1-styles"] == {"style_type": "heading-1-styles", "styles": {"font_size": 30}}
        assert styles["base-styles"] == {
            "style_type": "base-styles",
            "properties": {"currency": "EUR"},
            "styles": {"margin_top": 4},
        }
        context = {"person": {"name": "Ann"}, "items": [{"title": "Moon"}, {"title": "Sea"}]}
        rendered = await templates.render(made.id, context)
        assert str(rendered.html).split() == ["<p>Hello", "Ann</p>", "Moon;", "Sea;"]
        changed = await templates.update(
            made.id, definition=TemplateDefinition(sections=(Section.of(HELLO),)), additional_fields=("definition",)
        )
        assert changed.definition is not None
        assert len(changed.definition["body"]["sections"]) == 1
        again = await templates.update(made.id, definition=definition.wire(), additional_fields=("definition",))
        assert again.definition == definition.wire()
        listed = [each async for each in templates.list(additional_fields=("definition",))]
        assert [each.definition for each in listed] == [definition.wire()]
        assert (await templates.get(made.id, additional_fields=("definition",))).definition == definition.wire()
        check(here)


def full(kind: type[Look]) -> Any:
    """A look of which every attribute has a value."""
    values: dict[type, object] = {str: "x", int: 1, float: 1.5, bool: True}

    def value(annotation: Any) -> object:
        inner = next(one for one in get_args(annotation) if one is not NoneType)
        return get_args(inner)[0] if get_args(inner) else values[inner]

    return kind.model_validate({name: value(field.annotation) for name, field in kind.model_fields.items()})


def test_every_attribute_of_every_look_and_block_is_one_that_klaviyo_describes() -> None:
    if not STABLE.exists():
        pytest.skip("Klaviyo's specification does not stand beside the checkout")
    shown = DisplayOptions(
        show_on="mobile",
        content_repeat=ContentRepeat(repeat_for="items", item_alias="item"),
        visibility=Visibility(check="person.vip", definition="x", is_code_only=False),
        layout_type="stack",
        layout_config={},
    )
    blocks: tuple[TemplateBlock, ...] = (
        TextBlock(content="x", styles=full(TextBlockStyles), display_options=shown),
        HtmlBlock(content="x", display_options=shown),
        ButtonBlock(content="x", href="x", styles=full(ButtonBlockStyles), display_options=shown),
        ButtonBlock(content=None),
        ImageBlock(src="x", asset_id="x", alt_text="x", href="x", styles=full(ImageBlockStyles), display_options=shown),
        ImageBlock(src="{{ x }}", dynamic=True),
        SpacerBlock(styles=full(SpacerBlockStyles), display_options=shown),
        HorizontalRuleBlock(styles=full(HorizontalRuleBlockStyles), display_options=shown),
        DropShadowBlock(styles=full(DropShadowBlockStyles), display_options=shown),
    )
    section = Section(
        rows=(Row(columns=(Column(blocks=blocks),), column_layout="1-column-full-width"),),
        styles=full(SectionStyles),
        display_options=shown,
    )
    heading = full(HeadingStyles)
    styles = TemplateStyles(
        base=full(BaseStyles),
        text=full(TextStyles),
        heading_1=heading,
        heading_2=heading,
        heading_3=heading,
        heading_4=heading,
        link=full(LinkStyles),
        mobile=full(MobileStyles),
    )
    definition = TemplateDefinition(
        sections=(section,), styles=styles, background_color="#fff", width=600, css_class="x"
    )
    attributes = BlockTemplate(name="x", definition=definition).wire()
    body = json.dumps({"data": {"type": "template", "attributes": attributes}}).encode()
    specification(STABLE).check("POST", "/api/templates", "", body)


async def test_html_and_blocks_do_not_go_together(connect: Connect) -> None:
    klaviyo = await connect("http://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match="of HTML or of blocks"):
        await klaviyo.templates.update("Y6nRLr", definition={}, html="")
    with pytest.raises(InvalidRequest, match="of HTML or of blocks"):
        await klaviyo.templates.update("Y6nRLr", definition={}, amp="<html></html>")
    with pytest.raises(ValidationError):
        BlockTemplate(name="x", definition={}, html=HTML)  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValidationError):
        HtmlTemplate(name="", html=HTML)
    with pytest.raises(ValidationError):
        HtmlTemplate(name="x", html=HTML, editor_type="SYSTEM_DRAGGABLE")  # pyright: ignore[reportArgumentType]


async def test_none_clears_a_text_and_what_is_unset_is_not_sent(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(document={"data": {"type": "template", "id": "Y6nRLr", "attributes": {}}}))
    klaviyo = await connect(server.url)
    await klaviyo.templates.update("Y6nRLr", amp=None, text="x")
    await klaviyo.templates.update("Y6nRLr", name="N", definition={"body": {}}, amp=None)
    assert [request.json["data"]["attributes"] for request in server.received] == [
        {"amp": None, "text": "x"},
        {"name": "N", "definition": {"body": {}}, "amp": None},
    ]


@pytest.mark.parametrize("recipients", [[], ["a@example.org"] * 6])
async def test_a_preview_has_one_to_five_recipients(connect: Connect, recipients: list[str]) -> None:
    klaviyo = await connect("http://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match="1 to 5") as caught:
        await klaviyo.templates.send_preview("Y6nRLr", recipients)
    assert "example" not in str(caught.value)


async def test_what_makes_or_sends_something_is_not_repeated(serve: Serve, connect: Connect) -> None:
    server = await serve(Reset())
    klaviyo = await connect(server.url)
    for call in (
        klaviyo.templates.create(HtmlTemplate(name="x", html=HTML)),
        klaviyo.templates.clone("Y6nRLr"),
        klaviyo.templates.send_preview("Y6nRLr", ["a@example.org"]),
        klaviyo.universal_content.create("x", UniversalHtmlBlock(content="x")),
        klaviyo.universal_content.clone("01M1"),
    ):
        with pytest.raises(OutcomeUnknown):
            await call
    assert len(server.received) == 5


async def test_rendering_is_repeated_like_any_read(serve: Serve, connect: Connect) -> None:
    rendered = {"type": "template", "id": "Y6nRLr", "attributes": {"html": "x", "editor_type": "BRAND_NEW", "new": [1]}}
    server = await serve(Reset(), Reply(502), Reply(201, {"data": rendered}))
    klaviyo = await connect(server.url)
    found = await klaviyo.templates.render("Y6nRLr", {})
    assert (found.html, found.editor_type) == ("x", "BRAND_NEW")
    assert len({request.body for request in server.received}) == 1
    assert len(server.received) == 3


async def test_every_operation_of_universal_content_does_what_it_says() -> None:
    async with account() as here:
        shared = here.klaviyo.universal_content
        text = UniversalTextBlock(
            content="<p>Hi</p>",
            styles=full(TextBlockStyles),
            display_options=UniversalDisplayOptions(
                show_on="desktop",
                visible_check="person.vip",
                content_repeat=ContentRepeat(repeat_for="items", item_alias="item"),
            ),
        )
        made = await shared.create("Greeting", text)
        assert (made.name, made.definition, made.screenshot_status) == ("Greeting", text.wire(), "never_generated")
        changed = await shared.update(made.id, name="Hello", definition=UniversalTextBlock(content="x"))
        assert (changed.name, (changed.definition or {})["data"]["content"]) == ("Hello", "x")
        assert (await shared.update(made.id, name="Hi")).definition == changed.definition
        copy = await shared.clone(made.id, name="Copy")
        assert (copy.name, copy.definition) == ("Copy", changed.definition)
        assert (await shared.clone(made.id)).id != made.id
        button = await shared.create("Buy", {"content_type": "block", "type": "button", "data": None})
        assert (await shared.get(button.id, fields=("name",))).definition is None
        html = await shared.create("Own", UniversalHtmlBlock(content="<hr>"))
        wanted = filters.all_of(filters.equals("definition.type", "html"), filters.greater_than("updated", SINCE))
        assert [each.id async for each in shared.list(filter=wanted, sort="-created", page_size=1)] == [html.id]
        with pytest.raises(RequestRejected):
            await shared.update(button.id, definition=text)
        await shared.delete(made.id)
        with pytest.raises(NotFound):
            await shared.get(made.id)
        assert here.succeeded() >= resources("universal_content")
        check(here)


async def test_a_clone_of_universal_content_names_its_source_twice(serve: Serve, connect: Connect) -> None:
    server = await serve(Reply(201, {"data": {"type": "template-universal-content", "id": "01M2", "attributes": {}}}))
    klaviyo = await connect(server.url)
    assert (await klaviyo.universal_content.clone("01M1")).id == "01M2"
    data = {"type": "template-universal-content", "id": "01M1", "attributes": {"id": "01M1"}}
    assert server.received[0].json == {"data": data}
