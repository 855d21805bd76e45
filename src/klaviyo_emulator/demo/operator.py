"""Somebody who does to the account what a program would do through the API, but without a key and without limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klaviyo_emulator.app import ROUTES
from klaviyo_emulator.operations import REVISIONS, operations
from klaviyo_emulator.query import read_query
from klaviyo_emulator.routes.context import ApiRequest

if TYPE_CHECKING:
    from klaviyo_emulator.routes.context import Context

_REVISION = REVISIONS[0]


class Operator:
    """Calls operations of the API by their id."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def call(self, operation_id: str, *arguments: str, data: object = None) -> str:
        """Do one thing with a body; answers the id of what was made or changed, empty where there is none."""
        answered = await self._ask(operation_id, arguments, {"data": data})
        return str(answered["id"]) if "id" in answered else ""

    async def ids(self, operation_id: str, *arguments: str) -> list[str]:
        """The ids that a listing answers."""
        answered = await self._ask(operation_id, arguments, None)
        return [str(one["id"]) for one in answered]

    async def _ask(self, operation_id: str, arguments: tuple[str, ...], document: object) -> Any:  # noqa: ANN401 - JSON
        operation = operations()[operation_id]
        request = ApiRequest(
            operation=operation,
            revision=_REVISION,
            path=operation.path,
            arguments=arguments,
            pairs=(),
            query=read_query((), operation.reading(_REVISION)),
            document=document,
        )
        reply = await ROUTES[operation_id](self._context, request)
        return (reply.document or {}).get("data") or {}

    async def make(self, operation_id: str, kind: str, relationships: object = None, **attributes: object) -> str:
        """Make a resource of a type with attributes; answers its id."""
        data: dict[str, object] = {"type": kind, "attributes": attributes}
        if relationships is not None:
            data["relationships"] = relationships
        return await self.call(operation_id, data=data)
