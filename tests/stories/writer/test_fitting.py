"""Meeting a beat's words."""

from dataclasses import replace

from dreamflow.stories.rules.fitting import Told, fit
from dreamflow.stories.rules.pack import Pack, Role, Storylet


def _part(pack: Pack, name: str, *groups: str) -> Storylet:
    part = next(part for part in pack.storylets if part.role is Role.FILL and not part.groups)
    return replace(part, id=name, groups=frozenset(groups))


LENGTHS = {"ten": 10, "eleven": 11, "thirty": 30}


def _length(part: Storylet) -> int:
    return LENGTHS[part.id]


def test_the_best_pair_is_found(pack: Pack) -> None:
    parts = [_part(pack, name) for name in LENGTHS]

    fitted = fit(parts, (), 40, Told(9), _length)

    assert {part.id for part in fitted.fills} == {"ten", "thirty"}
    assert fitted.miss == 0


def test_two_of_a_group_never_stand_together(pack: Pack) -> None:
    parts = [_part(pack, "ten", "light"), _part(pack, "eleven", "light"), _part(pack, "thirty")]

    fitted = fit(parts, (), 21, Told(9), _length)

    assert len(fitted.fills) == 1
    assert fit(parts, (), 21, Told(9, groups={"light"}), _length).fills == (parts[2],)


def test_nothing_is_told_when_nothing_fits_better(pack: Pack) -> None:
    fitted = fit([_part(pack, "thirty")], (), 5, Told(9), _length)

    assert (fitted.fills, fitted.act, fitted.miss) == ((), None, 5)


def test_what_was_tried_leaves_no_trace(pack: Pack) -> None:
    told = Told(9)

    fit([_part(pack, name, name) for name in LENGTHS], (), 120, told, _length)

    assert told == Told(9)
