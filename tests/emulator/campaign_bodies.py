"""Bodies of requests about campaigns, and campaigns ready to be sent, for several test files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from people_bodies import document, identifiers, new_list, new_profile

if TYPE_CHECKING:
    from emulator_wire import Served

LETTER = "<p>Dear {{ first_name }}</p>"
FROM = {"from_label": "Kim's Stories", "from_email": "stories@example.org"}


def relation(kind: str, identifier: str, name: str | None = None) -> dict[str, Any]:
    return {name or kind: {"data": {"type": kind, "id": identifier}}}


def email_details(subject: str = "Hi {{ first_name|default:'there' }}", **more: Any) -> dict[str, Any]:
    return {"channel": "email", "subject": subject, **FROM, **more}


def variation(details: Any = None, name: str = "A") -> dict[str, Any]:
    return {"definition": {"name": name, "details": email_details() if details is None else details}}


def campaign_body(included: Any = (), *variations: Any, tags: Any = (), **message: Any) -> dict[str, Any]:
    """A campaign of the later model, with one audience and one message to it."""
    attributes = {
        "definition": {"name": "Launch"},
        "audiences": [{"temporary_id": "a", "name": "Everybody", "included": list(included), "excluded": []}],
        "messages": [
            {"audience_temporary_id": "a", "name": "Hello", "variations": list(variations) or [variation()], **message}
        ],
    }
    relationships = {"tags": identifiers("tag", *tags)} if tags else None
    return document("campaign", attributes, relationships)


def new_template(running: Served, html: str = LETTER, **more: Any) -> str:
    attributes = {"name": "Story", "editor_type": "CODE", "html": html, **more}
    return running.sdk().Templates.create_template(document("template", attributes)).data.id


def audience_of(running: Served, *emails: str, **attributes: Any) -> str:
    """A list with new profiles of these addresses."""
    list_id = new_list(running)
    profiles = [new_profile(running, email, **attributes) for email in emails]
    running.sdk().Lists.add_profiles_to_list(list_id, identifiers("profile", *profiles))
    return list_id


class Ready:
    """A campaign of one message that can be sent, with the ids of its parts."""

    def __init__(
        self, running: Served, *emails: str, html: str = "<p>Dear {{ first_name }}</p>", **message: Any
    ) -> None:
        self.list_id = audience_of(running, *(emails or ("kim@example.org",)))
        self.template = new_template(running, html)
        details = email_details(template_id=self.template)
        body = campaign_body([self.list_id], variation(details), **message)
        created = running.sdk().Campaigns.create_campaign(body).data
        self.id = created.id
        self.message = created.relationships.campaign_messages.data[0].id
        self.audience = created.relationships.campaign_audiences.data[0].id
        found = running.sdk().Campaigns.get_variation_ids_for_campaign_message(self.message).data
        self.variation = found[0].id

    def send(self, running: Served) -> Any:
        return running.sdk().Campaigns.send_campaign(document("campaign-send-job", id=self.id))


def outbox(running: Served, **query: Any) -> list[dict[str, Any]]:
    """The mail that was sent, oldest first."""
    answer = running.wire.client.get("/__emulator__/outbox", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["mail"]
