"""The pages speak of the program as it is: links, commands, routes, settings, claims."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from architecture.architecture_texts import ROOT, SOURCES, code, fences, files, pages, prose, rows, section
from dreamflow.entrypoints.cli import app
from dreamflow.families.http import FamilyDeps
from dreamflow.families.http import router as family_router
from dreamflow.kit.clock import SystemClock
from dreamflow.settings import PREFIX, IssuerSettings, Settings
from dreamflow.stories.http import StoryDeps
from dreamflow.stories.http import router as story_router
from dreamflow.stories.rules.evening import BANDS, band_of, start_energy

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PAGES = sorted(pages())
ARCHITECTURE = "docs/architecture.md"

# What nobody here has shown, so nobody here says it.
CLAIMS = re.compile(
    r"clinical(?:ly)?\b|\bproven\b|scientifically|evidence-based|\btherap(?:y|eutic|ist)|\btreatment\b|\bcures?\b|"
    r"\btreats? (?:\w+ ){0,2}(?:insomnia|sleep|anxiety)|"
    r"insomnia|(?:falls?|fall(?:ing)?) asleep (?:faster|sooner|earlier|quicker)|improv\w+ (?:\w+ ){0,2}sleep|"
    r"better sleep|sleeps? (?:better|longer)|sleep quality|reduc\w+ (?:bedtime|sleep|anxiety|stress)|blue.light|"
    r"(?:doctor|paediatrician|pediatrician|expert|psychologist)s?.(?:recommended|approved|recommend)|"
    r"guarantee[sd]? sleep|"
    r"calms? (?:anxiety|adhd)|\bmelatonin\b|brain development",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in LINK.findall(prose(pages()[page])):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, fragment = target.partition("#")
        there = (ROOT / page).resolve().parent / path if path else ROOT / page
        assert there.exists(), f"{page}: {target}"
        if fragment:
            assert fragment in _anchors(there.read_text()), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES)
def test_python_in_a_page_compiles(page: str) -> None:
    for block in fences(pages()[page], "python"):
        compile(block, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {match[1] for line in code(pages()[page]) if (match := re.match(r"(?:\$ )?make ([a-z][a-z-]*)", line))}
    assert asked <= targets


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    for line in code(pages()[page]):
        for words in re.findall(r"(?:^|[\s(/])dreamflow((?: +[^\s|;&)]+)+)", line):
            if not re.match(r" +(?:-|[a-z]+\b(?![.:/]))", words):
                continue
            command, options = _command(words.split(), line)
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            assert options <= known | {"--help"}, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES)
def test_routes_exist(page: str) -> None:
    routes = {(_shape("/api/v1" + route.path), *route.methods) for route in _routes()}
    paths = {route[0] for route in routes}
    for found in re.findall(r"(?:(GET|PUT|POST|PATCH|DELETE) )?(?:http://[\w.:]+)?(/api/v1/[\w/{}$-]+)", pages()[page]):
        method, path = found[0], _shape(found[1].rstrip("/"))
        assert (path, method) in routes if method else path in paths, f"{page}: {found}"


def test_every_route_is_in_the_architecture() -> None:
    named = pages()[ARCHITECTURE]
    for route in _routes():
        for method in route.methods:
            assert f"`{method} /api/v1{route.path}`" in named


def test_every_command_is_in_the_architecture() -> None:
    listed = {row[0].strip("`") for row in rows(section(pages()[ARCHITECTURE], "Commands"))}
    assert {line.split()[1] for line in listed if line.startswith("dreamflow ")} == set(_root().commands)
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in listed if line.startswith("make ")} == set(targets)


def test_every_setting_is_in_the_architecture() -> None:
    written = section(pages()[ARCHITECTURE], "Settings")
    listed = {row[0].strip("`"): row[1] for row in rows(written)}
    assert listed == dict(_settings(Settings, PREFIX)) | dict(_settings(IssuerSettings, ""))


def test_every_metric_is_in_the_architecture() -> None:
    listed = {row[0].strip("`") for row in rows(section(pages()[ARCHITECTURE], "Health, metrics, endings"))}
    sources = [SOURCES / "dreamflow" / path for path in ("outbox/adapters/metrics.py", "web/metrics.py")]
    made = {name for path in sources for name in re.findall(r'"(dreamflow_\w+)"', path.read_text())}
    assert {name.split("{")[0].removesuffix("_total") for name in listed} == made


def test_the_example_of_issuers_is_accepted() -> None:
    (example,) = re.findall(r"ISSUERS='(.+?)'", pages()[ARCHITECTURE], re.DOTALL)
    (issuer,) = json.loads(example)
    assert IssuerSettings.model_validate(issuer).config().signed_with == "ES256"


def test_the_defaults_of_an_evening_are_those_of_the_code() -> None:
    listed = rows(section(pages()[ARCHITECTURE], "Defaults of an evening"))
    bands = [(defaults.minutes, defaults.words_per_minute) for defaults in BANDS.values()]
    assert [(int(row[1]), int(row[2])) for row in listed if len(row) == 3] == bands
    for row in listed:
        if len(row) == 2:
            first, last = (time.fromisoformat(clock) for clock in row[0].split(" to "))
            assert start_energy(first) == start_energy(last) == int(row[1])
        else:
            oldest, *younger = (int(age) for age in reversed(re.findall(r"\d+", row[0])))
            assert {band_of(age) for age in (oldest, *younger)} == {list(BANDS)[listed.index(row)]}


def test_decisions_have_one_shape() -> None:
    decisions = sorted(page for page in PAGES if re.match(r"docs/adr/\d{4}-", page))
    assert [int(Path(page).name[:4]) for page in decisions] == list(range(1, len(decisions) + 1))
    index = pages()["docs/adr/README.md"]
    for page in decisions:
        text = pages()[page]
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives", "Enforced by", "References"], page
        assert len(text.splitlines()) <= 60, page
        assert f"({Path(page).name})" in index, page


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/adr/0")])
def test_a_decision_names_tests_and_files_that_exist(page: str) -> None:
    for span in code(section(pages()[page], "Enforced by")):
        if re.match(r"(?:tests|src|docs|locks|tools)/", span):
            assert (ROOT / span.split("::")[0]).exists(), f"{page}: {span}"
        if "::" in span:
            assert f"def {span.split('::')[1]}(" in (ROOT / span.split("::")[0]).read_text(), f"{page}: {span}"


def test_nothing_is_claimed_about_health_or_sleep() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}" for path in _worded() for match in CLAIMS.finditer(path.read_text())
    ]
    assert not found


def _worded() -> Iterator[Path]:
    """Whatever a parent or a visitor may read."""
    for path in files():
        beside = path.parent.name in {"templates", "static"} or (SOURCES / "dreamflow" / "packs") in path.parents
        if path.suffix == ".md" or (beside and path.suffix in {".html", ".toml", ".svg", ".css"}):
            yield path


def _anchors(page: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _root() -> Any:
    return typer.main.get_command(app)


def _command(words: list[str], line: str) -> tuple[Any, set[str]]:
    command = _root()
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        name = words.pop(0).rstrip(".,")
        assert name in command.commands, f"no such command: {line}"
        command = command.commands[name]
    return command, {word.split("=")[0].strip("[].,") for word in words if word.lstrip("[").startswith("--")}


def _routes() -> list[Any]:
    nobody = cast("Any", None)
    families = family_router(FamilyDeps(nobody, lambda: None, SystemClock()))
    stories = story_router(StoryDeps(nobody, lambda: None, SystemClock()))
    return [*families.routes, *stories.routes]


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}|\$\w+|[0-9a-f-]{36}|(?<=/consents/)\w+", "*", path)


def _settings(group: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in group.model_fields.items():
        full = f"{prefix}{name.upper() if prefix else name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, f"{full}__")
        elif field.default_factory is not None:
            yield full, "the platform's user data folder"
        else:
            yield full, _words(field.default)


def _words(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if default is None or default in ((), ""):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
