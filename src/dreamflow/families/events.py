"""What happened in a family, and the closed form of what may leave because of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from dreamflow.families.model import Child, Family, LedgerEntry, Purpose
from dreamflow.outbox import Envelope, OutboundEvent, OutboundProfile, Outgoing


class ParentProfile(OutboundProfile):
    """Who the parent is to Klaviyo."""

    purpose = Purpose.SERVICE
    identity: ClassVar[frozenset[str]] = frozenset({"email", "locale"})
    email: str | None = None
    locale: str | None = None
    time_zone_region: str | None = None
    signup_month: str | None = None


class ConsentFlags(OutboundProfile):
    """Which mails and suggestions the parent has allowed."""

    purpose = Purpose.SERVICE
    consent_personal_suggestions: bool
    consent_weekly_letter: bool
    consent_letter_in_mail: bool
    consent_product_mail: bool
    consent_llm_writing: bool


class SignedUp(OutboundEvent):
    """A family began."""

    metric = "Signed Up"
    purpose = Purpose.SERVICE
    signup_method: str
    locale: str


class ProfileUpdated(OutboundEvent):
    """Something about the parent changed; only the names of the fields."""

    metric = "Profile Updated"
    purpose = Purpose.SERVICE
    changed: tuple[str, ...]


def family_created(id_: str, family: Family, entry: LedgerEntry, *, signup_method: str) -> Envelope:
    """The family's first fact."""
    return Envelope(
        id=id_,
        parent=family.parent,
        type="families.family_created",
        occurred_at=family.created_at,
        facts={"time_zone": family.time_zone, "locale": family.locale},
        outgoing=(
            Outgoing(_profile(family, ("email", "locale", "time_zone_region", "signup_month")), entry.id),
            Outgoing(SignedUp(signup_method=signup_method, locale=family.locale), entry.id),
        ),
        simulated=family.simulated,
    )


def family_moved(id_: str, before: Family, after: Family, entry: LedgerEntry, at: datetime) -> Envelope:
    """The time zone, the locale or the e-mail address changed."""
    old, new = _fields(before), _fields(after)
    changed = tuple(name for name in new if new[name] != old.get(name))
    outgoing = (
        (
            Outgoing(_profile(after, changed), entry.id),
            Outgoing(ProfileUpdated(changed=changed), entry.id),
        )
        if changed
        else ()
    )
    return Envelope(
        id=id_,
        parent=after.parent,
        type="families.family_moved",
        occurred_at=at,
        facts={"time_zone": after.time_zone, "locale": after.locale},
        outgoing=outgoing,
        simulated=after.simulated,
    )


def child_added(id_: str, family: Family, child: Child, at: datetime) -> Envelope:
    """A child joined. Nothing of it leaves."""
    return Envelope(
        id=id_,
        parent=family.parent,
        type="families.child_added",
        occurred_at=at,
        facts={"child": child.id},
        simulated=family.simulated,
    )


def consent_decided(
    id_: str, family: Family, entry: LedgerEntry, consents: Mapping[Purpose, LedgerEntry], at: datetime
) -> Envelope:
    """A consent was given or withdrawn; `consents` are those in force afterwards."""
    flags = {f"consent_{purpose}": purpose in consents for purpose in Purpose if purpose is not Purpose.SERVICE}
    service = consents[Purpose.SERVICE].id
    return Envelope(
        id=id_,
        parent=family.parent,
        type="families.consent_decided",
        occurred_at=at,
        facts={"purpose": entry.purpose, "granted": entry.granted, "entry": entry.id},
        outgoing=(
            Outgoing(ConsentFlags(**flags), service),
            Outgoing(ProfileUpdated(changed=(f"consent_{entry.purpose}",)), service),
        ),
        simulated=family.simulated,
    )


def _fields(family: Family) -> dict[str, str]:
    fields = {
        "locale": family.locale,
        "time_zone_region": family.time_zone_region,
        "signup_month": family.created_at.strftime("%Y-%m"),
    }
    return fields if family.email is None else {"email": family.email, **fields}


def _profile(family: Family, names: tuple[str, ...]) -> ParentProfile:
    # A parent without a vouched-for address goes by external_id alone: what is not set is not serialised.
    fields = _fields(family)
    return ParentProfile(**{name: fields[name] for name in names if name in fields})
