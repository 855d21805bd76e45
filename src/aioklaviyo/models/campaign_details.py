"""What a variation of a campaign's message says, as it is read: one model per channel."""

from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import Discriminator, Tag, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from aioklaviyo.models.reading import ReadModel


class EmailDetails(ReadModel):
    """An e-mail. Its body is the template, which is a copy that belongs to the message."""

    channel: Literal["email"] = "email"
    template_id: str | None = None
    subject: str | None = None
    preview_text: str | None = None
    from_label: str | None = None
    from_email: str | None = None
    reply_to_email: str | None = None
    cc_email: str | None = None
    bcc_email: str | None = None


class SmsDetails(ReadModel):
    """A text message. ``text_message_type`` is plain text: SMS, MMS and RCS so far."""

    channel: Literal["sms"] = "sms"
    template_id: str | None = None
    body: str | None = None
    text_message_type: str | None = None
    cost: float | None = None
    mms_static_image_asset_id: int | None = None
    mms_dynamic_image_template: str | None = None
    shorten_links: bool | None = None
    include_contact_card: bool | None = None
    add_org_prefix: bool | None = None
    add_info_link: bool | None = None
    add_opt_out_language: bool | None = None
    message_hierarchy: Any = None


class PushButtonDetails(ReadModel):
    """A button under a push notification."""

    label: str | None = None
    action_type: str | None = None
    url: str | None = None
    icon: str | None = None
    custom_action_id: str | None = None


class PushDetails(ReadModel):
    """A push notification; ``push_type`` is ``standard`` or ``silent`` so far."""

    channel: Literal["push"] = "push"
    push_type: str | None = None
    title: str | None = None
    body: str | None = None
    badge: bool | None = None
    badge_config: str | None = None
    badge_value: str | None = None
    sound: bool | None = None
    sound_file_name: str | None = None
    static_asset_id: int | None = None
    video_asset_id: str | None = None
    dynamic_media_template: str | None = None
    kv_pairs: dict[str, Any] | None = None
    open_action: int | None = None
    ios_deep_link: str | None = None
    android_deep_link: str | None = None
    web_url: str | None = None
    content_available: bool | None = None
    mutable_content: bool | None = None
    action_buttons: tuple[PushButtonDetails, ...] | None = None


class WhatsappDetails(ReadModel):
    """A message by WhatsApp; what it says is in its template."""

    channel: Literal["whatsapp"] = "whatsapp"
    template_id: str | None = None
    shorten_links: bool | None = None


_CHANNELS = frozenset({"email", "sms", "push", "whatsapp"})


def _channel_of(value: object) -> str:
    if isinstance(value, ReadModel):
        return str(getattr(value, "channel", "other"))
    channel = cast("dict[str, Any]", value).get("channel") if isinstance(value, dict) else None
    return channel if isinstance(channel, str) and channel in _CHANNELS else "other"


def _or_plain(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        if isinstance(value, dict):
            return cast("object", value)
        raise


VariationDetails: TypeAlias = Annotated[
    Annotated[EmailDetails, Tag("email")]
    | Annotated[SmsDetails, Tag("sms")]
    | Annotated[PushDetails, Tag("push")]
    | Annotated[WhatsappDetails, Tag("whatsapp")]
    | Annotated[dict[str, Any], Tag("other")],
    Discriminator(_channel_of),
    WrapValidator(_or_plain),
]
"""By ``channel``. What is not understood stays a dict: a channel not known here, or none where only some ``fields``
were asked for, or an attribute that is not what it was."""
