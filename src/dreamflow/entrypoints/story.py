"""`dreamflow story`: the writer alone."""

import asyncio
import json
import textwrap

import typer

from dreamflow.bootstrap import offline_writer
from dreamflow.families.rules import OLDEST, YOUNGEST
from dreamflow.kit.errors import FieldError, Invalid
from dreamflow.stories import Brief, ChildId, Draft, Listener, ThemeId
from dreamflow.stories.rules.evening import BANDS, band_of

_LANGUAGE = "en"
_WIDTH = 72


def run(*, seed: int, minutes: int, theme: str | None, children: list[str], as_json: bool) -> None:
    """Write and print one story."""
    writer, content = offline_writer()
    themes = content.themes(_LANGUAGE)
    chosen = themes[0].id if theme is None else ThemeId(theme)
    if chosen not in {known.id for known in themes}:
        raise Invalid(FieldError("/theme", "There is no such world. Known: " + ", ".join(t.id for t in themes) + "."))
    listeners = tuple(_listener(number, text) for number, text in enumerate(children))
    band = band_of(min(listener.age for listener in listeners))
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
    name, _, age = text.rpartition(":")
    if not name or not age.isdecimal():
        raise Invalid(FieldError("/child", "Give a child as NAME:AGE, e.g. Ada:5."))
    if not YOUNGEST <= int(age) <= OLDEST:
        raise Invalid(FieldError("/child", f"An age is {YOUNGEST} to {OLDEST} years."))
    return Listener(ChildId(f"child-{number}"), int(age), name)


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
