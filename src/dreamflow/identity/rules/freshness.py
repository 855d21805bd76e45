"""When published keys are asked for again.

    age      0 ........ 80 % of life ........ life ........ 24 h
    known    use        use, renew behind     renew first   forget
    unknown  renew first, at most every 30 s

However many tokens name a key that is not there, the issuer hears of it once per cooldown.
"""

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """How long keys live, in seconds.

    Attributes:
        life_seconds: after this, ask before use.
        renew_seconds: after this, ask while using.
        cooldown_seconds: the least time between two questions, whatever their outcome.
        keep_seconds: how long the last good set serves while the endpoint does not.
    """

    life_seconds: float = 600
    renew_seconds: float = 480
    cooldown_seconds: float = 30
    keep_seconds: float = 24 * 3600


class Need(Enum):
    """What a held key set needs before a token is checked with it."""

    NOTHING = auto()
    RENEW_BEHIND = auto()
    RENEW_FIRST = auto()


def need(policy: FreshnessPolicy, *, age: float | None, knows_key: bool, seconds_since_failure: float | None) -> Need:
    """Decide for a set of an age (None: there is none), given whether it has the key asked for.

    An endpoint that failed a moment ago is tried again behind the requests: one waits for it, not all.
    """
    if age is None or age > policy.keep_seconds or not knows_key:
        return Need.RENEW_FIRST
    if age <= policy.renew_seconds:
        return Need.NOTHING
    failing = seconds_since_failure is not None and seconds_since_failure < policy.life_seconds
    return Need.RENEW_BEHIND if age <= policy.life_seconds or failing else Need.RENEW_FIRST


def may_fetch(policy: FreshnessPolicy, seconds_since_attempt: float | None) -> bool:
    """Whether the issuer may be asked again already."""
    return seconds_since_attempt is None or seconds_since_attempt >= policy.cooldown_seconds
