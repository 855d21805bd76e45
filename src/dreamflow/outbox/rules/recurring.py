"""When what happens again and again happens next."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

QUIET_HOUR: Final = time(3, 30)
"""UTC: the least busy hour of European families, who are asleep."""
AUDIT_SECONDS: Final = 60.0


def next_night(now: datetime) -> datetime:
    """The next quiet hour after a moment."""
    tonight = datetime.combine(now.astimezone(UTC).date(), QUIET_HOUR, UTC)
    return tonight if tonight > now else tonight + timedelta(days=1)


def next_audit(now: datetime) -> datetime:
    """A minute later."""
    return now + timedelta(seconds=AUDIT_SECONDS)
