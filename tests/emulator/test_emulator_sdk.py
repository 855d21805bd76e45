"""The official SDK drives the emulator over a socket, and parses what comes back with its models."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from emulator_wire import NOON_SECONDS, Served, bulk_body, event_attributes, event_body, profile_body
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException


def test_import_creates_and_then_updates(free: Served) -> None:
    profiles = free.sdk().Profiles
    created = profiles.create_or_update_profile(
        profile_body(email="kim@example.org", first_name="Kim", properties={"plan": "free", "seen": 1})
    )
    updated = profiles.create_or_update_profile(
        profile_body(
            email="kim@example.org",
            first_name=None,
            properties={"plan": "family"},
            meta={"patch_properties": {"append": {"themes": ["sea"]}, "unset": "seen"}},
        ),
        additional_fields_profile=["subscriptions", "predictive_analytics"],
    )
    assert updated.data.id == created.data.id
    assert created.data.attributes.first_name == "Kim"
    assert updated.data.attributes.first_name is None
    assert updated.data.attributes.properties == {"plan": "family", "themes": ["sea"]}
    assert updated.data.attributes.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"
    assert updated.data.attributes.predictive_analytics.churn_probability is None


def test_create_read_patch(free: Served) -> None:
    profiles = free.sdk().Profiles
    created = profiles.create_profile(profile_body(email="kim@example.org", location={"city": "Graz"}))
    profiles.update_profile(created.data.id, profile_body(created.data.id, location={"country": "AT"}, title="Dr"))
    read = profiles.get_profile(created.data.id, include=["lists", "segments", "push-tokens", "conversations"])
    assert (read.data.attributes.location.city, read.data.attributes.location.country) == ("Graz", "AT")
    assert read.data.attributes.title == "Dr"
    assert read.data.relationships.lists.data == []


def test_a_duplicate_profile_is_a_conflict(free: Served) -> None:
    profiles = free.sdk().Profiles
    first = profiles.create_profile(profile_body(email="kim@example.org"))
    with pytest.raises(ApiException) as caught:
        profiles.create_profile(profile_body(email="KIM@example.org"))
    assert caught.value.status == 409
    assert f'"duplicate_profile_id":"{first.data.id}"' in str(caught.value.body)


def test_what_does_not_exist_is_not_found(free: Served) -> None:
    with pytest.raises(NotFoundException):
        free.sdk().Profiles.get_profile("01M1PAAR5HBCRHA3NN9NG5WRTA")


def test_events_are_created_found_and_followed(free: Served) -> None:
    sdk = free.sdk()
    sdk.Events.create_event(event_body(properties={"theme": "sea"}, value=3, value_currency="EUR", unique_id="u1"))
    listed = sdk.Events.get_events(include=["metric", "profile", "attributions"])
    (event,) = listed.data
    assert event.attributes.event_properties == {
        "theme": "sea",
        "$value_currency": "EUR",
        "$event_id": "u1",
        "$value": 3,
    }
    assert event.attributes.timestamp == NOON_SECONDS
    assert event.relationships.attributions.data == []
    assert {item["type"] for item in listed.included} == {"metric", "profile"}
    assert sdk.Events.get_event(event.id).data.attributes.uuid == event.attributes.uuid
    assert sdk.Events.get_metric_for_event(event.id).data.attributes.name == "Story Generated"
    assert sdk.Events.get_profile_for_event(event.id).data.attributes.email == "kim@example.org"
    metric_id = sdk.Events.get_metric_id_for_event(event.id).data.id
    assert metric_id == event.relationships.metric.data.id == sdk.Metrics.get_metrics().data[0].id
    assert sdk.Events.get_profile_id_for_event(event.id).data.id == event.relationships.profile.data.id
    assert sdk.Metrics.get_metric(metric_id).data.attributes.integration["category"] == "API"


def test_bulk_events(free: Served) -> None:
    sdk = free.sdk()
    entries = [
        (profile_body(email=f"p{number}@example.org"), [event_attributes(unique_id=f"u{number}"), event_attributes()])
        for number in range(3)
    ]
    sdk.Events.bulk_create_events(bulk_body(*entries))
    assert len(sdk.Events.get_events().data) == 6


def test_paging_as_the_sdk_does_it(free: Served) -> None:
    """Its links must be https to be recognised, and the cursor arrives with `=` in front."""
    profiles = free.sdk().Profiles
    for number in range(5):
        free.clock.advance(1)
        profiles.create_profile(profile_body(email=f"p{number}@example.org"))
    seen: list[str] = []
    cursor = None
    while True:
        page = profiles.get_profiles(sort="-created", page_size=2, page_cursor=cursor)
        seen += [profile.attributes.email for profile in page.data]
        cursor = page.links.next
        if cursor is None:
            break
    assert seen == [f"p{number}@example.org" for number in (4, 3, 2, 1, 0)]


def test_a_cursor_alone_and_a_plain_http_link_are_accepted(free: Served) -> None:
    profiles = free.sdk().Profiles
    for number in range(3):
        profiles.create_profile(profile_body(email=f"p{number}@example.org"))
    link = profiles.get_profiles(page_size=1).links.next
    cursor = parse_qs(urlsplit(link).query)["page[cursor]"][0]
    pages = [
        profiles.get_profiles(page_size=1, page_cursor=start).data[0].id
        for start in (link, link.replace("https://", "http://"), cursor, f"={cursor}==")
    ]
    assert len(set(pages)) == 1


def test_filters_as_the_sdk_writes_them(free: Served) -> None:
    sdk = free.sdk()
    first = sdk.Profiles.create_profile(profile_body(email="kim+x@example.org", external_id="k-1"))
    second = sdk.Profiles.create_profile(profile_body(email="lee@example.org"))
    sdk.Profiles.create_profile(profile_body(email="mo@example.org"))
    listed = sdk.Profiles.get_profiles(filter=f"any(id,['{first.data.id}', '{second.data.id}'])")
    assert {profile.attributes.email for profile in listed.data} == {"kim+x@example.org", "lee@example.org"}
    one = 'equals(email,"kim+x@example.org"),greater-than(created,2026-01-01T00:00:00+00:00)'
    assert [profile.id for profile in sdk.Profiles.get_profiles(filter=one).data] == [first.data.id]
    for number in range(4):
        sdk.Events.create_event(event_body(email="lee@example.org", time=f"2026-11-0{number + 1}T00:00:00Z"))
    since = f'equals(profile_id,"{second.data.id}"),greater-or-equal(datetime,2026-11-02T00:00:00Z)'
    assert len(sdk.Events.get_events(filter=since, sort="datetime").data) == 3


def test_sparse_fields_and_additional_fields(free: Served) -> None:
    profiles = free.sdk().Profiles
    profiles.create_profile(profile_body(email="kim@example.org", first_name="Kim"))
    listed = profiles.get_profiles(
        fields_profile=["email", "subscriptions.email.marketing.consent"], additional_fields_profile=["subscriptions"]
    )
    assert listed["data"][0]["attributes"] == {
        "email": "kim@example.org",
        "subscriptions": {"email": {"marketing": {"consent": "NEVER_SUBSCRIBED"}}},
    }


def test_accounts(klaviyo: Served) -> None:
    accounts = klaviyo.sdk().Accounts
    (account,) = accounts.get_accounts().data
    assert account.id == klaviyo.emulator.account_id == account.attributes.public_api_key
    klaviyo.clock.advance(1)
    assert accounts.get_account(account.id).data.attributes.timezone == "UTC"


def test_too_many_requests(klaviyo: Served) -> None:
    """A POST, because the SDK waits out the 429 of a GET in real time."""
    events = klaviyo.sdk().Events
    for number in range(10):
        events.bulk_create_events(bulk_body((profile_body(email="k@example.org"), [event_attributes(f"M{number}")])))
    with pytest.raises(ApiException) as caught:
        events.bulk_create_events(bulk_body((profile_body(email="k@example.org"), [event_attributes("M")])))
    assert caught.value.status == 429
    assert "Expected available in 1 second." in str(caught.value.body)
    assert klaviyo.emulator.counts().events == 10


def test_a_wrong_key(free: Served) -> None:
    with pytest.raises(ApiException) as caught:
        free.sdk("sk_wrong").Accounts.get_accounts()
    assert caught.value.status == 401


def test_a_bearer_token(free: Served) -> None:
    sdk: Any = KlaviyoAPI(access_token="token", max_retries=1, test_host=free.url, api_key="")
    assert sdk.Accounts.get_accounts().data[0].id == free.emulator.account_id


def test_what_is_not_built_says_so(free: Served) -> None:
    with pytest.raises(ApiException) as caught:
        free.sdk().Web_Feeds.get_web_feeds()
    assert caught.value.status == 501
    assert "get_web_feeds" in str(caught.value.body)


def test_bad_input_is_a_bad_request(free: Served) -> None:
    with pytest.raises(BadRequestException) as caught:
        free.sdk().Profiles.get_profiles(filter='contains(email,"x")')
    assert "'contains' is not an allowed filter operator for email.  Allowed operators are any, equals" in str(
        caught.value.body
    )
