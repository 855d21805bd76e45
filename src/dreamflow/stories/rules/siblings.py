"""Who leads tonight: a fair turn among those who are in the room."""

from collections import Counter
from collections.abc import Sequence

from dreamflow.stories.model import Chosen, Fact, Listener, Night, Reason


def lead(listeners: Sequence[Listener], history: Sequence[Night]) -> Chosen[Listener]:
    """Choose the child whose story it is.

    The one who led least goes first; among equals the one whose turn is longest ago, then the youngest.

    Args:
        listeners: the children present, at least one.
        history: earlier nights, newest first.
    """
    if len(listeners) == 1:
        return Chosen(
            listeners[0],
            (Reason("One child is listening, so it is that child's story.", Fact("children.present", "1")),),
        )
    turns = Counter(night.lead for night in history)
    last_turn = {night.lead: -position for position, night in reversed(list(enumerate(history)))}
    never = -len(history)
    chosen = min(listeners, key=lambda one: (turns[one.id], last_turn.get(one.id, never), one.age, one.id))
    led = turns[chosen.id]
    return Chosen(
        chosen,
        (
            Reason(
                "Turns are shared: nobody here has led fewer stories.",
                Fact("history.leads", f"{led} of {len(history)}"),
            ),
        ),
    )


def reading_age(listeners: Sequence[Listener]) -> int:
    """The age the words are chosen for: the youngest in the room."""
    return min(listener.age for listener in listeners)
