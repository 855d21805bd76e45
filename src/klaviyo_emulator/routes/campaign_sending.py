"""Campaigns on their way: scheduled, sent, cancelled, taken back; and how many recipients they would have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klaviyo_emulator.errors import conflict, invalid, not_found
from klaviyo_emulator.jsonapi import identifier, resource, select, single
from klaviyo_emulator.payload import related_id
from klaviyo_emulator.routes.campaign_types import (
    CAMPAIGN_TYPE,
    ESTIMATION_JOB_TYPE,
    ESTIMATION_TYPE,
    MESSAGE_TYPE,
    SEND_JOB_TYPE,
    instant,
)
from klaviyo_emulator.routes.campaigns import check_percentage, micros, require_draft
from klaviyo_emulator.routes.context import Reply
from klaviyo_emulator.routes.resources import View, one, write_one, write_silently, written
from klaviyo_emulator.state.campaigns import (
    AUDIENCE,
    CAMPAIGN,
    DRAFT,
    EMAIL,
    MESSAGE,
    PUSH,
    SCHEDULED,
    SENDING,
    SMS,
    VARIATION,
    details_of,
    job_status,
    messages_of,
    owner_of,
    records_of,
    variations_of,
)
from klaviyo_emulator.state.estimations import request_estimation
from klaviyo_emulator.state.records import find_record
from klaviyo_emulator.state.sending import LOCAL, SMART, STATIC, THROTTLED, begin, cancel, midnight_us, revert
from klaviyo_emulator.state.templates import TEMPLATE

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.jsonapi import Document
    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.context import ApiRequest, Context
    from klaviyo_emulator.state.records import Body, Record

_SCHEDULES = "/data/attributes/message_schedules"
_MESSAGE_SCHEDULE = "campaign-message-schedule"
_CAMPAIGN_SCHEDULE = "campaign-schedule"
_DAY_US = 86_400_000_000
_ON_THE_WAY = frozenset({SCHEDULED, SENDING})
_NEEDED = {EMAIL: "subject", SMS: "body", PUSH: "body"}
_OF_OPTIONS = {"local_timezone": LOCAL, "throttled": THROTTLED, "content_variation_local_timezone": LOCAL}


def plan_of(
    strategy: str,
    starts: int,
    *,
    send_date: str | None = None,
    percentage: int | None = None,
    unit: str | None = None,
    tomorrow: bool = False,
) -> Body:
    """A schedule, as the state keeps it."""
    return {
        "strategy": strategy,
        "starts": starts,
        "send_date": send_date,
        "throttling_percentage": percentage,
        "throttle_unit": unit,
        "tomorrow": tomorrow,
    }


async def send(context: Context, request: ApiRequest) -> Reply:
    """Have all drafts of a campaign sent, as each of them says: now, unless it names a time to come."""
    campaign_id = request.resource()["id"]

    def work(connection: sqlite3.Connection) -> Reply:
        campaign = CAMPAIGN_TYPE.get(connection, campaign_id)
        messages = records_of(connection, MESSAGE, messages_of(campaign.id))
        drafts = [message for message in messages if message.body["status"] == DRAFT]
        if not messages:
            raise invalid("The campaign has no message.", "/data/id")
        if not drafts:
            raise conflict(f"The campaign is in the status '{campaign.body['status']}' and cannot be sent.", "/data/id")
        for message in drafts:
            require_ready(connection, message, "/data/id")
        for message in drafts:
            begin(
                connection, context.mint, message, _own_plan(context, campaign, message), job_ms=context.config.job_ms
            )
        return _job(context, request, connection, campaign.id, 202)

    return await context.write(work)


async def read_job(context: Context, request: ApiRequest) -> Reply:
    """How far a campaign is with being sent."""
    return await context.read(lambda connection: _job(context, request, connection, request.arguments[0], 200))


async def stop_job(context: Context, request: ApiRequest) -> Reply:
    """Cancel a campaign, or make it a draft again as long as nothing was sent."""
    action: str = request.resource()["attributes"]["action"]

    def work(connection: sqlite3.Connection) -> None:
        campaign_id = request.arguments[0]
        if job_status(connection, campaign_id) is None:
            raise SEND_JOB_TYPE.missing(campaign_id)
        messages = records_of(connection, MESSAGE, messages_of(campaign_id))
        moving = [message for message in messages if message.body["status"] in _ON_THE_WAY]
        if not moving:
            raise conflict("The campaign is neither scheduled nor being sent.", "/data/id")
        _stop(context, connection, moving, action)

    return await write_silently(context, work)


async def schedule_campaign(context: Context, request: ApiRequest) -> Reply:
    """Schedule messages of a campaign, each in its own way."""
    data = request.resource()
    schedules: list[Object] = data["attributes"]["message_schedules"]
    campaign_id = related_id(data, CAMPAIGN)
    if campaign_id is None:
        raise invalid("'data' is a required field.", "/data/relationships/campaign/data")
    if not schedules:
        raise invalid("At least one message is needed.", _SCHEDULES)
    plans = [_plan(context, given, f"{_SCHEDULES}/{index}") for index, given in enumerate(schedules)]

    def work(connection: sqlite3.Connection) -> Reply:
        campaign = CAMPAIGN_TYPE.get(connection, campaign_id)
        results: list[Document] = []
        for index, (given, plan) in enumerate(zip(schedules, plans, strict=True)):
            pointer = f"{_SCHEDULES}/{index}/message_id"
            message = find_record(connection, MESSAGE, given["message_id"])
            if message is None or owner_of(connection, message, "campaign") != campaign.id:
                raise invalid(f"The campaign has no message with the id {given['message_id']}.", pointer)
            require_draft(message)
            require_ready(connection, message, pointer)
            begin(connection, context.mint, message, plan, job_ms=context.config.job_ms)
            results.append({"id": message.id, **_shown(plan)})
        attributes = select({"messages": results}, request.query.fields.get(_CAMPAIGN_SCHEDULE))
        relationships: Document = {"campaign": {"data": identifier(CAMPAIGN, campaign.id)}}
        document = resource(context.linker, _CAMPAIGN_SCHEDULE, campaign.id, attributes, relationships)
        return Reply(201, single(document, request.self_link(context.linker)))

    return await context.write(work)


async def schedule_message(context: Context, request: ApiRequest) -> Reply:
    """Schedule one message."""
    data = request.resource()
    plan = _plan(context, data["attributes"], "/data/attributes")
    pointer = "/data/relationships/campaign-message/data"
    message_id = related_id(data, MESSAGE)
    if message_id is None:
        raise invalid("'data' is a required field.", pointer)

    def work(connection: sqlite3.Connection) -> Reply:
        message = MESSAGE_TYPE.get(connection, message_id)
        require_draft(message)
        require_ready(connection, message, f"{pointer}/id")
        begin(connection, context.mint, message, plan, job_ms=context.config.job_ms)
        attributes = select(_shown(plan), request.query.fields.get(_MESSAGE_SCHEDULE))
        relationships: Document = {"campaign-message": {"data": identifier(MESSAGE, message.id)}}
        document = resource(context.linker, _MESSAGE_SCHEDULE, message.id, attributes, relationships)
        return Reply(201, single(document, request.self_link(context.linker)))

    return await context.write(work)


async def stop_message(context: Context, request: ApiRequest) -> Reply:
    """Cancel one message, or make it a draft again as long as nothing was sent."""
    action: str = request.resource()["attributes"]["action"]

    def work(connection: sqlite3.Connection) -> None:
        message = find_record(connection, MESSAGE, request.arguments[0])
        if message is None or message.body["status"] == DRAFT:
            raise not_found(f"Campaign message schedule with id {request.arguments[0]} not found.")
        if message.body["status"] not in _ON_THE_WAY:
            raise conflict(f"The message is {message.body['status']}.", "/data/id")
        _stop(context, connection, [message], action)

    return await write_silently(context, work)


async def estimate(context: Context, request: ApiRequest) -> Reply:
    """Have the recipients of a campaign counted."""
    campaign_id = request.resource()["id"]

    def work(connection: sqlite3.Connection) -> Record:
        campaign = CAMPAIGN_TYPE.get(connection, campaign_id)
        return request_estimation(connection, context.mint, campaign.id, job_ms=context.config.job_ms)

    return await write_one(context, request, ESTIMATION_JOB_TYPE, work, 202)


def require_ready(connection: sqlite3.Connection, message: Record, pointer: str) -> None:
    """Refuse to send what nobody could read: without audience, content, subject or template. Raises 400."""
    audience = find_record(connection, AUDIENCE, owner_of(connection, message, AUDIENCE))
    if audience is None or not audience.body["included"]:
        raise invalid(f"The audience of the message {message.id} includes nobody.", pointer)
    variations = records_of(connection, VARIATION, variations_of(message.id))
    if not variations:
        raise invalid(f"The message {message.id} has no variation.", pointer)
    for variation in variations:
        details: Body = details_of(variation.body)
        needed = _NEEDED.get(details.get("channel") or EMAIL)
        silent = details.get("push_type") == "silent"
        if needed is not None and not silent and not details.get(needed):
            raise invalid(f"The variation {variation.id} of the message {message.id} has no {needed}.", pointer)
        of_email = (details.get("channel") or EMAIL) == EMAIL
        if of_email and find_record(connection, TEMPLATE, details.get("template_id") or "") is None:
            raise invalid(f"The variation {variation.id} of the message {message.id} has no template.", pointer)


def _own_plan(context: Context, campaign: Record, message: Record) -> Body:
    """How a message that is sent without a schedule says it wants to be sent."""
    now = context.mint.now_us()
    strategy: Object | None = campaign.body["send_strategy"]
    if strategy is not None:
        return former_plan(strategy, now)
    options: Body = message.body["send_options"]
    time = options["send_time"]
    kind = _OF_OPTIONS.get(options["send_strategy"], STATIC)
    if time is None or time <= now:
        time, kind = now, (THROTTLED if kind == THROTTLED else STATIC)
    if kind == THROTTLED and options["recipient_percentage"] is None:
        kind = STATIC
    return plan_of(kind, time, percentage=options["recipient_percentage"], unit=options["throttle_unit"])


def former_plan(strategy: Object, now: int) -> Body:
    """The schedule of a send strategy of the older model."""
    match strategy["method"]:
        case "static":
            options: Object = strategy.get("options") or {}
            kind = LOCAL if options.get("is_local") else STATIC
            at_once = bool(options.get("send_past_recipients_immediately"))
            return plan_of(kind, micros(strategy["datetime"]), tomorrow=kind == LOCAL and not at_once)
        case "throttled":
            percentage = strategy["throttle_percentage"]
            return plan_of(THROTTLED, micros(strategy["datetime"]), percentage=percentage, unit="hour")
        case "smart_send_time":
            return plan_of(SMART, midnight_us(strategy["date"]), send_date=strategy["date"])
        case _:
            return plan_of(STATIC, now)


def _plan(context: Context, given: Object, pointer: str) -> Body:
    """The schedule that a request asks for, checked. Raises a 400 refusal."""
    strategy: str = given["strategy"]
    needed = "send_date" if strategy == SMART else "send_time"
    foreign = "send_time" if strategy == SMART else "send_date"
    if given.get(needed) is None:
        raise invalid(f"'{needed}' is needed for the strategy '{strategy}'.", f"{pointer}/{needed}")
    if given.get(foreign) is not None:
        raise invalid(f"'{foreign}' does not go with the strategy '{strategy}'.", f"{pointer}/{foreign}")
    for name, only in (("throttled_options", THROTTLED), ("timezone_options", LOCAL)):
        if given.get(name) is not None and strategy != only:
            raise invalid(f"'{name}' does not go with the strategy '{strategy}'.", f"{pointer}/{name}")
    throttled: Object = given.get("throttled_options") or {}
    if strategy == THROTTLED:
        if not throttled:
            raise invalid("'throttled_options' is needed.", f"{pointer}/throttled_options")
        check_percentage(throttled["throttling_percentage"], f"{pointer}/throttled_options/throttling_percentage")
    starts = midnight_us(given["send_date"]) if strategy == SMART else micros(given["send_time"])
    if starts + (_DAY_US if strategy in {SMART, LOCAL} else 0) < context.mint.now_us():
        raise invalid("The time has passed.", f"{pointer}/{needed}")
    zones: Object = given.get("timezone_options") or {}
    return plan_of(
        strategy,
        starts,
        send_date=given.get("send_date"),
        percentage=throttled.get("throttling_percentage"),
        unit=(throttled.get("throttle_unit") or "hour") if throttled else None,
        tomorrow=bool(zones.get("send_past_timezones_tomorrow")),
    )


def _shown(plan: Body) -> Document:
    return {
        "send_time": None if plan["strategy"] == SMART else instant(plan["starts"]),
        "send_date": plan["send_date"],
        "strategy": plan["strategy"],
        "throttling_percentage": plan["throttling_percentage"],
        "throttle_unit": plan["throttle_unit"],
    }


def _stop(context: Context, connection: sqlite3.Connection, messages: list[Record], action: str) -> None:
    for message in messages:
        if action == "cancel":
            cancel(connection, context.mint, message)
        elif message.body["phase"] == SENDING:
            raise conflict("The message is being sent already; it can be cancelled only.", "/data/attributes/action")
        else:
            revert(connection, context.mint, message)


def _job(context: Context, request: ApiRequest, connection: sqlite3.Connection, campaign_id: str, status: int) -> Reply:
    said = job_status(connection, campaign_id)
    job = SEND_JOB_TYPE.get(connection, campaign_id)
    view = View(connection, context, request)
    return written(view, SEND_JOB_TYPE, replace(job, body={"status": said or DRAFT}), status)


read_estimation_job = one(ESTIMATION_JOB_TYPE)
read_estimation = one(ESTIMATION_TYPE)
