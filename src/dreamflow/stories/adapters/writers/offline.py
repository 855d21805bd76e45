"""The default writer: no network, no model, the same words for the same brief.

    brief ──plan──▶ outline ──realise──▶ draft ──check──▶ done
                        ▲                   │ findings
                        └── re-roll the beat ┘

It is plain computing, a few milliseconds, so it runs where it is called.
"""

from collections import Counter
from typing import Final, Protocol

from dreamflow.stories.errors import WritingFailed
from dreamflow.stories.model import Brief, Draft
from dreamflow.stories.rules.guard import Finding, Rule, check
from dreamflow.stories.rules.pack import Pack
from dreamflow.stories.rules.planner import Outline, plan
from dreamflow.stories.rules.realiser import realise

TRIES: Final = 24
"""How often beats are told anew before the writer gives up."""


class Packs(Protocol):
    """Where content packs come from."""

    def pack(self, language: str) -> Pack:
        """The pack of a language.

        Raises:
            PackError: there is none, or it cannot be read.
        """
        ...


class OfflineWriter:
    """Plans, realises and guards a story from a content pack."""

    def __init__(self, packs: Packs) -> None:
        self._packs = packs

    async def write(self, brief: Brief) -> Draft:
        """A finished text that passed the guard; the same brief gives the same bytes.

        Raises:
            WritingFailed: no telling passed the guard, e.g. more minutes than the pack has words for.
            PackError: there is no pack of the language, or no such theme in it.
        """
        return self.compose(brief)

    def compose(self, brief: Brief) -> Draft:
        """The same, without waiting."""
        pack = self._packs.pack(brief.language)
        outline = plan(brief, pack)
        rolls: Counter[str] = Counter()
        rules: tuple[str, ...] = ()
        for _ in range(TRIES):
            draft = realise(outline, brief, pack, rolls)
            findings = check(draft, brief, pack)
            if not findings:
                return draft
            rules = tuple(dict.fromkeys(str(finding.rule) for finding in findings))
            rolls.update(_refused(outline, draft, findings[0]))
        raise WritingFailed(f"no telling of {outline.shape.id} passed the guard: {', '.join(rules)}")


def _refused(outline: Outline, draft: Draft, finding: Finding) -> tuple[str, ...]:
    """Beats to tell anew: the one that failed; where a place in the story is missed, also those before."""
    failed = draft.passages[finding.passage].beat
    if finding.rule not in (Rule.RESOLUTION, Rule.BREATH, Rule.LENGTH):
        return (failed,)
    beats = [leg.beat.id for leg in outline.legs]
    return tuple(beats[: beats.index(failed) + 1])
