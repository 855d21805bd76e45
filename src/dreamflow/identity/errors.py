"""What may go wrong when asking who is asking.

    Unauthorised
    ├── MissingToken      no credentials were sent
    └── InvalidToken      credentials were sent and are not accepted, for whatever reason

The messages are constant: which check failed, and against which key, is nobody's business outside
(RFC 8725 keeps oracles closed; RFC 6750, section 3.1 gives the one code `invalid_token`).
"""

from typing import ClassVar

from dreamflow.kit.errors import Unauthorised


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
