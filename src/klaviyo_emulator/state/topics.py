"""What webhooks can be told of: Klaviyo's own topics, and one topic for every metric of the account."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from klaviyo_emulator.state.metrics import service_key

if TYPE_CHECKING:
    import sqlite3

KLAVIYO = "klaviyo"
_SYSTEM = """
bounced_email bounced_push clicked_email clicked_email_to_unsubscribe clicked_sms clicked_text_message dropped_email
failed_to_deliver_automated_response_sms failed_to_deliver_automated_response_text_message failed_to_deliver_sms
failed_to_deliver_text_message manually_suppressed_from_email_marketing manually_unsuppressed_from_email_marketing
marked_email_as_spam merged_profile opened_email opened_push opened_text ready_to_review received_automated_response_sms
received_automated_response_text_message received_email received_push received_sms received_text_message
relayed_text_message sent_sms sent_text_message skipped_send social_comment social_dm social_ugc submitted_rating
submitted_review subscribed_to_back_in_stock subscribed_to_email_marketing subscribed_to_list
subscribed_to_sms_marketing unsubscribed_from_email_marketing unsubscribed_from_list unsubscribed_from_sms_marketing
updated_email_preferences
"""
SYSTEM_TOPICS = frozenset(f"event:{KLAVIYO}.{name}" for name in _SYSTEM.split())
"""The topics that every account has, whether or not it has an event of the metric."""


@lru_cache(maxsize=1024)
def topic_of(metric: str, service: str | None) -> str:
    """The topic of a metric: `Story Generated` of the API is `event:api.story_generated`."""
    words = "".join(character if character.isalnum() else " " for character in metric.lower()).split()
    return f"event:{service_key(service)}.{'_'.join(words)}"


def metrics_by_topic(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """The ids of the metrics that each topic stands for. Two names that differ in their signs only share one."""
    found: dict[str, list[str]] = {}
    for metric_id, name, service in connection.execute("SELECT id, name, service FROM metric ORDER BY seq"):
        found.setdefault(topic_of(name, service), []).append(metric_id)
    return found


def topics(connection: sqlite3.Connection) -> list[str]:
    """Every topic of the account, in order."""
    return sorted(SYSTEM_TOPICS.union(metrics_by_topic(connection)))
