"""Why a database cannot be used, in words of our own: a driver's may quote what they were given."""

import re
from typing import Final

_REASONS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"connection refused", "nothing listens there (connection refused)"),
        (r"password authentication failed|no password supplied|role .* does not exist", "it refuses user or password"),
        (r"database .* does not exist", "it has no database of that name"),
        (r"no pg_hba\.conf entry|authentication failed", "it does not let this user in from here"),
        (r"too many (?:clients|connections)|remaining connection slots", "it has no connection left"),
        (r"resolve host|translate host name|name or service not known", "its host name is not known"),
        (r"lock timeout|deadlock", "somebody else holds a lock on it"),
        (r"time[d ]*out", "it does not answer in time"),
        (r"starting up|shutting down|recovery mode", "it is starting up or shutting down"),
        (r"read-only", "it only reads"),
        (r"permission denied", "the user may not do that"),
        (r"\bssl\b", "there is no agreement about TLS"),
        (r"disk is full|no space left", "the disk is full"),
        (r"database is locked", "another process holds it"),
        (r"unable to open", "the file cannot be opened"),
        (r"not a database|malformed", "the file is not a database, or damaged"),
        (r"disk i/o", "the disk does not read or write"),
    )
)


def refusal_reason(error: BaseException) -> str:
    """Why a database refused: half a sentence without anything of a URL, a file or a row.

    Args:
        error: what was raised; its causes are looked at, too.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = getattr(link, "orig", None) or link.__cause__
    for each in reversed(chain):  # the driver is the last
        for pattern, reason in _REASONS:
            if pattern.search(str(each)):
                return reason
    return f"it fails ({type(chain[-1]).__name__})"
