"""Filters of values: what a property is compared with. They are told apart by ``type`` and ``operator``.

``operator`` has a default where one is meant most of the time: ``StringFilter(value="family")``.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool, StrictStr

from aioklaviyo.models.segment.grammar import Integer, Number, Part, Several
from aioklaviyo.models.segment.timeframes import ObjectDate, ProfileDate

Comparison: TypeAlias = Literal[
    "equals", "not-equals", "greater-than", "greater-than-or-equal", "less-than", "less-than-or-equal"
]


class StringFilter(Part):
    """Text compared with text, with regard to case. ``regex`` and ``nregex`` take a regular expression."""

    type: Literal["string"] = "string"
    operator: Literal[
        "equals",
        "not-equals",
        "contains",
        "not-contains",
        "starts-with",
        "not-starts-with",
        "ends-with",
        "not-ends-with",
        "regex",
        "nregex",
    ] = "equals"
    value: str | None


class StringArrayFilter(Part):
    """Text that is, or is not, one of several."""

    type: Literal["string"] = "string"
    operator: Literal["in", "not-in"] = "in"
    value: Several[str]


class PhoneCountryFilter(Part):
    """A phone number of, or not of, some countries: ISO 3166 codes of two letters."""

    type: Literal["string"] = "string"
    operator: Literal["phone-country-code-in", "phone-country-code-not-in"] = "phone-country-code-in"
    value: Several[str]


class EqualsFilter(Part):
    """Text that is the same."""

    type: Literal["string"] = "string"
    operator: Literal["equals"] = "equals"
    value: str | None


class InFilter(Part):
    """Text that is one of several."""

    type: Literal["string"] = "string"
    operator: Literal["in"] = "in"
    value: Several[str]


class NumericFilter(Part):
    """A number compared with a number."""

    type: Literal["numeric"] = "numeric"
    operator: Comparison = "equals"
    value: Number


class IntegerFilter(Part):
    """A count compared with a whole number."""

    type: Literal["numeric"] = "numeric"
    operator: Comparison = "equals"
    value: Integer


class NumericRangeFilter(Part):
    """A number between two numbers; of custom objects and of events in flows alone."""

    type: Literal["numeric"] = "numeric"
    operator: Literal["between"] = "between"
    start: Number
    end: Number


class DistanceFilter(Part):
    """Nearer or farther than a positive number."""

    type: Literal["numeric"] = "numeric"
    operator: Literal["greater-than", "less-than"] = "less-than"
    value: Number


class BooleanFilter(Part):
    """True or false."""

    type: Literal["boolean"] = "boolean"
    operator: Literal["equals"] = "equals"
    value: StrictBool = True


class ExistenceFilter(Part):
    """Whether there is any value."""

    type: Literal["existence"] = "existence"
    operator: Literal["is-set", "not-set"] = "is-set"


class IsSetFilter(Part):
    """There is a value."""

    type: Literal["existence"] = "existence"
    operator: Literal["is-set"] = "is-set"


class ListContainsFilter(Part):
    """A list that has, or has not, an item."""

    type: Literal["list"] = "list"
    operator: Literal["contains", "not-contains"] = "contains"
    value: Integer | StrictStr | None


class ListSetFilter(Part):
    """A list of an event that has any or all of some items, or has not."""

    type: Literal["list"] = "list"
    operator: Literal["contains-any", "contains-all", "not-contains-any", "not-contains-all"] = "contains-any"
    value: Several[str]


class ListSubstringFilter(Part):
    """A list of an event with, or without, an item that has some text in it."""

    type: Literal["list"] = "list"
    operator: Literal["contains-substring", "not-contains-substring"] = "contains-substring"
    value: str | None


class ListLengthFilter(Part):
    """A list's length compared with a number."""

    type: Literal["list"] = "list"
    operator: Literal[
        "length-equals",
        "length-greater-than",
        "length-greater-than-or-equal",
        "length-less-than",
        "length-less-than-or-equal",
    ] = "length-equals"
    value: Integer


AnyText: TypeAlias = Annotated[StringFilter | StringArrayFilter, Field(discriminator="operator")]
_AnyProfileText: TypeAlias = Annotated[
    StringFilter | StringArrayFilter | PhoneCountryFilter, Field(discriminator="operator")
]
AnyNumber: TypeAlias = Annotated[NumericFilter | NumericRangeFilter, Field(discriminator="operator")]
AnyList: TypeAlias = Annotated[ListContainsFilter | ListLengthFilter, Field(discriminator="operator")]
_AnyEventList: TypeAlias = Annotated[
    ListSetFilter | ListSubstringFilter | ListLengthFilter, Field(discriminator="operator")
]
PropertyFilter: TypeAlias = Annotated[
    _AnyProfileText | NumericFilter | BooleanFilter | ProfileDate | AnyList | ExistenceFilter,
    Field(discriminator="type"),
]
"""What a property of a profile may be filtered by."""
EventPropertyFilter: TypeAlias = Annotated[
    AnyText | NumericFilter | BooleanFilter | _AnyEventList | ExistenceFilter, Field(discriminator="type")
]
"""What a property of an event may be filtered by."""
ObjectPropertyFilter: TypeAlias = Annotated[
    AnyText | AnyNumber | BooleanFilter | ObjectDate | AnyList | ExistenceFilter, Field(discriminator="type")
]
"""What a property of a custom object may be filtered by."""
SuppressionDateFilter: TypeAlias = Annotated[ProfileDate | IsSetFilter, Field(discriminator="type")]
"""What the date of a suppression may be filtered by."""
