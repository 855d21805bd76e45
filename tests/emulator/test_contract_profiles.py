"""Profiles and what happens to them in bulk, through the official SDK: every operation, accepted and refused."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_wire import NOON_SECONDS, Served, error_of, event_body, profile_body, served
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException
from people_bodies import (
    a_profile,
    consent,
    document,
    entry,
    events_of,
    identifiers,
    import_job,
    new_list,
    new_profile,
    settle,
    subscription_job,
    subscriptions_of,
    suppression_job,
)

from klaviyo_emulator.state.predictions import set_prediction

UNKNOWN = "01M1PAAR5HBCRHA3NN9NG5WRTA"


# Profiles by themselves


def test_profiles_are_listed_with_what_belongs_to_them(free: Served) -> None:
    sdk = free.sdk()
    kim = new_profile(free)
    list_id = new_list(free)
    sdk.Lists.add_profiles_to_list(list_id, identifiers("profile", kim))
    sdk.Profiles.create_push_token(push_token(kim))
    listed = sdk.Profiles.get_profiles(include=["push-tokens", "conversations"])
    assert [one.id for one in listed.data[0].relationships.push_tokens.data] == [included(listed)[0]["id"]]
    assert listed.data[0].relationships.conversations.data == []
    read = sdk.Profiles.get_profile(kim, include=["lists", "segments", "push-tokens"])
    assert [one.id for one in read.data.relationships.lists.data] == [list_id]
    assert read.data.relationships.segments.data == []
    assert {item["type"] for item in included(read)} == {"list", "push-token"}


def test_a_profile_has_no_conversations(free: Served) -> None:
    profiles = free.sdk().Profiles
    kim = new_profile(free)
    assert profiles.get_conversation_for_profile(kim).data is None
    assert profiles.get_conversation_id_for_profile(kim).data is None
    assert profiles.get_conversations_for_profile(kim).data == []
    assert profiles.get_conversation_ids_for_profile(kim).data == []
    assert profiles.get_segments_for_profile(kim).data == []
    assert profiles.get_segment_ids_for_profile(kim).data == []
    assert profiles.get_lists_for_profile(kim).data == []
    assert profiles.get_list_ids_for_profile(kim).data == []
    assert profiles.get_push_tokens_for_profile(kim).data == []
    assert profiles.get_push_token_ids_for_profile(kim).data == []


@pytest.mark.parametrize(
    "name",
    [
        "get_profile",
        "get_conversation_for_profile",
        "get_conversation_id_for_profile",
        "get_conversations_for_profile",
        "get_conversation_ids_for_profile",
        "get_segments_for_profile",
        "get_segment_ids_for_profile",
        "get_lists_for_profile",
        "get_list_ids_for_profile",
        "get_push_tokens_for_profile",
        "get_push_token_ids_for_profile",
    ],
)
def test_an_unknown_profile_is_not_found(free: Served, name: str) -> None:
    with pytest.raises(NotFoundException, match=f"Profile with id {UNKNOWN} not found"):
        getattr(free.sdk().Profiles, name)(UNKNOWN)


def test_wrong_ways_to_write_a_profile(free: Served) -> None:
    profiles = free.sdk().Profiles
    with pytest.raises(BadRequestException, match="/data/attributes/email"):
        profiles.create_profile(profile_body(email="nobody"))
    with pytest.raises(NotFoundException):
        profiles.update_profile(UNKNOWN, profile_body(UNKNOWN, first_name="Kim"))
    with pytest.raises(BadRequestException, match="At least one identifier"):
        profiles.create_or_update_profile(profile_body(first_name="Kim"))


def test_members_that_a_profile_does_not_have_are_refused(free: Served) -> None:
    append = {"patch_properties": {"append": {"skus": "1"}}}
    patched = profile_body(email="kim@example.org", meta=append)
    # Only a profile that may be there already can be patched.
    assert error_of(free.wire.post("/api/profiles", patched), 400)["source"] == {"pointer": "/data/meta"}
    strange = {"data": {**patched["data"], "relationships": {}}}
    answer = free.wire.post("/api/profile-import", strange)
    assert error_of(answer, 400)["source"] == {"pointer": "/data/relationships"}
    within = "/data/attributes/profile/data/relationships"
    assert error_of(free.wire.post("/api/events", event_body(profile=strange)), 400)["source"] == {"pointer": within}
    assert free.wire.post("/api/profile-import", patched).json()["data"]["attributes"]["properties"] == {"skus": ["1"]}


def test_secondary_identifiers_find_the_profile_and_leave_the_first(free: Served) -> None:
    profiles = free.sdk().Profiles
    patch = {"append": {"email": ["kim@work.example", "kim@home.example"], "phone_number": "+4915112345678"}}
    created = profiles.create_or_update_profile(
        profile_body(email="kim@example.org", meta={"patch_identifiers": patch})
    ).data
    assert created.attributes.phone_number == "+4915112345678"
    again = profiles.create_or_update_profile(profile_body(email="KIM@work.example", first_name="Kim")).data
    assert (again.id, again.attributes.email) == (created.id, "kim@example.org")
    free.wire.post("/api/events", event_body("kim@home.example"))
    assert free.wire.get("/api/events").json()["data"][0]["relationships"]["profile"]["data"]["id"] == created.id
    with pytest.raises(ApiException) as caught:
        profiles.create_profile(profile_body(email="kim@home.example"))
    assert (caught.value.status, created.id in str(caught.value.body)) == (409, True)
    other = new_profile(free, "lee@example.org")
    with pytest.raises(ApiException) as caught:
        profiles.update_profile(other, profile_body(other, email="kim@home.example"))
    assert caught.value.status == 409
    profiles.update_profile(created.id, profile_body(created.id, meta={"patch_identifiers": unappend("email")}))
    assert profiles.create_profile(profile_body(email="kim@home.example")).data.id != created.id
    profiles.update_profile(created.id, profile_body(created.id, email="kim@work.example"))
    assert profiles.get_profile(created.id).data.attributes.email == "kim@work.example"


def test_a_further_address_that_becomes_the_first_is_no_further_one(free: Served) -> None:
    profiles = free.sdk().Profiles
    append = {"patch_identifiers": {"append": {"email": "kim@work.example"}}}
    kim = profiles.create_or_update_profile(profile_body(email="kim@example.org", meta=append)).data.id
    for email in (None, "kim@work.example", "kim@home.example"):
        body = profile_body(kim, meta=append) if email == "kim@work.example" else profile_body(kim, email=email)
        assert profiles.update_profile(kim, body).data.attributes.email == email
    assert new_profile(free, "kim@work.example") != kim


def unappend(kind: str) -> dict[str, Any]:
    return {"unappend": {kind: ["kim@home.example"]}}


def test_secondary_identifiers_of_others_are_a_conflict_and_change_nothing(free: Served) -> None:
    new_profile(free, "lee@example.org")
    patch = {"patch_identifiers": {"append": {"email": "lee@example.org"}}}
    body = profile_body(email="kim@example.org", first_name="Kim", meta=patch)
    error = error_of(free.wire.post("/api/profile-import", body), 409)
    assert "Duplicate email found" in error["detail"]
    assert len(free.wire.get("/api/profiles").json()["data"]) == 1
    for wrong in (
        {"append": {"external_id": "x"}},
        {"add": {}},
        {"append": {"email": [3]}},
        {"append": {"email": "x"}},
    ):
        body = profile_body(email="kim@example.org", meta={"patch_identifiers": wrong})
        assert "patch_identifiers" in error_of(free.wire.post("/api/profile-import", body), 400)["source"]["pointer"]


def test_predictions_are_what_the_state_says(free: Served) -> None:
    profiles = free.sdk().Profiles
    kim, lee = new_profile(free), new_profile(free, "lee@example.org")
    prediction = {"churn_probability": 0.25, "ranked_channel_affinity": ["email", "sms"]}
    free.emulator._database.write(lambda connection: set_prediction(connection, 1, prediction)).result()

    def predicted(profile_id: str) -> Any:
        read = profiles.get_profile(profile_id, additional_fields_profile=["predictive_analytics"])
        return read.data.attributes.predictive_analytics

    assert predicted(kim).churn_probability == 0.25
    assert predicted(kim).ranked_channel_affinity == ["email", "sms"]
    assert predicted(kim).total_clv is None
    assert predicted(lee).churn_probability is None


def test_suppressed_profiles_are_filtered_and_sorted(free: Served) -> None:
    profiles = free.sdk().Profiles
    for number, name in enumerate(("kim", "lee", "mo")):
        new_profile(free, f"{name}@example.org")
        if number:
            profiles.bulk_suppress_profiles(suppression_job(f"{name}@example.org"))
        settle(free, 60)
    list_id = new_list(free)
    mo = profiles.get_profiles(filter='equals(email,"mo@example.org")').data[0].id
    free.sdk().Lists.add_profiles_to_list(list_id, identifiers("profile", mo))
    leave = entry({"email": consent("UNSUBSCRIBED")}, email="mo@example.org")
    profiles.bulk_unsubscribe_profiles(subscription_job(leave, list_id=list_id, action="delete"))
    settle(free)
    field = "subscriptions.email.marketing.suppression"
    of_list = "subscriptions.email.marketing.list_suppressions"

    def names(**query: Any) -> list[str]:
        return [one.attributes.email.split("@")[0] for one in profiles.get_profiles(**query).data]

    assert names(filter=f'equals({field}.reason,"USER_SUPPRESSED")', sort="email") == ["lee", "mo"]
    assert names(filter=f'equals({field}.reason,"HARD_BOUNCE")') == []
    at = "2026-11-20T12:02:00Z"
    assert names(filter=f"greater-or-equal({field}.timestamp,{at})") == ["mo"]
    assert names(filter=f'equals({field}.reason,"USER_SUPPRESSED"),less-than({field}.timestamp,{at})') == ["lee"]
    assert names(filter=f'equals({of_list}.list_id,"{list_id}"),equals({of_list}.reason,"UNSUBSCRIBE")') == ["mo"]
    assert names(sort=f"{field}.timestamp") == ["kim", "lee", "mo"]
    first = profiles.get_profiles(sort=f"-{field}.timestamp", page_size=2)
    assert [one.attributes.email[:3] for one in first.data] == ["mo@", "lee"]
    assert names(sort=f"-{field}.timestamp", page_cursor=first.links.next) == ["kim"]
    assert names(sort=f"-{of_list}.timestamp")[0] == "mo"


# Merging


def test_a_merged_profile_becomes_part_of_the_other(free: Served) -> None:
    sdk = free.sdk()
    kim = new_profile(free, "kim@example.org", first_name="Kim", location={"city": "Graz"}, properties={"plan": "free"})
    old = new_profile(
        free,
        "old@example.org",
        phone_number="+4915112345678",
        external_id="k-1",
        first_name="K",
        last_name="Old",
        location={"city": "Wien", "country": "AT"},
        properties={"plan": "x", "seen": 3},
    )
    list_id = new_list(free)
    sdk.Lists.add_profiles_to_list(list_id, identifiers("profile", old))
    sdk.Events.create_event(event_body("old@example.org", metric="Story Generated"))
    agree = entry({"email": consent()}, email="old@example.org")
    sdk.Profiles.bulk_subscribe_profiles(subscription_job(agree))
    sdk.Profiles.create_push_token(push_token(old))
    settle(free)
    answer = sdk.Profiles.merge_profiles(merge_body(kim, old))
    assert answer.data.id == kim
    assert sdk.Profiles.get_profile(old).data.id == old
    settle(free)
    merged = sdk.Profiles.get_profile(old).data
    assert merged.id == kim
    assert merged.attributes.phone_number == "+4915112345678"
    assert merged.attributes.external_id == "k-1"
    assert (merged.attributes.first_name, merged.attributes.last_name) == ("Kim", "Old")
    assert (merged.attributes.location.city, merged.attributes.location.country) == ("Graz", "AT")
    assert merged.attributes.properties == {"plan": "free", "seen": 3}
    assert [one.id for one in sdk.Lists.get_profile_ids_for_list(list_id).data] == [kim]
    owners = {event.relationships.profile.data.id for event in sdk.Events.get_events().data}
    assert owners == {kim}
    assert subscriptions_of(free)["email"]["marketing"]["consent"] == "SUBSCRIBED"
    assert len(sdk.Profiles.get_push_tokens_for_profile(kim).data) == 1
    assert sdk.Profiles.create_or_update_profile(profile_body(email="old@example.org")).data.id == kim
    assert [one.id for one in sdk.Profiles.get_profiles().data] == [kim]
    assert ("Merged Profile", old) in [(name, found.get("source_profile_id")) for name, found in events_of(free)]
    sdk.Events.create_event(event_body(profile={"data": {"type": "profile", "id": old, "attributes": {}}}))
    assert {event.relationships.profile.data.id for event in sdk.Events.get_events().data} == {kim}


def test_a_merged_profile_is_known_by_all_it_was_seen_with(free: Served) -> None:
    def sent(**names: str) -> None:
        answer = free.wire.post("/api/events", event_body(profile=profile_body(**names), unique_id=str(names)))
        assert answer.status_code == 202

    sent(email="kim@example.org", anonymous_id="phone")
    sent(email="lee@example.org", anonymous_id="browser", _kx="exchange")
    lee, kim = (profile["id"] for profile in free.wire.get("/api/profiles", sort="-email").json()["data"])
    free.sdk().Profiles.merge_profiles(merge_body(kim, lee))
    settle(free)
    for names in ({"anonymous_id": "phone"}, {"anonymous_id": "browser"}, {"_kx": "exchange"}):
        sent(**names)
    assert free.emulator.counts().profiles == 1
    by_id, by_former_id = (free.wire.get("/api/events", filter=f'equals(profile_id,"{one}")') for one in (kim, lee))
    assert len(by_id.json()["data"]) == 6
    assert by_former_id.json()["data"] == by_id.json()["data"]


def merge_body(destination: str, *sources: str) -> dict[str, Any]:
    return document("profile-merge", None, {"profiles": identifiers("profile", *sources)}, id=destination)


def test_merging_needs_two_known_profiles(free: Served) -> None:
    profiles = free.sdk().Profiles
    kim, lee = new_profile(free), new_profile(free, "lee@example.org")
    with pytest.raises(NotFoundException):
        profiles.merge_profiles(merge_body(kim, UNKNOWN))
    with pytest.raises(NotFoundException):
        profiles.merge_profiles(merge_body(UNKNOWN, kim))
    with pytest.raises(BadRequestException, match="Exactly one source"):
        profiles.merge_profiles(merge_body(kim, lee, kim))
    with pytest.raises(BadRequestException, match="into itself"):
        profiles.merge_profiles(merge_body(kim, kim))


def test_merging_twice_merges_once(free: Served) -> None:
    profiles = free.sdk().Profiles
    kim, lee = new_profile(free), new_profile(free, "lee@example.org")
    for _ in range(2):
        profiles.merge_profiles(merge_body(kim, lee))
    settle(free)
    assert [name for name, _ in events_of(free)] == ["Merged Profile"]


def test_live_merging_is_accepted_with_202() -> None:
    with served(limits=False, behaviour="live") as running:
        kim, lee = new_profile(running), new_profile(running, "lee@example.org")
        assert running.wire.post("/api/profile-merge", merge_body(kim, lee)).status_code == 202


# Imports in bulk


def test_an_import_job_goes_through_its_states(free: Served) -> None:
    profiles = free.sdk().Profiles
    kim = new_profile(free)
    list_id = new_list(free)
    job = profiles.bulk_import_profiles(
        import_job(
            a_profile(email="kim@example.org", first_name="Kim"),
            a_profile(email="lee@example.org"),
            lists=(list_id,),
        )
    ).data
    assert (job.attributes.status, job.attributes.total_count, job.attributes.completed_count) == ("queued", 2, 0)
    assert int(job.attributes.expires_at.timestamp()) == NOON_SECONDS + 7 * 86_400
    free.clock.advance(0.2)
    started = profiles.get_bulk_import_profiles_job(job.id).data.attributes
    assert (started.status, started.completed_count, int(started.started_at.timestamp())) == (
        "processing",
        0,
        NOON_SECONDS,
    )
    assert profiles.get_profiles().data[0].attributes.first_name is None
    free.clock.advance(0.2)
    done = profiles.get_bulk_import_profiles_job(job.id, include=["lists"])
    assert done.data.attributes.status == "complete"
    assert (done.data.attributes.completed_count, done.data.attributes.failed_count) == (2, 0)
    assert done.data.attributes.completed_at is not None
    assert [item["id"] for item in included(done)] == [list_id]
    found = profiles.get_profiles_for_bulk_import_profiles_job(job.id, additional_fields_profile=["subscriptions"]).data
    assert [one.attributes.email for one in found] == ["kim@example.org", "lee@example.org"]
    assert found[0].id == kim
    ids = profiles.get_profile_ids_for_bulk_import_profiles_job(job.id, page_size=1)
    assert [one.id for one in ids.data] == [kim]
    following = profiles.get_profile_ids_for_bulk_import_profiles_job(job.id, page_size=1, page_cursor=ids.links.next)
    assert [one.id for one in following.data] == [found[1].id]
    assert [one.id for one in profiles.get_list_for_bulk_import_profiles_job(job.id).data] == [list_id]
    assert [one.id for one in profiles.get_list_ids_for_bulk_import_profiles_job(job.id).data] == [list_id]
    assert profiles.get_errors_for_bulk_import_profiles_job(job.id).data == []
    assert len(free.sdk().Lists.get_profile_ids_for_list(list_id).data) == 2


def test_what_cannot_be_imported_is_an_error_of_the_job(free: Served) -> None:
    profiles = free.sdk().Profiles
    new_profile(free, "kim@example.org", phone_number="+4915112345678")
    new_profile(free, "lee@example.org")
    job = profiles.bulk_import_profiles(
        import_job(
            a_profile(email="nobody"),
            a_profile(email="mo@example.org"),
            a_profile(email="lee@example.org", phone_number="+4915112345678", first_name="Lee"),
            a_profile(first_name="Who"),
            {"type": "profile", "id": UNKNOWN, "attributes": {}},
        )
    ).data
    settle(free)
    done = profiles.get_bulk_import_profiles_job(job.id).data.attributes
    assert (done.completed_count, done.failed_count, done.total_count) == (1, 4, 5)
    errors = profiles.get_errors_for_bulk_import_profiles_job(job.id).data
    pointers = {error.attributes.source.pointer for error in errors}
    at = "/data/attributes/profiles/data"
    assert pointers == {f"{at}/{place}" for place in ("0/attributes/email", "2/attributes", "3/attributes", "4/id")}
    assert {error.attributes.code for error in errors} == {"invalid", "duplicate_profile", "not_found"}
    emails = [(error.attributes.original_payload or {}).get("attributes", {}).get("email") for error in errors]
    assert "nobody" in emails
    found = profiles.get_profiles(sort="email").data
    assert [(one.attributes.email, one.attributes.first_name) for one in found] == [
        ("kim@example.org", None),
        ("lee@example.org", None),
        ("mo@example.org", None),
    ]
    first = profiles.get_errors_for_bulk_import_profiles_job(job.id, page_size=3)
    rest = profiles.get_errors_for_bulk_import_profiles_job(job.id, page_size=3, page_cursor=first.links.next)
    assert (len(first.data), len(rest.data)) == (3, 1)


def test_import_jobs_are_listed(free: Served) -> None:
    profiles = free.sdk().Profiles
    first = profiles.bulk_import_profiles(import_job(a_profile(email="kim@example.org"))).data.id
    settle(free)
    second = profiles.bulk_import_profiles(import_job(a_profile(email="lee@example.org"))).data.id
    listed = profiles.get_bulk_import_profiles_jobs
    assert [job.id for job in listed(sort="created_at").data] == [first, second]
    assert [job.id for job in listed(filter='equals(status,"queued")').data] == [second]
    both = 'any(status,["queued","complete"])'
    assert [job.id for job in listed(filter=both, sort="-created_at", page_size=1).data] == [second]
    with pytest.raises(BadRequestException):
        listed(sort="status")


@pytest.mark.parametrize(
    "name",
    [
        "get_bulk_import_profiles_job",
        "get_errors_for_bulk_import_profiles_job",
        "get_list_for_bulk_import_profiles_job",
        "get_list_ids_for_bulk_import_profiles_job",
        "get_profiles_for_bulk_import_profiles_job",
        "get_profile_ids_for_bulk_import_profiles_job",
        "get_bulk_suppress_profiles_job",
        "get_bulk_unsuppress_profiles_job",
    ],
)
def test_an_unknown_job_is_not_found(free: Served, name: str) -> None:
    with pytest.raises(NotFoundException, match="NOPE01 not found"):
        getattr(free.sdk().Profiles, name)("NOPE01")


def test_the_limits_of_an_import(free: Served) -> None:
    profiles = free.sdk().Profiles
    with pytest.raises(BadRequestException, match="1 to 10000 profiles"):
        profiles.bulk_import_profiles(import_job())
    many = [a_profile(external_id=str(number)) for number in range(10_001)]
    error = error_of(free.wire.post("/api/profile-bulk-import-jobs", import_job(*many)), 400)
    assert "this one has 10001" in error["detail"]
    with pytest.raises(NotFoundException, match="List with id NOPE01"):
        profiles.bulk_import_profiles(import_job(a_profile(email="kim@example.org"), lists=("NOPE01",)))
    fat = a_profile(email="kim@example.org", properties={"a": "x" * 60_000, "b": "x" * 60_000})
    error_of(free.wire.post("/api/profile-bulk-import-jobs", import_job(fat)), 413)
    assert profiles.get_bulk_import_profiles_jobs().data == []


def test_ten_thousand_profiles_are_imported(free: Served) -> None:
    job = free.wire.post(
        "/api/profile-bulk-import-jobs",
        import_job(*(a_profile(external_id=f"p{number}") for number in range(10_000))),
    ).json()["data"]["id"]
    settle(free)
    assert free.wire.get(f"/api/profile-bulk-import-jobs/{job}").json()["data"]["attributes"]["completed_count"] == (
        10_000
    )
    assert free.emulator.counts().profiles == 10_000


def test_an_import_of_a_list_that_went_away(free: Served) -> None:
    list_id = new_list(free)
    job = free.wire.post(
        "/api/profile-bulk-import-jobs", import_job(a_profile(email="k@example.org"), lists=(list_id,))
    )
    free.wire.send("DELETE", f"/api/lists/{list_id}")
    settle(free)
    path = f"/api/profile-bulk-import-jobs/{job.json()['data']['id']}"
    assert free.wire.get(path).json()["data"]["attributes"]["status"] == "complete"


# Suppressing in bulk


def test_suppressing_and_unsuppressing_are_jobs(free: Served) -> None:
    profiles = free.sdk().Profiles
    new_profile(free)
    job = profiles.bulk_suppress_profiles(suppression_job("kim@example.org", "KIM@example.org", "lee@example.org")).data
    assert (job.attributes.status, job.attributes.total_count) == ("queued", 2)
    free.clock.advance(0.2)
    assert profiles.get_bulk_suppress_profiles_job(job.id).data.attributes.status == "processing"
    settle(free)
    done = profiles.get_bulk_suppress_profiles_job(job.id).data.attributes
    assert (done.status, done.completed_count, done.skipped_count) == ("complete", 2, 0)
    marketing = subscriptions_of(free)["email"]["marketing"]
    assert marketing["can_receive_email_marketing"] is False
    assert [item["reason"] for item in marketing["suppression"]] == ["USER_SUPPRESSED"]
    assert marketing["consent"] == "NEVER_SUBSCRIBED"
    assert marketing["last_updated"] == marketing["suppression"][0]["timestamp"]
    again = profiles.bulk_suppress_profiles(suppression_job("kim@example.org")).data.id
    back = profiles.bulk_unsuppress_profiles(
        suppression_job("kim@example.org", "nobody@example.org", action="delete")
    ).data
    assert back.attributes.status == "queued"
    settle(free)
    assert profiles.get_bulk_suppress_profiles_job(again).data.attributes.skipped_count == 1
    freed = profiles.get_bulk_unsuppress_profiles_job(back.id).data.attributes
    assert (freed.completed_count, freed.skipped_count) == (1, 1)
    assert subscriptions_of(free)["email"]["marketing"]["can_receive_email_marketing"] is True
    assert subscriptions_of(free, "nobody@example.org") is None
    names = [name for name, _ in events_of(free)]
    assert sorted(names) == [
        "Manually Suppressed from Email Marketing",
        "Manually Suppressed from Email Marketing",
        "Manually Unsuppressed from Email Marketing",
    ]


def test_a_segment_is_suppressed_as_it_is_when_nobody_has_looked(free: Served) -> None:
    condition = {
        "type": "profile-property",
        "property": "properties['vip']",
        "filter": {"type": "boolean", "operator": "equals", "value": True},
    }
    named = {"name": "VIP", "definition": {"condition_groups": [{"conditions": [condition]}]}}
    segment = free.wire.post("/api/segments", document("segment", named)).json()["data"]["id"]
    settle(free)
    new_profile(free, properties={"vip": True})
    for action, reasons in (("create", ["USER_SUPPRESSED"]), ("delete", [])):
        path = f"/api/profile-suppression-bulk-{action}-jobs"
        job = free.wire.post(path, suppression_job(action=action, segment=segment)).json()["data"]
        assert job["attributes"]["total_count"] == 1
        settle(free)
        assert [one["reason"] for one in subscriptions_of(free)["email"]["marketing"]["suppression"]] == reasons
    free.wire.post("/api/profile-suppression-bulk-create-jobs", suppression_job(segment=segment))
    new_profile(free, "lee@example.org", properties={"vip": True})
    settle(free)
    suppressed = subscriptions_of(free, "lee@example.org")["email"]["marketing"]["suppression"]
    assert [one["reason"] for one in suppressed] == ["USER_SUPPRESSED"]


def test_a_whole_list_is_suppressed(free: Served) -> None:
    profiles = free.sdk().Profiles
    list_id = new_list(free)
    kim, lee = new_profile(free), new_profile(free, "lee@example.org")
    free.sdk().Lists.add_profiles_to_list(list_id, identifiers("profile", kim))
    job = profiles.bulk_suppress_profiles(suppression_job(list=list_id)).data
    plain = profiles.bulk_suppress_profiles(suppression_job("mo@example.org")).data
    assert job.attributes.total_count == 1
    assert [one.id for one in job.relationships.lists.data] == [list_id]
    assert plain.relationships.lists.data is None
    settle(free)
    assert subscriptions_of(free)["email"]["marketing"]["can_receive_email_marketing"] is False
    assert subscriptions_of(free, "lee@example.org")["email"]["marketing"]["can_receive_email_marketing"] is True
    listed = profiles.get_bulk_suppress_profiles_jobs
    assert [one.id for one in listed(filter=f'equals(list_id,"{list_id}")').data] == [job.id]
    assert len(listed(filter='equals(status,"complete")', sort="-created").data) == 2
    assert listed(filter='equals(segment_id,"NOPE01")').data == []
    back = profiles.bulk_unsuppress_profiles(suppression_job(list=list_id, action="delete")).data
    settle(free)
    unlisted = profiles.get_bulk_unsuppress_profiles_jobs(filter=f'equals(list_id,"{list_id}")', sort="created")
    assert [one.id for one in unlisted.data] == [back.id]
    assert subscriptions_of(free)["email"]["marketing"]["suppression"] == []
    assert lee


@pytest.mark.parametrize(
    ("emails", "groups"),
    [((), {}), (("kim@example.org",), {"list": "L"}), ((), {"list": "L", "segment": "S"})],
)
@pytest.mark.parametrize("action", ["create", "delete"])
def test_whom_to_suppress_is_said_in_one_way(
    free: Served, emails: tuple[str, ...], groups: dict[str, str], action: str
) -> None:
    profiles = free.sdk().Profiles
    call = profiles.bulk_suppress_profiles if action == "create" else profiles.bulk_unsuppress_profiles
    with pytest.raises(BadRequestException, match="Exactly one is needed"):
        call(suppression_job(*emails, action=action, **groups))


def test_the_limits_of_suppressing(free: Served) -> None:
    profiles = free.sdk().Profiles
    with pytest.raises(BadRequestException, match="1 to 100 profiles"):
        profiles.bulk_suppress_profiles(suppression_job(*(f"p{number}@example.org" for number in range(101))))
    with pytest.raises(BadRequestException, match="Invalid email"):
        profiles.bulk_unsuppress_profiles(suppression_job("nobody", action="delete"))
    with pytest.raises(NotFoundException, match="List with id NOPE01"):
        profiles.bulk_suppress_profiles(suppression_job(list="NOPE01"))
    with pytest.raises(BadRequestException):
        profiles.get_bulk_suppress_profiles_jobs(filter='equals(status,"queued"),equals(email,"x")')
    with pytest.raises(BadRequestException):
        profiles.get_bulk_unsuppress_profiles_jobs(sort="status")
    assert profiles.get_bulk_suppress_profiles_jobs().data == []


def test_live_suppressing_begins_at_once() -> None:
    with served(limits=False, behaviour="live") as running:
        answer = running.wire.post("/api/profile-suppression-bulk-create-jobs", suppression_job("kim@example.org"))
        assert answer.json()["data"]["attributes"]["status"] == "processing"
        assert "data" not in answer.json()["data"]["relationships"]["lists"]


# Push tokens


def push_token(profile_id: str | None = None, token: str = "T1", **more: Any) -> dict[str, Any]:
    profile: dict[str, Any] = {"type": "profile", "attributes": {}}
    if profile_id is not None:
        profile["id"] = profile_id
    attributes = {"token": token, "platform": "ios", "vendor": "apns", "profile": {"data": profile}}
    return document("push-token", {**attributes, **more})


def test_push_tokens_are_registered_read_and_deleted(free: Served) -> None:
    profiles = free.sdk().Profiles
    kim = new_profile(free)
    metadata = {"device_id": "d-1", "os_name": "ios"}
    assert profiles.create_push_token(push_token(kim, device_metadata=metadata, background="RESTRICTED")) is None
    profiles.create_push_token(push_token(kim, "T2", platform="android", vendor="fcm", enablement_status="DENIED"))
    listed = profiles.get_push_tokens(include=["profile"])
    assert {one.attributes.token for one in listed.data} == {"T1", "T2"}
    assert [item["id"] for item in included(listed)] == [kim]
    (token,) = profiles.get_push_tokens(filter='equals(platform,"ios"),equals(enablement_status,"AUTHORIZED")').data
    assert token.attributes.metadata.device_id == "d-1"
    assert (token.attributes.background, token.attributes.vendor) == ("RESTRICTED", "apns")
    assert len(profiles.get_push_tokens(filter=f'equals(profile.id,"{kim}")', page_size=1).data) == 1
    assert profiles.get_push_tokens(filter=f'equals(profile.id,"{UNKNOWN}")').data == []
    assert profiles.get_push_tokens(filter=f'equals(id,"{token.id}")').data[0].id == token.id
    assert profiles.get_push_token(token.id, include=["profile"]).data.relationships.profile.data.id == kim
    assert profiles.get_profile_for_push_token(token.id).data.id == kim
    assert profiles.get_profile_id_for_push_token(token.id).data.id == kim
    assert len(profiles.get_push_tokens_for_profile(kim).data) == 2
    assert len(profiles.get_push_token_ids_for_profile(kim).data) == 2
    profiles.delete_push_token(token.id)
    for call in (
        profiles.get_push_token,
        profiles.delete_push_token,
        profiles.get_profile_for_push_token,
        profiles.get_profile_id_for_push_token,
    ):
        with pytest.raises(NotFoundException, match="Push token with id"):
            call(token.id)


def test_a_token_goes_to_who_has_it_now(free: Served) -> None:
    profiles = free.sdk().Profiles
    kim = new_profile(free)
    profiles.create_push_token(push_token(kim))
    body = push_token()
    body["data"]["attributes"]["profile"]["data"]["attributes"] = {"email": "lee@example.org"}
    profiles.create_push_token(body)
    (token,) = profiles.get_push_tokens().data
    assert profiles.get_profile_for_push_token(token.id).data.attributes.email == "lee@example.org"
    assert profiles.get_push_tokens_for_profile(kim).data == []


def test_wrong_push_tokens(free: Served) -> None:
    profiles = free.sdk().Profiles
    with pytest.raises(BadRequestException, match="At least one identifier"):
        profiles.create_push_token(push_token())
    with pytest.raises(BadRequestException, match="/data/attributes/token"):
        profiles.create_push_token(push_token(new_profile(free), " "))
    with pytest.raises(NotFoundException):
        profiles.create_push_token(push_token(UNKNOWN))
    with pytest.raises(BadRequestException):
        profiles.get_push_tokens(filter='equals(vendor,"fcm")')


# Being forgotten


@pytest.mark.parametrize("identifier", ["id", "email", "phone_number"])
def test_a_deleted_profile_leaves_nothing(free: Served, identifier: str) -> None:
    sdk = free.sdk()
    kim = new_profile(free, phone_number="+4915112345678")
    lee = new_profile(free, "lee@example.org")
    list_id = new_list(free)
    sdk.Lists.add_profiles_to_list(list_id, identifiers("profile", kim, lee))
    sdk.Events.create_event(event_body())
    sdk.Profiles.create_push_token(push_token(kim))
    values = {"id": kim, "email": "KIM@example.org", "phone_number": "+4915112345678"}
    assert sdk.Data_Privacy.request_profile_deletion(deletion(**{identifier: values[identifier]})) is None
    assert sdk.Profiles.get_profile(kim).data.id == kim
    settle(free)
    with pytest.raises(NotFoundException):
        sdk.Profiles.get_profile(kim)
    assert [one.id for one in sdk.Lists.get_profile_ids_for_list(list_id).data] == [lee]
    assert [event.relationships.profile.data.id for event in sdk.Events.get_events().data] == [lee]
    assert sdk.Profiles.get_push_tokens().data == []
    assert new_profile(free, phone_number="+4915112345678") != kim


def test_nothing_of_a_deleted_profile_is_in_the_state(free: Served) -> None:
    phone = "+4915112345678"
    kim = new_profile(free, phone_number=phone, external_id="k-1", first_name="Kimberly")
    old = new_profile(free, "old-kim@example.org", last_name="Kimberly")
    list_id = new_list(free, opt_in_process="double_opt_in")
    wire = free.wire
    wrong = {"first_name": "Kimberly", "phone_number": "1"}
    by_name = [{"email": "KIM@example.org"}, {"external_id": "k-1"}, {"email": "old-kim@example.org"}]
    requests = [
        ("profile-merge", merge_body(kim, old)),
        ("events", event_body(profile=profile_body(phone_number=phone, anonymous_id="of Kimberly"))),
        ("profile-bulk-import-jobs", import_job(*(a_profile(**name, **wrong) for name in by_name))),
        ("profile-bulk-import-jobs", import_job({**a_profile(**wrong), "id": kim}, a_profile(external_id="k-1"))),
        ("profile-bulk-import-jobs", import_job(a_profile(email="lee@example.org", phone_number="2"))),
        (
            "profile-subscription-bulk-create-jobs",
            subscription_job(entry({"email": consent()}, email="kim@example.org"), list_id=list_id),
        ),
        ("profile-suppression-bulk-create-jobs", suppression_job("kim@example.org")),
        ("push-tokens", push_token(kim)),
        (f"lists/{list_id}/relationships/profiles", identifiers("profile", kim)),
    ]
    for path, body in requests:
        answer = wire.post(f"/api/{path}", body)
        assert answer.status_code < 300, answer.text
    settle(free)
    secrets = ("kim@", "kimberly", phone, "k-1", kim.lower(), old.lower())
    assert len(rows_with(free, *secrets)) > 8
    wire.post("/api/data-privacy-deletion-jobs", deletion(email="kim@example.org"))
    settle(free)
    assert rows_with(free, *secrets) == []
    (kept,) = rows_with(free, "lee@example.org")
    assert "import-error" in kept


def rows_with(running: Served, *words: str) -> list[str]:
    """Every row of the state that holds one of the words, in lower case, and its table."""

    def work(connection: Any) -> list[str]:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [f"{name}: {row}".lower() for name in tables for row in connection.execute(f"SELECT * FROM {name}")]
        return [row for row in rows if any(word in row for word in words)]

    return running.emulator.context.database.read(work).result()


def deletion(**identifiers_given: Any) -> dict[str, Any]:
    profile: dict[str, Any] = {"type": "profile", "attributes": dict(identifiers_given)}
    if "id" in identifiers_given:
        profile["id"] = profile["attributes"].pop("id")
    return document("data-privacy-deletion-job", {"profile": {"data": profile}})


def test_exactly_one_identifier_says_who_is_to_be_forgotten(free: Served) -> None:
    privacy = free.sdk().Data_Privacy
    kim = new_profile(free)
    for given in (
        {},
        {"id": kim, "email": "kim@example.org"},
        {"email": "k@example.org", "phone_number": "+4915112345"},
    ):
        with pytest.raises(BadRequestException, match="Exactly one identifier"):
            privacy.request_profile_deletion(deletion(**given))
    with pytest.raises(BadRequestException, match="Invalid email"):
        privacy.request_profile_deletion(deletion(email="nobody"))
    privacy.request_profile_deletion(deletion(email="nobody@example.org"))
    settle(free)
    assert free.emulator.counts().profiles == 1


def test_live_nobody_cannot_be_forgotten() -> None:
    with served(limits=False, behaviour="live") as running:
        path = "/api/data-privacy-deletion-jobs"
        error_of(running.wire.post(path, deletion(email="nobody@example.org")), 404)
        error_of(running.wire.post(path, deletion(id=UNKNOWN)), 404)
        assert running.wire.post(path, deletion(id=new_profile(running))).status_code == 202


def included(answer: Any) -> list[dict[str, Any]]:
    return [item if isinstance(item, dict) else item.to_dict() for item in answer.included]
