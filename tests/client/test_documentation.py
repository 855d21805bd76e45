"""The pages' examples, run as they stand against an emulated account; their tables, against the code."""

import ast
import datetime as dt
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import aioklaviyo
from aioklaviyo import Api, KlaviyoError, NewEvent, ProfileAttributes, ProfileRef, filters
from client.emulated import Account, account

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/aioklaviyo.md").read_text()
AREAS_PAGE = (ROOT / "docs/aioklaviyo-areas.md").read_text()
AREAS = [name for name, made in vars(Api).items() if isinstance(made, cached_property)]
NIGHT = dt.datetime(2026, 11, 1, 19, 10, tzinfo=dt.UTC)


async def names_for(here: Account) -> dict[str, Any]:
    """What the examples speak of, in an account that has some."""
    klaviyo = here.klaviyo
    made = await klaviyo.profiles.upsert(ProfileAttributes(email="ann@example.org", external_id="a-1"))
    event = NewEvent(
        metric="Story Generated", profile=ProfileRef(id=made.profile.id), time=NIGHT, value=8.0, unique_id="story-0"
    )
    await klaviyo.events.create(event)
    events = [event async for event in klaviyo.events.list()]
    stories = await klaviyo.lists.create("Stories")
    await klaviyo.lists.add_members(stories.id, [made.profile.id])
    here.sent.clear()
    return {name: getattr(aioklaviyo, name) for name in aioklaviyo.__all__} | {
        "klaviyo": klaviyo,
        "dt": dt,
        "event_id": events[0].id,
        "events": [event.model_copy(update={"unique_id": f"story-{n}"}) for n in range(1, 4)],
        "list_id": stories.id,
        "metric_id": events[0].metric_id,
        "profile_id": made.profile.id,
        # A delivery of nobody's: what to do with a rejected one is shown as well.
        "headers": {},
        "body": b"{}",
        "secret": "a secret of 16 characters or more",
        "print": lambda *_: None,
    }


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("page", [PAGE, AREAS_PAGE], ids=["guide", "areas"])
async def test_the_examples_run_one_after_the_other(page: str) -> None:
    async with account() as here:
        names = await names_for(here)
        for example in examples(page):
            # The test has a loop already, and no account but this one.
            address = f'"pk_1", base_url={here.emulator.url!r}'
            text = example.replace("asyncio.run(main())", "await main()").replace('"pk_..."', address)
            program = compile(text, f"<{example[:60]}...>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            done = eval(program, names)
            if done is not None:
                await done
        assert len(here.succeeded()) > 5


def test_every_error_has_its_row() -> None:
    public = {name: getattr(aioklaviyo, name) for name in aioklaviyo.__all__}
    kinds = {name for name, made in public.items() if isinstance(made, type) and issubclass(made, KlaviyoError)}
    rows = set(re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE))
    assert rows == kinds - {"KlaviyoError"}


def test_every_filter_and_every_area_is_named() -> None:
    functions = [name for name, made in vars(filters).items() if getattr(made, "__module__", "") == filters.__name__]
    for name in [name for name in functions if not name.startswith("_") and name != "Filter"]:
        assert f"`{name}`" in PAGE
    for name in AREAS:
        assert f"klaviyo.{name}" in AREAS_PAGE, name


def test_what_is_said_to_show_something_is_there() -> None:
    tracker = PAGE[PAGE.index("| asked for |") :].partition("\n\n")[0]
    shown_by = [row.rsplit("|", 2)[1].strip(" `") for row in tracker.splitlines()[2:]]
    assert len(shown_by) > 10
    for name in shown_by:
        assert list((ROOT / "tests").rglob(name)), name


def test_the_reference_lists_what_the_program_has() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/client-page", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
