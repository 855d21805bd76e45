"""What every model that is read has in common."""

import datetime as dt
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def _aware(value: dt.datetime) -> dt.datetime:
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value


def _empty_for_null(value: object) -> object:
    return {} if value is None else value


Timestamp = Annotated[dt.datetime, AfterValidator(_aware)]
"""An aware datetime; one that arrives without an offset is UTC."""

Properties = Annotated[dict[str, Any], BeforeValidator(_empty_for_null)]
"""Free-form properties; null reads as empty."""


class ReadModel(BaseModel):
    """Frozen; attributes Klaviyo adds later are kept in ``model_extra``; every attribute may be absent or null."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)
