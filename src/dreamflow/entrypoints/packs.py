"""`dreamflow packs lint`: what an author should mend in a content pack."""

import re
from importlib.resources import files
from pathlib import Path

import typer

from dreamflow.entrypoints.failures import CannotRun
from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.rules.lint import lint as judge
from dreamflow.stories.rules.pack import PackError

_SHIPPED = Path(str(files("dreamflow") / "packs"))
_HEADING = re.compile(r"\[\[(?:storylet|theme|place|companion|object|(shape)|shape\.(beat))\]\]")
_ID = re.compile(r'id = "(.+)"')


def lint(folder: Path | None) -> None:
    """Print a line for each thing to mend in a pack, or in all that came with the program; with any, exit status 1."""
    if folder and not (folder / "pack.toml").is_file():
        raise CannotRun("There is no pack.toml in this folder.")
    packs = [folder.resolve()] if folder else sorted(file.parent for file in _SHIPPED.glob("*/pack.toml"))
    findings = [f"{pack.name}/{finding}" for pack in packs for finding in _findings(pack)]
    typer.echo("\n".join(findings) or "Nothing to mend.")
    if findings:
        raise typer.Exit(1)


def _findings(pack: Path) -> list[str]:
    try:
        problems = judge(PackLibrary(pack.parent).pack(pack.name))
    except PackError as error:
        return [str(error)]
    lines = _lines(pack)
    return [f"{lines.get(found.where, '')}{found.where}: {found.detail} [{found.rule}]" for found in problems]


def _lines(pack: Path) -> dict[str, str]:
    """Where each entry says its id, as "file:line: "; a beat is known by its shape and its own name."""
    lines: dict[str, str] = {}
    for file in sorted(pack.glob("*.toml")):
        shape = kind = ""
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if heading := _HEADING.match(line.strip()):
                kind = heading[1] or heading[2] or ""
            elif found := _ID.match(line.strip()):
                shape = found[1] if kind == "shape" else shape
                lines.setdefault(f"{shape}.{found[1]}" if kind == "beat" else found[1], f"{file.name}:{number}: ")
    return lines
