"""`python -m dreamflow.bench.client.contestants NAME URL`: a contestant that does as it is told.

It says who it is, and then answers each line of JSON on its standard input with one on its standard output:
`{"do": "send", "events": 100, "at_once": 64}` or `{"do": "read", "page": "events", "times": 5}` with
`{"seconds": 0.5, "cpu_seconds": 0.4}`, the time that passed and the time of a processor that it took. What goes wrong
is answered as `{"error": "..."}`.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dreamflow.bench.client.contestants.contestant import Contestant


def _ours(url: str, *, paced: bool) -> Contestant:
    from dreamflow.bench.client.contestants.ours import Ours  # noqa: PLC0415 - each process has but one of them

    return Ours(url, paced=paced)


def _bare(url: str) -> Contestant:
    from dreamflow.bench.client.contestants.bare import Bare  # noqa: PLC0415

    return Bare(url)


def _official(url: str) -> Contestant:
    from dreamflow.bench.client.contestants.official import Official  # noqa: PLC0415

    return Official(url)


MAKERS: Mapping[str, Callable[[str], Contestant]] = {
    "ours": partial(_ours, paced=False),
    "paced": partial(_ours, paced=True),
    "bare": _bare,
    "official": _official,
}


def main(name: str, url: str) -> None:
    """Do as told until the input ends."""
    contestant = MAKERS[name](url)
    try:
        _say({"version": contestant.version})
        for line in sys.stdin:
            try:
                _say(_measured(contestant, json.loads(line)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the other side is to know
                _say({"error": f"{type(error).__name__}: {error}"})
    finally:
        contestant.close()


def _measured(contestant: Contestant, told: dict[str, Any]) -> dict[str, object]:
    began, cpu_began = perf_counter(), process_time()
    items = 0
    if told["do"] == "send":
        contestant.send(told["events"], told["at_once"])
    else:
        items = contestant.read(told["page"], told["times"])
    return {"seconds": perf_counter() - began, "cpu_seconds": process_time() - cpu_began, "items": items}


def _say(words: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
