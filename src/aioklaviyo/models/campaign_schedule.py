"""When messages of campaigns are sent: what is asked for, and what Klaviyo says of it."""

import datetime as dt
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field
from typing_extensions import override

from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.models.campaign_options import ThrottleUnit
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.writing import WriteModel

ThrottlingPercentage: TypeAlias = Literal[1, 2, 5, 10, 11, 13, 14, 17, 20, 25, 33, 50]


class _TimedSchedule(WriteModel):
    send_time: AwareDatetime

    @override
    def wire(self) -> dict[str, Json]:
        """The schedule as it is sent."""
        return {**super().wire(), "send_time": self.send_time.isoformat()}


class StaticSchedule(_TimedSchedule):
    """To everybody at one moment, which must not have passed."""

    strategy: Literal["static"] = "static"


class LocalTimezoneSchedule(_TimedSchedule):
    """To everybody at that time of day where they are.

    Where it has passed already they get it at once, or the next day with ``send_past_timezones_tomorrow``.
    """

    strategy: Literal["local_timezone"] = "local_timezone"
    send_past_timezones_tomorrow: bool | None = None

    @override
    def wire(self) -> dict[str, Json]:
        """The schedule as it is sent."""
        sent = super().wire()
        tomorrow = sent.pop("send_past_timezones_tomorrow")
        if tomorrow is not None:
            sent["timezone_options"] = {"send_past_timezones_tomorrow": tomorrow}
        return sent


class ThrottledSchedule(_TimedSchedule):
    """To so many per cent of the recipients in each hour or minute, from a moment on."""

    strategy: Literal["throttled"] = "throttled"
    throttling_percentage: ThrottlingPercentage
    throttle_unit: ThrottleUnit = "hour"

    @override
    def wire(self) -> dict[str, Json]:
        """The schedule as it is sent."""
        sent = super().wire()
        names = ("throttling_percentage", "throttle_unit")
        sent["throttled_options"] = {name: sent.pop(name) for name in names}
        return sent


class SmartSendSchedule(WriteModel):
    """On a day, when Klaviyo thinks best; the day must not have passed."""

    strategy: Literal["smart_send_time"] = "smart_send_time"
    send_date: dt.date

    @override
    def wire(self) -> dict[str, Json]:
        """The schedule as it is sent."""
        return {**super().wire(), "send_date": self.send_date.isoformat()}


Schedule: TypeAlias = Annotated[
    StaticSchedule | LocalTimezoneSchedule | ThrottledSchedule | SmartSendSchedule, Field(discriminator="strategy")
]
"""When and how a message is sent, by ``strategy``."""


class MessageSchedule(ReadModel):
    """How a message is scheduled; ``id`` is the message's. ``strategy`` and ``throttle_unit`` are plain text.

    ``send_time`` is None with ``smart_send_time``, ``send_date`` with everything else.
    """

    id: str
    strategy: str | None = None
    send_time: Timestamp | None = None
    send_date: dt.date | None = None
    throttling_percentage: int | None = None
    throttle_unit: str | None = None


class CampaignSchedule(ReadModel):
    """How messages of a campaign are scheduled; ``id`` is the campaign's."""

    id: str
    messages: tuple[MessageSchedule, ...] = ()


def message_schedule_from(resource: Resource) -> MessageSchedule:
    """Build from a resource object."""
    return MessageSchedule.model_validate({**resource.attributes, "id": resource.id})


def campaign_schedule_from(resource: Resource) -> CampaignSchedule:
    """Build from a resource object."""
    return CampaignSchedule.model_validate({"id": resource.id, "messages": resource.attributes.get("messages") or ()})
