"""How hypothesis draws here: the same examples every time, and no clock."""

from hypothesis import settings

examples = settings(derandomize=True, deadline=None, max_examples=100)
