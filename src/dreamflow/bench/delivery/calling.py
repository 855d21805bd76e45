"""Parents who ask for stories, at a steady pace whether they are answered or not: a program of its own.

`python -m dreamflow.bench.delivery.calling --url URL --rate 30` reads its tokens from the first line of its input (a
JSON list, one for each family), asks one family after the other, ends with its input, and then prints what came of
each call as one line of JSON: `[due, seconds, status, story]`, with `due` in seconds since 1970, null for a status
where no answer came, and null for a story that was not told.

A call counts from when it was due, not from when it was sent: a slow answer must not hide how long others would have
waited.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Final

import aiohttp

from dreamflow.kit.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH: Final = "/api/v1/stories"
_LONGEST_SECONDS: Final = 10.0
_CREATED: Final = 201

Call = tuple[float, float, int | None, str | None]
"""When it was due, the seconds until its answer, its status, and the id of its story."""


def _now() -> float:
    return SystemClock().now().timestamp()


async def _call(session: aiohttp.ClientSession, url: str, token: str, due: float, key: str) -> Call:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    status = story = None
    try:
        async with session.post(f"{url}{PATH}", json={"minutes": 4}, headers=headers) as response:
            told = await response.json() if response.status == _CREATED else None
            status, story = response.status, told and told["id"]
    except (aiohttp.ClientError, TimeoutError):
        pass  # there may be a story nevertheless
    return due, _now() - due, status, story


async def _calls(url: str, rate: float, tokens: Sequence[str]) -> list[Call]:
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    tasks: list[asyncio.Task[Call]] = []
    timeout = aiohttp.ClientTimeout(total=_LONGEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        began = _now()
        while not ended.done():
            number = len(tasks)
            due = began + number / rate
            await asyncio.wait({ended}, timeout=max(0.0, due - _now()))
            if not ended.done():
                token = tokens[number % len(tokens)]
                tasks.append(asyncio.create_task(_call(session, url, token, due, f"{began}-{number}")))
        return list(await asyncio.gather(*tasks))


def main(arguments: Sequence[str] | None = None) -> None:
    """Call until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m dreamflow.bench.delivery.calling")
    parser.add_argument("--url", required=True)
    parser.add_argument("--rate", type=float, default=30.0)
    given = parser.parse_args(arguments)
    tokens = json.loads(sys.stdin.readline())
    json.dump(asyncio.run(_calls(given.url, given.rate, tokens)), sys.stdout)


if __name__ == "__main__":
    main()
