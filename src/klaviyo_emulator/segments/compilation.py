# ruff: noqa: S608 - SQL is what is made here; every value is bound, and what is not is of this package
"""Definitions compiled to one SQL query over the state's tables, which yields the row numbers of profiles.

Every condition is a question about one profile, answered through indices: a condition on a metric seeks the profile's
events of it in order of time. Only where the events themselves have to be read, for their value or their properties,
and all profiles are asked about, it is quicker to go through the metric's events once and to gather the profiles.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klaviyo_emulator.segments.consent import ConsentFilter, MarketingConsent, Permission
from klaviyo_emulator.segments.countries import REGIONS
from klaviyo_emulator.segments.definition import (
    ChannelAffinity,
    Condition,
    Definition,
    EventFilter,
    Funnel,
    GroupMembership,
    Prediction,
    ProfileMetric,
    ProfileProperty,
    Region,
)
from klaviyo_emulator.segments.filters import AllTime, FlagFilter, TextSetFilter
from klaviyo_emulator.segments.properties import IDENTIFIERS, INSTANTS
from klaviyo_emulator.segments.sql import (
    ALWAYS,
    FUNNEL,
    Operand,
    Parameters,
    Query,
    comparison_sql,
    date_sql,
    filter_sql,
    instant_operand,
    json_operand,
    text_operand,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.segments.dates import Present
    from klaviyo_emulator.segments.filters import DateFilter, ValueFilter
    from klaviyo_emulator.segments.properties import Property

_INSTANT_COLUMNS = {"last_event_date": "last_event"}
_NOT_SEGMENTABLE = "$extra"
"""The property of events that is kept for templates only."""
_CONSENTS: Mapping[str, str] = {
    "email": "email.marketing",
    "sms": "sms.marketing",
    "push": "mobile_push.marketing",
    "whatsapp_marketing": "whatsapp.marketing",
    "whatsapp_transactional": "whatsapp.transactional",
}
"""The channels of the table `consent`."""
_SUPPRESSION_REASONS = {
    "bounce_date": "HARD_BOUNCE",
    "manual_suppression_date": "USER_SUPPRESSED",
    "invalid_email_date": "INVALID_EMAIL",
}
_CONSENT_DATES = {
    "status_date": "consent.consented",
    "effective_date": "consent.consented",
    "recorded_date": "consent.updated",
}
_RECEIVES = {
    "email": (
        "(profile.email IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.profile = profile.seq AND list_id = '') "
        "AND NOT EXISTS (SELECT 1 FROM consent WHERE consent.profile = profile.seq "
        "AND channel = 'email.marketing' AND status = 'UNSUBSCRIBED'))"
    ),
    "sms": (
        "(profile.phone_number IS NOT NULL AND EXISTS (SELECT 1 FROM consent WHERE consent.profile = profile.seq "
        "AND channel = 'sms.marketing' AND status = 'SUBSCRIBED'))"
    ),
    "push": (
        "EXISTS (SELECT 1 FROM consent WHERE consent.profile = profile.seq "
        "AND channel = 'mobile_push.marketing' AND status = 'SUBSCRIBED')"
    ),
}
"""By channel whether marketing reaches a profile. Who was never asked still gets e-mail, and nothing else."""
_PREDICTION_MEMBERS = {"expected_date_of_next_purchase": "expected_date_of_next_order"}
"""Dimensions whose member in a profile's predictions has another name."""


def compile_definition(definition: Definition, present: Present, *, everyone: bool) -> Query:
    """A query that yields `profile.seq` of all profiles that a definition matches. Restrict it further with `AND`.

    Without `everyone` it is made for few profiles, which the restriction names.
    """
    compiler = _Compiler(present, everyone)
    groups = [f"({' OR '.join(compiler.condition(condition) for condition in group)})" for group in definition.groups]
    where = " AND ".join(groups) or ALWAYS
    return Query(f"SELECT profile.seq FROM profile WHERE {where}", compiler.parameters.values)


def compile_event_filters(filters: Sequence[EventFilter], present: Present) -> Query:
    """A query that yields `event.seq` of all events that pass filters. Restrict it further with `AND`."""
    compiler = _Compiler(present, everyone=False)
    where = " AND ".join(compiler.event_filters(filters)) or ALWAYS
    return Query(f"SELECT event.seq FROM event WHERE {where}", compiler.parameters.values)


