"""The shipped pack is clean, and each lint rule catches a planted defect."""

import tomllib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from dreamflow.stories.rules.lint import lint
from dreamflow.stories.rules.pack import Pack
from dreamflow.stories.rules.pack_reading import read_pack

Files = dict[str, dict[str, Any]]


@cache
def _parsed() -> Files:
    folder = files("dreamflow") / "packs" / "en"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".toml")]
    return {name: tomllib.loads((folder / name).read_text(encoding="utf-8")) for name in names}


def _files() -> Files:
    """The shipped files, to spoil."""
    return deepcopy(_parsed())


def _storylet(parsed: Files, name: str) -> dict[str, Any]:
    return next(entry for tables in parsed.values() for entry in tables.get("storylet", []) if entry["id"] == name)


def _drop(parsed: Files, role: str, where: str) -> None:
    for tables in parsed.values():
        tables["storylet"] = [
            part for part in tables.get("storylet", []) if part["role"] != role or where not in part["in"]
        ]
    for name in [name for name, tables in parsed.items() if not tables["storylet"]]:
        del parsed[name]["storylet"]
    parsed["pack.toml"].pop("storylet", None)
    parsed["words.toml"].pop("storylet", None)


def _set(name: str, **fields: object) -> Callable[[Files], None]:
    return lambda parsed: _storylet(parsed, name).update(fields)


def _shape(parsed: Files, at: int) -> dict[str, Any]:
    return parsed["shapes.toml"]["shape"][at]


DEFECTS: dict[str, tuple[str, Callable[[Files], object]]] = {
    "twice": ("duplicate-id", _set("walk-bell", id="walk-time")),
    "slot": ("unknown-slot", _set("walk-coat", text="A {dragon} lay down.")),
    "child": ("unknown-slot", _set("walk-coat", text="{child} sat down.")),
    "sibling": ("unknown-slot", _set("walk-coat", text="{sibling} sat down.")),
    "answer": ("unknown-slot", _set("act-gate", answer="{lead} bowed.")),
    "answered opener": ("unknown-slot", _set("walk-time", answer="{Pal} bowed.")),
    "long answer": ("long-sentence", _set("act-gate", answer="It " + "sat and " * 12 + "sat.")),
    "it after a place": ("join", _set("walk-light", text="{light} It was low.")),
    "they after a place": ("join", _set("act-gate", answer="{sound}\nThey stood still.")),
    "title": ("unknown-slot", lambda parsed: _shape(parsed, 0).update(titles=["The {dragon}"])),
    "few": ("few-places", lambda parsed: parsed["themes.toml"]["theme"].append(
        {"id": "sea", "category": "water", "title": "Sea"})),
    "place": ("unknown-theme", lambda parsed: parsed["places.toml"]["place"][0].update(theme="sea")),
    "theme": ("unknown-theme", _set("walk-coat", themes=["sea"])),
    "place has": ("unknown-scenery", lambda parsed: parsed["places.toml"]["place"][0].update(has=["dragons"])),
    "storylet needs": ("unknown-scenery", _set("walk-coat", needs_place=["dragons"])),
    "no such place": ("unreachable", _set("town-baker", needs_place=["farm"])),
    "scenery": ("scenery", _set("walk-coat", text="They leaned on the hedge.")),
    "act scenery": ("scenery", _set("act-gate", needs_place=[])),
    "answer scenery": ("scenery", _set("act-lace", answer="{He} tried it on the wall.")),
    "unknown callback": ("callback", _set("walk-socks", after=["dragon"])),
    "early callback": ("callback", _set("walk-coat", after=["walk-milk"])),
    "opener callback": ("callback", _set("walk-wash", after=["walk-coat"])),
    "nowhere": ("unreachable", _set("walk-coat", **{"in": ["walk.nowhere"]})),
    "needs": ("unreachable", _set("walk-coat", needs=["owner"])),
    "energy": ("unreachable", _set("walk-still-stove", energy=3)),
    "no act": ("unreachable", _set("act-gate", **{"in": ["afterwards"]})),
    "early thing": ("missing-fact", _set("lamp-one", text="There lay {thing}.")),
    "early breath": ("missing-fact", _set("breath-lamps", text="It breathed by {owner}.", **{"in": ["settle"]})),
    "beat fact": ("missing-fact", lambda parsed: _shape(parsed, 0)["beat"][1].update(needs=["owner"])),
    "article": ("article", _set("walk-coat", text="They saw a owl.")),
    "article an": ("article", _set("walk-coat", text="They saw an bee.")),
    "object article": ("article", lambda parsed: parsed["objects.toml"]["object"][0].update(article="an")),
    "spaces": ("spaces", _set("walk-coat", text="They  sat.")),
    "lively": ("too-lively", _set("walk-light", text="Bang went the gate.")),
    "calm": ("too-calm", _set("walk-hat", text="It was a hat.")),
    "not still": ("not-still", _set("walk-still-stove", text="The tin was red.")),
    "shouting": ("not-still", _set("walk-still-stove", text="The bed was warm!")),
    "banned": ("banned", _set("walk-coat", text="It was magic.")),
    "banned habit": ("banned", lambda parsed: parsed["companions.toml"]["companion"][0].update(habit="felt lonely")),
    "long": ("long-sentence", _set("walk-coat", text="They " + "sat and " * 12 + "sat.")),
    "starved beat": ("starved", lambda parsed: _drop(parsed, "fill", "walk.path")),
    "no openers": ("starved", lambda parsed: _drop(parsed, "opener", "walk.path")),
    "no breath": ("starved", lambda parsed: (_drop(parsed, "breath", "settle"),
                                             _drop(parsed, "breath", "walk.indoors"))),
    "no acts": ("starved", lambda parsed: _drop(parsed, "act", "end")),
    "no frame": ("starved", lambda parsed: _drop(parsed, "closing", "frame")),
    "optional": ("optional-fact", lambda parsed: _shape(parsed, 0)["beat"][1].update(gives=["hat"])),
}  # fmt: skip


def test_the_shipped_pack_is_clean(pack: Pack) -> None:
    assert lint(pack) == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect: str) -> None:
    rule, plant = DEFECTS[defect]
    parsed = _files()
    plant(parsed)

    assert rule in {problem.rule for problem in lint(read_pack(parsed))}


def test_a_pack_that_has_only_begun_is_told_what_is_missing() -> None:
    begun = read_pack({"pack.toml": _files()["pack.toml"]})

    assert [problem.where for problem in lint(begun)] == ["theme", "place", "companion", "object", "shape"]


def test_empty_word_lists_forbid_nothing(pack: Pack) -> None:
    silent = replace(pack, lexicon=replace(pack.lexicon, banned=(), lively=frozenset()))

    assert {problem.rule for problem in lint(silent)} <= {"too-calm"}


def test_the_pack_is_large_enough(pack: Pack) -> None:
    assert len(pack.themes) == 6
    assert len(pack.settings) >= 30
    assert len(pack.creatures) >= 14
    assert len(pack.items) >= 24
    assert len(pack.shapes) == 3
    assert all(len(shape.beats) == 8 for shape in pack.shapes)
    assert len(pack.storylets) >= 240
