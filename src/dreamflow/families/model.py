"""A family: one parent's account, its children, and what it has agreed to.

Children's names and ages stay in this database; no type here has an outgoing form.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NewType
from zoneinfo import ZoneInfo

from dreamflow.identity import Account, ParentId

ChildId = NewType("ChildId", str)
LedgerEntryId = NewType("LedgerEntryId", str)


class Purpose(StrEnum):
    """What a consent is for. `SERVICE` is given by signing up; all others are off until turned on."""

    SERVICE = "service"
    PERSONAL_SUGGESTIONS = "personal_suggestions"
    WEEKLY_LETTER = "weekly_letter"
    LETTER_IN_MAIL = "letter_in_mail"
    PRODUCT_MAIL = "product_mail"
    LLM_WRITING = "llm_writing"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What the parent read when deciding; its hash goes into the ledger."""

    version: str
    text: str

    @property
    def sha256(self) -> str:
        """Hex digest of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


CONSENT_TEXTS: Final[Mapping[Purpose, ConsentText]] = {
    Purpose.SERVICE: ConsentText(
        "1",
        "Dream Flow keeps your account. It tells Klaviyo, our customer-data service in the US, your e-mail address, "
        "language, region, plan and what you allow. Klaviyo also learns the day and hour when you joined, and when one "
        "of these changed. Nothing about your children.",
    ),
    Purpose.PERSONAL_SUGGESTIONS: ConsentText(
        "1",
        "So that suggestions fit, Klaviyo may know of each story your family hears: its world and kind, how many "
        "minutes it takes, the day and hour, and whether it was heard to the end. It may know about how many you hear "
        "and which kinds you like. We ask it for hints when we plan an evening. Never names, ages or wishes.",
    ),
    Purpose.WEEKLY_LETTER: ConsentText("1", "Send me a letter each week that says how bedtimes went."),
    Purpose.LETTER_IN_MAIL: ConsentText(
        "1", "Put the letter's sentences into the e-mail itself, without names and times."
    ),
    Purpose.PRODUCT_MAIL: ConsentText("1", "Write to me now and then about what is new in Dream Flow."),
    Purpose.LLM_WRITING: ConsentText(
        "1", "A language model may help to write our stories. It sees placeholders instead of names."
    ),
}


# Names of one part ("Japan") and links ("US/Eastern") tell a country: they do not leave.
_REGIONS: Final = frozenset(
    {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
)


@dataclass(frozen=True, slots=True)
class Family:
    """A parent's account and where its evenings take place.

    Attributes:
        parent: random; Klaviyo's `external_id`.
        email: as the issuer vouched for it, or none.
        time_zone: an IANA name.
        locale: a BCP 47 tag, e.g. "en" or "en-GB".
        simulated: one of the demo's families.
    """

    parent: ParentId
    account: Account
    email: str | None = field(repr=False)
    time_zone: str
    locale: str
    created_at: datetime
    simulated: bool = False

    @property
    def zone(self) -> ZoneInfo:
        """The family's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def time_zone_region(self) -> str:
        """The coarse part of the time zone, e.g. "Europe", or "other"; all that leaves of it."""
        region = self.time_zone.split("/", 1)[0]
        return region if region in _REGIONS else "other"


@dataclass(frozen=True, slots=True)
class Child:
    """A child. The name is kept byte for byte and shows in no repr.

    Attributes:
        age: in whole years, on the day it was told.
        noted_on: that day.
    """

    id: ChildId
    name: str = field(repr=False)
    age: int
    noted_on: date

    def age_on(self, day: date) -> int:
        """The age by then, counting whole years since it was told; the birthday itself is not kept."""
        return self.age + max(0, (day - self.noted_on).days * 4 // 1461)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One decision, never changed afterwards.

    Attributes:
        text_version, text_sha256: what was read.
        channel: where it was decided, e.g. "api".
    """

    id: LedgerEntryId
    purpose: Purpose
    granted: bool
    text_version: str
    text_sha256: str
    at: datetime
    channel: str
