"""All that may leave the house, in one table: a new field is a decision, made here and in the pages."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dreamflow
from architecture.architecture_texts import pages, rows, section
from dreamflow.families import CONSENT_TEXTS, Purpose
from dreamflow.outbox import Envelope, Outbound, OutboundEvent, OutboundProfile, Outgoing
from dreamflow.outbox.adapters.sql.appending import row_of
from dreamflow.subscriptions.events import SubscriptionCreated

STORY = {"story_id", "theme_id", "theme_category", "minutes", "plan_version", "arm"}
EVENTS: dict[str, tuple[str, set[str]]] = {
    "Signed Up": ("service", {"signup_method", "locale"}),
    "Subscription Created": ("service", {"tier", "effective_at"}),
    "Profile Updated": ("service", {"changed"}),
    "Story Generated": ("personal_suggestions", STORY),
    "Story Completed": ("personal_suggestions", STORY | {"completed"}),
    "Story Skipped": ("personal_suggestions", STORY | {"completed"}),
}
PROFILE: dict[str, str] = {
    "email": "service",
    "locale": "service",
    "time_zone_region": "service",
    "signup_month": "service",
    "plan_tier": "service",
    "consent_personal_suggestions": "service",
    "consent_weekly_letter": "service",
    "consent_letter_in_mail": "service",
    "consent_product_mail": "service",
    "consent_llm_writing": "service",
    "stories_28d": "personal_suggestions",
    "favourite_theme_categories": "personal_suggestions",
}
# In which words the parent is told of each field before agreeing to it; without any: ids, versions and the like.
TOLD: dict[str, str] = {
    "email": "e-mail address",
    "locale": "language",
    "time_zone_region": "region",
    "signup_month": "day and hour when you joined",
    "signup_method": "",
    "plan_tier": "plan",
    "tier": "plan",
    "effective_at": "day and hour when",
    "changed": "when one of these changed",
    **{f"consent_{purpose}": "what you allow" for purpose in Purpose},
    "story_id": "",
    "theme_id": "its world",
    "theme_category": "kind",
    "minutes": "how many minutes",
    "plan_version": "",
    "arm": "",
    "completed": "heard to the end",
    "stories_28d": "about how many",
    "favourite_theme_categories": "which kinds you like",
}
# No word of a field's name may be one of these, whatever the tables say.
CHILDRENS = re.compile(
    r"names?|nickname|child|children|ages?|birthday|gender|mood|fears?|health|sleep|asleep|lights|bedtime|text|title|"
    r"wish|wishes|words?|score|rhythm|begun|lead|companions?|siblings?|listeners?|pacing|energy"
)


def forms() -> Iterator[type[Outbound]]:
    """Every closed form of the product; those of tests are left out."""
    for module in pkgutil.walk_packages(dreamflow.__path__, "dreamflow."):
        if not module.name.startswith("dreamflow.migrations") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting: list[type[Outbound]] = [Outbound]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        if form.__module__.startswith("dreamflow."):
            yield form


def event_forms() -> list[type[OutboundEvent]]:
    return [form for form in forms() if issubclass(form, OutboundEvent) and hasattr(form, "metric")]


def test_the_events_are_those_of_the_table() -> None:
    found = {form.metric: (str(form.purpose), set(form.model_fields)) for form in event_forms()}
    assert found == EVENTS
    assert len(found) == len(event_forms()), "two forms for one metric"


def test_the_profile_is_that_of_the_table() -> None:
    found: dict[str, str] = {}
    for form in forms():
        if issubclass(form, OutboundProfile) and form is not OutboundProfile:
            for name in form.model_fields:
                assert found.setdefault(name, str(form.purpose)) == str(form.purpose), f"{name} in two forms"
            assert form.identity <= {"email", "locale"}, (
                "only these are Klaviyo's own; all others are custom properties"
            )
    assert found == PROFILE


def test_there_is_no_other_way_out() -> None:
    for form in forms():
        assert form in {Outbound, OutboundEvent, OutboundProfile} or issubclass(form, OutboundEvent | OutboundProfile)
        assert form.model_config.get("extra") == "forbid"
        assert form.model_config.get("frozen")


def test_no_field_is_about_a_child() -> None:
    for form in forms():
        for name in form.model_fields:
            assert not any(CHILDRENS.fullmatch(word) for word in name.split("_")), name


def test_every_purpose_is_one_that_a_parent_can_read() -> None:
    asked = {form.purpose for form in event_forms()} | set(PROFILE.values())
    assert asked <= set(Purpose)
    assert {name.removeprefix("consent_") for name in PROFILE if name.startswith("consent_")} == set(Purpose) - {
        "service"
    }


def test_the_text_of_a_consent_names_what_may_leave_under_it_and_how_exactly_its_time() -> None:
    for form in forms():
        for name in form.model_fields:
            assert TOLD[name] in CONSENT_TEXTS[Purpose(form.purpose)].text, name
    assert all("the day and hour" in CONSENT_TEXTS[Purpose(form.purpose)].text for form in event_forms())


def test_an_event_is_written_with_schema_and_seq_and_a_full_hour() -> None:
    at = datetime(2026, 11, 23, 19, 47, 31, 5, tzinfo=UTC)
    event = SubscriptionCreated(tier="free", effective_at=at.replace(minute=0, second=0, microsecond=0))
    envelope = Envelope("id", "parent", "t", at, {"kept": "here"}, (Outgoing(event, "entry"),))
    row: dict[str, Any] = row_of(envelope, envelope.outgoing[0], place=0, number=3)
    body = json.loads(row["body"])
    assert body.keys() == set(SubscriptionCreated.model_fields) | {"schema", "seq"}
    assert body["seq"] == 3  # counted per parent, not the place in the journal
    assert row["occurred_at"] == datetime(2026, 11, 23, 19, tzinfo=UTC)
    assert row["ledger_entry"] == "entry"


def test_the_page_has_the_same_table() -> None:
    written = section(pages()["docs/architecture.md"], "What may leave")
    listed = {f"`{metric}`": (purpose, fields) for metric, (purpose, fields) in EVENTS.items()}
    for purpose in sorted(set(PROFILE.values())):
        listed[f"profile, {purpose}"] = (purpose, {name for name, needed in PROFILE.items() if needed == purpose})
    found = {row[0]: (row[1].strip("`"), {name.strip("` ") for name in row[2].split(",")}) for row in rows(written)}
    assert found == listed
