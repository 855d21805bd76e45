"""The failpoints in the code are those of the list."""

import ast

from architecture.architecture_texts import ROOT
from dreamflow.kit.failpoints import PLACES


def reached() -> set[str]:
    """The names that the code reaches."""
    found: set[str] = set()
    for path in (ROOT / "src" / "dreamflow").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            if name in {"reach", "_reach"}:
                argument = node.args[0]
                assert isinstance(argument, ast.Constant), f"{path.name} reaches a place whose name is not written out"
                found.add(str(argument.value))
    return found


def test_every_failpoint_is_in_the_list_and_in_the_code() -> None:
    assert reached() == set(PLACES)
