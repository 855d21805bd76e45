"""What may go wrong when asking who is asking.

    Unauthorised
    ├── MissingToken      no credentials were sent
    └── InvalidToken      credentials were sent and are not accepted, for whatever reason
    Forbidden
    └── OperatorOnly      a parent asked for an operator's page
    Refused
    └── UnusableDemoKey   the demo's key file must be mended by whoever owns the machine

The messages are constant: which check failed, and against which key, is nobody's business outside
(RFC 8725 keeps oracles closed; RFC 6750, section 3.1 gives the one code `invalid_token`).
"""

from typing import ClassVar

from dreamflow.kit.errors import Forbidden, Refused, Unauthorised


class MissingToken(Unauthorised):
    """No credentials were sent.

    Attributes:
        challenge: the value for `WWW-Authenticate`; without an error code, as RFC 6750, section 3 asks.
    """

    code = "missing-token"
    challenge: ClassVar[str] = "Bearer"

    def __init__(self) -> None:
        super().__init__("Sign in first: this needs an access token.")


class InvalidToken(Unauthorised):
    """The credentials are not accepted; the same error and words for every reason.

    Attributes:
        challenge: the value for `WWW-Authenticate` (RFC 6750, section 3).
    """

    code = "invalid-token"
    challenge: ClassVar[str] = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__("The access token is not accepted. Sign in again.")


class OperatorOnly(Forbidden):
    """The caller is known, and is not an operator."""

    code = "operator-only"

    def __init__(self) -> None:
        super().__init__("This is for operators.")


class UnusableDemoKey(Refused):
    """The demo's signing key cannot be used as it lies there; the message says what to do."""

    code = "unusable-demo-key"
