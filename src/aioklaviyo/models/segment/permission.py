"""Permission to write by WhatsApp: said, or only implied."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from aioklaviyo.models.segment.filters import InFilter
from aioklaviyo.models.segment.grammar import Part, Several
from aioklaviyo.models.segment.timeframes import ProfileDate


class PermissionDate(Part):
    """Since when the permission holds, or when it was recorded."""

    field: Literal["effective_date", "recorded_date"]
    filter: ProfileDate


class PermissionForm(Part):
    """Through a form; the filter names ids of forms."""

    field: Literal["subscribe_method"] = "subscribe_method"
    method: Literal["form"] = "form"
    filter: InFilter | None = None


class PermissionMethod(Part):
    """How else it was given."""

    field: Literal["subscribe_method"] = "subscribe_method"
    method: Literal[
        "api",
        "back_in_stock",
        "bigcommerce",
        "bulk_remove",
        "campaign_monitor",
        "carrier_deactivation",
        "checkout",
        "constant_contact",
        "exact_target",
        "facebook",
        "failed_age_gate",
        "inbound_message",
        "integration",
        "mad_mimi",
        "magento_two",
        "mailbox_provider",
        "manual_add",
        "manual_import",
        "manual_remove",
        "message_blocked",
        "netsuite",
        "preference_page",
        "provided_landline",
        "provided_no_age",
        "sftp",
        "shopify",
        "social_instagram_message",
        "spam_complaint",
        "square",
        "wix",
        "woocommerce",
    ]


PermissionFilter: TypeAlias = Annotated[
    PermissionDate | Annotated[PermissionForm | PermissionMethod, Field(discriminator="method")],
    Field(discriminator="field"),
]


class ExplicitPermission(Part):
    """Somebody said so; all filters hold."""

    reachable_status: Literal["explicitly_reachable", "explicitly_unreachable"]
    filters: Several[PermissionFilter] = ()


class ImplicitPermission(Part):
    """It is implied, or at least that."""

    reachable_status: Literal[
        "implicitly_or_explicitly_reachable",
        "implicitly_or_explicitly_unreachable",
        "implicitly_reachable",
        "implicitly_unreachable",
    ]
    filters: None = None


Permission: TypeAlias = Annotated[ExplicitPermission | ImplicitPermission, Field(discriminator="reachable_status")]
