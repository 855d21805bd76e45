"""`dreamflow packs lint`: an author is told what to mend, and where."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dreamflow.entrypoints.cli import app
from dreamflow.entrypoints.failures import CannotRun


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A copy of the English pack, to spoil."""
    return Path(shutil.copytree(str(files("dreamflow") / "packs" / "en"), tmp_path / "en"))


def lint(*folder: Path) -> tuple[int, list[str]]:
    ran = CliRunner().invoke(app, ["packs", "lint", *map(str, folder)], catch_exceptions=False)
    return ran.exit_code, ran.output.splitlines()


def spoil(file: Path, old: str, new: str) -> int:
    """Change a text in a file; the line of the entry it is in."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    before = text[: text.index(old)].splitlines()
    return max(at for at, line in enumerate(before, start=1) if line.strip().startswith("id = "))


def test_the_shipped_packs_are_clean() -> None:
    assert lint() == (0, ["Nothing to mend."])


def test_a_finding_names_file_line_entry_and_rule(pack: Path) -> None:
    storylet = spoil(pack / "storylets_walk.toml", "They just looked.", "It was scary.")
    beat = spoil(pack / "shapes.toml", "share = 0.30", 'share = 0.30\ntakes = ["pal"]')
    assert lint(pack) == (
        1,
        [
            f"en/storylets_walk.toml:{storylet}: walk-light: says 'scary' [banned]",
            f"en/shapes.toml:{beat}: walk.muddle: may be left out, so it may not give or take a fact [optional-fact]",
        ],
    )


def test_a_finding_without_an_entry_names_what_is_missing(pack: Path) -> None:
    (pack / "places.toml").unlink()
    assert lint(pack) == (1, ["en/place: there must be at least 1 [missing]"])


def test_a_pack_that_cannot_be_read_is_a_finding_too(pack: Path) -> None:
    (pack / "acts.toml").write_text("[[storylet]]\nid = 'act-new'\n")
    status, [said] = lint(pack)
    assert status == 1
    assert said.startswith("en/acts.toml: act-new: ")


def test_a_folder_that_holds_no_pack_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"pack\.toml"):
        lint(tmp_path)
