"""Audiences, messages and variations of campaigns: made, changed, copied, deleted, each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator import bodies
from klaviyo_emulator.errors import conflict, invalid
from klaviyo_emulator.jsonapi import identifier, resource, select, single
from klaviyo_emulator.payload import related_id
from klaviyo_emulator.routes.campaign_types import (
    AUDIENCE_TYPE,
    CAMPAIGN_TYPE,
    MESSAGE_TYPE,
    VARIATION_TYPE,
    instant,
)
from klaviyo_emulator.routes.campaigns import (
    add_variations,
    check_apart,
    check_groups,
    message_body,
    refuse_mixed,
    require_draft,
    variation_body,
)
from klaviyo_emulator.routes.context import Reply
from klaviyo_emulator.routes.images import IMAGE
from klaviyo_emulator.routes.resources import ResourceType, write_one, write_silently
from klaviyo_emulator.routes.templates import require_reusable
from klaviyo_emulator.state import links
from klaviyo_emulator.state.campaigns import (
    AUDIENCE,
    CAMPAIGN,
    DRAFT,
    EMAIL,
    MESSAGE,
    SCHEDULED,
    SENDING,
    VARIATION,
    add_audience,
    add_message,
    add_variation,
    assign_template,
    copy_message,
    delete_message,
    delete_variation,
    details_of,
    messages_to,
    owner_of,
    records_of,
    summarize,
    variations_of,
)
from klaviyo_emulator.state.links import Relationship
from klaviyo_emulator.state.records import Record, change_record, delete_record
from klaviyo_emulator.state.sending import LOCAL

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context
    from klaviyo_emulator.state.records import Body

_DEFINITION = "/data/attributes/definition"
_VARIATIONS = "/data/attributes/variations"


async def create_audience(context: Context, request: ApiRequest) -> Reply:
    """Add an audience to a campaign."""
    data = request.resource()
    definition: Object = data["attributes"]["definition"]

    def work(connection: sqlite3.Connection) -> Record:
        campaign = _related(connection, data, CAMPAIGN_TYPE)
        body = _audience_body(connection, definition)
        audience = add_audience(connection, context.mint, campaign.id, body)
        summarize(connection, context.mint, campaign.id)
        return audience

    return await write_one(context, request, AUDIENCE_TYPE, work, 201)


async def update_audience(context: Context, request: ApiRequest) -> Reply:
    """Change an audience, whose messages must all be drafts."""
    definition: Object = request.resource()["attributes"].get("definition") or {}

    def work(connection: sqlite3.Connection) -> Record:
        audience = AUDIENCE_TYPE.get(connection, request.arguments[0])
        _require_drafts(connection, audience)
        changed = change_record(connection, context.mint, audience, _audience_body(connection, definition, audience))
        summarize(connection, context.mint, owner_of(connection, audience, "campaign"))
        return changed

    return await write_one(context, request, AUDIENCE_TYPE, work)


async def delete_audience(context: Context, request: ApiRequest) -> Reply:
    """Delete an audience with the drafts of messages to it."""

    def work(connection: sqlite3.Connection) -> None:
        audience = AUDIENCE_TYPE.get(connection, request.arguments[0])
        _require_drafts(connection, audience)
        campaign_id = owner_of(connection, audience, "campaign")
        for message_id in links.ids(connection, messages_to(audience.id)):
            delete_message(connection, message_id)
        delete_record(connection, AUDIENCE, audience.id)
        summarize(connection, context.mint, campaign_id)

    return await write_silently(context, work)


async def clone_audience(context: Context, request: ApiRequest) -> Reply:
    """Copy an audience to a campaign, its own unless another is named. Messages are not copied."""
    data = request.resource()
    source, name = _cloned(data)

    def work(connection: sqlite3.Connection) -> Record:
        audience = AUDIENCE_TYPE.get(connection, source)
        wanted = related_id(data, CAMPAIGN)
        campaign_id = owner_of(connection, audience, "campaign") if wanted is None else wanted
        campaign = CAMPAIGN_TYPE.get(connection, campaign_id)
        made = add_audience(connection, context.mint, campaign.id, {**audience.body, **_named(name)})
        summarize(connection, context.mint, campaign.id)
        return made

    return await write_one(context, request, AUDIENCE_TYPE, work, 201)


async def create_message(context: Context, request: ApiRequest) -> Reply:
    """Add a message to an audience of a campaign."""
    data = request.resource()
    attributes: Object = data["attributes"]
    body = message_body(attributes["definition"], _DEFINITION)

    def work(connection: sqlite3.Connection) -> Record:
        campaign = _related(connection, data, CAMPAIGN_TYPE)
        audience = _related(connection, data, AUDIENCE_TYPE)
        if owner_of(connection, audience, "campaign") != campaign.id:
            pointer = "/data/relationships/campaign-audience/data/id"
            raise invalid("The audience belongs to another campaign.", pointer)
        message = add_message(connection, context.mint, campaign.id, audience.id, body)
        add_variations(context, connection, message.id, attributes.get("variations") or [], _VARIATIONS)
        summarize(connection, context.mint, campaign.id)
        return message

    return await write_one(context, request, MESSAGE_TYPE, work, 201)


async def update_message(context: Context, request: ApiRequest) -> Reply:
    """Change a draft; of another message only the name can be changed."""
    definition: Object = request.resource()["attributes"].get("definition") or {}

    def work(connection: sqlite3.Connection) -> Record:
        message = MESSAGE_TYPE.get(connection, request.arguments[0])
        if any(value is not None for name, value in definition.items() if name not in {"name", "status"}):
            require_draft(message)
        body = message_body(definition, _DEFINITION, message.body)
        changed = change_record(connection, context.mint, message, body)
        summarize(connection, context.mint, owner_of(connection, message, "campaign"))
        return changed

    return await write_one(context, request, MESSAGE_TYPE, work)


async def remove_message(context: Context, request: ApiRequest) -> Reply:
    """Delete a message with its variations. One that is on its way has to be cancelled first: 409."""

    def work(connection: sqlite3.Connection) -> None:
        message = MESSAGE_TYPE.get(connection, request.arguments[0])
        if message.body["status"] in {SCHEDULED, SENDING}:
            raise conflict(f"The message is {message.body['status']} and has to be cancelled first.", "/data/id")
        campaign_id = owner_of(connection, message, "campaign")
        delete_message(connection, message.id)
        summarize(connection, context.mint, campaign_id)

    return await write_silently(context, work)


async def clone_message(context: Context, request: ApiRequest) -> Reply:
    """Copy a message with its variations to an audience, as a draft."""
    data = request.resource()
    source, name = _cloned(data)

    def work(connection: sqlite3.Connection) -> Record:
        message = MESSAGE_TYPE.get(connection, source)
        audience = _related(connection, data, AUDIENCE_TYPE)
        campaign_id = owner_of(connection, audience, "campaign")
        made = copy_message(connection, context.mint, message, (campaign_id, audience.id), name=name)
        summarize(connection, context.mint, campaign_id)
        return made

    return await write_one(context, request, MESSAGE_TYPE, work, 201)


async def create_variation(context: Context, request: ApiRequest) -> Reply:
    """Add a variation to a draft of a message."""
    data = request.resource()

    def work(connection: sqlite3.Connection) -> Record:
        message = _related(connection, data, MESSAGE_TYPE)
        require_draft(message)
        body = variation_body(connection, data["attributes"]["definition"], _DEFINITION)
        _check_channel(connection, message.id, body)
        variation = add_variation(connection, context.mint, message.id, body)
        summarize(connection, context.mint, owner_of(connection, message, "campaign"))
        return variation

    return await write_one(context, request, VARIATION_TYPE, work, 201)


async def update_variation(context: Context, request: ApiRequest) -> Reply:
    """Change a variation of a draft. Details that are given are put into those that are there."""
    definition: Object = request.resource()["attributes"]["definition"]

    def work(connection: sqlite3.Connection) -> Record:
        variation = VARIATION_TYPE.get(connection, request.arguments[0])
        message = MESSAGE_TYPE.get(connection, owner_of(connection, variation, MESSAGE))
        require_draft(message)
        body = variation_body(connection, definition, _DEFINITION)
        before: Body = details_of(variation.body)
        if "details" in body:
            _check_channel(connection, message.id, body, variation.id)
            same = before.get("channel") == body["details"]["channel"]
            body["details"] = {**before, **body["details"]} if same else body["details"]
        changed = change_record(connection, context.mint, variation, body)
        summarize(connection, context.mint, owner_of(connection, message, "campaign"))
        return changed

    return await write_one(context, request, VARIATION_TYPE, work)


async def remove_variation(context: Context, request: ApiRequest) -> Reply:
    """Delete a variation of a draft."""

    def work(connection: sqlite3.Connection) -> None:
        variation = VARIATION_TYPE.get(connection, request.arguments[0])
        message = MESSAGE_TYPE.get(connection, owner_of(connection, variation, MESSAGE))
        require_draft(message)
        delete_variation(connection, variation)
        summarize(connection, context.mint, owner_of(connection, message, "campaign"))

    return await write_silently(context, work)


async def assign(context: Context, request: ApiRequest) -> Reply:
    """Give the first variation of a message a copy of a template. The answer is flat in either model."""
    data = request.resource()
    template_id = related_id(data, "template")

    def work(connection: sqlite3.Connection) -> Reply:
        message = MESSAGE_TYPE.get(connection, data["id"])
        require_draft(message)
        if template_id is None:
            raise invalid("'data' is a required field.", "/data/relationships/template/data")
        template = require_reusable(connection, template_id)
        variation = next(iter(records_of(connection, VARIATION, variations_of(message.id))), None)
        if variation is None:
            variation = add_variation(connection, context.mint, message.id, {"name": message.body["name"]})
        if variation.body["details"] is None:
            variation = change_record(connection, context.mint, variation, {"details": {"channel": EMAIL}})
        if variation.body["details"]["channel"] != EMAIL:
            raise invalid("Only messages by e-mail have templates.", "/data/id")
        assigned = assign_template(connection, context.mint, message.id, variation, template)
        summarize(connection, context.mint, owner_of(connection, message, "campaign"))
        return _flat(context, request, connection, message, assigned)

    return await context.write(work)


async def update_image(context: Context, request: ApiRequest) -> Reply:
    """Show an image in a message by SMS or push; e-mail has its images in the template."""
    image: Object = bodies.check(request.operation.id, request.revision, request.document)

    def work(connection: sqlite3.Connection) -> None:
        message = MESSAGE_TYPE.get(connection, request.arguments[0])
        require_draft(message)
        set_image(context, connection, message, image["id"], "/data/id")

    return await write_silently(context, work)


def set_image(context: Context, connection: sqlite3.Connection, message: Record, image_id: str, pointer: str) -> None:
    """Relate the first variation of a message to an image. Raises a 400 refusal, or 404 for an unknown image."""
    variation = next(iter(records_of(connection, VARIATION, variations_of(message.id))), None)
    if variation is None or details_of(variation.body).get("channel", EMAIL) == EMAIL:
        raise invalid("Only messages by SMS and push have an image of their own.", pointer)
    image = context.types[IMAGE].get(connection, image_id)
    links.relink(connection, context.mint, Relationship(VARIATION, variation.id, IMAGE), [image.id])


def send_times(message: Record) -> list[Document]:
    """When a message is sent, as the older model says it."""
    plan: Body | None = message.body["schedule"]
    if plan is None or message.body["status"] == DRAFT:
        return []
    return [{"datetime": instant(plan["starts"]), "is_local": plan["strategy"] == LOCAL}]


def _flat(
    context: Context, request: ApiRequest, connection: sqlite3.Connection, message: Record, variation: Record
) -> Reply:
    details: Body = variation.body["details"]
    names = ("subject", "preview_text", "from_email", "from_label", "reply_to_email", "cc_email", "bcc_email")
    attributes: Document = {
        "label": message.body["name"] or "",
        "channel": EMAIL,
        "content": {name: details.get(name) for name in names},
        "send_times": send_times(message),
        "render_options": None,
        "created_at": instant(message.created_us),
        "updated_at": instant(message.updated_us),
    }
    relationships: Document = {
        "campaign": {"data": identifier(CAMPAIGN, owner_of(connection, message, "campaign"))},
        "template": {"data": identifier("template", details["template_id"])},
    }
    link = context.linker.resource(MESSAGE, message.id)
    for name, value in relationships.items():
        value["links"] = {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}
    shown = select(attributes, request.query.fields.get(MESSAGE))
    document = resource(context.linker, MESSAGE, message.id, shown, relationships)
    return Reply(200, single(document, request.self_link(context.linker)))


def _related(connection: sqlite3.Connection, data: Object, kind: ResourceType[Record]) -> Record:
    """The resource that a relationship of the body names. Raises a 400 refusal where it names none, and 404."""
    wanted = related_id(data, kind.name)
    if wanted is None:
        raise invalid("'data' is a required field.", f"/data/relationships/{kind.name}/data")
    return kind.get(connection, wanted)


def _audience_body(connection: sqlite3.Connection, definition: Object, audience: Record | None = None) -> Body:
    """What a definition says of an audience. Null clears its priority, and leaves the rest as it is."""
    body = {name: value for name, value in definition.items() if value is not None or name == "priority"}
    for name in ("included", "excluded"):
        if name in body:
            body[name] = check_groups(connection, body[name], f"{_DEFINITION}/{name}")
    priority: int | None = body.get("priority")
    if priority is not None and priority < 0:
        raise invalid("'priority' must not be negative.", f"{_DEFINITION}/priority")
    before: Body = {} if audience is None else audience.body
    after: Body = {**before, **body}
    check_apart(after.get("included", ()), after.get("excluded", ()), f"{_DEFINITION}/excluded")
    return body


def _require_drafts(connection: sqlite3.Connection, audience: Record) -> None:
    for message in records_of(connection, MESSAGE, messages_to(audience.id)):
        require_draft(message)


def _cloned(data: Object) -> tuple[str, str | None]:
    """The id and the new name in a request to copy something, which names it twice."""
    if data["id"] != data["attributes"]["id"]:
        raise invalid(f"'id' must be '{data['id']}', as in the resource.", "/data/attributes/id")
    return data["id"], data["attributes"].get("name")


def _named(name: str | None) -> Body:
    return {} if name is None else {"name": name}


def _check_channel(connection: sqlite3.Connection, message_id: str, body: Body, own: str = "") -> None:
    others = (one for one in records_of(connection, VARIATION, variations_of(message_id)) if one.id != own)
    channels = {details_of(one.body).get("channel") or "" for one in others}
    refuse_mixed(channels | {details_of(body).get("channel") or ""}, f"{_DEFINITION}/details/channel")
