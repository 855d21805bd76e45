"""Content packs from the program's own data; each is read once for a library, when it is first asked for."""

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING

from dreamflow.stories.model import Theme
from dreamflow.stories.rules.pack import Pack, PackError
from dreamflow.stories.rules.pack_reading import read_pack

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class PackLibrary:
    """The packs that came with the program, by language."""

    def __init__(self, root: "Traversable | None" = None) -> None:
        """Use the packs below a folder, by default those of the program."""
        self._root = files("dreamflow") / "packs" if root is None else root
        self._packs: dict[str, Pack] = {}

    def languages(self) -> tuple[str, ...]:
        """The languages on offer, sorted."""
        return tuple(sorted(folder.name for folder in self._root.iterdir() if (folder / "pack.toml").is_file()))

    def pack(self, language: str) -> Pack:
        """The pack of a language.

        Raises:
            PackError: there is none, or it cannot be read.
        """
        if language not in self._packs:
            self._packs[language] = self._read(language)
        return self._packs[language]

    def themes(self, language: str) -> tuple[Theme, ...]:
        """The worlds on offer in a language.

        Raises:
            PackError: there is no pack of it, or it cannot be read.
        """
        return self.pack(language).themes

    def _read(self, language: str) -> Pack:
        if language not in self.languages():
            raise PackError(f"{language}: there is no pack of this language")
        folder = self._root / language
        parsed: dict[str, dict[str, object]] = {}
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".toml"):
                try:
                    parsed[file.name] = tomllib.loads(file.read_text(encoding="utf-8"))
                except ValueError as error:  # no TOML, or no UTF-8
                    raise PackError(f"{file.name}: {error}") from error
        pack = read_pack(parsed)
        if pack.language != language:
            raise PackError(f"pack.toml: pack: language: must be {language}, as its folder")
        return pack
