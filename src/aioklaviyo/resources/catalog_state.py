"""What of the catalogue is already as it is wanted to be: asked where a job leaves that open."""

import functools
from collections.abc import Mapping, Sequence

from aioklaviyo import filters, jsonapi
from aioklaviyo.bulk import patiently
from aioklaviyo.calls import Caller
from aioklaviyo.jsonapi import Json, Resource
from aioklaviyo.operations import Operation

# Compound ids are long, and longer in a URL.
_IDS_PER_CALL = 25
_DEFAULTS = frozenset({"integration_type", "catalog_type"})


async def made(caller: Caller, listing: Operation, wanted: Mapping[str, dict[str, Json]]) -> set[str]:
    """Which entries exist as they were to be made.

    Args:
        caller: Makes the calls.
        listing: Lists entries of the kind.
        wanted: The resource objects as they were sent, by the ids that they were to have.
    """
    found = await _existing(caller, listing, list(wanted))
    return {entry_id for entry_id, resource in found.items() if _is_as_written(wanted[entry_id], resource)}


async def gone(caller: Caller, listing: Operation, entry_ids: Sequence[str]) -> set[str]:
    """Which entries do not exist."""
    return set(entry_ids) - (await _existing(caller, listing, entry_ids)).keys()


async def _existing(caller: Caller, listing: Operation, entry_ids: Sequence[str]) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    for start in range(0, len(entry_ids), _IDS_PER_CALL):
        where = filters.any_of("ids", entry_ids[start : start + _IDS_PER_CALL])
        call = listing.call(query={"filter": where.expression})
        reply = await patiently(caller, functools.partial(caller.send, call))
        found |= {resource.id: resource for resource in reply.parsed(jsonapi.collection)}
    return {entry_id: found[entry_id] for entry_id in entry_ids if entry_id in found}


def _is_as_written(written: dict[str, Json], found: Resource) -> bool:
    """Whether what was written is there, as JSON has it; what was left to Klaviyo's defaults may be anything."""
    attributes = written["attributes"]
    return isinstance(attributes, dict) and all(
        jsonapi.decode(jsonapi.encode(value)) == found.attributes.get(name)
        for name, value in attributes.items()
        if value is not None and name not in _DEFAULTS
    )
