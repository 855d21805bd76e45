"""`python -m klaviyo_emulator`: an emulator in the foreground."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from klaviyo_emulator.config import DEFAULT_PORT, Behaviour, BulkDuplicates, EmulatorConfig
from klaviyo_emulator.credentials import read_keys
from klaviyo_emulator.demo import FAMILIES, MAXIMUM_FAMILIES, fills
from klaviyo_emulator.faults import GRAMMAR
from klaviyo_emulator.hosts import exposure
from klaviyo_emulator.server import bind, run
from klaviyo_emulator.state.database import MEMORY
from klaviyo_emulator.state.schema import StateError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAXIMUM_PORT = 65_535
_INTERRUPTED = 130
_EPILOG = f"""\
Open http://127.0.0.1:{DEFAULT_PORT}/ to look inside; http://127.0.0.1:{DEFAULT_PORT}/__emulator__ is the control API.
Point the official Python SDK at it:

  KlaviyoAPI("pk_anything", test_host="http://127.0.0.1:{DEFAULT_PORT}")

Every private key that begins with pk_ and every bearer token is accepted, unless --keys names them.
The file of --keys has one key or token on each line. Scopes may follow it, such as:

  pk_reader profiles:read events:read
  pk_everything

--faults makes requests go wrong, such as "create_event:429,retry-after=2*3; get_*:timeout-after@0.1", or @FILE
with the same text or JSON:

  {GRAMMAR.replace(chr(10), chr(10) + "  ").replace(chr(10) + "  " + chr(10), chr(10) * 2)}
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m klaviyo_emulator",
        description="A stateful Klaviyo on this machine. It runs until Ctrl-C or SIGTERM.",
        epilog=_EPILOG.replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--port", type=_port, default=DEFAULT_PORT, metavar="N", help=f"port; 0 takes a free one ({DEFAULT_PORT})")
    add("--host", default="127.0.0.1", metavar="H", help="address to listen on (127.0.0.1)")
    add("--allow-host", action="append", metavar="NAME", help="a further name it is reached by; repeatable")
    add("--data", default=MEMORY, metavar="FILE", help="keep the state in this file (in memory)")
    add("--limits", choices=("on", "off"), default="on", help="whether rate limits are kept (on)")
    add("--latency-ms", type=int, default=0, metavar="N", help="delay of every answer in milliseconds (0)")
    add("--visibility-ms", type=int, default=0, metavar="N", help="until an event can be read, in milliseconds (0)")
    add("--job-ms", type=int, default=400, metavar="N", help="how long a job takes, in milliseconds (400)")
    add("--keys", type=Path, metavar="FILE", help="accept only the keys and tokens in this file")
    add(
        "--behaviour",
        choices=get_args(Behaviour),
        default="spec",
        help="whom to follow where specification and live API differ (spec)",
    )
    add(
        "--bulk-duplicates",
        choices=get_args(BulkDuplicates),
        default="request",
        help="which repeated unique_id fails a bulk request: one repeated within it, or also a stored one (request)",
    )
    add("--faults", default="", metavar="SPEC", help="what is to go wrong; see below")
    add("--seed", type=int, default=0, metavar="N", help="seed of all chance and all ids (0)")
    add("--demo", action="store_true", help=f"fill an empty state with {FAMILIES} made-up families")
    add("--families", type=_count, metavar="N", help=f"the same with N families, up to {MAXIMUM_FAMILIES:,}")
    add("--acceptance-log", choices=("on", "off"), default="off", help="whether what is accepted is noted (off)")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit status."""
    given = parser().parse_args(arguments)
    try:
        config = EmulatorConfig(
            database=given.data,
            limits=given.limits == "on",
            keys=read_keys(given.keys) if given.keys else None,
            latency_ms=given.latency_ms,
            visibility_ms=given.visibility_ms,
            job_ms=given.job_ms,
            behaviour=given.behaviour,
            bulk_duplicates=given.bulk_duplicates,
            faults=given.faults,
            seed=given.seed,
            acceptance_log=given.acceptance_log == "on",
            hosts=(given.host, *(given.allow_host or ())),
        )
    except ValueError as error:
        return _refuse(error)
    warning = exposure(given.host)
    if warning:
        sys.stderr.write(f"klaviyo_emulator: {warning}\n")
    try:
        listening = bind(given.host, given.port)
    except OSError as error:
        return _refuse(
            f"cannot listen on {given.host}:{given.port} ({error.strerror}); --port and --host choose others"
        )
    try:
        run(config, listening, _announce, fills(given.families, demo=given.demo, say=_remark))
    except (OSError, StateError) as error:
        return _refuse(error)
    except KeyboardInterrupt:  # while it was filled; later, the server takes it
        return _INTERRUPTED
    return 0


def _remark(line: str) -> None:
    sys.stderr.write(f"klaviyo_emulator: {line}\n")


def _refuse(error: Exception | str) -> int:
    sys.stderr.write(f"klaviyo_emulator: {error}\n")
    return 1


def _announce(url: str) -> None:
    sys.stdout.write(f"Klaviyo emulator listening on {url}\n")
    sys.stdout.flush()


def _port(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= _MAXIMUM_PORT:
        raise argparse.ArgumentTypeError(f"a number from 0 to {_MAXIMUM_PORT} is needed, not {text!r}")
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAXIMUM_FAMILIES:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAXIMUM_FAMILIES:,} is needed, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
