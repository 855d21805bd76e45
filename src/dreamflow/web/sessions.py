"""The browser's session: a token in a cookie, and a proof that a form came from our own page.

The cookie holds the caller's JWT, is out of reach of scripts (HttpOnly), stays at home on cross-site posts
(SameSite=Lax) and off plain HTTP (Secure) anywhere but on loopback. It is set by POST only; no token is ever
part of a URL. The CSRF token is an HMAC of the session under a key of this installation.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from dreamflow.identity import Caller
from dreamflow.kit.errors import Forbidden
from dreamflow.kit.urls import is_loopback

COOKIE: Final = "dreamflow_session"
LONGEST_SESSION: Final = 3800
"""Characters of a token that fit into a cookie: browsers drop larger ones without a word (RFC 6265, section 6.1)."""


class ForgedForm(Forbidden):
    """The form did not come from our page, or the session changed since it was shown."""

    code = "forged-form"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sets, reads and ends browser sessions.

    Attributes:
        key: secret of this installation, at least 32 bytes.
    """

    key: bytes

    def begin(self, request: Request, response: Response, token: str, caller: Caller, now: datetime) -> None:
        """Remember a verified token for as long as it lasts."""
        response.set_cookie(
            COOKIE,
            token,
            max_age=max(0, int((caller.expires_at - now).total_seconds())),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https" or not is_loopback(request.url.hostname or ""),
            path="/",
        )

    def end(self, response: Response) -> None:
        """Forget the session."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")

    def token(self, request: Request) -> str | None:
        """The session's token, unverified."""
        return request.cookies.get(COOKIE)

    def csrf(self, request: Request) -> str:
        """The proof to put into this session's forms; also for a visitor without one."""
        return hmac.new(self.key, (self.token(request) or "").encode(), hashlib.sha256).hexdigest()

    def check(self, request: Request, proof: str) -> None:
        """Raise `ForgedForm` unless the proof belongs to this session and the post came from this site."""
        if not (_from_here(request) and hmac.compare_digest(proof.encode(), self.csrf(request).encode())):
            raise ForgedForm("This page was open for too long, or the form came from elsewhere. Reload and try again.")


def _from_here(request: Request) -> bool:
    """Whether a browser says that our own page sent this; what is no browser says nothing."""
    origin = request.headers.get("origin")
    fetched_from = request.headers.get("sec-fetch-site", "same-origin")
    return fetched_from in {"same-origin", "none"} and (
        origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    )
