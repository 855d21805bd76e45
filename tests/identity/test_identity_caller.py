"""What an honest token says about its bearer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dreamflow.identity import Account, Caller, InvalidToken, Role
from identity.identity_forge import (
    ABSENT,
    EPOCH,
    ES_ISSUER,
    OTHER_ES_KEY,
    claims,
    es256,
    header,
    honest,
    house,
    jws,
    with_header,
)


async def caller(token: str, **config: Any) -> Caller:
    return await house(**config).service.verify(token)


async def test_a_caller_is_account_address_role_and_end() -> None:
    assert await caller(honest()) == Caller(
        Account(ES_ISSUER, "0190c0de-0000-7000-8000-000000000001"),
        "parent@example.org",
        Role.PARENT,
        datetime.fromtimestamp(EPOCH + 3600, UTC),
    )


async def test_the_address_is_not_in_the_repr() -> None:
    assert "parent@" not in repr(await caller(honest()))


@pytest.mark.parametrize(
    "token",
    [
        with_header(typ=ABSENT),
        with_header(typ="jwt"),
        with_header(typ="at+jwt"),
        with_header(typ="AT+JWT"),
        with_header(typ="application/at+jwt"),
        with_header(typ="Application/JWT"),
        with_header(x5t="fingerprint"),
        honest(aud=["other", "authenticated"]),
        honest(exp=EPOCH - 29),
        honest(exp=EPOCH + 0.5),
        honest(exp=253402300799),
        honest(iat=EPOCH + 30),
        honest(nbf=EPOCH + 30),
        honest(nbf=EPOCH - 30),
        honest(iat=0),
        honest(typ="Bearer"),
        honest(token_use="access"),
        honest(role=ABSENT),
        honest(role=["authenticated"]),
        honest(sub="s" * 255),
        honest(sub="anon"),
    ],
)
async def test_what_is_in_order_is_let_in(token: str) -> None:
    assert (await caller(token)).account.issuer == ES_ISSUER


async def test_a_token_of_8_kb_is_let_in_and_one_more_byte_is_not() -> None:
    pad = 8192 - len(honest(pad=""))
    tokens = [honest(pad="x" * n) for n in range(pad * 3 // 4 - 8, pad * 3 // 4 + 8)]
    for token in tokens:
        if len(token) <= 8192:
            assert await caller(token)
        else:
            with pytest.raises(InvalidToken):
                await caller(token)
    assert min(map(len, tokens)) <= 8192 < max(map(len, tokens))


async def test_a_token_ends_with_the_clock() -> None:
    home = house()
    token = honest()
    home.clock.advance(timedelta(seconds=3600 + 29))
    assert await home.service.verify(token)
    home.clock.advance(timedelta(seconds=1))
    with pytest.raises(InvalidToken):
        await home.service.verify(token)


@pytest.mark.parametrize(("issued", "let_in"), [(EPOCH - 600, True), (EPOCH - 630, True), (EPOCH - 631, False)])
async def test_a_maximum_age_holds_whatever_exp_says(issued: int, let_in: bool) -> None:  # noqa: FBT001 - a case
    if let_in:
        assert await caller(honest(iat=issued), max_age_seconds=600)
    else:
        with pytest.raises(InvalidToken):
            await caller(honest(iat=issued), max_age_seconds=600)


@pytest.mark.parametrize(
    ("changes", "trusted", "email"),
    [
        ({}, False, "parent@example.org"),
        ({"email_verified": ABSENT}, False, None),
        ({"email_verified": False}, False, None),
        ({"email_verified": "true"}, False, None),
        ({"email_verified": 1}, False, None),
        ({"email_verified": None}, False, None),
        ({"email_verified": ABSENT, "user_metadata": {"email_verified": True}}, False, None),
        ({"email_verified": ABSENT}, True, "parent@example.org"),
        ({"email_verified": False}, True, None),
        ({"email": ABSENT}, True, None),
        ({"email": ""}, False, None),
        ({"email": ["parent@example.org"]}, False, None),
        ({"email": "parent"}, False, None),
        ({"email": "@example.org"}, False, None),
        ({"email": "parent@"}, False, None),
        ({"email": "a@b@example.org"}, False, None),
        ({"email": "a b@example.org"}, False, None),
        ({"email": "a\nb@example.org"}, False, None),
        ({"email": "\ud800@example.org"}, False, None),
        ({"email": "a" * 250 + "@example.org"}, False, None),
    ],
)
async def test_an_address_counts_only_when_it_is_verified(
    changes: dict[str, Any],
    trusted: bool,  # noqa: FBT001 - a case
    email: str | None,
) -> None:
    assert (await caller(honest(**changes), trust_email=trusted)).email == email


@pytest.mark.parametrize(
    ("path", "changes", "role"),
    [
        ("app_metadata.role", {"app_metadata": {"role": "operator"}}, Role.OPERATOR),
        ("app_metadata.role", {"app_metadata": {"role": "Operator"}}, Role.OPERATOR),
        ("app_metadata.role", {"app_metadata": {"role": ["parent", "operator"]}}, Role.OPERATOR),
        ("a.b.c", {"a": {"b": {"c": "operator"}}}, Role.OPERATOR),
        ("groups", {"groups": ["operator"]}, Role.OPERATOR),
        ("app_metadata.role", {"app_metadata": {"role": "parent"}}, Role.PARENT),
        ("app_metadata.role", {"app_metadata": {"role": "operators"}}, Role.PARENT),
        ("app_metadata.role", {"app_metadata": {"role": True}}, Role.PARENT),
        ("app_metadata.role", {"app_metadata": {"role": {"operator": True}}}, Role.PARENT),
        ("app_metadata.role", {"app_metadata": {"role": [["operator"]]}}, Role.PARENT),
        ("app_metadata.role", {"app_metadata": "operator"}, Role.PARENT),
        ("app_metadata.role", {"app_metadata": ["role", "operator"]}, Role.PARENT),
        ("app_metadata.role", {"user_metadata": {"role": "operator"}}, Role.PARENT),
        ("app_metadata.role", {"app_metadata.role": "operator"}, Role.PARENT),
        ("app_metadata.role", {"role": "operator"}, Role.PARENT),
        (None, {"role": "operator", "app_metadata": {"role": "operator"}}, Role.PARENT),
    ],
)
async def test_the_role_comes_from_the_configured_claim_alone(
    path: str | None, changes: dict[str, Any], role: Role
) -> None:
    assert (await caller(honest(**changes), role_claim=path)).role is role


async def test_one_subject_of_two_issuers_is_two_accounts() -> None:
    first = (await caller(honest())).account
    assert first != Account("https://moon.example/auth/v1", first.subject)
    assert first == (await caller(honest(iat=EPOCH))).account


async def test_refusals_say_the_same_whatever_the_reason() -> None:
    words: set[str] = set()
    for token in ("", honest(exp=0), honest(aud="x"), jws(header(), claims(), es256(OTHER_ES_KEY)), "x.y.z"):
        with pytest.raises(InvalidToken) as refusal:
            await caller(token)
        words.add(f"{refusal.value}{refusal.value.code}{refusal.value.challenge}")
    assert len(words) == 1
