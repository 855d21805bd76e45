"""The front doors of the domains: a new name on a facade is a promise, so it is made here too."""

import importlib

import pytest

FACADES = {
    "families": """CONSENT_TEXTS Child ChildId Family FamilyExists FamilyNotFound FamilyService LedgerEntry Purpose
        evening_of""",
    "identity": """DEMO_ISSUER Account Caller DemoIssuer IdentityService InvalidToken IssuerConfig KeySource
        MissingToken ParentId Role demo_account""",
    "outbox": """Batch Books ConsentGate DeadLetterService Delivery DeliveryKind DeliveryService DeliveryState
        DeliveryStore DueJob Entry Envelope Lane LeaseLost Letter Limits MirrorUnavailable NotDead Observer Outbound
        OutboundEvent OutboundProfile Outgoing Received ReceivedEvent Requeued Sink UnknownDelivery Upkeep WholeLetter
        leaving_time""",
    "profiles": "ProfileService ProfileSource ProfileView",
    "stories": """Brief ChildId Chosen Content Draft Fact Listener Memory Night NobodyListens Novelty Outcome Passage
        PassageKind Plan Reason Request Story StoryId StoryNotFound StoryService StoryStore Theme ThemeId Tonight Wishes
        Writer WritingFailed""",
    "subscriptions": "Subscription SubscriptionService Tier",
}


@pytest.mark.parametrize("domain", FACADES)
def test_a_facade_has_these_names(domain: str) -> None:
    facade = importlib.import_module(f"dreamflow.{domain}")
    assert facade.__all__ == FACADES[domain].split()
    assert all(hasattr(facade, name) for name in facade.__all__)
