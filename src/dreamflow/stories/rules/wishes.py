"""Reading a parent's wish in their own words; what is not understood is said, not guessed."""

import re
from collections.abc import Sequence
from typing import Final

from dreamflow.stories.model import Theme, ThemeId

_WORD: Final = re.compile(r"[^\W\d_]{2,}")  # a lone letter, such as what "fox's" ends in, says nothing
_CALMER: Final = frozenset({"calm", "calmer", "quiet", "quieter", "sleepy", "tired", "gentle", "soft", "slow"})
_LITTLE: Final = frozenset({"the", "and", "of", "a", "an", "at", "in", "to", "little", "quiet"})


def wished_theme(text: str, themes: Sequence[Theme]) -> ThemeId | None:
    """The theme whose own words occur most in the wish; none when no word does."""
    wished = _words(text)
    best = max(themes, key=lambda theme: len(wished & _words_of(theme)), default=None)
    return best.id if best is not None and wished & _words_of(best) else None


def wishes_calm(text: str) -> bool:
    """Whether the wish asks for a calmer story."""
    return bool(_words(text) & _CALMER)


def _words_of(theme: Theme) -> frozenset[str]:
    return (_words(theme.category) | _words(theme.title) | frozenset(theme.words)) - _LITTLE


def _words(text: str) -> frozenset[str]:
    words = {word.casefold() for word in _WORD.findall(text)}
    return frozenset(words | {word.removesuffix("s") for word in words})
