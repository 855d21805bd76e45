"""What became of messages: the events that Klaviyo recorded of them, and what people did because of them.

A conversion belongs to the message that the profile opened or clicked last within five days before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from klaviyo_emulator.state import links
from klaviyo_emulator.state.records import find_record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping

ATTRIBUTION_SECONDS = 5 * 86_400
"""For how long a message that was opened or clicked is what somebody acts on."""
CONVERSION = "conversion"
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("Received Email", "Received SMS", "Received Push", "Received WhatsApp"), "delivered"),
    **dict.fromkeys(("Opened Email", "Opened Push", "Opened WhatsApp"), "opened"),
    **dict.fromkeys(("Clicked Email", "Clicked SMS", "Clicked WhatsApp"), "clicked"),
    **dict.fromkeys(("Bounced Email", "Bounced Push"), "bounced"),
    **dict.fromkeys(("Dropped Email", "Failed to Deliver SMS"), "failed"),
    **dict.fromkeys(
        ("Unsubscribed from Email Marketing", "Unsubscribed from List", "Unsubscribed from SMS Marketing"),
        "unsubscribed",
    ),
    "Marked Email as Spam": "complained",
}
"""What the events of Klaviyo's own metrics tell of a message."""
_TOUCHES = tuple(metric for metric, kind in _KINDS.items() if kind in {"opened", "clicked"})
_CHANNELS = {"mobile_push": "push-notification"}
_NAMES = ", ".join(f"'{name}'" for name in _KINDS)
_TOUCH_NAMES = ", ".join(f"'{name}'" for name in _TOUCHES)
_ORIGIN = (
    """json_extract({row}.properties, '$."{owner}"'), json_extract({row}.properties, '$."$message"'), """
    """json_extract({row}.properties, '$."$variation"'), json_extract({row}.properties, '$."{owner}_channel"')"""
)
_OWNED = (
    """json_extract({row}.properties, '$."{owner}"') IS NOT NULL """
    """AND json_extract({row}.properties, '$."$message"') IS NOT NULL"""
)
_OF_MESSAGES = (
    "SELECT metric.name, event.profile, event.time, event.value, {origin} "
    "FROM event JOIN metric ON metric.seq = event.metric "
    "WHERE metric.service = 'klaviyo' AND metric.name IN ({names}) AND event.time >= ? AND event.time < ? AND {owned}"
)
_CONVERTED = (
    "SELECT '', done.profile, done.time, done.value, {origin} FROM event AS done JOIN event AS touch ON touch.seq = ("
    "SELECT one.seq FROM event AS one WHERE one.profile = done.profile AND one.seq != done.seq "
    "AND one.metric IN (SELECT seq FROM metric WHERE service = 'klaviyo' AND name IN ({names})) "
    "AND one.time <= done.time AND one.time >= done.time - ? "
    """AND json_extract(one.properties, '$."$message"') IS NOT NULL """
    "ORDER BY one.time DESC, one.seq DESC LIMIT 1) "
    "WHERE done.metric = (SELECT seq FROM metric WHERE id = ?) AND done.time >= ? AND done.time < ? AND {owned}"
)


class Origin(NamedTuple):
    """The message that an event is about: its flow or campaign, and its ids."""

    owner: str
    message: str
    variation: str | None
    channel: str | None


class Fact(NamedTuple):
    """One event: what it tells, of which profile (its row), when, and of which message."""

    kind: str
    profile: int
    time: int
    value: float
    origin: Origin


