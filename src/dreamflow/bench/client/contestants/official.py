"""The official SDK. It has no types, so that all that cannot be checked is here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dreamflow.bench.client.contestants.contestant import KEY, document
from dreamflow.bench.client.pages import EVENTS, PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamflow.bench.client.contestants.contestant import Page


def is_installed() -> bool:
    """Whether there is one."""
    return find_spec("klaviyo_api") is not None


class Official:
    """`klaviyo-api` on threads, as it is recommended, with a pool that has a connection for every thread."""

    def __init__(self, url: str) -> None:
        self._sdk: Any = import_module("klaviyo_api").KlaviyoAPI(KEY, test_host=url)
        # A namespace is made anew, with all its wrappers, each time it is asked for.
        self._events: Any = self._sdk.Events
        self._profiles: Any = self._sdk.Profiles
        self._threads = 0

    @property
    def version(self) -> str:
        """Name and version."""
        return f"klaviyo-api {version('klaviyo-api')}"

    def send(self, events: int, at_once: int) -> None:
        """Create events with `create_event` of dictionaries, which costs it less than models."""
        self._widen(at_once)
        numbers = iter(range(events))
        with ThreadPoolExecutor(at_once) as threads:
            for done in [threads.submit(self._work, numbers) for _ in range(at_once)]:
                done.result()

    def read(self, page: Page, times: int) -> int:
        """Read a page to models, which is what it does unless told otherwise."""
        found = 0
        for _ in range(times):
            if page == "events":
                found += len(self._events.get_events(page_size=EVENTS).data)
            else:
                found += len(self._profiles.get_profiles(page_size=PROFILES).data)
        return found

    def close(self) -> None:
        """Close its connections."""
        self._sdk.api_client.rest_client.pool_manager.clear()

    def _work(self, numbers: Iterator[int]) -> None:
        # `next` of a range's iterator is one step of the interpreter, so threads can share it.
        for number in numbers:
            self._events.create_event(document(number))

    def _widen(self, threads: int) -> None:
        """Its pool keeps five connections for each core, and drops all that are more after one request."""
        if threads == self._threads:
            return
        self.close()
        client = self._sdk.api_client
        client.configuration.connection_pool_maxsize = threads
        client.rest_client = type(client.rest_client)(client.configuration)
        self._threads = threads
