"""The consent state machine, over the socket: every state, every action, and what is recorded."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from emulator_wire import NOON_SECONDS, Served, error_of, served
from people_bodies import (
    consent,
    document,
    entry,
    events_of,
    identifiers,
    new_list,
    new_profile,
    settle,
    subscription_job,
    subscriptions_of,
    suppression_job,
)

from klaviyo_emulator.clock import format_instant
from klaviyo_emulator.config import EmulatorConfig
from klaviyo_emulator.state.consents import SPAM_COMPLAINT, confirm, mark_undeliverable, pending_of

KIM = "kim@example.org"
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"
SUPPRESS = "/api/profile-suppression-bulk-create-jobs"
UNSUPPRESS = "/api/profile-suppression-bulk-delete-jobs"
LONG_AGO = "2020-01-01T00:00:00Z"


class Account:
    """One profile, one list with one opt-in and one with two, and what can be done to them."""

    def __init__(self, running: Served) -> None:
        self.running = running
        self.profile = new_profile(running, KIM)
        self.single = new_list(running, "Single", opt_in_process="single_opt_in")
        self.double = new_list(running, "Double", opt_in_process="double_opt_in")

    def do(self, action: str) -> None:
        getattr(self, action)()
        settle(self.running)

    def subscribe(self, list_id: str | None = None, **more: Any) -> None:
        email = consent(**({"consented_at": LONG_AGO} if more.get("historical_import") else {}))
        self.accept(SUBSCRIBE, subscription_job(entry({"email": email}, email=KIM), list_id=list_id, **more))

    def subscribe_to_single(self) -> None:
        self.subscribe(self.single)

    def subscribe_to_double(self) -> None:
        self.subscribe(self.double)

    def import_to_double(self) -> None:
        self.subscribe(self.double, historical_import=True)

    def confirm(self) -> None:
        self.write(lambda connection, mint: confirm(connection, mint, 1, self.double))

    def unsubscribe(self, list_id: str | None = None) -> None:
        body = subscription_job(entry({"email": consent("UNSUBSCRIBED")}, email=KIM), list_id=list_id, action="delete")
        self.accept(UNSUBSCRIBE, body)

    def unsubscribe_from_single(self) -> None:
        self.unsubscribe(self.single)

    def suppress(self) -> None:
        self.accept(SUPPRESS, suppression_job(KIM))

    def unsuppress(self) -> None:
        self.accept(UNSUPPRESS, suppression_job(KIM, action="delete"))

    def bounce(self) -> None:
        self.write(lambda connection, _mint: mark_undeliverable(connection, 1, "HARD_BOUNCE", NOON_SECONDS))

    def complain(self) -> None:
        self.write(lambda connection, _mint: mark_undeliverable(connection, 1, SPAM_COMPLAINT, NOON_SECONDS))

    def write(self, work: Any) -> Any:
        emulator = self.running.emulator
        return emulator._database.write(lambda connection: work(connection, emulator.pump.context.mint)).result()

    def accept(self, path: str, body: Any) -> None:
        answer = self.running.wire.post(path, body)
        assert answer.status_code == 202, answer.text

    @property
    def state(self) -> str:
        """Consent, whether e-mail may be sent, why not, lists joined, and confirmations waited for, in one line."""
        marketing = subscriptions_of(self.running, KIM)["email"]["marketing"]
        names = {self.single: "single", self.double: "double"}
        joined = self.running.wire.get(f"/api/profiles/{self.profile}/lists").json()["data"]
        words = [
            marketing["consent"].split("_")[0].lower(),
            "mail" if marketing["can_receive_email_marketing"] else "no-mail",
            *(item["reason"] for item in marketing["suppression"]),
            *(f"{names[item['list_id']]}:{item['reason']}" for item in marketing["list_suppressions"]),
            *sorted(f"in-{names[item['id']]}" for item in joined),
            *(
                f"asked-{names.get(list_id, 'account')}"
                for list_id, _ in self.write(lambda connection, _mint: pending_of(connection, 1))
            ),
        ]
        return " ".join(words)


@pytest.fixture
def account(free: Served) -> Account:
    return Account(free)


BEFORE = {
    "never": ([], "never mail"),
    "subscribed": (["subscribe"], "subscribed mail"),
    "listed": (["subscribe_to_single"], "subscribed mail in-single"),
    "asked": (["subscribe_to_double"], "never mail asked-double"),
    "unsubscribed": (["unsubscribe"], "unsubscribed no-mail UNSUBSCRIBE"),
    "suppressed": (["suppress"], "never no-mail USER_SUPPRESSED"),
    "bounced": (["bounce"], "never no-mail HARD_BOUNCE"),
    "complained": (["complain"], "never no-mail SPAM_COMPLAINT"),
    "left": (["subscribe_to_single", "unsubscribe_from_single"], "subscribed mail single:UNSUBSCRIBE"),
}
AFTER = {
    "subscribe": {
        "never": "subscribed mail",
        "subscribed": "subscribed mail",
        "listed": "subscribed mail in-single",
        "asked": "subscribed mail asked-double",
        "unsubscribed": "subscribed mail",
        "suppressed": "subscribed mail",
        "bounced": "subscribed no-mail HARD_BOUNCE",
        "complained": "subscribed mail",
        "left": "subscribed mail single:UNSUBSCRIBE",
    },
    "subscribe_to_single": {
        "never": "subscribed mail in-single",
        "subscribed": "subscribed mail in-single",
        "listed": "subscribed mail in-single",
        "asked": "subscribed mail in-single asked-double",
        "unsubscribed": "subscribed mail in-single",
        "suppressed": "subscribed mail in-single",
        "bounced": "subscribed no-mail HARD_BOUNCE in-single",
        "complained": "subscribed mail in-single",
        "left": "subscribed mail in-single",
    },
    "subscribe_to_double": {
        "never": "never mail asked-double",
        "subscribed": "subscribed mail asked-double",
        "listed": "subscribed mail in-single asked-double",
        "asked": "never mail asked-double",
        "unsubscribed": "unsubscribed no-mail UNSUBSCRIBE asked-double",
        "suppressed": "never no-mail USER_SUPPRESSED asked-double",
        "bounced": "never no-mail HARD_BOUNCE asked-double",
        "complained": "never no-mail SPAM_COMPLAINT asked-double",
        "left": "subscribed mail single:UNSUBSCRIBE asked-double",
    },
    "import_to_double": {
        "never": "subscribed mail in-double",
        "asked": "subscribed mail in-double",
        "unsubscribed": "subscribed mail in-double",
        "suppressed": "subscribed mail in-double",
    },
    "confirm": {
        "never": "never mail",
        "asked": "subscribed mail in-double",
        "unsubscribed": "unsubscribed no-mail UNSUBSCRIBE",
    },
    "unsubscribe": {
        "never": "unsubscribed no-mail UNSUBSCRIBE",
        "subscribed": "unsubscribed no-mail UNSUBSCRIBE",
        "listed": "unsubscribed no-mail UNSUBSCRIBE in-single",
        "asked": "unsubscribed no-mail UNSUBSCRIBE",
        "unsubscribed": "unsubscribed no-mail UNSUBSCRIBE",
        "suppressed": "unsubscribed no-mail USER_SUPPRESSED UNSUBSCRIBE",
        "bounced": "unsubscribed no-mail HARD_BOUNCE UNSUBSCRIBE",
    },
    "unsubscribe_from_single": {
        "never": "unsubscribed no-mail UNSUBSCRIBE",
        "subscribed": "unsubscribed no-mail UNSUBSCRIBE",
        "listed": "subscribed mail single:UNSUBSCRIBE",
        "asked": "unsubscribed no-mail UNSUBSCRIBE",
        "left": "unsubscribed no-mail UNSUBSCRIBE single:UNSUBSCRIBE",
    },
    "suppress": {
        "never": "never no-mail USER_SUPPRESSED",
        "subscribed": "subscribed no-mail USER_SUPPRESSED",
        "listed": "subscribed no-mail USER_SUPPRESSED in-single",
        "unsubscribed": "unsubscribed no-mail UNSUBSCRIBE USER_SUPPRESSED",
        "suppressed": "never no-mail USER_SUPPRESSED",
    },
    "unsuppress": {
        "never": "never mail",
        "subscribed": "subscribed mail",
        "unsubscribed": "unsubscribed no-mail UNSUBSCRIBE",
        "suppressed": "never mail",
        "bounced": "never no-mail HARD_BOUNCE",
        "complained": "never no-mail SPAM_COMPLAINT",
    },
}


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [(before, action, after) for action, states in AFTER.items() for before, after in states.items()],
)
def test_from_a_state_by_an_action_to_a_state(account: Account, before: str, action: str, after: str) -> None:
    steps, reached = BEFORE[before]
    for step in steps:
        account.do(step)
    assert account.state == reached
    account.do(action)
    assert account.state == after


def test_what_is_kept_of_a_consent(account: Account) -> None:
    account.subscribe(account.single, custom_source="Checkout")
    settle(account.running)
    marketing = subscriptions_of(account.running, KIM)["email"]["marketing"]
    moment = format_instant(NOON_SECONDS)
    assert marketing == {
        "can_receive_email_marketing": True,
        "consent": "SUBSCRIBED",
        "consent_timestamp": moment,
        "last_updated": moment,
        "method": "API",
        "method_detail": None,
        "custom_method_detail": "Checkout",
        "double_optin": False,
        "suppression": [],
        "list_suppressions": [],
    }
    recorded = dict(events_of(account.running))
    assert recorded.keys() == {"Subscribed to List", "Subscribed to Email Marketing"}
    assert recorded["Subscribed to List"]["List"] == "Single"
    assert recorded["Subscribed to Email Marketing"]["Custom Method Detail"] == "Checkout"
    metrics = account.running.wire.get("/api/metrics", filter='equals(integration.name,"Klaviyo")').json()["data"]
    assert len(metrics) == 2


def test_a_second_subscription_keeps_the_first_moment_and_records_nothing(account: Account) -> None:
    account.do("subscribe_to_single")
    account.do("subscribe_to_single")
    marketing = subscriptions_of(account.running, KIM)["email"]["marketing"]
    assert marketing["consent_timestamp"] == format_instant(NOON_SECONDS)
    assert marketing["last_updated"] == format_instant(NOON_SECONDS + 1)
    assert len(events_of(account.running)) == 2


def test_a_double_opt_in_is_told_and_remembered(account: Account) -> None:
    account.subscribe(account.double, custom_source="Fair")
    settle(account.running)
    assert events_of(account.running) == []
    account.do("confirm")
    account.do("subscribe_to_single")
    marketing = subscriptions_of(account.running, KIM)["email"]["marketing"]
    assert marketing["double_optin"] is True
    account.do("confirm")
    assert Counter(name for name, _ in events_of(account.running)) == {
        "Subscribed to Email Marketing": 1,
        "Subscribed to List": 2,
    }


def test_a_custom_source_waits_for_the_confirmation_too(account: Account) -> None:
    account.subscribe(account.double, custom_source="Fair")
    settle(account.running)
    account.do("confirm")
    assert subscriptions_of(account.running, KIM)["email"]["marketing"]["custom_method_detail"] == "Fair"


def test_history_has_its_own_moment(account: Account) -> None:
    account.do("import_to_double")
    assert subscriptions_of(account.running, KIM)["email"]["marketing"]["consent_timestamp"] == (
        "2020-01-01T00:00:00+00:00"
    )


def test_leaving_is_recorded_once(account: Account) -> None:
    for action in ("subscribe_to_single", "unsubscribe_from_single", "unsubscribe", "unsubscribe"):
        account.do(action)
    assert Counter(name for name, _ in events_of(account.running)) == {
        "Subscribed to Email Marketing": 1,
        "Subscribed to List": 1,
        "Unsubscribed from List": 1,
        "Unsubscribed from Email Marketing": 1,
    }


PHONE = "+4915112345678"
TOKEN = {"token": "T1", "platform": "ios", "vendor": "apns"}
EVERYTHING = {
    "email": {purpose: {"consent": "SUBSCRIBED"} for purpose in ("marketing", "open_tracking", "click_tracking")},
    "sms": {"marketing": {"consent": "SUBSCRIBED"}, "transactional": {"consent": "SUBSCRIBED"}},
    "whatsapp": {"marketing": {"consent": "SUBSCRIBED"}, "transactional": {"consent": "SUBSCRIBED"}},
    "push": {"marketing": {"consent": "SUBSCRIBED"}, "tokens": [TOKEN]},
}
NOTHING = {
    kind: {
        purpose: value if purpose == "tokens" else {"consent": "UNSUBSCRIBED"} for purpose, value in purposes.items()
    }
    for kind, purposes in EVERYTHING.items()
}


def test_every_channel_is_given_and_withdrawn_through_the_sdk(free: Served) -> None:
    profiles = free.sdk().Profiles
    profiles.bulk_subscribe_profiles(subscription_job(entry(EVERYTHING, email=KIM, phone_number=PHONE)))
    settle(free)
    (kim,) = profiles.get_profiles(additional_fields_profile=["subscriptions"], include=["push-tokens"]).data
    assert kim.attributes.phone_number == PHONE
    given = kim.attributes.subscriptions
    assert given.sms.marketing.can_receive_sms_marketing
    assert given.sms.transactional.can_receive_sms_transactional
    assert given.email.open_tracking.can_receive
    assert given.email.click_tracking.can_receive
    assert given.mobile_push.marketing.can_receive_push_marketing
    assert given.whatsapp.marketing.can_receive
    assert given.whatsapp.transactional.phone_number == PHONE
    assert given.whatsapp.conversational.consent == "NEVER_SUBSCRIBED"
    assert len(kim.relationships.push_tokens.data) == 1
    withdrawal = subscription_job(entry(NOTHING, email=KIM, phone_number=PHONE), action="delete")
    profiles.bulk_unsubscribe_profiles(withdrawal)
    settle(free)
    (kim,) = profiles.get_profiles(additional_fields_profile=["subscriptions"], include=["push-tokens"]).data
    taken = kim.attributes.subscriptions
    channels = [
        taken.email.marketing,
        taken.email.open_tracking,
        taken.email.click_tracking,
        taken.sms.marketing,
        taken.sms.transactional,
        taken.mobile_push.marketing,
        taken.whatsapp.marketing,
        taken.whatsapp.transactional,
    ]
    assert {channel.consent for channel in channels} == {"UNSUBSCRIBED"}
    assert kim.relationships.push_tokens.data == []
    assert {name for name, _ in events_of(free)} == {
        "Subscribed to Email Marketing",
        "Subscribed to SMS Marketing",
        "Unsubscribed from Email Marketing",
        "Unsubscribed from SMS Marketing",
    }


def test_two_identifiers_of_two_profiles_are_subscribed_each(free: Served) -> None:
    new_profile(free, KIM)
    new_profile(free, "lee@example.org", phone_number=PHONE)
    both = entry({"email": consent(), "sms": consent()}, email=KIM, phone_number=PHONE)
    free.wire.post(SUBSCRIBE, subscription_job(both))
    settle(free)
    kim, lee = subscriptions_of(free, KIM), subscriptions_of(free, "lee@example.org")
    assert (kim["email"]["marketing"]["consent"], kim["sms"]["marketing"]["consent"]) == (
        "SUBSCRIBED",
        "NEVER_SUBSCRIBED",
    )
    assert (lee["email"]["marketing"]["consent"], lee["sms"]["marketing"]["consent"]) == (
        "NEVER_SUBSCRIBED",
        "SUBSCRIBED",
    )


def test_a_profile_is_subscribed_by_its_id(free: Served) -> None:
    kim = new_profile(free, KIM)
    free.wire.post(SUBSCRIBE, subscription_job(entry({"email": consent(), "sms": consent()}, kim)))
    settle(free)
    found = subscriptions_of(free, KIM)
    assert found["email"]["marketing"]["consent"] == "SUBSCRIBED"
    assert found["sms"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"


def test_an_anonymous_device_is_subscribed(free: Served) -> None:
    push = {"marketing": {"consent": "SUBSCRIBED"}, "tokens": [TOKEN], "anonymous_id": "device-7"}
    free.wire.post(SUBSCRIBE, subscription_job(entry({"push": push})))
    settle(free)
    (token,) = free.wire.get("/api/push-tokens", include="profile").json()["included"]
    assert token["attributes"]["email"] is None


@pytest.mark.parametrize("behaviour", ["spec", "live"])
@pytest.mark.parametrize("reason", ["none", "list", "history"])
def test_live_a_new_address_needs_a_reason_to_become_a_profile(behaviour: Any, reason: str) -> None:
    with served(limits=False, behaviour=behaviour) as running:
        history = reason == "history"
        email = consent(**({"consented_at": LONG_AGO} if history else {}))
        list_id = new_list(running) if reason == "list" else None
        job = subscription_job(entry({"email": email}, email=KIM), list_id=list_id, historical_import=history)
        assert running.wire.post(SUBSCRIBE, job).status_code == 202
        settle(running)
        found = subscriptions_of(running, KIM)
        assert (found is None) == (behaviour == "live" and reason == "none")
        if found is not None:
            assert found["email"]["marketing"]["consent"] == "SUBSCRIBED"


def test_the_account_may_want_two_opt_ins() -> None:
    with served(limits=False, opt_in_process="double_opt_in") as running:
        running.wire.post(SUBSCRIBE, subscription_job(entry({"email": consent()}, email=KIM)))
        settle(running)
        assert subscriptions_of(running, KIM)["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
        account = running.emulator
        mint = account.pump.context.mint
        assert account._database.write(lambda connection: confirm(connection, mint, 1)).result()
        assert not account._database.write(lambda connection: confirm(connection, mint, 1)).result()
        assert subscriptions_of(running, KIM)["email"]["marketing"]["double_optin"] is True


def test_an_unknown_way_to_opt_in_is_refused() -> None:
    with pytest.raises(ValueError, match="opt_in_process"):
        EmulatorConfig(opt_in_process="triple_opt_in")  # type: ignore[arg-type]


def test_unknown_addresses_are_remembered_as_unsubscribed(free: Served) -> None:
    leave = subscription_job(entry({"email": consent("UNSUBSCRIBED")}, email=KIM), action="delete")
    assert free.wire.post(UNSUBSCRIBE, leave).status_code == 202
    settle(free)
    assert subscriptions_of(free, KIM)["email"]["marketing"]["consent"] == "UNSUBSCRIBED"


def test_nothing_happens_before_its_time_and_all_of_it_at_its_time(free: Served) -> None:
    list_id = new_list(free)
    free.wire.post(SUBSCRIBE, subscription_job(entry({"email": consent()}, email=KIM), list_id=list_id))
    assert subscriptions_of(free, KIM) is None
    settle(free, 86_400)
    assert subscriptions_of(free, KIM)["email"]["marketing"]["consent_timestamp"] == format_instant(NOON_SECONDS)
    (member,) = free.wire.get(f"/api/lists/{list_id}/profiles").json()["data"]
    assert member["attributes"]["joined_group_at"] == format_instant(NOON_SECONDS)


def test_a_list_that_went_away_takes_nobody(free: Served) -> None:
    list_id = new_list(free)
    free.wire.post(SUBSCRIBE, subscription_job(entry({"email": consent()}, email=KIM), list_id=list_id))
    free.wire.send("DELETE", f"/api/lists/{list_id}")
    settle(free)
    assert subscriptions_of(free, KIM) is None


E_MAIL = {"email": consent()}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (subscription_job(), 400, "1 to 1000 profiles"),
        (subscription_job(*[entry(E_MAIL, email=KIM)] * 1001), 400, "1 to 1000 profiles"),
        (subscription_job(entry({}, email=KIM)), 400, "At least one channel"),
        (subscription_job(entry({"sms": consent()}, email=KIM)), 400, "phone_number"),
        (subscription_job(entry(E_MAIL, phone_number=PHONE)), 400, "email"),
        (subscription_job(entry(E_MAIL, email="nobody")), 400, "Invalid email"),
        (subscription_job(entry({"push": consent()})), 400, "anonymous_id"),
        (subscription_job(entry(E_MAIL, email=KIM), historical_import=True), 400, "consented_at"),
        (subscription_job(entry({"email": consent(consented_at=LONG_AGO)}, email=KIM)), 400, "historical import only"),
        (
            subscription_job(
                entry({"email": consent(consented_at="2026-11-20T12:00:01Z")}, email=KIM), historical_import=True
            ),
            400,
            "in the past",
        ),
        (subscription_job(entry(E_MAIL, email=KIM), list_id="NOPE01"), 404, "List with id NOPE01"),
        (subscription_job(entry(E_MAIL, "01NOPE")), 404, "Profile with id 01NOPE"),
        (subscription_job(entry({"email": consent("UNSUBSCRIBED")}, email=KIM)), 400, "SUBSCRIBED"),
    ],
)
def test_subscriptions_that_are_refused(free: Served, body: Any, status: int, words: str) -> None:
    error = error_of(free.wire.post(SUBSCRIBE, body), status)
    assert words in error["detail"] + error["source"]["pointer"]
    settle(free)
    assert free.emulator.counts().profiles == 0


def test_one_wrong_entry_is_named_and_refuses_all(free: Served) -> None:
    body = subscription_job(entry(E_MAIL, email=KIM), entry(E_MAIL, email="x"))
    error = error_of(free.wire.post(SUBSCRIBE, body), 400)
    assert error["source"]["pointer"] == "/data/attributes/profiles/data/1/attributes/email"


def test_unsubscriptions_that_are_refused(free: Served) -> None:
    leave = entry({"email": consent("UNSUBSCRIBED")}, email=KIM)
    many = subscription_job(*[leave] * 101, action="delete")
    assert "1 to 100 profiles" in error_of(free.wire.post(UNSUBSCRIBE, many), 400)["detail"]
    error_of(free.wire.post(UNSUBSCRIBE, subscription_job(leave, list_id="NOPE01", action="delete")), 404)


def test_adding_to_a_list_gives_no_consent(account: Account) -> None:
    body = identifiers("profile", account.profile)
    answer = account.running.wire.post(f"/api/lists/{account.double}/relationships/profiles", body)
    assert answer.status_code == 204
    assert account.state == "never mail in-double"
    account.do("unsubscribe")
    answer = account.running.wire.send("DELETE", f"/api/lists/{account.double}/relationships/profiles", body)
    assert answer.status_code == 204
    assert account.state == "unsubscribed no-mail UNSUBSCRIBE"


def test_what_was_said_of_a_list_goes_with_it(account: Account) -> None:
    for action in ("subscribe_to_single", "unsubscribe_from_single", "subscribe_to_double"):
        account.do(action)
    for list_id in (account.single, account.double):
        account.running.wire.send("DELETE", f"/api/lists/{list_id}")
    assert account.state == "subscribed mail"


def test_of_two_merged_profiles_the_later_word_counts(account: Account) -> None:
    account.do("subscribe")
    lee = new_profile(account.running, "lee@example.org")
    later = subscription_job(entry({"email": consent("UNSUBSCRIBED")}, email="lee@example.org"), action="delete")
    account.accept(UNSUBSCRIBE, later)
    settle(account.running)
    merge = document("profile-merge", None, {"profiles": identifiers("profile", lee)}, id=account.profile)
    account.running.wire.post("/api/profile-merge", merge)
    settle(account.running)
    assert account.state == "unsubscribed no-mail UNSUBSCRIBE"
    earlier = new_profile(account.running, "mo@example.org")
    agreed = entry({"email": consent(consented_at=LONG_AGO)}, email="mo@example.org")
    account.accept(SUBSCRIBE, subscription_job(agreed, historical_import=True))
    settle(account.running)
    account.do("unsubscribe")
    merge = document("profile-merge", None, {"profiles": identifiers("profile", earlier)}, id=account.profile)
    account.running.wire.post("/api/profile-merge", merge)
    settle(account.running)
    assert account.state == "unsubscribed no-mail UNSUBSCRIBE"
