"""The page's examples, run as they stand; its tables, against the code."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import aioklaviyo
from aioklaviyo import Klaviyo, KlaviyoError, NewEvent, ProfileRef, filters
from client.client_server import Connect, Received, Reply, Serve, profile

PAGE = (Path(__file__).parents[2] / "docs" / "aioklaviyo.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
EVENT = {"type": "event", "id": "7qWk", "attributes": {}}
METRIC = {"type": "metric", "id": "SkDfHe", "attributes": {"name": "Story Generated"}}
ANSWERS: dict[tuple[str, str], Reply] = {
    ("GET", "/api/accounts"): Reply(document={"data": [{"type": "account", "id": "AbC123"}]}),
    ("GET", "/api/events"): Reply(document={"data": [EVENT]}),
    ("GET", "/api/events/7qWk"): Reply(document={"data": EVENT}),
    ("POST", "/api/events"): Reply(202),
    ("POST", "/api/event-bulk-create-jobs"): Reply(202),
    ("GET", "/api/lists"): Reply(document={"data": []}),
    ("GET", "/api/metrics"): Reply(document={"data": [METRIC]}),
    ("GET", "/api/metrics/SkDfHe"): Reply(document={"data": METRIC}),
    ("GET", "/api/profiles"): Reply(document={"data": [profile()]}),
    ("POST", "/api/profiles"): Reply(201, {"data": profile()}),
    ("POST", "/api/profile-import"): Reply(201, {"data": profile()}),
}


def answer(received: Received) -> Reply:
    return ANSWERS.get((received.method, received.path), Reply(document={"data": profile()}))


@pytest.mark.parametrize("example", EXAMPLES)
async def test_the_examples_run(serve: Serve, connect: Connect, example: str) -> None:
    server = await serve(script=answer)
    names: dict[str, Any] = vars(aioklaviyo) | {
        "klaviyo": await connect(server.url),
        "dt": __import__("datetime"),
        "event_id": "7qWk",
        "events": [NewEvent(metric="M", profile=ProfileRef(id="1"), unique_id="u")],
        "metric_id": "SkDfHe",
        "print": lambda *_: None,
        "profile_id": "01M1",
    }
    if "asyncio.run" in example:
        # The test has a loop already, and no account.
        example = example.replace("asyncio.run(main())", "").replace('"pk_..."', f'"pk_1", base_url={server.url!r}')
    else:
        example = f"async def main():\n{textwrap.indent(example, '    ')}"
    exec(compile(example, "docs/aioklaviyo.md", "exec"), names)
    await names["main"]()
    assert server.received


def test_every_error_has_its_row() -> None:
    public = {name: getattr(aioklaviyo, name) for name in aioklaviyo.__all__}
    kinds = {name for name, made in public.items() if isinstance(made, type) and issubclass(made, KlaviyoError)}
    rows = set(re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE))
    assert rows == kinds - {"KlaviyoError"}


def test_every_filter_and_every_resource_is_named() -> None:
    functions = [name for name, made in vars(filters).items() if getattr(made, "__module__", "") == filters.__name__]
    for name in [name for name in functions if not name.startswith("_") and name != "Filter"]:
        assert f"`{name}`" in PAGE
    for name in [name for name in vars(Klaviyo("pk_1")) if not name.startswith("_")]:
        assert f"klaviyo.{name}." in PAGE
