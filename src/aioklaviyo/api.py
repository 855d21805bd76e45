"""What can be asked of an account: one attribute per area of the API, and ``request`` for anything else.

An area is imported when it is first touched, so that a program pays for what it uses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aioklaviyo.calls import Caller
from aioklaviyo.errors import invalid_request
from aioklaviyo.operations import Call, Method, Need, QueryValue, charge_key, encoded, query_string
from aioklaviyo.pacing.model import Priority
from aioklaviyo.rates import Charge

if TYPE_CHECKING:
    from aioklaviyo.resources.accounts import Accounts
    from aioklaviyo.resources.back_in_stock import BackInStock
    from aioklaviyo.resources.campaign_audiences import CampaignAudiences
    from aioklaviyo.resources.campaign_messages import CampaignMessages
    from aioklaviyo.resources.campaign_variations import CampaignVariations
    from aioklaviyo.resources.campaigns import Campaigns
    from aioklaviyo.resources.catalog_categories import CatalogCategories
    from aioklaviyo.resources.catalog_items import CatalogItems
    from aioklaviyo.resources.catalog_variants import CatalogVariants
    from aioklaviyo.resources.coupon_codes import CouponCodes
    from aioklaviyo.resources.coupons import Coupons
    from aioklaviyo.resources.custom_metrics import CustomMetrics
    from aioklaviyo.resources.data_privacy import DataPrivacy
    from aioklaviyo.resources.events import Events
    from aioklaviyo.resources.flow_actions import FlowActions
    from aioklaviyo.resources.flow_messages import FlowMessages
    from aioklaviyo.resources.flows import Flows
    from aioklaviyo.resources.lists import Lists
    from aioklaviyo.resources.mapped_metrics import MappedMetrics
    from aioklaviyo.resources.metrics import Metrics
    from aioklaviyo.resources.profile_imports import ProfileImports
    from aioklaviyo.resources.profiles import Profiles
    from aioklaviyo.resources.push_tokens import PushTokens
    from aioklaviyo.resources.reports import Reports
    from aioklaviyo.resources.segments import Segments
    from aioklaviyo.resources.subscriptions import Subscriptions
    from aioklaviyo.resources.tag_groups import TagGroups
    from aioklaviyo.resources.tags import Tags
    from aioklaviyo.resources.templates import Templates
    from aioklaviyo.resources.universal_content import UniversalContent
    from aioklaviyo.resources.webhooks import Webhooks

# What HTTP itself calls idempotent, and the HTTP library already repeats on a stale connection.
_REPEATABLE_METHODS = frozenset({"GET", "PUT", "DELETE"})
_WORD = re.compile(r"[a-z][a-z-]*")
_ID_PLACE = 3


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What ``request`` returns: the status and the decoded body, None where there was none."""

    status: int
    document: Any = field(repr=False)
    request_id: str | None


