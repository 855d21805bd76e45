"""The repository as text: its files, its pages, and the code written into the pages."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the repository, whether it is committed yet or not."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):  # an archive of the sources, or a machine without git
        return tuple(path for path in ROOT.rglob("*") if path.is_file() and not _is_made(path.relative_to(ROOT)))
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def _is_made(path: Path) -> bool:
    """Whether a tool made it: caches, environments, wheels."""
    return any(part in {"__pycache__", "dist"} or (part[0] == "." and part != ".ci") for part in path.parts)


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of the repository that is text."""
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path, content.decode()


@cache
def pages() -> dict[str, str]:
    """Every page for people, by its path."""
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in files() if path.suffix == ".md"}


def fences(page: str, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages."""
    return [body for language, body in _FENCE.findall(page) if language in languages]


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page)


def code(page: str) -> list[str]:
    """Whatever a page shows as something to type: spans and lines of shell blocks, continued lines joined."""
    shell = "\n".join(fences(page, "", "sh", "bash", "console")).replace("\\\n", " ")
    return [*_SPAN.findall(prose(page)), *shell.splitlines()]


def section(page: str, title: str) -> str:
    """What stands below a heading, up to the next one of its rank or higher."""
    found = re.search(rf"^(#+) {re.escape(title)}$", page, re.MULTILINE)
    assert found, f"no heading {title!r}"
    rest = page[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[tuple[str, ...]]:
    """The rows of the tables in a text, without heads and rulers."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rulers = {number for number, line in enumerate(lines) if set(line) <= set("|-: ")}
    return [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for number, line in enumerate(lines)
        if number not in rulers and number + 1 not in rulers
    ]
