"""How campaigns and their messages are sent and measured, as it is written. ``UNSET`` leaves alone, None clears."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field
from typing_extensions import override

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.writing import UNSET, JsonObject, Settable, WriteModel

SendStrategy: TypeAlias = Literal[
    "ab_send_time_test",
    "content_variation",
    "content_variation_local_timezone",
    "local_timezone",
    "personalized_send_time_optimization",
    "send_time_optimization",
    "static",
    "throttled",
    "variation_per_second_throttled",
]
Throttling: TypeAlias = Literal[
    "none", "throttle-for-campaigns", "throttle-for-campaigns-and-flows", "throttle-for-flows"
]
ThrottleUnit: TypeAlias = Literal["hour", "minute"]
WinnerMetric: TypeAlias = Literal["clicks_unique", "opens_unique", "placed_orders_unique"]

Percentage = Annotated[int, Field(ge=0, le=100)]


class SendSettingsAttributes(WriteModel):
    """How a campaign as a whole is sent.

    ``send_timezone`` is an IANA name, and has to be ``UTC`` with the strategy ``timezone``, where each recipient's own
    counts.
    """

    send_timezone: Settable[str] = UNSET
    send_strategy: Settable[str] = UNSET
    send_passed_rltz_immediately: Settable[bool] = UNSET
    exit_condition_enabled: Settable[bool] = UNSET
    exit_condition_conversion_metric_id: Settable[str] = UNSET


class TrackingOptionsAttributes(WriteModel):
    """What is measured of a message."""

    is_add_utm: Settable[bool] = UNSET
    is_tracking_clicks: Settable[bool] = UNSET
    is_tracking_opens: Settable[bool] = UNSET


class SendOptionsAttributes(WriteModel):
    """How a message is to be sent, when it is sent with ``campaigns.send`` rather than scheduled.

    ``throttling_type`` is Klaviyo's Smart Sending: whom lately a message has reached is left out.
    """

    send_time: Settable[AwareDatetime] = UNSET
    send_times: Settable[JsonObject] = UNSET
    send_strategy: Settable[SendStrategy] = UNSET
    recipient_percentage: Settable[Percentage] = UNSET
    throttling_type: Settable[Throttling] = UNSET
    throttle_unit: Settable[ThrottleUnit] = UNSET
    is_ignoring_unsubscribes: Settable[bool] = UNSET

    @override
    def wire(self) -> dict[str, Json]:
        """The options as they are sent."""
        sent = super().wire()
        if self.send_time:
            sent["send_time"] = self.send_time.isoformat()
        return sent


class AbTestAttributes(WriteModel):
    """How the best of several variations is found.

    ``winner_percentage`` of the audience get the best one; the others are divided equally among all of them before.
    """

    winner_metric: Settable[WinnerMetric] = UNSET
    winner_percentage: Settable[Percentage] = UNSET
    winner_wait_hours: Settable[int] = UNSET
