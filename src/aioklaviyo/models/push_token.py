"""Push tokens: the devices on which a profile takes push notifications, as read and as written."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.jsonapi import Resource
from aioklaviyo.models.profile import Profile, profile_from
from aioklaviyo.models.reading import ReadModel, Timestamp
from aioklaviyo.models.writing import UNSET, Settable, Unset, WriteModel

PushPlatform: TypeAlias = Literal["android", "ios"]
"""What the device runs."""
PushVendor: TypeAlias = Literal["apns", "fcm"]
"""Whose service delivers to it."""
PushEnablement: TypeAlias = Literal["AUTHORIZED", "DENIED", "NOT_DETERMINED", "PROVISIONAL", "UNAUTHORIZED"]
"""Whether the device shows notifications."""
PushBackground: TypeAlias = Literal["AVAILABLE", "DENIED", "RESTRICTED"]
"""Whether the app may be woken in the background."""


class Device(ReadModel):
    """What is known of a device."""

    device_id: str | None = None
    klaviyo_sdk: str | None = None
    sdk_version: str | None = None
    device_model: str | None = None
    os_name: str | None = None
    os_version: str | None = None
    manufacturer: str | None = None
    app_name: str | None = None
    app_version: str | None = None
    app_build: str | None = None
    app_id: str | None = None
    environment: str | None = None


class PushToken(ReadModel):
    """A push token. ``profile`` is an object when included, else None beside its id."""

    id: str
    token: str | None = Field(default=None, repr=False)
    platform: str | None = None
    vendor: str | None = None
    enablement_status: str | None = None
    background: str | None = None
    created: Timestamp | None = None
    recorded_date: str | None = None
    metadata: Device | None = None
    profile_id: str | None = None
    profile: Profile | None = None


class DeviceMetadata(WriteModel):
    """What to tell of a device."""

    device_id: Settable[str] = UNSET
    klaviyo_sdk: Settable[Literal["android", "flutter", "flutter_community", "react_native", "swift"]] = UNSET
    sdk_version: Settable[str] = UNSET
    device_model: Settable[str] = UNSET
    os_name: Settable[Literal["android", "ios", "ipados", "macos", "tvos"]] = UNSET
    os_version: Settable[str] = UNSET
    manufacturer: Settable[str] = UNSET
    app_name: Settable[str] = UNSET
    app_version: Settable[str] = UNSET
    app_build: Settable[str] = UNSET
    app_id: Settable[str] = UNSET
    environment: Settable[Literal["debug", "release"]] = UNSET


class NewPushToken(WriteModel):
    """A token to register. Klaviyo takes ``AUTHORIZED`` and ``AVAILABLE`` where nothing is said."""

    token: Annotated[str, Field(min_length=1, repr=False)]
    platform: PushPlatform
    vendor: PushVendor
    enablement_status: PushEnablement | Literal[Unset.UNSET] = UNSET
    background: PushBackground | Literal[Unset.UNSET] = UNSET
    device_metadata: DeviceMetadata | Literal[Unset.UNSET] = UNSET


def push_token_from(resource: Resource) -> PushToken:
    """Build from a resource object and what was included beside it."""
    profile = resource.related("profile", "profile")
    return PushToken.model_validate(
        {
            **resource.attributes,
            "id": resource.id,
            "profile_id": resource.related_id("profile"),
            "profile": None if profile is None else profile_from(profile),
        }
    )
