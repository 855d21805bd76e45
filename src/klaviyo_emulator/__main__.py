"""`python -m klaviyo_emulator`: an emulator in the foreground."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from klaviyo_emulator.config import EmulatorConfig
from klaviyo_emulator.server import bind, run
from klaviyo_emulator.state.database import MEMORY
from klaviyo_emulator.state.schema import StateError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAXIMUM_PORT = 65_535
_EPILOG = """\
Point the official Python SDK at it:

  KlaviyoAPI("pk_anything", test_host="http://127.0.0.1:8765")

Every private key that begins with pk_ and every bearer token is accepted, unless --keys names them.
The file of --keys has one key or token on each line. Scopes may follow it, such as:

  pk_reader profiles:read events:read
  pk_everything
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m klaviyo_emulator",
        description="A stateful Klaviyo on this machine. It runs until Ctrl-C or SIGTERM.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--port", type=_port, default=8765, metavar="N", help="port; 0 takes a free one (8765)")
    result.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (127.0.0.1)")
    result.add_argument("--data", default=MEMORY, metavar="FILE", help="keep the state in this file (in memory)")
    result.add_argument("--limits", choices=("on", "off"), default="on", help="whether rate limits are kept (on)")
    result.add_argument(
        "--latency-ms", type=_milliseconds, default=0, metavar="N", help="delay of every answer in milliseconds (0)"
    )
    result.add_argument("--keys", type=Path, metavar="FILE", help="accept only the keys and tokens in this file")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit status."""
    given = parser().parse_args(arguments)
    try:
        granted = None if given.keys is None else read_keys(given.keys.read_text(encoding="utf-8"))
        config = EmulatorConfig(
            database=given.data,
            limits=given.limits == "on",
            keys=None if granted is None else frozenset(granted),
            scopes={key: scopes for key, scopes in (granted or {}).items() if scopes},
            latency_ms=given.latency_ms,
        )
        run(config, bind(given.host, given.port), _announce)
    except (OSError, StateError, UnicodeDecodeError) as error:
        sys.stderr.write(f"klaviyo_emulator: {error}\n")
        return 1
    return 0


def read_keys(text: str) -> dict[str, frozenset[str]]:
    """Keys and their scopes, one key on a line; `#` begins a comment. No scopes means all."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return {words[0]: frozenset(words[1:]) for words in lines if words}


def _announce(url: str) -> None:
    sys.stdout.write(f"Klaviyo emulator listening on {url}\n")
    sys.stdout.flush()


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MAXIMUM_PORT:
        raise ValueError(text)
    return number


def _milliseconds(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())
