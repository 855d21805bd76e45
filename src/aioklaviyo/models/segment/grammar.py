"""What the parts of a definition have in common: one grammar, written strictly and read by the same models."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict
from typing_extensions import override

from aioklaviyo.jsonapi import Json
from aioklaviyo.models.writing import WriteModel

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Sequence

    # To write, any sequence will do; what is kept is a tuple, so that a definition stays as it is.
    Several: TypeAlias = Sequence[T]
else:
    Several = tuple[T, ...]

Number: TypeAlias = Annotated[int, Strict()] | Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A number that is one: neither text nor a boolean."""
Integer: TypeAlias = Annotated[int, Strict()]
"""A whole number that is one."""


def _not_naive(value: object) -> object:
    if isinstance(value, dt.datetime) and value.utcoffset() is None:
        raise ValueError("a datetime must be aware")
    return value


def _aware(value: dt.datetime) -> dt.datetime:
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value


Moment: TypeAlias = Annotated[dt.datetime, AfterValidator(_aware), BeforeValidator(_not_naive)]
"""An aware datetime; text without an offset, as Klaviyo may answer it, is UTC."""


class Part(WriteModel):
    """A part of a definition; ``type``, ``field`` and the like need not be given where there is no choice."""

    @override
    def wire(self) -> dict[str, Json]:
        """The JSON: what is None is absent, unless it has to be there."""
        sent: dict[str, Json] = {}
        for name, field in type(self).model_fields.items():
            value: Any = getattr(self, name)
            if value is not None or field.is_required():
                sent[name] = _wired(value)
        return sent


def _wired(value: Any) -> Json:  # noqa: ANN401 - whatever a part holds
    match value:
        case WriteModel():
            return value.wire()
        case tuple():
            return [_wired(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - a tuple of whatever
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return value
