"""What every model that is read has in common."""

import datetime as dt
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator


def _aware(value: dt.datetime) -> dt.datetime:
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value


def _free_form(value: object) -> object:
    # Taken as it was parsed: to look through it and copy it would cost as much as the rest of a page of events.
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("must be an object")  # noqa: TRY004 - pydantic takes ValueError for a finding
    return cast("object", value)


Timestamp = Annotated[dt.datetime, AfterValidator(_aware)]
"""An aware datetime; one that arrives without an offset is UTC."""

Properties = Annotated[dict[str, Any], PlainValidator(_free_form)]
"""Free-form properties; null reads as empty."""


class ReadModel(BaseModel):
    """Frozen; attributes Klaviyo adds later are kept in ``model_extra``; every attribute may be absent or null."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True, defer_build=True)
