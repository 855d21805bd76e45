"""What a notice is about. Klaviyo's own topics have names here; every metric of an account has one besides."""

import enum
import re

_EVENT = re.compile(r"event:(?P<integration>[^.]+)\.(?P<metric>.+)")


class Topic(str):
    """A topic's id, such as ``event:api.story_generated``: text in every respect, of whatever shape Klaviyo sends.

    Klaviyo does not say how it turns a metric's name into the last part. Take topics from the API, do not build them.
    """

    __slots__ = ()

    @property
    def integration(self) -> str | None:
        """Whose metric it is: ``klaviyo``, ``api``, ``shopify``, ...; None where the id has another shape."""
        return self._part("integration")

    @property
    def metric(self) -> str | None:
        """The metric, as Klaviyo spells it in topics: ``opened_email``; None where the id has another shape."""
        return self._part("metric")

    def _part(self, name: str) -> str | None:
        found = _EVENT.fullmatch(self)
        return None if found is None else found[name]


class SystemTopic(Topic, enum.ReprEnum):
    """The topics known to exist in every account; equal to their text. Klaviyo may have more."""

    BOUNCED_EMAIL = "event:klaviyo.bounced_email"
    BOUNCED_PUSH = "event:klaviyo.bounced_push"
    CLICKED_EMAIL = "event:klaviyo.clicked_email"
    CLICKED_EMAIL_TO_UNSUBSCRIBE = "event:klaviyo.clicked_email_to_unsubscribe"
    CLICKED_SMS = "event:klaviyo.clicked_sms"
    CLICKED_TEXT_MESSAGE = "event:klaviyo.clicked_text_message"
    DROPPED_EMAIL = "event:klaviyo.dropped_email"
    FAILED_TO_DELIVER_AUTOMATED_RESPONSE_SMS = "event:klaviyo.failed_to_deliver_automated_response_sms"
    FAILED_TO_DELIVER_AUTOMATED_RESPONSE_TEXT_MESSAGE = (
        "event:klaviyo.failed_to_deliver_automated_response_text_message"
    )
    FAILED_TO_DELIVER_SMS = "event:klaviyo.failed_to_deliver_sms"
    FAILED_TO_DELIVER_TEXT_MESSAGE = "event:klaviyo.failed_to_deliver_text_message"
    MANUALLY_SUPPRESSED_FROM_EMAIL_MARKETING = "event:klaviyo.manually_suppressed_from_email_marketing"
    MANUALLY_UNSUPPRESSED_FROM_EMAIL_MARKETING = "event:klaviyo.manually_unsuppressed_from_email_marketing"
    MARKED_EMAIL_AS_SPAM = "event:klaviyo.marked_email_as_spam"
    MERGED_PROFILE = "event:klaviyo.merged_profile"
    OPENED_EMAIL = "event:klaviyo.opened_email"
    OPENED_PUSH = "event:klaviyo.opened_push"
    OPENED_TEXT = "event:klaviyo.opened_text"
    READY_TO_REVIEW = "event:klaviyo.ready_to_review"
    RECEIVED_AUTOMATED_RESPONSE_SMS = "event:klaviyo.received_automated_response_sms"
    RECEIVED_AUTOMATED_RESPONSE_TEXT_MESSAGE = "event:klaviyo.received_automated_response_text_message"
    RECEIVED_EMAIL = "event:klaviyo.received_email"
    RECEIVED_PUSH = "event:klaviyo.received_push"
    RECEIVED_SMS = "event:klaviyo.received_sms"
    RECEIVED_TEXT_MESSAGE = "event:klaviyo.received_text_message"
    RELAYED_TEXT_MESSAGE = "event:klaviyo.relayed_text_message"
    SENT_SMS = "event:klaviyo.sent_sms"
    SENT_TEXT_MESSAGE = "event:klaviyo.sent_text_message"
    SKIPPED_SEND = "event:klaviyo.skipped_send"
    SOCIAL_COMMENT = "event:klaviyo.social_comment"
    SOCIAL_DM = "event:klaviyo.social_dm"
    SOCIAL_UGC = "event:klaviyo.social_ugc"
    SUBMITTED_RATING = "event:klaviyo.submitted_rating"
    SUBMITTED_REVIEW = "event:klaviyo.submitted_review"
    SUBSCRIBED_TO_BACK_IN_STOCK = "event:klaviyo.subscribed_to_back_in_stock"
    SUBSCRIBED_TO_EMAIL_MARKETING = "event:klaviyo.subscribed_to_email_marketing"
    SUBSCRIBED_TO_LIST = "event:klaviyo.subscribed_to_list"
    SUBSCRIBED_TO_SMS_MARKETING = "event:klaviyo.subscribed_to_sms_marketing"
    UNSUBSCRIBED_FROM_EMAIL_MARKETING = "event:klaviyo.unsubscribed_from_email_marketing"
    UNSUBSCRIBED_FROM_SMS_MARKETING = "event:klaviyo.unsubscribed_from_sms_marketing"
    UPDATED_EMAIL_PREFERENCES = "event:klaviyo.updated_email_preferences"
