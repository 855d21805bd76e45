"""What the demo's account has besides people: lists, templates, tags, a catalogue, a coupon, a campaign and so on.

All of it is made by operations of the API, at a time in the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.demo.words import STORIES, THEMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from klaviyo_emulator.demo.operator import Operator

SENDER = "letters@bedtime.example"
COUPON = "SLEEPYHEAD"
CODES = 25
_SITE = "https://bedtime.example"
_LETTER = """\
<html><body>
<h1>Good evening, {{ person.first_name|default:"reader" }}</h1>
<p>This week's stories are set {% if person.favourite_theme_categories %}in your favourite world, \
{{ person.favourite_theme_categories|first }}, and {% endif %}by a lamp that is turned low.</p>
<p><a href="https://bedtime.example/stories">Read one tonight</a></p>
<p>{% unsubscribe 'No more letters' %}</p>
</body></html>"""
_WELCOME = """\
<html><body>
<h1>Welcome, {{ person.first_name|default:"reader" }}</h1>
<p>Tonight's story is ready when you are.</p>
<p>{% unsubscribe %}</p>
</body></html>"""


@dataclass(frozen=True, slots=True)
class Furniture:
    """The ids of what later steps need."""

    newsletter: str
    letters: str
    early_readers: str
    letter_template: str
    welcome_template: str
    tag: str


async def furnish(operator: Operator) -> Furniture:
    """Make what an account has before anybody joins."""
    newsletter = await operator.make("create_list", "list", name="Newsletter", opt_in_process="single_opt_in")
    letters = await operator.make("create_list", "list", name="Bedtime letters", opt_in_process="double_opt_in")
    readers = await operator.make("create_list", "list", name="Early readers", opt_in_process="single_opt_in")
    tag = await operator.make("create_tag", "tag", name="Letters")
    listed = [{"type": "list", "id": letters}, {"type": "list", "id": readers}]
    await operator.call("tag_lists", tag, data=listed)
    await operator.make("create_tag", "tag", name="Product")
    letter = await _template(operator, "Bedtime letter", _LETTER)
    welcome = await _template(operator, "Welcome", _WELCOME)
    await _catalogue(operator)
    return Furniture(newsletter, letters, readers, letter, welcome, tag)


async def segments(operator: Operator, story_metric: str, tag: str) -> None:
    """Make two segments: of those who hear stories, and of those who pay."""
    heard: dict[str, Any] = {
        "type": "profile-metric",
        "metric_id": story_metric,
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "greater-than-or-equal", "value": 1},
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 7},
        "metric_filters": None,
    }
    pays: dict[str, Any] = {
        "type": "profile-property",
        "property": "properties['plan_tier']",
        "filter": {"type": "string", "operator": "equals", "value": "family"},
    }
    found = [await _segment(operator, "Heard a story this week", heard), await _segment(operator, "Family plan", pays)]
    await operator.call("tag_segments", tag, data=[{"type": "segment", "id": one} for one in found])


async def send_campaign(operator: Operator, furniture: Furniture) -> None:
    """Write a letter and have it sent now; the pump sends it."""
    message = {
        "type": "campaign-message",
        "attributes": {
            "definition": {
                "channel": "email",
                "label": "Letter",
                "content": {
                    "subject": "Stories for a long evening",
                    "preview_text": "Two new ones by the water",
                    "from_email": SENDER,
                    "from_label": "Bedtime stories",
                },
            }
        },
    }
    campaign = await operator.make(
        "create_campaign",
        "campaign",
        name="Stories for a long evening",
        audiences={"included": [furniture.early_readers], "excluded": []},
        send_strategy={"method": "immediate"},
        **{"campaign-messages": {"data": [message]}},
    )
    (sent,) = await operator.ids("get_message_ids_for_campaign", campaign)
    template = {"template": {"data": {"type": "template", "id": furniture.letter_template}}}
    assigned = {"type": "campaign-message", "id": sent, "relationships": template}
    await operator.call("assign_template_to_campaign_message", data=assigned)
    await operator.call("tag_campaigns", furniture.tag, data=[{"type": "campaign", "id": campaign}])
    await operator.call("send_campaign", data={"type": "campaign-send-job", "id": campaign})


async def welcome_flow(operator: Operator, furniture: Furniture, signed_up_metric: str) -> None:
    """Make a live flow that greets whoever signs up from now on."""
    message = {
        "from_email": SENDER,
        "from_label": "Bedtime stories",
        "reply_to_email": None,
        "cc_email": None,
        "bcc_email": None,
        "subject_line": 'Welcome, {{ person.first_name|default:"reader" }}',
        "preview_text": "",
        "template_id": furniture.welcome_template,
        "smart_sending_enabled": False,
        "transactional": False,
        "add_tracking_params": False,
        "custom_tracking_params": None,
        "additional_filters": None,
        "name": "Welcome",
    }
    action = {
        "temporary_id": "welcome",
        "type": "send-email",
        "links": {"next": None},
        "data": {"message": message, "status": "live"},
    }
    definition = {
        "triggers": [{"type": "metric", "id": signed_up_metric, "trigger_filter": None}],
        "profile_filter": None,
        "actions": [action],
        "entry_action_id": "welcome",
    }
    flow = await operator.make("create_flow", "flow", name="Welcome", definition=definition)
    await operator.call("tag_flows", furniture.tag, data=[{"type": "flow", "id": flow}])
    await operator.call("update_flow", flow, data={"type": "flow", "id": flow, "attributes": {"status": "live"}})


async def _template(operator: Operator, name: str, html: str) -> str:
    return await operator.make("create_template", "template", name=name, editor_type="CODE", html=html)


async def _segment(operator: Operator, name: str, condition: dict[str, Any]) -> str:
    definition = {"condition_groups": [{"conditions": [condition]}]}
    return await operator.make("create_segment", "segment", name=name, definition=definition)


async def _catalogue(operator: Operator) -> None:
    categories = {
        theme.id: await operator.make(
            "create_catalog_category",
            "catalog-category",
            external_id=theme.category,
            name=theme.title,
            integration_type="$custom",
            catalog_type="$default",
        )
        for theme in THEMES
    }
    for number, (title, theme, minutes) in enumerate(STORIES, 1):
        name = title.lower().replace(" ", "-").replace("'", "")
        related: Sequence[object] = [{"type": "catalog-category", "id": categories[theme]}]
        await operator.make(
            "create_catalog_item",
            "catalog-item",
            relationships={"categories": {"data": related}},
            external_id=f"story-{number}",
            title=title,
            description=f"A bedtime story of {minutes} minutes.",
            url=f"{_SITE}/stories/{name}",
            image_full_url=f"{_SITE}/pictures/{name}.png",
            custom_metadata={"minutes": minutes, "theme_id": theme},
            integration_type="$custom",
            catalog_type="$default",
        )


async def coupon(operator: Operator) -> None:
    """Make a coupon with codes that are good for a year."""
    await operator.make("create_coupon", "coupon", external_id=COUPON, description="A month of the family plan")
    for number in range(CODES):
        code = f"MOON{(number + 1) * 7919 % 100_000:05d}"
        related = {"coupon": {"data": {"type": "coupon", "id": COUPON}}}
        await operator.make("create_coupon_code", "coupon-code", relationships=related, unique_code=code)
