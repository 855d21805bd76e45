"""Descriptions of faults, as compact text or as JSON, from a command line, a file or a request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from klaviyo_emulator.faults.kinds import FaultsError, kind_of, make_fault, spelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from klaviyo_emulator.faults.model import Fault

GRAMMAR = """\
OPERATION:KIND[,OPTION=VALUE ...][*TIMES][@PROBABILITY], several with ; between them

  OPERATION   an operation's id such as create_event; a pattern such as get_*; * for all; webhook
  KIND        429 503 ...     any status from 400 to 599, as an error in Klaviyo's shape
                              retry-after=SECONDS or none (429: 1; others: none), effect=yes or no (no)
              html            a proxy's error page; status=N (502), effect=yes or no (no)
              timeout-before  no effect and no answer; seconds=N (held until the client leaves)
              timeout-after   the effect, and no answer; the same option
              reset-before    the connection is reset before the effect; also written reset
              reset-after     the connection is reset after the effect
              slow            the right answer in pieces; delay=SECONDS (0.1), piece=BYTES (64)
              truncated       a whole answer whose JSON is cut; keep=BYTES (half)
              short-close     less than Content-Length says, and the end; keep=BYTES (half)
              wrong-json      shape=text, null, array, object or number (text)
  of webhook  duplicate       copies=N (2)
              reorder         after the delivery that follows
              drop            never delivered
  of any KIND skip=N          lets N requests pass first (0)
  TIMES       how often; without it, for as long as the fault stands
  PROBABILITY above 0, at most 1; drawn from the seed

The first fault of the list that has its turn is the one that happens."""

_FORM = "write OPERATION:KIND[,OPTION=VALUE ...][*TIMES][@PROBABILITY]"
_ENTRY = re.compile(
    r"(?P<operation>[^:\s]+)\s*:\s*(?P<kind>[\w-]+)\s*(?P<options>(?:,[^,*@]*)*)(?P<tail>(?:[*@][^*@]*)*)"
)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_REAL = re.compile(r"-?\d{0,18}\.?\d{1,18}(?:e-?\d{1,2})?", re.ASCII)
_WORDS: Mapping[str, object] = {"yes": True, "no": False, "none": None}
_SIGNS = {"*": "times", "@": "probability"}


def parse_faults(text: str) -> list[Fault]:
    """Faults from compact text or JSON text, or from the file that `@` or a name ending in `.json` tells.

    In a file of compact text `#` begins a comment, and a new line separates like `;`. Raises FaultsError.
    """
    stripped = text.strip()
    if not (stripped.startswith("@") or stripped.endswith(".json")):
        return _parsed(stripped)
    path = Path(stripped.removeprefix("@"))
    try:
        return _parsed(_file(path))
    except FaultsError as error:
        raise FaultsError(f"{path}: {error}") from None


def read_faults(document: object) -> list[Fault]:
    """Faults from a parsed JSON document: a list, or an object with the list as `faults`; an item may be compact text.

    An object has the members `operation` and `kind`, and any of `times`, `probability`, `skip`, `effect` and the
    options of the kind with underscores: `{"operation": "create_event", "kind": 429, "retry_after": 2, "times": 3}`.
    Raises FaultsError.
    """
    if isinstance(document, dict) and set(cast("dict[str, object]", document)) == {"faults"}:
        document = cast("dict[str, object]", document)["faults"]
    if isinstance(document, str):
        return _compact(document)
    if not isinstance(document, list):
        raise FaultsError('a list of faults, {"faults": [...]} or {"faults": "text"} is needed')
    return [fault for number, item in enumerate(cast("list[object]", document), 1) for fault in _item(number, item)]


def write_fault(fault: Fault) -> str:
    """The compact text of a fault; reading it gives the same fault."""
    kind = kind_of(fault.kind)
    chosen = fault.options()
    parts = [f"{fault.operation}:{fault.kind}"]
    parts += [
        f"{spelled(name)}={'none' if chosen[name] is None else chosen[name]}"
        for name, default in kind.options.items()
        if chosen[name] != default
    ]
    if kind.effect is None and fault.effect:
        parts.append("effect=yes")
    if fault.skip:
        parts.append(f"skip={fault.skip}")
    times = "" if fault.times is None else f"*{fault.times}"
    return ",".join(parts) + times + ("" if fault.probability == 1 else f"@{fault.probability!r}")


def _parsed(text: str) -> list[Fault]:
    if not text.startswith(("[", "{")):
        return _compact(text)
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        raise FaultsError("this is not valid JSON") from None
    return read_faults(document)


def _file(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise FaultsError(f"cannot read the faults: {error.strerror}") from None
    except ValueError:
        raise FaultsError("cannot read the faults: it is not UTF-8 text") from None
    return text if text.startswith(("[", "{")) else _COMMENT.sub("", text)


def _item(number: int, item: object) -> list[Fault]:
    if isinstance(item, str):
        return _compact(item)
    if not isinstance(item, dict):
        raise FaultsError(f"fault {number}: an object or a text is needed")
    try:
        return [make_fault(cast("dict[str, object]", item))]
    except FaultsError as error:
        raise FaultsError(f"fault {number}: {error}") from None


def _compact(text: str) -> list[Fault]:
    found: list[Fault] = []
    for entry in filter(None, map(str.strip, re.split(r"[;\n]", text))):
        try:
            found.append(make_fault(_members(entry)))
        except FaultsError as error:
            raise FaultsError(f"fault {entry[:80]!r}: {error}") from None
    return found


def _members(entry: str) -> dict[str, object]:
    """The members that a JSON object would have."""
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise FaultsError(_FORM)
    members: dict[str, object] = {"operation": match["operation"], "kind": match["kind"]}
    for option in match["options"].split(",")[1:]:
        name, equals, value = map(str.strip, option.partition("="))
        if not equals or not re.fullmatch("[a-z-]+", name) or name in {"operation", "kind", "times", "probability"}:
            raise FaultsError(f"{option.strip()!r} is not OPTION=VALUE; {_FORM}")
        _add(members, name.replace("-", "_"), value)
    for sign, value in re.findall(r"([*@])([^*@]*)", match["tail"]):
        _add(members, _SIGNS[sign], value.strip())
    return members


def _add(members: dict[str, object], name: str, text: str) -> None:
    if name in members:
        raise FaultsError(f"{spelled(name)} is given twice")
    members[name] = _value(text)


def _value(text: str) -> object:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _REAL.fullmatch(text) else _WORDS.get(text, text)
