"""JSON:API documents as Klaviyo writes them: links on everything, slashes on resource links, nulls in paging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from klaviyo_emulator.query import Pairs, write_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MEDIA_TYPE = "application/vnd.api+json"

Document = dict[str, Any]

COLLECTIONS: Mapping[str, str] = {
    "account": "accounts",
    "campaign": "campaigns",
    "campaign-audience": "campaign-audiences",
    "campaign-message": "campaign-messages",
    "campaign-message-schedule": "campaign-message-schedule",
    "campaign-recipient-estimation": "campaign-recipient-estimations",
    "campaign-recipient-estimation-job": "campaign-recipient-estimation-jobs",
    "campaign-schedule": "campaign-schedule",
    "campaign-send-job": "campaign-send-jobs",
    "campaign-values-report": "campaign-values-reports",
    "campaign-variation": "campaign-variations",
    "catalog-category": "catalog-categories",
    "catalog-category-bulk-create-job": "catalog-category-bulk-create-jobs",
    "catalog-category-bulk-delete-job": "catalog-category-bulk-delete-jobs",
    "catalog-category-bulk-update-job": "catalog-category-bulk-update-jobs",
    "catalog-item": "catalog-items",
    "catalog-item-bulk-create-job": "catalog-item-bulk-create-jobs",
    "catalog-item-bulk-delete-job": "catalog-item-bulk-delete-jobs",
    "catalog-item-bulk-update-job": "catalog-item-bulk-update-jobs",
    "catalog-variant": "catalog-variants",
    "catalog-variant-bulk-create-job": "catalog-variant-bulk-create-jobs",
    "catalog-variant-bulk-delete-job": "catalog-variant-bulk-delete-jobs",
    "catalog-variant-bulk-update-job": "catalog-variant-bulk-update-jobs",
    "coupon": "coupons",
    "coupon-code": "coupon-codes",
    "coupon-code-bulk-create-job": "coupon-code-bulk-create-jobs",
    "custom-metric": "custom-metrics",
    "event": "events",
    "flow": "flows",
    "flow-action": "flow-actions",
    "flow-message": "flow-messages",
    "flow-series-report": "flow-series-reports",
    "flow-values-report": "flow-values-reports",
    "form-series-report": "form-series-reports",
    "form-values-report": "form-values-reports",
    "image": "images",
    "import-error": "import-errors",
    "list": "lists",
    "mapped-metric": "mapped-metrics",
    "metric": "metrics",
    "metric-aggregate": "metric-aggregates",
    "metric-property": "metric-properties",
    "profile": "profiles",
    "profile-bulk-import-job": "profile-bulk-import-jobs",
    "profile-merge": "profile-merge",
    "profile-suppression-bulk-create-job": "profile-suppression-bulk-create-jobs",
    "profile-suppression-bulk-delete-job": "profile-suppression-bulk-delete-jobs",
    "push-token": "push-tokens",
    "segment": "segments",
    "segment-series-report": "segment-series-reports",
    "segment-values-report": "segment-values-reports",
    "tag": "tags",
    "tag-group": "tag-groups",
    "template": "templates",
    "template-preview-send-job": "template-preview-send-jobs",
    "template-universal-content": "template-universal-content",
    "translation": "translations",
    "webhook": "webhooks",
    "webhook-topic": "webhook-topics",
}
"""The path segment of each resource type that is answered."""


@dataclass(frozen=True, slots=True)
class Linker:
    """Writes links below one public base, such as `https://a.klaviyo.com`."""

    base: str

    def resource(self, kind: str, identifier: str) -> str:
        """The link of one resource, with its slash. Ids of catalogues keep their `$` and `:`."""
        is_plain = identifier.isascii() and identifier.isalnum()  # as nearly all are, of which a page has thousands
        return f"{self.base}/api/{COLLECTIONS[kind]}/{identifier if is_plain else quote(identifier, safe='$:')}/"

    def request(self, path: str, pairs: Pairs) -> str:
        """The link of a request, without one."""
        query = write_pairs(pairs)
        return f"{self.base}{path.rstrip('/')}{'?' if query else ''}{query}"


def identifier(kind: str, resource_id: str) -> Document:
    """`{type, id}`."""
    return {"type": kind, "id": resource_id}


def relationship(owner: str, name: str, data: Document | list[Document] | None = None) -> Document:
    """A relationship of the resource whose link is `owner`; without `data` it has links only."""
    links = {"self": f"{owner}relationships/{name}/", "related": f"{owner}{name}/"}
    return {"links": links} if data is None else {"data": data, "links": links}


def resource(
    linker: Linker,
    kind: str,
    resource_id: str,
    attributes: Document,
    relationships: Document | None = None,
) -> Document:
    """One resource object, `links` and all."""
    result: Document = {"type": kind, "id": resource_id, "attributes": attributes}
    if relationships:
        result["relationships"] = relationships
    result["links"] = {"self": linker.resource(kind, resource_id)}
    return result


def single(data: Document, self_link: str, included: list[Document] | None = None) -> Document:
    """A document with one resource."""
    document: Document = {"data": data}
    if included is not None:
        document["included"] = included
    document["links"] = {"self": self_link}
    return document


def collection(
    data: Sequence[Document],
    self_link: str,
    *,
    following: str | None = None,
    preceding: str | None = None,
    included: list[Document] | None = None,
) -> Document:
    """A page of resources; `next` and `prev` are null where there is no such page."""
    document: Document = {"data": data}
    if included is not None:
        document["included"] = included
    document["links"] = {"self": self_link, "next": following, "prev": preceding}
    return document


def select(attributes: Document, fields: Iterable[str] | None) -> Document:
    """The attributes that a sparse fieldset asks for; dotted names reach into objects. None asks for all."""
    if fields is None:
        return attributes
    wanted = set(fields)
    selected: Document = {}
    for name, value in attributes.items():
        if name in wanted:
            selected[name] = value
            continue
        below = [field.removeprefix(f"{name}.") for field in wanted if field.startswith(f"{name}.")]
        if below:
            selected[name] = select(cast("Document", value), below) if isinstance(value, dict) else value
    return selected
