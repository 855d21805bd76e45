"""What a variation of a campaign's message says, as it is written: one model per channel.

``UNSET`` says nothing of an attribute: a new variation gets Klaviyo's default, an existing one keeps its own. Templates
(``{{ first_name|default:'you' }}``) may stand in subjects, titles, bodies and senders.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Tag
from typing_extensions import override

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.writing import UNSET, Given, JsonObject, Settable, WriteModel

TextMessageType: TypeAlias = Literal["SMS", "MMS", "RCS"]
BadgeConfig: TypeAlias = Literal["increment-one", "set-count", "set-property"]
PushType: TypeAlias = Literal["standard", "silent"]
PushButtonAction: TypeAlias = Literal["deep_link", "dismiss", "open_app", "open_url"]


class EmailContent(WriteModel):
    """An e-mail. It can be sent once it has a subject and a template.

    The template can be given here by its id, or be assigned with ``campaign_messages.assign_template``.
    """

    channel: Literal["email"] = "email"
    subject: Given[str] = UNSET
    template_id: Settable[str] = UNSET
    preview_text: Given[str] = UNSET
    from_label: Given[str] = UNSET
    from_email: Given[str] = UNSET
    reply_to_email: Given[str] = UNSET
    cc_email: Given[str] = UNSET
    bcc_email: Given[str] = UNSET


class SmsContent(WriteModel):
    """A text message."""

    channel: Literal["sms"] = "sms"
    body: Given[str] = UNSET
    template_id: Settable[str] = UNSET
    text_message_type: Given[TextMessageType] = UNSET
    mms_static_image_asset_id: Settable[int] = UNSET
    mms_dynamic_image_template: Settable[str] = UNSET
    shorten_links: Settable[bool] = UNSET
    include_contact_card: Settable[bool] = UNSET
    add_org_prefix: Settable[bool] = UNSET
    add_info_link: Settable[bool] = UNSET
    add_opt_out_language: Settable[bool] = UNSET
    message_hierarchy: Any = UNSET


class PushButton(WriteModel):
    """A button under a push notification."""

    label: str
    action_type: PushButtonAction
    url: Settable[str] = UNSET
    icon: Settable[str] = UNSET
    custom_action_id: Settable[str] = UNSET


class PushContent(WriteModel):
    """A push notification; a ``silent`` one shows nothing and only carries ``kv_pairs`` to the app."""

    channel: Literal["push"] = "push"
    push_type: Given[PushType] = UNSET
    title: Given[str] = UNSET
    body: Given[str] = UNSET
    badge: Given[bool] = UNSET
    badge_config: Given[BadgeConfig] = UNSET
    badge_value: Given[str] = UNSET
    sound: Given[bool] = UNSET
    sound_file_name: Given[str] = UNSET
    static_asset_id: Settable[int] = UNSET
    video_asset_id: Settable[str] = UNSET
    dynamic_media_template: Given[str] = UNSET
    kv_pairs: Settable[JsonObject] = UNSET
    open_action: Given[int] = UNSET
    ios_deep_link: Settable[str] = UNSET
    android_deep_link: Settable[str] = UNSET
    web_url: Settable[str] = UNSET
    content_available: Settable[bool] = UNSET
    mutable_content: Settable[bool] = UNSET
    action_buttons: Settable[Sequence[PushButton]] = UNSET

    @override
    def wire(self) -> dict[str, Json]:
        """The details as they are sent."""
        sent = super().wire()
        if self.action_buttons:
            sent["action_buttons"] = [button.wire() for button in self.action_buttons]
        return sent


class WhatsappContent(WriteModel):
    """A message by WhatsApp; what it says is in its template."""

    channel: Literal["whatsapp"] = "whatsapp"
    template_id: Settable[str] = UNSET
    shorten_links: Given[bool] = UNSET


def _channel_of(value: object) -> str:
    return str(getattr(value, "channel", "other")) if isinstance(value, WriteModel) else "other"


VariationContent: TypeAlias = Annotated[
    Annotated[EmailContent, Tag("email")]
    | Annotated[SmsContent, Tag("sms")]
    | Annotated[PushContent, Tag("push")]
    | Annotated[WhatsappContent, Tag("whatsapp")]
    | Annotated[JsonObject, Tag("other")],
    Discriminator(_channel_of),
]
"""By channel. A mapping is sent as it is, for what this client does not know; it needs a ``channel``."""


class NewVariation(WriteModel):
    """One version of a message. All versions of a message have the same channel."""

    details: VariationContent | None = None
    name: str | None = None

    @override
    def wire(self) -> dict[str, Json]:
        """The definition inside the message that it is made with."""
        definition: dict[str, Json] = {name: value for name, value in super().wire().items() if value is not None}
        return {"definition": definition}


MessageVariation: TypeAlias = NewVariation | EmailContent | SmsContent | PushContent | WhatsappContent
"""A version with a name, or what it says alone."""


class NewMessage(WriteModel):
    """A message that is made together with its campaign.

    ``throttling_type`` is Klaviyo's Smart Sending: whom lately a message of a campaign, a flow or either has reached is
    left out. Without ``variations`` Klaviyo makes an empty one.
    """

    name: str | None = None
    variations: Sequence[MessageVariation] = ()
    is_add_utm: bool | None = None
    throttling_type: Literal["NONE", "FOR_CAMPAIGNS", "FOR_FLOWS", "FOR_CAMPAIGNS_AND_FLOWS"] | None = None

    @override
    def wire(self) -> dict[str, Json]:
        """The message, but for its audience."""
        sent: dict[str, Json] = {name: value for name, value in super().wire().items() if value is not None}
        if self.variations:
            return {**sent, "variations": variations_wire(self.variations)}
        del sent["variations"]
        return sent


class NewAudience(WriteModel):
    """Whom a campaign is for, with the messages to them; made together with the campaign.

    ``included`` and ``excluded`` are ids of lists and segments.
    """

    included: Sequence[str] = ()
    excluded: Sequence[str] = ()
    name: str | None = None
    messages: Sequence[NewMessage] = ()


def variations_wire(variations: Sequence[MessageVariation]) -> list[Json]:
    """Variations inside the message that they are made with."""
    return [
        (variation if isinstance(variation, NewVariation) else NewVariation(details=variation)).wire()
        for variation in variations
    ]


def inline_wire(audiences: Sequence[NewAudience]) -> tuple[list[Json], list[Json]]:
    """Audiences and messages inside the campaign that they are made with, each message naming its audience."""
    groups: list[Json] = []
    messages: list[Json] = []
    for index, audience in enumerate(audiences):
        temporary_id = f"audience-{index}"
        group: dict[str, Json] = {
            "temporary_id": temporary_id,
            "included": list(audience.included),
            "excluded": list(audience.excluded),
        }
        if audience.name is not None:
            group["name"] = audience.name
        groups.append(group)
        messages += [{"audience_temporary_id": temporary_id, **message.wire()} for message in audience.messages]
    return groups, messages
