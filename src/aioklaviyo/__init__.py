"""A typed asyncio client for the Klaviyo API, on aiohttp and pydantic.

::

    async with Klaviyo(api_key="pk_...") as klaviyo:
        account = await klaviyo.accounts.get()

What can go wrong is drawn in ``aioklaviyo.errors``. The names here are imported when they are first used; the models of
an area are in ``aioklaviyo.models``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from aioklaviyo._version import __version__

if TYPE_CHECKING:
    from aioklaviyo import filters, webhooks
    from aioklaviyo.api import Api, RawResponse
    from aioklaviyo.bulk import BulkResult, Failed
    from aioklaviyo.client import DEFAULT_BASE_URL, DEFAULT_REVISION, Klaviyo
    from aioklaviyo.errors import (
        CallRecord,
        Conflict,
        ConnectionFailed,
        CredentialsRejected,
        DeadlineExceeded,
        ErrorDetail,
        InvalidRequest,
        KlaviyoError,
        NotFound,
        OutcomeUnknown,
        PayloadTooLarge,
        RateLimited,
        RequestRejected,
        ServerUnavailable,
        UnexpectedResponse,
    )
    from aioklaviyo.filters import Filter
    from aioklaviyo.models.account import Account
    from aioklaviyo.models.event import Event
    from aioklaviyo.models.metric import Metric
    from aioklaviyo.models.new_event import NewEvent, ProfileRef
    from aioklaviyo.models.new_profile import LocationAttributes, ProfileAttributes, ProfilePatch
    from aioklaviyo.models.profile import Location, Profile, Upserted
    from aioklaviyo.models.subscription import Subscriptions
    from aioklaviyo.models.writing import UNSET, Unset
    from aioklaviyo.pacing.local import LocalPacing
    from aioklaviyo.pacing.model import NoPacing, Pacing, Priority
    from aioklaviyo.pacing.redis import RedisPacing
    from aioklaviyo.pagination import Listing, Page
    from aioklaviyo.resources.event_batch import MAX_BATCH_BYTES, MAX_BATCH_EVENTS

__all__ = [
    "DEFAULT_BASE_URL",
    "DEFAULT_REVISION",
    "MAX_BATCH_BYTES",
    "MAX_BATCH_EVENTS",
    "UNSET",
    "Account",
    "Api",
    "BulkResult",
    "CallRecord",
    "Conflict",
    "ConnectionFailed",
    "CredentialsRejected",
    "DeadlineExceeded",
    "ErrorDetail",
    "Event",
    "Failed",
    "Filter",
    "InvalidRequest",
    "Klaviyo",
    "KlaviyoError",
    "Listing",
    "LocalPacing",
    "Location",
    "LocationAttributes",
    "Metric",
    "NewEvent",
    "NoPacing",
    "NotFound",
    "OutcomeUnknown",
    "Pacing",
    "Page",
    "PayloadTooLarge",
    "Priority",
    "Profile",
    "ProfileAttributes",
    "ProfilePatch",
    "ProfileRef",
    "RateLimited",
    "RawResponse",
    "RedisPacing",
    "RequestRejected",
    "ServerUnavailable",
    "Subscriptions",
    "UnexpectedResponse",
    "Unset",
    "Upserted",
    "__version__",
    "filters",
    "webhooks",
]

_HOMES = {
    "aioklaviyo.api": "Api RawResponse",
    "aioklaviyo.bulk": "BulkResult Failed",
    "aioklaviyo.client": "DEFAULT_BASE_URL DEFAULT_REVISION Klaviyo",
    "aioklaviyo.errors": """CallRecord Conflict ConnectionFailed CredentialsRejected DeadlineExceeded ErrorDetail
        InvalidRequest KlaviyoError NotFound OutcomeUnknown PayloadTooLarge RateLimited RequestRejected
        ServerUnavailable UnexpectedResponse""",
    "aioklaviyo.filters": "Filter",
    "aioklaviyo.models.account": "Account",
    "aioklaviyo.models.event": "Event",
    "aioklaviyo.models.metric": "Metric",
    "aioklaviyo.models.new_event": "NewEvent ProfileRef",
    "aioklaviyo.models.new_profile": "LocationAttributes ProfileAttributes ProfilePatch",
    "aioklaviyo.models.profile": "Location Profile Upserted",
    "aioklaviyo.models.subscription": "Subscriptions",
    "aioklaviyo.models.writing": "UNSET Unset",
    "aioklaviyo.pacing.local": "LocalPacing",
    "aioklaviyo.pacing.model": "NoPacing Pacing Priority",
    "aioklaviyo.pacing.redis": "RedisPacing",
    "aioklaviyo.pagination": "Listing Page",
    "aioklaviyo.resources.event_batch": "MAX_BATCH_BYTES MAX_BATCH_EVENTS",
}
_MODULES = ("filters", "webhooks")
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name in _MODULES:
        return import_module(f"aioklaviyo.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
