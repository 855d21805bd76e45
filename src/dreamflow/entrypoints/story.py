"""`dreamflow story`: the writer alone."""

import asyncio
import json
import re
import textwrap

import typer

from dreamflow.bootstrap import offline_writer
from dreamflow.families.rules import check_child
from dreamflow.kit.errors import FieldError, Invalid
from dreamflow.stories import Brief, ChildId, Draft, Listener, ThemeId
from dreamflow.stories.model import MOST_LISTENERS
from dreamflow.stories.rules.evening import BANDS, band_of
from dreamflow.stories.rules.siblings import reading_age

_LANGUAGE = "en"
_WIDTH = 72


def run(*, seed: int, minutes: int, theme: str | None, children: list[str], as_json: bool) -> None:
    """Write and print one story."""
    writer, content = offline_writer()
    themes = content.themes(_LANGUAGE)
    chosen = themes[0].id if theme is None else ThemeId(theme)
    if chosen not in {known.id for known in themes}:
        raise Invalid(FieldError("/theme", "There is no such world. Known: " + ", ".join(t.id for t in themes) + "."))
    if len(children) > MOST_LISTENERS:
        raise Invalid(FieldError("/child", f"At most {MOST_LISTENERS} children fit into one story."))
    listeners = tuple(_listener(number, text) for number, text in enumerate(children))
    band = band_of(reading_age(listeners))
    brief = Brief(
        listeners=listeners,
        theme=chosen,
        minutes=minutes,
        energy=(3, 0),
        words_per_minute=BANDS[band].words_per_minute,
        language=_LANGUAGE,
        seed=seed,
    )
    draft = asyncio.run(writer.write(brief))
    typer.echo(json.dumps(_trace(draft, seed), indent=2, ensure_ascii=False) if as_json else _text(draft))


def _listener(number: int, text: str) -> Listener:
    given = re.fullmatch(r"(.*):(\d{1,3})", text, re.DOTALL)
    if given is None:
        raise Invalid(FieldError("/child", "Give a child as NAME:AGE, e.g. Ada:5."))
    age = int(given[2])
    name, errors = check_child(given[1], age)
    if errors:
        raise Invalid(*errors)
    return Listener(ChildId(f"child-{number}"), age, name)


def _trace(draft: Draft, seed: int) -> dict[str, object]:
    return {
        "title": draft.title,
        "seed": seed,
        "pack": draft.pack,
        "shape": draft.shape,
        "place": draft.place,
        "companion": draft.companion,
        "words": draft.words,
        "passages": [
            {
                "text": passage.text,
                "kind": passage.kind.value,
                "beat": passage.beat,
                "storylet": passage.storylet,
                "energy": passage.energy,
            }
            for passage in draft.passages
        ],
    }


def _text(draft: Draft) -> str:
    paragraphs = [textwrap.fill(paragraph, _WIDTH) for paragraph in draft.paragraphs]
    return "\n\n".join([draft.title, *paragraphs])
