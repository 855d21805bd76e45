"""Klaviyo as the other side: the sink for deliveries, and what it has received."""

from dreamflow.outbox.adapters.klaviyo.received import KlaviyoReceived
from dreamflow.outbox.adapters.klaviyo.sink import KlaviyoSink

__all__ = ["KlaviyoReceived", "KlaviyoSink"]
