"""Pages of records that are also found by what they are linked to, and in an order of their own."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from klaviyo_emulator.query import Sort
from klaviyo_emulator.state.records import Columns, Subquery, list_records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Value
    from klaviyo_emulator.routes.resources import View
    from klaviyo_emulator.state.paging import Page
    from klaviyo_emulator.state.records import Record


def record_pages(
    name: str,
    *,
    columns: Columns | None = None,
    memberships: Mapping[str, Callable[[Sequence[str]], Subquery]] | None = None,
    newest_first: bool = False,
) -> Callable[[View, Position | None, Subquery | None], Page[Record]]:
    """How the records of a type are paged.

    `memberships` are the filter fields that a link decides, not the record itself. `newest_first` sorts by id, which
    must be a ULID.
    """
    linked = memberships or {}

    def page(view: View, start: Position | None, within: Subquery | None) -> Page[Record]:
        query = view.query
        chosen = [
            linked[condition.field](_texts(condition.value)) for condition in query.filters if condition.field in linked
        ]
        if within is not None:
            chosen.append(within)
        return list_records(
            view.connection,
            name,
            [condition for condition in query.filters if condition.field not in linked],
            sort=Sort("id", descending=True) if newest_first else query.sort,
            start=start,
            size=query.size,
            columns=columns,
            within=reduce(_both, chosen) if chosen else None,
        )

    return page


def _texts(value: Value) -> list[str]:
    return [str(item) for item in value] if isinstance(value, tuple) else [str(value)]


def _both(first: Subquery, second: Subquery) -> Subquery:
    return Subquery(f"{first.sql} INTERSECT {second.sql}", first.parameters + second.parameters)
