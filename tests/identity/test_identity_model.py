"""What may be configured, and when keys are asked for."""

from typing import Any

import pytest

from dreamflow.identity import IdentityService, InvalidToken, IssuerConfig, MissingToken
from dreamflow.identity.rules.freshness import FreshnessPolicy, Need, may_fetch, need
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.errors import Invalid, Refused
from identity.identity_forge import ES_KEY, NOW, SECRET, WEAK_RS_KEY, StaticKeys, config, ec_jwk, rsa_jwk

WEAK_SET = {"keys": [rsa_jwk(WEAK_RS_KEY)]}


@pytest.mark.parametrize("error", [InvalidToken(), MissingToken()])
def test_errors_are_refusals_with_constant_words(error: Refused) -> None:
    assert isinstance(error, Refused)
    assert error.message


@pytest.mark.parametrize(
    "url",
    [
        "https://stars.example/auth/v1/.well-known/jwks.json",
        "https://stars.example:8443/jwks?project=1",
        "http://127.0.0.1:8000/jwks",
        "http://[::1]:8000/jwks",
        "http://localhost/jwks",
    ],
)
def test_a_key_address_is_https_or_on_this_machine(url: str) -> None:
    assert config(jwks_url=url).signed_with == "ES256"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stars.example/jwks",
        "http://stars.example/jwks",
        "http://10.0.0.1/jwks",
        "http://127.0.0.1.attacker.example/jwks",
        "http://localhost.attacker.example/jwks",
        "file:///keys.json",
        "ftp://localhost/jwks",
        "https://",
        "https:///jwks",
        "https://user:password@stars.example/jwks",
        "https://user@stars.example/jwks",
        "https://stars.example/jwks#part",
        "https://stars.example/j wks",
        "https://stars.example/\njwks",
        "https://stars.example:port/jwks",
        "https://[::1/jwks",
    ],
)
def test_any_other_key_address_is_refused(url: str) -> None:
    assert fields(jwks_url=url) == {"/jwks_url"}


def fields(**changes: Any) -> set[str]:
    with pytest.raises(Invalid) as refusal:
        config(**changes)
    assert SECRET not in str(refusal.value)
    return {error.pointer for error in refusal.value.errors}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": ""}, "/issuer"),
        ({"issuer": " https://stars.example"}, "/issuer"),
        ({"issuer": "https://stars.example\n"}, "/issuer"),
        ({"issuer": "i" * 513}, "/issuer"),
        ({"audience": ""}, "/audience"),
        ({"jwks_url": None}, "/jwks_url"),
        ({"public_jwks": {"keys": []}}, "/jwks_url"),
        ({"jwks_url": None, "hs256_secret": "s" * 31}, "/hs256_secret"),
        ({"jwks_url": None, "hs256_secret": ""}, "/hs256_secret"),
        ({"jwks_url": None, "hs256_secret": "\ud800" * 32}, "/hs256_secret"),
        ({"jwks_url": None, "hs256_secret": "-----BEGIN PUBLIC KEY-----" + "A" * 64}, "/hs256_secret"),
        ({"jwks_url": None, "hs256_secret": '{"kty": "EC", "crv": "P-256", "x": "", "y": ""}'}, "/hs256_secret"),
        ({"jwks_url": None, "hs256_secret": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ"}, "/hs256_secret"),
        ({"jwks_url": None, "hs256_secret": "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAy"}, "/hs256_secret"),
        (
            {"jwks_url": None, "hs256_secret": "---- BEGIN PUBLIC KEY ----\nAAAA\n---- END PUBLIC KEY ----"},
            "/hs256_secret",
        ),
        ({"algorithm": "HS256"}, "/algorithm"),
        ({"algorithm": "none"}, "/algorithm"),
        ({"algorithm": "PS256"}, "/algorithm"),
        ({"algorithm": ""}, "/algorithm"),
        ({"jwks_url": None, "hs256_secret": SECRET, "algorithm": "ES256"}, "/algorithm"),
        ({"role_claim": "user_metadata.role"}, "/role_claim"),
        ({"role_claim": "user_metadata"}, "/role_claim"),
        ({"role_claim": "User_Metadata.role"}, "/role_claim"),
        ({"role_claim": "raw_user_meta_data.role"}, "/role_claim"),
        ({"role_claim": "unsafe_metadata.role"}, "/role_claim"),
        ({"role_claim": "app.user_metadata.role"}, "/role_claim"),
        ({"role_claim": ""}, "/role_claim"),
        ({"role_claim": ".role"}, "/role_claim"),
        ({"role_claim": "role..name"}, "/role_claim"),
        ({"role_claim": " user_metadata.role"}, "/role_claim"),
        ({"max_age_seconds": 0}, "/max_age_seconds"),
        ({"max_age_seconds": -1}, "/max_age_seconds"),
    ],
)
def test_a_configuration_that_weakens_the_check_does_not_exist(changes: dict[str, Any], field: str) -> None:
    assert fields(**changes) == {field}


