"""How many calls Klaviyo takes, and what a call is charged to.

Klaviyo's specification states it per endpoint (``x-klaviyo-ratelimit``) and counts it per account and endpoint. What an
account is really given is learnt from the answers; see ``pacing``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls per second (burst), per minute (steady) and, of some endpoints, per day."""

    burst: int
    steady: int
    daily: int | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """One set of windows that a call counts in. ``rate`` is None where Klaviyo has not stated one."""

    key: str
    """An endpoint, as in ``GET /api/profiles/{id}``, or an expensive query parameter."""
    rate: Rate | None


# Klaviyo's own names of its tiers.
XS = Rate(1, 15)
S = Rate(3, 60)
M = Rate(10, 150)
L = Rate(75, 750)
XL = Rate(350, 3500)

PARAMETER_RATES = {
    "additional-fields[list]=profile_count": XS,
    "additional-fields[profile]=predictive_analytics": M,
    "additional-fields[segment]=profile_count": XS,
}
"""Query parameters with windows of their own, shared by all endpoints that take them."""
