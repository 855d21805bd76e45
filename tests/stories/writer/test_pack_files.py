"""Reading packs: what is wrong is named by file, entry and field."""

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from dreamflow.kit.errors import DreamFlowError
from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.rules.pack import PackError
from dreamflow.stories.rules.pack_reading import read_pack
from stories.writer.test_pack_lint import _files, _shape, _storylet

Files = dict[str, dict[str, Any]]


def _set(name: str, **fields: object) -> Callable[[Files], None]:
    return lambda parsed: _storylet(parsed, name).update(fields)


WRONG: dict[str, Callable[[Files], object]] = {
    "pack.toml: is missing": lambda parsed: parsed.pop("pack.toml"),
    "pack.toml: pack: schema: this program reads": lambda parsed: parsed["pack.toml"].update(schema=2),
    "pack.toml: pack: version: must be a whole number": lambda parsed: parsed["pack.toml"].update(version=True),
    "pack.toml: pack: licence: must be a text": lambda parsed: parsed["pack.toml"].pop("licence"),
    "pack.toml: pack: colour: is not a field": lambda parsed: parsed["pack.toml"].update(colour="red"),
    "words.toml: words: banned: must be a list": lambda parsed: parsed["words.toml"].update(banned="kill"),
    "words.toml: words: scenery: must be a table": lambda parsed: parsed["words.toml"].update(scenery=["hedge"]),
    "words.toml: scenery: hedge: must be a list": lambda p: p["words.toml"]["scenery"].update(hedge="hedge"),
    "places.toml: mill-pond: light: must be a text": lambda parsed: parsed["places.toml"]["place"][0].pop("light"),
    "companions.toml: hedgehog: pronoun: must be": lambda p: p["companions.toml"]["companion"][0].update(pronoun="we"),
    "themes.toml: theme: must be a list of tables": lambda parsed: parsed["themes.toml"].update(theme="sea"),
    "themes.toml: theme 7: id: must be a text": lambda parsed: parsed["themes.toml"]["theme"].append({"title": "x"}),
    "storylets_walk.toml: walk-coat: energy: must be 0 to 5": _set("walk-coat", energy=6),
    "storylets_walk.toml: walk-coat: role: must be one of": _set("walk-coat", role="joke"),
    "storylets_walk.toml: walk-coat: band: must be one of": _set("walk-coat", band="13-14"),
    "storylets_walk.toml: walk-coat: in: must not be empty": _set("walk-coat", **{"in": []}),
    "storylets_walk.toml: walk-coat: themes: must be a list of texts": _set("walk-coat", themes=[1]),
    "storylets_walk.toml: walk-coat: children: must be two": _set("walk-coat", children=[3, 2]),
    "storylets_walk.toml: walk-hat: children: must be two": _set("walk-hat", children=[1, 2, 3]),
    "storylets_walk.toml: walk-knot: children: must be two": _set("walk-knot", children="12"),
    "acts.toml: act-gate: lines: must not be empty": _set("act-gate", lines=[]),
    "shapes.toml: walk: refrain: must be full": lambda parsed: _shape(parsed, 0).update(refrain=["a", "b"]),
    "shapes.toml: walk: resolution: must be a later beat": lambda parsed: _shape(parsed, 0).update(resolution="x"),
    "shapes.toml: walk: beat: must have beats": lambda parsed: _shape(parsed, 0)["beat"][2].update(share=0.1),
    "shapes.toml: path: share: must be more than 0": lambda parsed: _shape(parsed, 0)["beat"][2].update(share=2),
    "shapes.toml: path: energy: must be two": lambda parsed: _shape(parsed, 0)["beat"][2].pop("energy"),
    "shapes.toml: path: optional: must be true or false": lambda p: _shape(p, 0)["beat"][2].update(optional="no"),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_named(message: str) -> None:
    parsed = _files()
    WRONG[message](parsed)

    with pytest.raises(PackError) as caught:
        read_pack(parsed)

    assert caught.value.message.startswith(message)
    assert isinstance(caught.value, DreamFlowError)


def test_themes_by_language(library: PackLibrary) -> None:
    assert library.languages() == ("en",)
    assert [theme.category for theme in library.themes("en")] == [
        "water", "forest", "sky", "garden", "journeys", "town",
    ]  # fmt: skip
    assert library.pack("en") is library.pack("en")
    assert library.pack("en").label == "en/1"


def test_an_unknown_language(library: PackLibrary) -> None:
    with pytest.raises(PackError, match="tlh: there is no pack"):
        library.pack("tlh")


def test_a_pack_is_of_the_language_its_folder_is_named_for(tmp_path: Path) -> None:
    shutil.copytree(str(files("dreamflow") / "packs" / "en"), tmp_path / "de")

    with pytest.raises(PackError, match=r"pack\.toml: pack: language: must be de"):
        PackLibrary(tmp_path).pack("de")


@pytest.mark.parametrize("content", [b"id = ", b'id = "\xff"'], ids=["not TOML", "not UTF-8"])
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "en"
    folder.mkdir()
    (folder / "README").write_text("not read")
    (folder / "pack.toml").write_bytes(content)

    with pytest.raises(PackError, match=r"pack\.toml: "):
        PackLibrary(tmp_path).pack("en")