def test_every_wrong_field_is_named() -> None:
    assert fields(issuer="", audience="", jwks_url=None, algorithm="x") == {
        "/issuer",
        "/audience",
        "/jwks_url",
        "/algorithm",
    }


def test_secrets_and_keys_are_not_in_the_repr() -> None:
    assert SECRET not in repr(IssuerConfig("i", "a", hs256_secret=SECRET))
    fixed = IssuerConfig("i", "a", public_jwks={"keys": [ec_jwk(ES_KEY)]})
    assert "keys" not in repr(fixed)
    assert hash(fixed)


def test_an_issuer_has_the_algorithm_it_names_or_that_of_its_keys() -> None:
    assert config(algorithm="RS256").signed_with == "RS256"
    assert IssuerConfig("i", "a", hs256_secret=SECRET).signed_with == "HS256"


def test_an_issuer_is_configured_once() -> None:
    with pytest.raises(Invalid, match="only once"):
        IdentityService([config(), config()], StaticKeys(), ManualClock(NOW))


@pytest.mark.parametrize(
    "document", [{}, {"keys": []}, {"keys": "none"}, WEAK_SET], ids=["nothing", "no keys", "not a list", "a weak key"]
)
def test_a_fixed_set_must_have_a_usable_key(document: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="no usable public key"):
        IdentityService([config(jwks_url=None, public_jwks=document)], StaticKeys(), ManualClock(NOW))


async def test_a_house_without_issuers_believes_nobody() -> None:
    with pytest.raises(InvalidToken):
        await IdentityService([], StaticKeys(), ManualClock(NOW)).verify("x.y.z")


@pytest.mark.parametrize(
    ("age", "knows_key", "since_failure", "expected"),
    [
        (None, False, None, Need.RENEW_FIRST),
        (0, True, None, Need.NOTHING),
        (480, True, None, Need.NOTHING),
        (481, True, None, Need.RENEW_BEHIND),
        (600, True, None, Need.RENEW_BEHIND),
        (601, True, None, Need.RENEW_FIRST),
        (601, True, 599, Need.RENEW_BEHIND),
        (601, True, 600, Need.RENEW_FIRST),
        (86400, True, 10, Need.RENEW_BEHIND),
        (86401, True, 10, Need.RENEW_FIRST),
        (0, False, None, Need.RENEW_FIRST),
    ],
)
def test_when_keys_are_asked_for_again(
    age: float | None,
    knows_key: bool,  # noqa: FBT001 - a case
    since_failure: float | None,
    expected: Need,
) -> None:
    policy = FreshnessPolicy()
    assert need(policy, age=age, knows_key=knows_key, seconds_since_failure=since_failure) is expected


@pytest.mark.parametrize(("since", "allowed"), [(None, True), (0, False), (29.9, False), (30, True)])
def test_the_cooldown(since: float | None, allowed: bool) -> None:  # noqa: FBT001 - a case
    assert may_fetch(FreshnessPolicy(), since) is allowed