@dataclass(frozen=True, slots=True)
class _Compiler:
    """What all conditions of a query share."""

    present: Present
    everyone: bool
    parameters: Parameters = field(default_factory=Parameters)

    def condition(self, condition: Condition) -> str:
        """The SQL of one condition on a row of `profile`: 1, or 0 or null."""
        match condition:
            case ProfileProperty(named, found):
                sql = self._filter(found, self._profile_operand(named))
            case ProfileMetric():
                sql = self._metric(condition)
            case GroupMembership():
                sql = self._membership(condition)
            case MarketingConsent():
                sql = self._marketing_consent(condition)
            case Permission(channel, reachable, filters):
                sql = self._consent(channel, "SUBSCRIBED" if reachable else "UNSUBSCRIBED", filters)
            case Region():
                sql = self._region(condition)
            case Prediction(dimension, found):
                name = _PREDICTION_MEMBERS.get(dimension, dimension)
                sql = self._predicted(found, json_operand("prediction.body", "$", name, self.parameters))
            case ChannelAffinity():
                sql = self._affinity(condition)
            case Funnel():
                sql = self._funnel(condition)
        return sql

    def event_filters(self, filters: Sequence[EventFilter]) -> list[str]:
        """The SQL of filters on a row of `event`."""
        return [
            self._filter(item.filter, self._event_operand(item.property)) for item in filters if item.filter is not None
        ]

    def _filter(self, found: ValueFilter, operand: Operand) -> str:
        return filter_sql(found, operand, self.parameters, self.present)

    def _date(self, found: DateFilter, instant: str) -> str:
        return date_sql(found, instant, self.parameters, self.present)

    def _profile_operand(self, named: Property) -> Operand:
        if named.holder != "profile":
            return json_operand("profile.details", f"$.{named.holder}", named.name, self.parameters)
        if named.name in IDENTIFIERS:
            return text_operand(f"profile.{named.name} COLLATE BINARY")
        if named.name in INSTANTS:
            return instant_operand(f"profile.{_INSTANT_COLUMNS.get(named.name, named.name)}")
        return json_operand("profile.details", "$", named.name, self.parameters)

    def _metric(self, condition: ProfileMetric) -> str:
        measured, comparison = condition.measurement, condition.comparison
        events = self._events(condition.metric_id, condition.timeframe, condition.filters)
        # Nobody has half an event: where one is as good as many, it is enough to look for the first.
        exact = comparison.operator in {"equals", "not-equals"} and comparison.value != 0
        any_will_do = measured == "count" and comparison.accepts(0) != comparison.accepts(1) and not exact
        measure = "count(*)" if measured == "count" else "total(event.value)"
        compared = f"{measure} {comparison_sql(comparison, self.parameters)}"
        if self.everyone and (condition.filters or measured == "sum"):
            having = "" if any_will_do else f" GROUP BY event.profile HAVING {compared}"
            if not comparison.accepts(0):
                return f"profile.seq IN (SELECT event.profile {events}{having})"
            return f"profile.seq NOT IN (SELECT event.profile {events}{having.replace('HAVING', 'HAVING NOT')})"
        of_profile = f"{events} AND event.profile = profile.seq"
        if any_will_do:
            return f"{'NOT ' if comparison.accepts(0) else ''}EXISTS (SELECT 1 {of_profile})"
        return f"(SELECT {compared} {of_profile})"

    def _events(self, metric_id: str, timeframe: DateFilter, filters: Sequence[EventFilter]) -> str:
        """`FROM event WHERE ...`: the events of a metric in a timeframe that pass filters, whosever they are."""
        where = [f"event.metric = (SELECT metric.seq FROM metric WHERE metric.id = {self.parameters.bind(metric_id)})"]
        if not isinstance(timeframe, AllTime):
            where.append(self._date(timeframe, "event.time"))
        where += self.event_filters(filters)
        return f"FROM event WHERE {' AND '.join(where)}"

    def _event_operand(self, name: str) -> Operand:
        match name:
            case "$event_id":
                return Operand("'text'", "event.unique_id", empty_is_unset=True)
            case "$value":
                return self._column_or_property("event.value", name)
            case "$value_currency":
                return self._column_or_property("event.currency", name)
            case _ if name == _NOT_SEGMENTABLE:
                return Operand("'null'", "NULL", empty_is_unset=True)
            case _:
                return json_operand("event.properties", "$", name, self.parameters, of_event=True)

    def _column_or_property(self, column: str, name: str) -> Operand:
        """A column, or, where it is null, the property of the same name: as events are read back."""
        stored = json_operand("event.properties", "$", name, self.parameters, of_event=True)
        return Operand(
            f"CASE WHEN {column} IS NULL THEN {stored.kind} ELSE typeof({column}) END",
            f"coalesce({column}, {stored.value})",
            empty_is_unset=True,
        )

    def _membership(self, condition: GroupMembership) -> str:
        among = self.parameters.bind_all(condition.group_ids)
        where = f"member.profile = profile.seq AND member.group_id IN {among}"
        if condition.timeframe is not None:
            where += f" AND {self._date(condition.timeframe, 'member.joined')}"
        return f"{'' if condition.is_member else 'NOT '}EXISTS (SELECT 1 FROM member WHERE {where})"

    def _marketing_consent(self, condition: MarketingConsent) -> str:
        receives = _RECEIVES[condition.channel]
        parts = [receives if condition.can_receive else f"NOT {receives}"]
        suppressed = [item for item in condition.filters if item.field in _SUPPRESSION_REASONS]
        consented = [item for item in condition.filters if item.field not in _SUPPRESSION_REASONS]
        match condition.subscription:
            case "subscribed" | "unsubscribed":
                parts.append(self._consent(condition.channel, condition.subscription.upper(), consented))
            case "never_subscribed":
                parts.append(f"NOT {self._consent(condition.channel)}")
            case _:
                if consented:
                    parts.append(self._consent(condition.channel, filters=consented))
        parts += [self._suppressed(item) for item in suppressed]
        return f"({' AND '.join(parts)})"

    def _consent(self, channel: str, status: str | None = None, filters: Sequence[ConsentFilter] = ()) -> str:
        """Whether there is a consent of a channel, with a status, that passes filters."""
        where = [f"consent.profile = profile.seq AND consent.channel = {self.parameters.bind(_CONSENTS[channel])}"]
        if status is not None:
            where.append(f"consent.status = {self.parameters.bind(status)}")
        where += [self._consent_filter(item) for item in filters]
        return f"EXISTS (SELECT 1 FROM consent WHERE {' AND '.join(where)})"

    def _consent_filter(self, item: ConsentFilter) -> str:
        found = item.filter
        if item.method is not None:
            condition = f"lower(consent.method) = {self.parameters.bind(item.method)}"
            if found is None or (isinstance(found, TextSetFilter) and not found.values):
                return condition  # an empty choice of forms is any form
            return f"{condition} AND {self._filter(found, text_operand('consent.method_detail'))}"
        if isinstance(found, FlagFilter):
            return f"consent.double_optin = {int(found.value)}"
        if found is None:
            return ALWAYS
        if item.field in _CONSENT_DATES:
            return self._filter(found, instant_operand(_CONSENT_DATES[item.field]))
        return self._filter(found, text_operand("consent.custom_method_detail"))

    def _suppressed(self, item: ConsentFilter) -> str:
        where = (
            "suppression.profile = profile.seq AND suppression.list_id = '' "
            f"AND suppression.reason = {self.parameters.bind(_SUPPRESSION_REASONS[item.field])}"
        )
        if item.filter is not None:
            where += f" AND {self._filter(item.filter, instant_operand('suppression.at'))}"
        return f"EXISTS (SELECT 1 FROM suppression WHERE {where})"

    def _region(self, condition: Region) -> str:
        country = json_operand("profile.details", "$.location", "country", self.parameters)
        names = self.parameters.bind_all(tuple(sorted(REGIONS[condition.region])))
        among = f"lower(trim({country.value})) {'' if condition.inside else 'NOT '}IN {names}"
        return f"({country.is_text} AND {country.value} <> '' AND {among})"

    def _affinity(self, condition: ChannelAffinity) -> str:
        if condition.measurement == "rank":
            operand = json_operand("prediction.body", "$.channel_affinity", condition.channel, self.parameters)
            return self._predicted(condition.filter, operand)
        place = (
            "(SELECT item.key + 1 FROM json_each(prediction.body, '$.ranked_channel_affinity') AS item "
            f"WHERE item.value = {self.parameters.bind(condition.channel)})"
        )
        return self._predicted(condition.filter, Operand(f"typeof({place})", place))

    def _predicted(self, found: ValueFilter, operand: Operand) -> str:
        where = f"prediction.profile = profile.seq AND {self._filter(found, operand)}"
        return f"EXISTS (SELECT 1 FROM prediction WHERE {where})"

    def _funnel(self, condition: Funnel) -> str:
        """The events of all steps, handed to the function that knows in which order they have to come."""
        steps = [
            f"SELECT event.time AS time, event.seq AS seq, {index} AS step "
            f"{self._events(step.metric_id, condition.timeframe, step.filters)} AND event.profile = profile.seq"
            for index, step in enumerate(condition.steps)
        ]
        rows = f"SELECT json_group_array(json_array(time, seq, step)) FROM ({' UNION ALL '.join(steps)})"
        wanted = self.parameters.bind(json.dumps([step.exists for step in condition.steps]))
        return f"{FUNNEL}(({rows}), {wanted}, {self.parameters.bind(condition.window)})"
