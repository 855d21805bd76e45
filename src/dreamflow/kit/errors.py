"""The root of what may go wrong on purpose.

    DreamFlowError
    ├── Refused         the caller can mend it (a bad value, a clash, something that is not there)
    │   ├── Invalid     a value is wrong; names the field
    │   ├── NotFound    it does not exist, or it is somebody else's
    │   ├── Conflict    it exists already, or its state forbids the step
    │   ├── Unauthorised  nobody knows who is asking
    │   └── Forbidden   known, but not allowed
    └── Unavailable     a part we lean on is not there; trying again may help

Domains subclass these. Errors do not know HTTP: one table at the web's edge maps them. No message ever
carries what a parent typed: it may be a child's name.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the field, e.g. "/minutes".
        detail: what is wrong, in one sentence, without the value.
    """

    pointer: str
    detail: str


class DreamFlowError(Exception):
    """Root of all expected errors.

    Attributes:
        code: stable, machine-readable, kebab-case.
        retryable: whether the same call may succeed later.
        errors: the fields that are to blame, if any are.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = errors


class Refused(DreamFlowError):
    """The request cannot be served as it stands."""

    code = "refused"


class Invalid(Refused):
    """One or more values are wrong."""

    code = "invalid"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(" ".join(error.detail for error in errors), errors=errors)


class NotFound(Refused):
    """There is no such thing here; somebody else's thing counts as none."""

    code = "not-found"


class Conflict(Refused):
    """The present state forbids the step."""

    code = "conflict"


class Unauthorised(Refused):
    """Nobody vouches for the caller. The message never says which check failed."""

    code = "unauthorised"


class Forbidden(Refused):
    """The caller is known and may not."""

    code = "forbidden"


class Unavailable(DreamFlowError):
    """A part the program leans on did not answer."""

    code = "unavailable"
    retryable = True
