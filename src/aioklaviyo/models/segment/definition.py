"""Definitions of segments: groups of conditions. All groups have to hold, and of each group one condition."""

from typing import Self

from aioklaviyo.models.segment.conditions import Condition
from aioklaviyo.models.segment.grammar import Part, Several


class ConditionGroup(Part):
    """Conditions of which one has to hold."""

    conditions: Several[Condition]

    @classmethod
    def any_of(cls, first: Condition, *more: Condition) -> Self:
        """At least one of these holds."""
        return cls(conditions=(first, *more))


class SegmentDefinition(Part):
    """Who is in a segment.

    ::

        SegmentDefinition.all_of(
            MarketingConsent(consent=ReceivesEmail()),
            ConditionGroup.any_of(
                ProfileProperty(property=custom_property("plan"), filter=StringFilter(value="family")),
                ProfileMetric(metric_id=opened, timeframe_filter=RelativeDate(operator="in-the-last", quantity=30)),
            ),
        )
    """

    condition_groups: Several[ConditionGroup]

    @classmethod
    def all_of(cls, first: Condition | ConditionGroup, *more: Condition | ConditionGroup) -> Self:
        """All of these hold; of a group, one condition."""
        return cls(
            condition_groups=tuple(
                part if isinstance(part, ConditionGroup) else ConditionGroup.any_of(part) for part in (first, *more)
            )
        )
