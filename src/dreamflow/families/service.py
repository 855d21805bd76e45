"""Family use cases: begin, move, add a child, decide a consent, and answer whether one still holds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from typing_extensions import override

from dreamflow.families import events
from dreamflow.families.errors import FamilyNotFound, PurposeNotFound, ServiceConsentStays
from dreamflow.families.model import (
    CONSENT_TEXTS,
    Child,
    ChildId,
    Family,
    LedgerEntry,
    LedgerEntryId,
    Purpose,
)
from dreamflow.families.ports import FamilyStore
from dreamflow.families.rules import check_child, check_home, evening_of, in_force
from dreamflow.identity import Account, Caller, ParentId
from dreamflow.kit.clock import Clock
from dreamflow.kit.errors import Invalid
from dreamflow.kit.idempotency import RequestKey
from dreamflow.kit.ids import Ids
from dreamflow.outbox import ConsentGate, Delivery, Envelope


class FamilyService(ConsentGate):
    """All that can be done with a family.

    Args:
        store: where families are.
        clock: for times in the ledger and the journal.
        ids: for everything new.
        simulated: mark new families as made up.
    """

    def __init__(self, store: FamilyStore, clock: Clock, ids: Ids, *, simulated: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._simulated = simulated

    async def create(self, caller: Caller, *, time_zone: str, locale: str = "en", channel: str = "api") -> Family:
        """Begin a family; signing up gives the consent for the service itself.

        Raises:
            Invalid: a field is wrong.
            FamilyExists: the account has a family.
        """
        if errors := check_home(time_zone, locale):
            raise Invalid(*errors)
        family = Family(
            parent=ParentId(self._ids.new()),
            account=caller.account,
            email=caller.email,
            time_zone=time_zone,
            locale=locale,
            created_at=self._clock.now(),
            simulated=self._simulated,
        )
        entry = self._entry(Purpose.SERVICE, granted=True, channel=channel)
        await self._store.create(
            family, entry, events.family_created(self._ids.new(), family, entry, signup_method="account")
        )
        return family

    async def get(self, account: Account) -> Family:
        """The account's family.

        Raises:
            FamilyNotFound: it has none yet.
        """
        family = await self._store.find(account)
        if family is None:
            raise FamilyNotFound("This account has no family yet. Create it first.")
        return family

    async def move(self, caller: Caller, *, time_zone: str | None = None, locale: str | None = None) -> Family:
        """Change where the evenings take place; what is not given stays. The address follows the caller's token.

        When all stays as it is, nothing is written.

        Raises:
            Invalid: a field is wrong.
            FamilyNotFound: there is nothing to change.
        """
        if errors := check_home(time_zone, locale):
            raise Invalid(*errors)
        family = await self.get(caller.account)
        at, id_ = self._clock.now(), self._ids.new()

        def step(now: Family, service: LedgerEntry) -> tuple[Family, Envelope] | None:
            after = replace(
                now,
                time_zone=time_zone or now.time_zone,
                locale=locale or now.locale,
                email=caller.email or now.email,
            )
            return None if after == now else (after, events.family_moved(id_, now, after, service, at))

        return await self._store.change(family.parent, step)

    async def add_child(self, family: Family, *, name: str, age: int, key: RequestKey | None = None) -> Child:
        """Add a child; the name is kept byte for byte.

        Raises:
            Invalid: the name or the age is wrong.
            FamilyFull: there is room for no more.
            KeyReused: the key came before with other content.
        """
        trimmed, errors = check_child(name, age)
        if errors:
            raise Invalid(*errors)
        now = self._clock.now()
        child = Child(ChildId(self._ids.new()), trimmed, age, evening_of(now, family.zone))
        return await self._store.add_child(child, events.child_added(self._ids.new(), family, child, now), key)

    async def children(self, family: Family) -> tuple[Child, ...]:
        """All children of the family."""
        return await self._store.children(family.parent)

    async def consents(self, family: Family) -> Mapping[Purpose, LedgerEntry]:
        """The consents in force, each with the entry that gave it."""
        return in_force((await self._store.ledger([family.parent]))[family.parent])

    async def decide(
        self, family: Family, purpose: str, *, granted: bool, channel: str = "api"
    ) -> Mapping[Purpose, LedgerEntry]:
        """Give or withdraw a consent; deciding what is already so changes nothing.

        Returns:
            The consents in force afterwards.

        Raises:
            PurposeNotFound: nobody asks consent for that.
            ServiceConsentStays: `service` ends with the family.
        """
        try:
            chosen = Purpose(purpose)
        except ValueError:
            raise PurposeNotFound("There is no such purpose. Known: " + ", ".join(Purpose) + ".") from None
        if chosen is Purpose.SERVICE and not granted:
            raise ServiceConsentStays("The service needs this consent. It ends when the family is deleted.")
        entry = self._entry(chosen, granted=granted, channel=channel)
        id_ = self._ids.new()

        def step(ledger: Sequence[LedgerEntry]) -> tuple[LedgerEntry, Envelope] | None:
            if (chosen in in_force(ledger)) == granted:
                return None
            after = in_force([*ledger, entry])
            return entry, events.consent_decided(id_, family, entry, after, entry.at)

        return in_force(await self._store.decide(family.parent, step))

    @override
    async def permitted(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        parents = sorted({ParentId(delivery.parent) for delivery in deliveries})
        ledgers = await self._store.ledger(parents)
        # The entry that is cited must still hold: a consent that was withdrawn and given again is another one.
        held = {(parent, e.purpose, e.id) for parent, entries in ledgers.items() for e in in_force(entries).values()}
        return frozenset(d.id for d in deliveries if (d.parent, d.purpose, d.ledger_entry) in held)

    def _entry(self, purpose: Purpose, *, granted: bool, channel: str) -> LedgerEntry:
        text = CONSENT_TEXTS[purpose]
        return LedgerEntry(
            id=LedgerEntryId(self._ids.new()),
            purpose=purpose,
            granted=granted,
            text_version=text.version,
            text_sha256=text.sha256,
            at=self._clock.now(),
            channel=channel,
        )
