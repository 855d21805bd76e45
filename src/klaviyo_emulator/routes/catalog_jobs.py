"""The nine bulk jobs of catalogues: items, variants and categories, each created, updated and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klaviyo_emulator.routes.bulk_jobs import BulkJob, described, job_routes
from klaviyo_emulator.routes.catalog_input import entry_id, read_entry
from klaviyo_emulator.state import catalog

if TYPE_CHECKING:
    import sqlite3

    from klaviyo_emulator.payload import Object
    from klaviyo_emulator.routes.bulk_jobs import Apply
    from klaviyo_emulator.routes.context import Context, Routes, Types
    from klaviyo_emulator.state.catalog import CatalogKind
    from klaviyo_emulator.state.minting import Mint

MAXIMUM_ENTRIES = 100
MAXIMUM_JOBS = 500


def _create(kind: CatalogKind) -> Apply:
    def apply(_context: Context, connection: sqlite3.Connection, mint: Mint, entry: Object) -> str:
        return catalog.create_entry(connection, mint, kind, read_entry(kind, entry)).id

    return apply


def _update(kind: CatalogKind) -> Apply:
    def apply(_context: Context, connection: sqlite3.Connection, mint: Mint, entry: Object) -> str:
        return catalog.change_entry(connection, mint, kind, read_entry(kind, entry)).id

    return apply


def _delete(kind: CatalogKind) -> Apply:
    def apply(_context: Context, connection: sqlite3.Connection, _mint: Mint, entry: Object) -> str:
        catalog.delete_entry(connection, kind, entry["id"])
        return str(entry["id"])

    return apply


_VERBS = {"create": _create, "update": _update, "delete": _delete}
_READ_AS = {"items": "catalog_items", "variants": "variants", "categories": "categories"}
"""What jobs are called in the ids of the operations that read them; that of items is the odd one."""


def _job(kind: CatalogKind, verb: str) -> BulkJob:
    return BulkJob(
        type=f"{kind.type}-bulk-{verb}-job",
        absence=f"A {kind.type} bulk {verb} job with id {{id}} does not exist.",
        entries=kind.plural,
        target=kind.type,
        apply=_VERBS[verb](kind),
        name=entry_id,
        maximum_entries=MAXIMUM_ENTRIES,
        maximum_jobs=MAXIMUM_JOBS,
        navigable=False,
    )


JOBS = {(kind.plural, verb): _job(kind, verb) for kind in catalog.KINDS.values() for verb in _VERBS}
TYPES: Types = {job.type: described(job) for job in JOBS.values()}


def _routes() -> Routes:
    routes: Routes = {}
    for (plural, verb), job in JOBS.items():
        read_as = f"get_bulk_{verb}_{_READ_AS[plural]}_job"
        routes = {
            **routes,
            **job_routes(
                job,
                TYPES[job.type],
                submit=f"bulk_{verb}_catalog_{plural}",
                get=read_as,
                listing=f"{read_as}s",
            ),
        }
    return routes


ROUTES: Routes = _routes()
