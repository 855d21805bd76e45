"""What every model that is written has in common: strictness, and the difference between absent and null."""

import enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue
from typing_extensions import override

from aioklaviyo.jsonapi import Json

T = TypeVar("T")


class Unset(enum.Enum):
    """The type of ``UNSET``."""

    UNSET = "unset"

    @override
    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Final = Unset.UNSET
"""Leave the attribute as it is; None clears it."""

Settable: TypeAlias = T | Literal[Unset.UNSET] | None
"""A value, None to clear, or ``UNSET`` to leave alone."""

Given: TypeAlias = T | Literal[Unset.UNSET]
"""A value, or ``UNSET`` to leave alone: what cannot be cleared."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    # ``Mapping[str, int]`` is not a ``Mapping[str, JsonValue]`` to a type checker once it nests; at run time it is.
    JsonObject: TypeAlias = Mapping[str, Any]
else:
    JsonObject = dict[str, JsonValue]


class WriteModel(BaseModel):
    """Frozen; unknown names are refused, so that a misspelt attribute is not lost; messages quote no values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    def wire(self) -> dict[str, Json]:
        """The attributes as they are sent: what is ``UNSET`` is absent, None is null."""
        sent: dict[str, Json] = {}
        for name in type(self).model_fields:
            value: Any = getattr(self, name)
            if value is not UNSET:
                sent[name] = value.wire() if isinstance(value, WriteModel) else value
        return sent


def written(part: WriteModel | JsonObject) -> dict[str, Json]:
    """A model, or a plain object, as it is sent."""
    return part.wire() if isinstance(part, WriteModel) else dict(part)
