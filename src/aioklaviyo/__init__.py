"""A typed asyncio client for the Klaviyo API, on aiohttp and pydantic.

::

    async with Klaviyo(api_key="pk_...") as klaviyo:
        account = await klaviyo.accounts.get()

What can go wrong is drawn in ``aioklaviyo.errors``.
"""

from aioklaviyo import filters
from aioklaviyo._version import __version__
from aioklaviyo.client import DEFAULT_BASE_URL, DEFAULT_REVISION, Klaviyo, RawResponse
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
from aioklaviyo.models.event import Event, NewEvent, ProfileRef
from aioklaviyo.models.metric import Metric
from aioklaviyo.models.profile import (
    Location,
    LocationAttributes,
    Profile,
    ProfileAttributes,
    ProfilePatch,
    Upserted,
)
from aioklaviyo.models.subscription import Subscriptions
from aioklaviyo.models.writing import UNSET, Unset
from aioklaviyo.pagination import Listing, Page
from aioklaviyo.resources.event_batch import MAX_BATCH_BYTES, MAX_BATCH_EVENTS

__all__ = [
    "DEFAULT_BASE_URL",
    "DEFAULT_REVISION",
    "MAX_BATCH_BYTES",
    "MAX_BATCH_EVENTS",
    "UNSET",
    "Account",
    "CallRecord",
    "Conflict",
    "ConnectionFailed",
    "CredentialsRejected",
    "DeadlineExceeded",
    "ErrorDetail",
    "Event",
    "Filter",
    "InvalidRequest",
    "Klaviyo",
    "KlaviyoError",
    "Listing",
    "Location",
    "LocationAttributes",
    "Metric",
    "NewEvent",
    "NotFound",
    "OutcomeUnknown",
    "Page",
    "PayloadTooLarge",
    "Profile",
    "ProfileAttributes",
    "ProfilePatch",
    "ProfileRef",
    "RateLimited",
    "RawResponse",
    "RequestRejected",
    "ServerUnavailable",
    "Subscriptions",
    "UnexpectedResponse",
    "Unset",
    "Upserted",
    "__version__",
    "filters",
]
