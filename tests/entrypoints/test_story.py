"""`dreamflow story`: who may listen is decided as for a family."""

import json

import pytest

from dreamflow.entrypoints.story import run
from dreamflow.kit.errors import Invalid


def tell(*children: str, as_json: bool = False) -> None:
    run(seed=1, minutes=3, theme=None, children=list(children), as_json=as_json)


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ("Ada", "NAME:AGE"),
        ("Ada:", "NAME:AGE"),
        ("Ada:five", "NAME:AGE"),
        ("Ada:-5", "NAME:AGE"),
        ("Ada:" + "9" * 5000, "NAME:AGE"),
        (":5", "needs a name"),
        ("   :5", "needs a name"),
        ("\u200d:5", "needs a name"),
        ("A\u202eda:5", "visible characters"),
        ("A\nda:5", "visible characters"),
        ("a" * 61 + ":5", "at most 60"),
        ("Ada:0", "An age is"),
        ("Ada:17", "An age is"),
    ],
)
def test_a_child_that_no_family_could_have_does_not_listen(child: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        tell("Bo:7", child)


def test_more_than_four_do_not_fit_into_one_story() -> None:
    with pytest.raises(Invalid, match="At most 4"):
        tell("A:1", "B:2", "C:3", "D:4", "E:5")


def test_the_white_space_around_a_name_goes(capsys: pytest.CaptureFixture[str]) -> None:
    tell(" Ada:5", "B:2", "C:3", "D:4", as_json=True)
    spaced = json.loads(capsys.readouterr().out)
    tell("Ada:5", "B:2", "C:3", "D:4", as_json=True)
    assert json.loads(capsys.readouterr().out) == spaced


def test_a_colon_may_be_part_of_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    tell("Ada:B:5")
    assert capsys.readouterr().out.rstrip().endswith("Ada:B.")