@dataclass(slots=True)
class Tally:
    """The facts of one cell of a report."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    people: dict[str, set[tuple[str, int]]] = field(default_factory=dict[str, "set[tuple[str, int]]"])
    value: float = 0.0

    def add(self, fact: Fact) -> None:
        """Take one more fact."""
        self.counts[fact.kind] = self.counts.get(fact.kind, 0) + 1
        self.people.setdefault(fact.kind, set()).add((fact.origin.message, fact.profile))
        if fact.kind == CONVERSION:
            self.value += fact.value

    def count(self, *kinds: str) -> int:
        """How many facts there are of some kinds."""
        return sum(self.counts.get(kind, 0) for kind in kinds)

    @property
    def delivered(self) -> int:
        """How many messages arrived: those that came back afterwards did not."""
        came_back = self.people.get("delivered", set()) & self.people.get("bounced", set())
        return self.count("delivered") - len(came_back)

    def unique(self, kind: str) -> int:
        """How many recipients there are facts of a kind about; once for each message."""
        return len(self.people.get(kind, ()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _recipients(tally: Tally) -> int:
    return tally.delivered + tally.count("bounced", "failed")


def _of_delivered(kind: str) -> Callable[[Tally], float]:
    return lambda tally: _share(tally.unique(kind), tally.delivered)


def _of_recipients(*kinds: str) -> Callable[[Tally], float]:
    return lambda tally: _share(tally.count(*kinds), _recipients(tally))


STATISTICS: Mapping[str, Callable[[Tally], float]] = {
    "recipients": _recipients,
    "delivered": lambda tally: tally.delivered,
    "delivery_rate": lambda tally: _share(tally.delivered, _recipients(tally)),
    "opens": lambda tally: tally.count("opened"),
    "opens_unique": lambda tally: tally.unique("opened"),
    "open_rate": _of_delivered("opened"),
    "clicks": lambda tally: tally.count("clicked"),
    "clicks_unique": lambda tally: tally.unique("clicked"),
    "click_rate": _of_delivered("clicked"),
    "click_to_open_rate": lambda tally: _share(tally.unique("clicked"), tally.unique("opened")),
    "bounced": lambda tally: tally.count("bounced"),
    "bounce_rate": _of_recipients("bounced"),
    "failed": lambda tally: tally.count("failed"),
    "failed_rate": _of_recipients("failed"),
    "bounced_or_failed": lambda tally: tally.count("bounced", "failed"),
    "bounced_or_failed_rate": _of_recipients("bounced", "failed"),
    "unsubscribes": lambda tally: tally.count("unsubscribed"),
    "unsubscribe_uniques": lambda tally: tally.unique("unsubscribed"),
    "unsubscribe_rate": _of_delivered("unsubscribed"),
    "spam_complaints": lambda tally: tally.count("complained"),
    "spam_complaint_rate": _of_delivered("complained"),
    "conversions": lambda tally: tally.count(CONVERSION),
    "conversion_uniques": lambda tally: tally.unique(CONVERSION),
    "conversion_rate": _of_delivered(CONVERSION),
    "conversion_value": lambda tally: tally.value,
    "revenue_per_recipient": lambda tally: _share(tally.value, tally.delivered),
    "average_order_value": lambda tally: _share(tally.value, tally.count(CONVERSION)),
    # Text messages cost nothing here.
    "message_segment_count_sum": lambda _tally: 0,
    "text_message_credit_usage_amount": lambda _tally: 0,
    "text_message_roi": lambda _tally: 0,
    "text_message_spend": lambda _tally: 0,
}
"""Every statistic of campaigns and flows. Rates are fractions; what has no whole is 0."""


def message_facts(
    connection: sqlite3.Connection, owner: str, conversion_metric: str, start: int, end: int
) -> Iterator[Fact]:
    """What happened to the messages of all flows (`$flow`) or campaigns (`$campaign`) in a range of whole seconds."""
    sql = _OF_MESSAGES.format(
        names=_NAMES, origin=_ORIGIN.format(row="event", owner=owner), owned=_OWNED.format(row="event", owner=owner)
    )
    yield from map(_fact, connection.execute(sql, (start, end)))
    sql = _CONVERTED.format(
        names=_TOUCH_NAMES,
        origin=_ORIGIN.format(row="touch", owner=owner),
        owned=_OWNED.format(row="touch", owner=owner),
    )
    yield from map(_fact, connection.execute(sql, (ATTRIBUTION_SECONDS, conversion_metric, start, end)))


class Labels:
    """The dimensions of messages: ids, and the names and tags that flows and campaigns have now."""

    def __init__(self, connection: sqlite3.Connection, kind: str) -> None:
        self._connection = connection
        self._kind = kind
        self._known: dict[Origin, dict[str, Any]] = {}
        self._tags: dict[str, list[tuple[str, str]]] = {}

    def of(self, origin: Origin) -> Mapping[str, Any]:
        """The dimensions of a message, with `tag_id` and `tag_name` as lists in one order."""
        if origin not in self._known:
            self._known[origin] = self._find(origin)
        return self._known[origin]

    def rows(self, origin: Origin, by: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """The groups that a message belongs to: one, or one for each of its tags where these are grouped by."""
        found = self.of(origin)
        names = list(by)
        if not {"tag_id", "tag_name"} & set(names):
            yield tuple(found[name] for name in names)
            return
        for tag_id, tag_name in list(zip(found["tag_id"], found["tag_name"], strict=True)) or [(None, None)]:
            row = {**found, "tag_id": tag_id, "tag_name": tag_name}
            yield tuple(row[name] for name in names)

    def _find(self, origin: Origin) -> dict[str, Any]:
        kind, tags = self._kind, self._tags_of(origin.owner)
        return {
            f"{kind}_id": origin.owner,
            f"{kind}_name": self._name(kind, origin.owner),
            f"{kind}_message_id": origin.message,
            f"{kind}_message_name": self._name(f"{kind}-message", origin.message),
            "send_channel": _CHANNELS.get(origin.channel or "", origin.channel),
            "variation": origin.variation,
            "variation_name": self._name("campaign-variation", origin.variation),
            "text_message_format": None,
            "group": None,
            "group_name": None,
            "tag_id": [tag_id for tag_id, _ in tags],
            "tag_name": [name for _, name in tags],
        }

    def _name(self, kind: str, record_id: str | None) -> str | None:
        record = None if record_id is None else find_record(self._connection, kind, record_id)
        return None if record is None else record.body.get("name")

    def _tags_of(self, owner: str) -> list[tuple[str, str]]:
        if owner not in self._tags:
            found = links.ids(self._connection, links.owners("tag", f"{self._kind}s", owner))
            self._tags[owner] = [(tag_id, self._name("tag", tag_id) or "") for tag_id in found]
        return self._tags[owner]


def _fact(row: tuple[Any, ...]) -> Fact:
    origin = Origin(str(row[4]), str(row[5]), row[6], row[7])
    return Fact(_KINDS.get(row[0], CONVERSION), row[1], row[2], float(row[3] or 0), origin)
