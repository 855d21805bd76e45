"""Write the emulator's tables of facts from Klaviyo's OpenAPI files and the official SDK.

    tools/emulator-facts [--check] [FOLDER_OF_OPENAPI_FILES]

operations.tsv, readings.tsv and bodies.tsv in src/klaviyo_emulator are made anew, or with --check compared. The files
are looked for in ../shared/klaviyo-openapi, beside the checkout; the SDK is the one that is installed.

Revision 2026-07-15 is the stable file. Revision 2026-10-15 is the SDK 25, whose models and signatures say everything
but the values of `fields`, `include` and `sort`: these come from the beta file, or the stable one where there is no
beta, and grow by what the SDK's models of the answers have. Only what is different in 2026-10-15 is written twice.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from emulator_facts.facts import Operation, expect, present
from emulator_facts.later import Later
from emulator_facts.openapi import OpenApi
from emulator_facts.sdk import Sdk

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/klaviyo_emulator"
SPECIFICATIONS = ROOT / "../shared/klaviyo-openapi"
STABLE_FILE = "stable-2026-07-15.json"
BETA_FILE = "beta-2026-07-15.pre.json"
STABLE = "2026-07-15"
LATER = "2026-10-15"


class Facts:
    """Everything that the tables have."""

    def __init__(self, specifications: Path) -> None:
        spec = present(find_spec("openapi_client"), "the official SDK is installed")
        folders = present(spec.submodule_search_locations, "the official SDK is a package")
        stable = OpenApi(specifications / STABLE_FILE)
        sdk = Sdk(Path(folders[0]))
        later = Later(sdk, OpenApi(specifications / BETA_FILE, "_beta"), stable)
        self.first = {name: stable.operation(name) for name in stable.raw}
        # An operation that was renamed keeps the name it had.
        names = {(operation.method, operation.path): name for name, operation in self.first.items()}
        later_operations = {name: later.operation(name) for name in sdk.raw}
        self.second = {
            names.get((operation.method, operation.path), name): operation
            for name, operation in later_operations.items()
        }

    def tables(self) -> dict[str, str]:
        """The text of each file."""
        return {
            "operations.tsv": self.operations(),
            "readings.tsv": self.readings(),
            "bodies.tsv": self.bodies(),
        }

    def operations(self) -> str:
        """Every operation once."""
        rows: list[tuple[str, ...]] = []
        for name, operation in (self.second | self.first).items():
            since = STABLE if name in self.first else LATER
            rows.append(
                (name, operation.method, operation.path, operation.rate, operation.scopes, since, operation.area)
            )
        rows.sort(key=lambda row: (row[2], row[1]))
        return _table(("operation", "method", "path", "rate", "scopes", "since", "area"), rows)

    def _sorted(self, name: str) -> list[tuple[str, Operation]]:
        revisions = ((STABLE, self.first), (LATER, self.second))
        return [(revision, known[name]) for revision, known in revisions if name in known]

    def readings(self) -> str:
        """What each operation reads, in 2026-10-15 only where that is different."""
        rows: list[tuple[str, ...]] = []
        for name in sorted(self.first | self.second):
            before: list[tuple[str, str, str]] = []
            for revision, operation in self._sorted(name):
                found = operation.reading.rows()
                if found != before:
                    rows += [(name, revision, *row) for row in found or [("nothing", "", "")]]
                before = found
        return _table(("operation", "revision", "what", "name", "values"), _shared(rows))

    def bodies(self) -> str:
        """What each operation takes as its body, in 2026-10-15 only where that is different."""
        rows: list[tuple[str, ...]] = []
        seen: dict[str, str] = {}
        for name in sorted(self.first | self.second):
            before: list[tuple[str, str, str, str]] = []
            for revision, operation in self._sorted(name):
                found = operation.body.members["data"].pruned().rows("/data") if operation.body else []
                if not found or found == before:
                    continue
                before = found
                text = repr(found)
                if text in seen:
                    rows.append((name, revision, seen[text], "same-as", "", ""))
                else:
                    seen[text] = f"{name} {revision}"
                    rows += [(name, revision, *row) for row in found]
        return _table(("operation", "revision", "pointer", "type", "need", "values"), rows)


def _shared(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Long lists of fields once: `=operation revision` stands for the list of the same name there."""
    seen: dict[tuple[str, str], str] = {}
    shared: list[tuple[str, ...]] = []
    for operation, revision, what, name, values in rows:
        reference = f"={operation} {revision}"
        known = seen.setdefault((name, values), reference) if what == "fields" else reference
        is_shorter = known != reference and len(known) < len(values)
        shared.append((operation, revision, what, name, known if is_shorter else values))
    return shared


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["\t".join(row) for row in (head, *rows)]
    expect(not any("\n" in line or line.count("\t") >= len(head) for line in lines), "values without tab or line break")
    return "\n".join(lines) + "\n"


def differences(tables: dict[str, str], package: Path = PACKAGE) -> list[str]:
    """The names of the tables that are stored otherwise."""
    stored = {name: package / name for name in tables}
    return [
        name
        for name, text in tables.items()
        if not stored[name].exists() or stored[name].read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specifications", nargs="?", type=Path, default=SPECIFICATIONS)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    given = parser.parse_args()
    tables = Facts(given.specifications).tables()
    if given.check:
        wrong = differences(tables)
        sys.stderr.writelines(f"{name} is not as the sources say; run tools/emulator-facts\n" for name in wrong)
        return 1 if wrong else 0
    for name, text in tables.items():
        (PACKAGE / name).write_text(text, encoding="utf-8")
    return 0
