"""Blocks that templates share. Scopes ``templates:read``, ``templates:write``.

Through the API, blocks of these types can be made and changed: button, drop_shadow, horizontal_rule, html, image,
spacer and text. The others, and sections, can be read, renamed, copied and deleted.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.filters import Filter
from aioklaviyo.models.universal_content import UniversalBlock, universal_content_from
from aioklaviyo.models.universal_content import UniversalContent as Content
from aioklaviyo.models.writing import JsonObject, written
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L, M
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_all_universal_content", "GET", "/api/template-universal-content", L)
GET = Operation("get_universal_content", "GET", "/api/template-universal-content/{id}", L)
CREATE = Operation("create_universal_content", "POST", "/api/template-universal-content", L)
UPDATE = Operation("update_universal_content", "PATCH", "/api/template-universal-content/{id}", L)
DELETE = Operation("delete_universal_content", "DELETE", "/api/template-universal-content/{id}", L, Need.NOTHING)
CLONE = Operation("clone_universal_content", "POST", "/api/template-universal-content-clone", M)

UniversalContentSort: TypeAlias = Literal["created", "-created", "id", "-id", "name", "-name", "updated", "-updated"]

_TYPE = "template-universal-content"
_FIELDS = f"fields[{_TYPE}]"


class UniversalContent(Area):
    """``klaviyo.universal_content``."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: UniversalContentSort | None = None,
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Content]:
        """All universal content, page after page.

        Args:
            filter: ``equals`` or ``any_of`` on ``id`` and ``name``; ``equals`` on ``definition.content_type`` and
                ``definition.type``; ranges on ``created`` and ``updated``.
            sort: One attribute, descending with a leading minus.
            page_size: 1 to 100; Klaviyo's default is 20.
            fields: Only these attributes, dotted where nested; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=universal_content_from,
            query={_FIELDS: fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self, content_id: str, *, fields: Sequence[str] = (), deadline_seconds: float | None = None
    ) -> Content:
        """One block or section by its id.

        Args:
            content_id: 26 letters and digits.
            fields: Only these attributes, dotted where nested; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = GET.call(content_id, query={_FIELDS: fields})
        return await self._one(call, universal_content_from, deadline_seconds)

    async def create(
        self, name: str, definition: UniversalBlock | JsonObject, *, deadline_seconds: float | None = None
    ) -> Content:
        """Create a block. Not repeated once it may have been processed: names need not be unique.

        Args:
            name: What it is called.
            definition: ``UniversalTextBlock``, ``UniversalHtmlBlock``, or a plain object of another type.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"name": name, "definition": written(definition)}
        call = CREATE.call(data={"type": _TYPE, "attributes": attributes})
        return await self._one(call, universal_content_from, deadline_seconds)

    async def update(
        self,
        content_id: str,
        *,
        name: str | None = None,
        definition: UniversalBlock | JsonObject | None = None,
        deadline_seconds: float | None = None,
    ) -> Content:
        """Change a block in all templates that share it; what is None stays.

        Args:
            content_id: 26 letters and digits.
            name: What it is to be called.
            definition: Takes the place of the whole one; its type stays what it is.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        changes: dict[str, Json] = {}
        if name is not None:
            changes["name"] = name
        if definition is not None:
            changes["definition"] = written(definition)
        call = UPDATE.call(content_id, data={"type": _TYPE, "id": content_id, "attributes": changes})
        return await self._one(call, universal_content_from, deadline_seconds)

    async def delete(self, content_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a block or section.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(content_id), deadline_seconds)

    async def clone(
        self, content_id: str, *, name: str | None = None, deadline_seconds: float | None = None
    ) -> Content:
        """Copy a block or section. Not repeated once it may have been processed: there would be two copies.

        Args:
            content_id: 26 letters and digits.
            name: What the copy is called; None leaves it to Klaviyo.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            OutcomeUnknown: No readable answer came: the copy may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {"id": content_id, **({} if name is None else {"name": name})}
        call = CLONE.call(data={"type": _TYPE, "id": content_id, "attributes": attributes})
        return await self._one(call, universal_content_from, deadline_seconds)
