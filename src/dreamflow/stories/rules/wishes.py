"""Reading a parent's wish in their own words; what is not understood is said, not guessed."""

import re
from collections.abc import Sequence
from typing import Final

from dreamflow.stories.model import Theme, ThemeId

_WORD: Final = re.compile(r"[^\W\d_]{2,}")  # a lone letter, such as what "fox's" ends in, says nothing
_NOT: Final = re.compile(
    r"\b(?:no|not|none|nothing|never|without|except|but|cannot|dont)\b|n['\u2019]t\b", re.IGNORECASE
)
_CALMER: Final = frozenset({"calm", "calmer", "quiet", "quieter", "sleepy", "tired", "gentle", "soft", "slow"})


def wished_theme(text: str, themes: Sequence[Theme]) -> ThemeId | None:
    """The theme whose own words occur most in the wish; none when no word does."""
    wished = _words(text)
    best = max(themes, key=lambda theme: len(wished & _words_of(theme)), default=None)
    return best.id if best is not None and wished & _words_of(best) else None


def wishes_calm(text: str) -> bool:
    """Whether the wish asks for a calmer story."""
    return bool(_words(text) & _CALMER)


def _words_of(theme: Theme) -> frozenset[str]:
    return _words(theme.category) | frozenset(theme.words)


def _words(text: str) -> frozenset[str]:
    """The words of a wish, singular too; none if it says no to something, because to what would be a guess."""
    if _NOT.search(text):
        return frozenset()
    return frozenset(form for word in _WORD.findall(text) for form in _forms(word.casefold()))


def _forms(word: str) -> tuple[str, ...]:
    """A word, and what it may be the plural of: "boats", "foxes", "cities"."""
    return (
        word,
        word.removesuffix("s"),
        re.sub(r"(?:(?<=[sxz])|(?<=[cs]h))es$", "", word),
        re.sub(r"ies$", "y", word),
    )
