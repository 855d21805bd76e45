"""Who is in a list or a segment, since when. Both are groups; their ids are drawn from one pot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from klaviyo_emulator.clock import seconds
from klaviyo_emulator.state import links
from klaviyo_emulator.state.paging import COMPARE, Listing, Page, fetch_page
from klaviyo_emulator.state.profiles import COLUMNS, Profile, read_profile_row, restrict_profiles
from klaviyo_emulator.state.records import Subquery
from klaviyo_emulator.state.tasks import schedule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Condition
    from klaviyo_emulator.state.minting import Mint

JOINED = "joined_group_at"
"""The sort and filter field, and the attribute."""
JOINED_TASK = "group-joined"
"""The task for flows that a group triggers: `{"group": id, "profiles": [profile id, ...]}`."""
_SELECT = f"SELECT {COLUMNS}, member.joined FROM member JOIN profile ON profile.seq = member.profile"  # noqa: S608
_IDS = "SELECT id FROM profile WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"


@dataclass(frozen=True, slots=True)
class Member:
    """A profile in a group; `joined` in whole seconds."""

    profile: Profile
    joined: int


def add_members(
    connection: sqlite3.Connection, mint: Mint, group_id: str, profiles: Iterable[int], *, at: int | None = None
) -> list[int]:
    """Put profiles, named by their rows, into a group; answers those that were not in it, in their order.

    Who is in the group already stays since when they were.
    """
    joined = mint.now() if at is None else at
    sql = "INSERT OR IGNORE INTO member (group_id, profile, joined) VALUES (?, ?, ?)"
    wanted = dict.fromkeys(profiles)
    return [seq for seq in wanted if connection.execute(sql, (group_id, seq, joined)).rowcount]


def remove_members(connection: sqlite3.Connection, group_id: str, profiles: Iterable[int]) -> list[int]:
    """Take profiles, named by their rows, out of a group; answers those that were in it."""
    sql = "DELETE FROM member WHERE group_id = ? AND profile = ?"
    return [seq for seq in dict.fromkeys(profiles) if connection.execute(sql, (group_id, seq)).rowcount]


def clear_members(connection: sqlite3.Connection, group_id: str) -> None:
    """Take everybody out of a group that is about to go."""
    connection.execute("DELETE FROM member WHERE group_id = ?", (group_id,))


def is_member(connection: sqlite3.Connection, group_id: str, profile: int) -> bool:
    """Whether a profile, named by its row, is in a group."""
    sql = "SELECT 1 FROM member WHERE group_id = ? AND profile = ?"
    return connection.execute(sql, (group_id, profile)).fetchone() is not None


def count_members(connection: sqlite3.Connection, group_id: str) -> int:
    """How many are in a group."""
    return int(connection.execute("SELECT count(*) FROM member WHERE group_id = ?", (group_id,)).fetchone()[0])


def member_rows(connection: sqlite3.Connection, group_id: str) -> list[int]:
    """The rows of all profiles in a group, in order of joining."""
    sql = "SELECT profile FROM member WHERE group_id = ? ORDER BY joined, profile"
    return [int(row[0]) for row in connection.execute(sql, (group_id,))]


def profiles_in(group_id: str) -> Subquery:
    """The ids of the profiles in a group."""
    return Subquery("SELECT id FROM profile WHERE seq IN (SELECT profile FROM member WHERE group_id = ?)", (group_id,))


def groups_of(kind: str, profile_id: str) -> Subquery:
    """The ids of the groups of a type (`list`, `segment`) that a profile is in."""
    return Subquery(
        "SELECT group_id FROM member WHERE profile = (SELECT seq FROM profile WHERE id = ?) "
        "AND group_id IN (SELECT id FROM record WHERE type = ?)",
        (profile_id, kind),
    )


def list_members(
    connection: sqlite3.Connection,
    group_id: str,
    conditions: Sequence[Condition],
    *,
    descending: bool,
    start: Position | None,
    size: int,
) -> Page[Member]:
    """A page of a group in order of joining. Positions have the profile's row as their tie."""
    of_time = [condition for condition in conditions if condition.field == JOINED]
    named = [condition for condition in conditions if condition.field != JOINED]
    # Few are meant where they are named: they are looked up and sorted, instead of going through all members in order.
    key = "+member.joined" if named else "member.joined"
    listing = Listing(select=_SELECT, key=key, tie="member.profile")
    listing.restrict("member.group_id = ?", group_id)
    if named:
        chosen = Listing(select="", key="", tie="")
        restrict_profiles(chosen, named)
        subquery = f"SELECT seq FROM profile WHERE {' AND '.join(chosen.where)}"  # noqa: S608 - columns of `profile`
        listing.restrict(f"member.profile IN ({subquery})", *chosen.parameters)
    for condition in of_time:
        moment = cast("datetime", condition.value)
        listing.restrict(f"member.joined {COMPARE[condition.operator]} ?", seconds(moment))
    return fetch_page(connection, listing, _member, start=start, size=size, descending=descending)


def announce_members(
    connection: sqlite3.Connection, mint: Mint, group_id: str, profiles: Sequence[int], *, since_us: int | None = None
) -> None:
    """Have the flows that the group triggers act on profiles that joined it. Costs nothing where there are none."""
    if not profiles or not links.ids(connection, links.owners("flow", "triggers", group_id)):
        return
    found = [str(row[0]) for row in connection.execute(_IDS, (json.dumps(profiles),))]
    schedule(connection, mint, JOINED_TASK, {"group": group_id, "profiles": found}, since_us=since_us)


def _member(row: Sequence[Any]) -> Member:
    return Member(read_profile_row(row), row[9])