class Api:
    """The areas of an account. ``Klaviyo`` is one; ``with_options`` gives others over the same connections."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def with_options(
        self,
        *,
        priority: Priority | None = None,
        timeout_seconds: float | None = None,
        attempt_timeout_seconds: float | None = None,
        max_attempts: int | None = None,
        shares_reads: bool | None = None,
    ) -> "Api":
        """The same account with other defaults, over the same connections and limits. None leaves an option alone.

        Args:
            priority: ``Priority.BACKGROUND`` lets interactive calls go first where the rate limit makes calls wait.
            timeout_seconds: Deadline of a whole call.
            attempt_timeout_seconds: Limit of one attempt of a call that may be repeated.
            max_attempts: How often a call is tried at most.
            shares_reads: Whether a read may be answered together with an equal one that is under way.

        Raises:
            ValueError: An option makes no sense.
        """
        options = self._caller.options
        if max_attempts is not None:
            options = replace(options, policy=replace(options.policy, max_attempts=max_attempts))
        chosen = {
            "priority": priority,
            "timeout_seconds": timeout_seconds,
            "attempt_timeout_seconds": attempt_timeout_seconds,
            "shares_reads": shares_reads,
        }
        options = replace(options, **{name: value for name, value in chosen.items() if value is not None})
        return Api(self._caller.with_options(options))

    @cached_property
    def accounts(self) -> "Accounts":
        """The account behind the credentials."""
        from aioklaviyo.resources.accounts import Accounts

        return Accounts(self._caller)

    @cached_property
    def back_in_stock(self) -> "BackInStock":
        """Subscriptions to a variant's return."""
        from aioklaviyo.resources.back_in_stock import BackInStock

        return BackInStock(self._caller)

    @cached_property
    def campaign_audiences(self) -> "CampaignAudiences":
        """Whom a campaign is for."""
        from aioklaviyo.resources.campaign_audiences import CampaignAudiences

        return CampaignAudiences(self._caller)

    @cached_property
    def campaign_messages(self) -> "CampaignMessages":
        """What a campaign says, and when."""
        from aioklaviyo.resources.campaign_messages import CampaignMessages

        return CampaignMessages(self._caller)

    @cached_property
    def campaign_variations(self) -> "CampaignVariations":
        """The versions of a campaign's message."""
        from aioklaviyo.resources.campaign_variations import CampaignVariations

        return CampaignVariations(self._caller)

    @cached_property
    def campaigns(self) -> "Campaigns":
        """Campaigns, their schedules and their sending."""
        from aioklaviyo.resources.campaigns import Campaigns

        return Campaigns(self._caller)

    @cached_property
    def catalog_categories(self) -> "CatalogCategories":
        """Categories of the catalogue."""
        from aioklaviyo.resources.catalog_categories import CatalogCategories

        return CatalogCategories(self._caller)

    @cached_property
    def catalog_items(self) -> "CatalogItems":
        """Items of the catalogue."""
        from aioklaviyo.resources.catalog_items import CatalogItems

        return CatalogItems(self._caller)

    @cached_property
    def catalog_variants(self) -> "CatalogVariants":
        """Variants of the catalogue's items."""
        from aioklaviyo.resources.catalog_variants import CatalogVariants

        return CatalogVariants(self._caller)

    @cached_property
    def coupon_codes(self) -> "CouponCodes":
        """Codes of coupons."""
        from aioklaviyo.resources.coupon_codes import CouponCodes

        return CouponCodes(self._caller)

    @cached_property
    def coupons(self) -> "Coupons":
        """Coupons."""
        from aioklaviyo.resources.coupons import Coupons

        return Coupons(self._caller)

    @cached_property
    def custom_metrics(self) -> "CustomMetrics":
        """Metrics made of metrics."""
        from aioklaviyo.resources.custom_metrics import CustomMetrics

        return CustomMetrics(self._caller)

    @cached_property
    def data_privacy(self) -> "DataPrivacy":
        """Deletion of persons."""
        from aioklaviyo.resources.data_privacy import DataPrivacy

        return DataPrivacy(self._caller)

    @cached_property
    def events(self) -> "Events":
        """What happened to whom."""
        from aioklaviyo.resources.events import Events

        return Events(self._caller)

    @cached_property
    def flow_actions(self) -> "FlowActions":
        """Steps of flows."""
        from aioklaviyo.resources.flow_actions import FlowActions

        return FlowActions(self._caller)

    @cached_property
    def flow_messages(self) -> "FlowMessages":
        """Messages that flows send."""
        from aioklaviyo.resources.flow_messages import FlowMessages

        return FlowMessages(self._caller)

    @cached_property
    def flows(self) -> "Flows":
        """Flows."""
        from aioklaviyo.resources.flows import Flows

        return Flows(self._caller)

    @cached_property
    def lists(self) -> "Lists":
        """Lists and their members."""
        from aioklaviyo.resources.lists import Lists

        return Lists(self._caller)

    @cached_property
    def mapped_metrics(self) -> "MappedMetrics":
        """Which metric stands for revenue and the like."""
        from aioklaviyo.resources.mapped_metrics import MappedMetrics

        return MappedMetrics(self._caller)

    @cached_property
    def metrics(self) -> "Metrics":
        """Kinds of events, and counts of them."""
        from aioklaviyo.resources.metrics import Metrics

        return Metrics(self._caller)

    @cached_property
    def profile_imports(self) -> "ProfileImports":
        """Imports of many profiles at once."""
        from aioklaviyo.resources.profile_imports import ProfileImports

        return ProfileImports(self._caller)

    @cached_property
    def profiles(self) -> "Profiles":
        """People."""
        from aioklaviyo.resources.profiles import Profiles

        return Profiles(self._caller)

    @cached_property
    def push_tokens(self) -> "PushTokens":
        """Devices that take push notifications."""
        from aioklaviyo.resources.push_tokens import PushTokens

        return PushTokens(self._caller)

    @cached_property
    def reports(self) -> "Reports":
        """What campaigns, flows, forms and segments came to."""
        from aioklaviyo.resources.reports import Reports

        return Reports(self._caller)

    @cached_property
    def segments(self) -> "Segments":
        """Segments, their definitions and their members."""
        from aioklaviyo.resources.segments import Segments

        return Segments(self._caller)

    @cached_property
    def subscriptions(self) -> "Subscriptions":
        """Consents and suppressions of many profiles at once."""
        from aioklaviyo.resources.subscriptions import Subscriptions

        return Subscriptions(self._caller)

    @cached_property
    def tag_groups(self) -> "TagGroups":
        """Groups of tags."""
        from aioklaviyo.resources.tag_groups import TagGroups

        return TagGroups(self._caller)

    @cached_property
    def tags(self) -> "Tags":
        """Tags, and what they are put on."""
        from aioklaviyo.resources.tags import Tags

        return Tags(self._caller)

    @cached_property
    def templates(self) -> "Templates":
        """Templates of messages."""
        from aioklaviyo.resources.templates import Templates

        return Templates(self._caller)

    @cached_property
    def universal_content(self) -> "UniversalContent":
        """Blocks that templates share."""
        from aioklaviyo.resources.universal_content import UniversalContent

        return UniversalContent(self._caller)

    @cached_property
    def webhooks(self) -> "Webhooks":
        """Where Klaviyo tells of events."""
        from aioklaviyo.resources.webhooks import Webhooks

        return Webhooks(self._caller)

    async def request(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, QueryValue] | None = None,
        json: dict[str, Any] | None = None,
        is_repeatable: bool | None = None,
        deadline_seconds: float | None = None,
    ) -> RawResponse:
        """Any other operation, with the same credentials, deadline, retries and errors, and no models.

        Args:
            method: HTTP method.
            path: Below the base URL, beginning with a slash, without a query; ids in it percent-encoded.
            params: The query; lists are joined by commas, None and empty lists are left out.
            json: The body, an object; None sends none.
            is_repeatable: Whether doing it twice is doing it once; None means what HTTP says of the method.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer to a call that is not repeatable.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if not _is_plain_path(path):
            raise invalid_request(
                "path must begin with one slash and hold neither query nor unencoded characters",
                method=method,
                path="",
                parameter="path",
            )
        template = _template(path)
        call = Call(
            "request",
            method,
            template,
            path,
            query_string(method, path, params or {}),
            None if json is None else encoded(method, path, json),
            is_repeatable=method in _REPEATABLE_METHODS if is_repeatable is None else is_repeatable,
            need=Need.OPTIONAL,
            charges=(Charge(charge_key(method, template), None),),
        )
        reply = await self._caller.send(call, deadline_seconds)
        return RawResponse(reply.record.status or 0, reply.document, reply.record.request_id)


def _is_plain_path(path: str) -> bool:
    is_clean = path.isascii() and path.isprintable() and not set(path) & set(" ?#\\")
    return is_clean and path.startswith("/") and not path.startswith("//") and not {".", ".."} & set(path.split("/"))


def _template(path: str) -> str:
    """The path with a placeholder for all that may be an id: ids are nobody's business, and share their windows.

    ``/api/coupons/summer`` names a coupon: whatever it looks like, what follows a collection's name is an id. Of the
    rest, an id is what does not look like a word of Klaviyo's.
    """
    segments = path.split("/")
    return "/".join(
        segment if not segment or (place != _ID_PLACE and _WORD.fullmatch(segment)) else "{id}"
        for place, segment in enumerate(segments)
    )
