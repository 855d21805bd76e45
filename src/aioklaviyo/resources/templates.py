"""Templates of messages. Scopes ``templates:read``, ``templates:write``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from aioklaviyo.filters import Filter
from aioklaviyo.models.job import Job, job_from
from aioklaviyo.models.new_template import NewTemplate
from aioklaviyo.models.template import Template, template_from
from aioklaviyo.models.template_definition import TemplateDefinition
from aioklaviyo.models.writing import UNSET, JsonObject, Settable, written
from aioklaviyo.operations import Need, Operation
from aioklaviyo.pagination import Listing
from aioklaviyo.rates import L, Rate, S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

LIST = Operation("get_templates", "GET", "/api/templates", L)
GET = Operation("get_template", "GET", "/api/templates/{id}", L)
CREATE = Operation("create_template", "POST", "/api/templates", L)
UPDATE = Operation("update_template", "PATCH", "/api/templates/{id}", L)
DELETE = Operation("delete_template", "DELETE", "/api/templates/{id}", L, Need.NOTHING)
CLONE = Operation("clone_template", "POST", "/api/template-clone", L)
RENDER = Operation("render_template", "POST", "/api/template-render", S, is_repeatable=True)
PREVIEW = Operation("create_template_preview_send_job", "POST", "/api/template-preview-send-jobs", Rate(1, 15, 100))

MAX_PREVIEW_RECIPIENTS = 5
"""How many addresses one preview goes to at most."""

TemplateExtra: TypeAlias = Literal["definition"]
TemplateSort: TypeAlias = Literal["created", "-created", "id", "-id", "name", "-name", "updated", "-updated"]


class Templates(Area):
    """``klaviyo.templates``. An account may have 1,000 that were made through the API."""

    def list(
        self,
        *,
        filter: Filter | None = None,  # noqa: A002 - the API's own word
        sort: TemplateSort | None = None,
        additional_fields: Sequence[TemplateExtra] = (),
        page_size: int | None = None,
        fields: Sequence[str] = (),
        cursor: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Listing[Template]:
        """All templates, page after page; those that messages have copied for themselves are not among them.

        Args:
            filter: ``any_of`` on ``id``; ``equals``, ``any_of`` or ``contains`` on ``name``; ``equals`` and ranges on
                ``created`` and ``updated``.
            sort: One attribute, descending with a leading minus.
            additional_fields: What to read beyond the defaults.
            page_size: 1 to 10, which is also the default.
            fields: Only these attributes; empty means all.
            cursor: Where to resume, from ``Page.next_cursor``.
            deadline_seconds: For each page; None means the client's.

        Raises:
            KlaviyoError: While iterating; see ``aioklaviyo.errors``.
        """
        return self._list(
            LIST,
            parse=template_from,
            query={"additional-fields[template]": additional_fields, "fields[template]": fields},
            where=filter,
            sort=sort,
            page_size=page_size,
            cursor=cursor,
            deadline_seconds=deadline_seconds,
        )

    async def get(
        self,
        template_id: str,
        *,
        additional_fields: Sequence[TemplateExtra] = (),
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Template:
        """One template by its id.

        Args:
            template_id: Six letters and digits.
            additional_fields: What to read beyond the defaults.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        query = {"additional-fields[template]": additional_fields, "fields[template]": fields}
        return await self._one(GET.call(template_id, query=query), template_from, deadline_seconds)

    async def create(
        self,
        template: NewTemplate,
        *,
        additional_fields: Sequence[TemplateExtra] = (),
        deadline_seconds: float | None = None,
    ) -> Template:
        """Create a template. Not repeated once it may have been processed: names need not be unique.

        Args:
            template: ``HtmlTemplate`` or ``BlockTemplate``. Klaviyo may tidy up the HTML.
            additional_fields: What to answer beyond the defaults.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            RequestRejected: A template tag is none, or the account has 1,000 already.
            OutcomeUnknown: No readable answer came: it may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = CREATE.call(
            query={"additional-fields[template]": additional_fields},
            data={"type": "template", "attributes": template.wire()},
        )
        return await self._one(call, template_from, deadline_seconds)

    async def update(
        self,
        template_id: str,
        *,
        name: str | None = None,
        html: str | None = None,
        definition: TemplateDefinition | JsonObject | None = None,
        text: Settable[str] = UNSET,
        amp: Settable[str] = UNSET,
        additional_fields: Sequence[TemplateExtra] = (),
        deadline_seconds: float | None = None,
    ) -> Template:
        """Change a template; its editor stays what it is. Messages that copied it keep what they have.

        Args:
            template_id: Six letters and digits.
            name: What it is to be called; None leaves it alone.
            html: Its HTML, if it is one of HTML; None leaves it alone.
            definition: Its blocks, if it is one of blocks, in whole; None leaves them alone.
            text: Its plain text; None clears it.
            amp: Its AMP version, if it is one of HTML; None clears it.
            additional_fields: What to answer beyond the defaults.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: HTML or AMP is given, and a definition as well.
            NotFound: There is none with this id.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if definition is not None and (html is not None or amp):
            raise UPDATE.refused("a template is of HTML or of blocks", "/data/attributes/definition")
        changes: dict[str, Json] = {}
        if name is not None:
            changes["name"] = name
        if html is not None:
            changes["html"] = html
        if definition is not None:
            changes["definition"] = written(definition)
        if text is not UNSET:
            changes["text"] = text
        if amp is not UNSET:
            changes["amp"] = amp
        call = UPDATE.call(
            template_id,
            query={"additional-fields[template]": additional_fields},
            data={"type": "template", "id": template_id, "attributes": changes},
        )
        return await self._one(call, template_from, deadline_seconds)

    async def delete(self, template_id: str, *, deadline_seconds: float | None = None) -> None:
        """Delete a template.

        Raises:
            NotFound: There is none with this id.
            Conflict: It is a message's own copy.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        await self._done(DELETE.call(template_id), deadline_seconds)

    async def clone(
        self, template_id: str, *, name: str | None = None, deadline_seconds: float | None = None
    ) -> Template:
        """Copy a template. Not repeated once it may have been processed: there would be two copies.

        Args:
            template_id: Six letters and digits.
            name: What the copy is called; None leaves it to Klaviyo.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            RequestRejected: The account has 1,000 already.
            OutcomeUnknown: No readable answer came: the copy may exist now.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        attributes: dict[str, Json] = {} if name is None else {"name": name}
        call = CLONE.call(data={"type": "template", "id": template_id, "attributes": attributes})
        return await self._one(call, template_from, deadline_seconds)

    async def render(
        self,
        template_id: str,
        context: JsonObject,
        *,
        fields: Sequence[str] = (),
        deadline_seconds: float | None = None,
    ) -> Template:
        """What a template becomes for these values. It changes nothing and is repeated like any read.

        Args:
            template_id: Six letters and digits.
            context: Values by name; nested ones are reached by dots, as in ``{{ person.first_name }}``. What is not
                there writes nothing and counts as false.
            fields: Only these attributes; empty means all.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            NotFound: There is none with this id.
            RequestRejected: It cannot be rendered for these values.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        call = RENDER.call(
            query={"fields[template]": fields},
            data={"type": "template", "id": template_id, "attributes": {"context": dict(context)}},
        )
        return await self._one(call, template_from, deadline_seconds)

    async def send_preview(
        self,
        template_id: str,
        recipients: Sequence[str],
        *,
        context: JsonObject | None = None,
        profile_id: str | None = None,
        deadline_seconds: float | None = None,
    ) -> Job:
        """Send a template to try it out; 100 a day. Not repeated once it may have been processed: mail is sent.

        Klaviyo offers no way to ask how the job went on.

        Args:
            template_id: Six letters and digits.
            recipients: 1 to 5 e-mail addresses.
            context: Values by name, as for ``render``.
            profile_id: For whom it is written; the mail goes to the recipients all the same.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Nobody, or more than five, are to get it.
            NotFound: There is no such template.
            OutcomeUnknown: No readable answer came: it may have been sent.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        if not 1 <= len(recipients) <= MAX_PREVIEW_RECIPIENTS:
            raise PREVIEW.refused("a preview goes to 1 to 5 recipients", "/data/attributes/recipients")
        attributes: dict[str, Json] = {"recipients": [*recipients]}
        if context is not None:
            attributes["context"] = dict(context)
        relationships: dict[str, Json] = {"template": {"data": {"type": "template", "id": template_id}}}
        if profile_id is not None:
            relationships["profile"] = {"data": {"type": "profile", "id": profile_id}}
        data: Json = {
            "type": "template-preview-send-job",
            "attributes": attributes,
            "relationships": relationships,
        }
        return await self._one(PREVIEW.call(data=data), job_from, deadline_seconds)
