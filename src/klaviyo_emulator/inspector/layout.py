"""What all pages share: the frame, tables, empty states, and how instants and statuses are written."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import EPOCH, MICROSECONDS
from klaviyo_emulator.inspector.markup import Html, document, join, raw_style, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Cell = Html | str | int | float | None

SECTIONS: Mapping[str, str] = {
    "/": "Overview",
    "/inspector/profiles": "Profiles",
    "/inspector/groups": "Lists and segments",
    "/inspector/events": "Events",
    "/inspector/flows": "Flows",
    "/inspector/mail": "Mail",
    "/inspector/jobs": "Jobs",
    "/inspector/webhooks": "Webhooks",
    "/inspector/limits": "Limits",
    "/inspector/faults": "Faults",
    "/inspector/requests": "Requests",
}
REFRESH_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page needs to know of the request for it."""

    base: str
    """The emulator's URL as the reader wrote it, such as `http://127.0.0.1:8765`."""
    path: str
    account_id: str
    refreshes: bool = False
    query: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. A `wide` one is left out on a phone."""

    title: str
    kind: str | None = None
    wide: bool = False

    @property
    def classes(self) -> str | None:
        """The classes of its cells."""
        return " ".join(filter(None, (self.kind, "wide" if self.wide else None))) or None


@cache
def style() -> str:
    """The style sheet, which every page has in it."""
    return files("klaviyo_emulator.inspector").joinpath("style.css").read_text(encoding="utf-8")


@cache
def style_source() -> str:
    """The style sheet as a content security policy names it."""
    digest = hashlib.sha256(style().encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def page(visit: Visit, title: str, *parts: Cell, section: str | None = None) -> bytes:
    """A whole page; `section` is the path of the section that it belongs to, if it is not one itself."""
    here = section or visit.path
    links = [
        tag("a", name, href=path, aria_current="page" if path == here else None) for path, name in SECTIONS.items()
    ]
    header = tag(
        "header",
        tag(
            "div",
            tag(
                "div",
                tag("a", "Klaviyo emulator", href="/"),
                tag("span", "account ", tag("code", visit.account_id), class_="dim"),
                class_="brand",
            ),
            tag("nav", *links, aria_label="Sections"),
            class_="bar",
        ),
    )
    head = join(
        (
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="refresh", content=str(REFRESH_SECONDS)) if visit.refreshes else None,
            tag("link", rel="icon", href="data:,"),
            tag("title", f"{title} - Klaviyo emulator"),
            raw_style(style()),
        )
    )
    return document(head, join((header, tag("main", *parts))))


def heading(visit: Visit, title: str, note: Cell = None) -> Html:
    """The title of a page, and the link that makes it renew itself."""
    query = visit.query
    if visit.refreshes:
        link = tag("a", "stop", href=visit.path + (f"?{query}" if query else ""))
        renewal = tag("span", f"renewed every {REFRESH_SECONDS} s, ", link, class_="dim")
    else:
        link = tag("a", "renew by itself", href=f"{visit.path}?{query}{'&' if query else ''}refresh=on")
        renewal = tag("span", link, class_="dim")
    return join((tag("div", tag("h1", title), renewal, class_="head"), tag("p", note, class_="dim") if note else None))


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> Html:
    """A table, one sequence of cells a row."""
    head = tag("tr", *(tag("th", column.title, scope="col", class_=column.classes) for column in columns))
    body = [
        tag("tr", *(tag("td", cell, class_=column.classes) for column, cell in zip(columns, row, strict=True)))
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="panel")


def facts(rows: Mapping[str, Cell]) -> Html:
    """Names with their values."""
    body = [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows.items()]
    return tag("div", tag("table", tag("tbody", *body)), class_="panel")


def empty(text: str, command: str | None = None) -> Html:
    """What is said where there is nothing yet, with a command that changes that."""
    return tag("div", tag("p", text), tag("pre", command) if command else None, class_="empty")


def instant(epoch_seconds: float) -> Html:
    """An instant for people, to the second."""
    moment = EPOCH + timedelta(seconds=int(epoch_seconds))
    day = tag("span", f"{moment:%Y-%m-%d} ", class_="day")
    return tag("time", day, f"{moment:%H:%M:%S}", datetime=moment.isoformat(), title=f"{moment:%Y-%m-%d %H:%M:%S} UTC")


def instant_us(epoch_microseconds: int) -> Html:
    """An instant that is kept in microseconds."""
    return instant(epoch_microseconds // MICROSECONDS)


def pill(text: str, kind: str | None = None) -> Html:
    """A short word that stands out: `good`, `warn`, `bad`, or grey."""
    return tag("span", text, class_=f"pill {kind}" if kind else "pill")


def status_pill(status: int | None) -> Html:
    """The status of an answer, grey when there was none."""
    if status is None:
        return pill("no answer")
    kinds = {2: "good", 3: "good", 4: "warn", 5: "bad"}
    return pill(str(status), kinds.get(status // 100))


def as_json(value: Any) -> Html:  # noqa: ANN401 - whatever JSON can hold
    """A value as indented JSON."""
    return tag("pre", json.dumps(value, ensure_ascii=False, indent=2))


def folded(summary: str, content: Cell) -> Html:
    """Something that is opened by a click."""
    return tag("details", tag("summary", summary), content)


def profile_link(profile_id: str, name: str | None) -> Html:
    """A link to a profile, by its address or else its id."""
    return tag("a", name or tag("code", profile_id), href=f"/inspector/profiles/{profile_id}")
