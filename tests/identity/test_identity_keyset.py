"""Which published keys are used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamflow.identity.rules.keyset import KeySet, from_jwks
from identity.identity_forge import (
    ES384_KEY,
    ES_KEY,
    K1_KEY,
    KID,
    OTHER_ES_KEY,
    OTHER_RS_KEY,
    RS_KEY,
    WEAK_RS_KEY,
    ec_jwk,
    number,
    rsa_jwk,
)

RSA_512_MODULUS = 2**511 + 111  # as good as any: it is refused by its length


@pytest.mark.parametrize(
    ("algorithm", "jwk"),
    [
        ("ES256", ec_jwk(ES_KEY)),
        ("ES256", ec_jwk(ES_KEY, use="sig", alg="ES256", key_ops=["verify"])),
        ("ES256", ec_jwk(ES_KEY, x5c=["ignored"], x5u="https://attacker.example")),
        ("RS256", rsa_jwk(RS_KEY)),
        ("RS256", rsa_jwk(RS_KEY, use="sig", alg="RS256", key_ops=["verify", "encrypt"])),
    ],
)
def test_a_proper_key_is_used(algorithm: str, jwk: dict[str, Any]) -> None:
    key = from_jwks({"keys": [jwk]}, algorithm).find(KID)
    assert key is not None
    assert key.algorithm == algorithm


UNUSABLE: dict[str, tuple[str, Any]] = {
    "weak RSA 1024": ("RS256", rsa_jwk(WEAK_RS_KEY)),
    "weak RSA 512": ("RS256", {**rsa_jwk(RS_KEY), "n": number(RSA_512_MODULUS)}),
    "RSA too large to check": ("RS256", {**rsa_jwk(RS_KEY), "n": number(2**8193 + 1)}),
    "RSA absurdly large": ("RS256", {**rsa_jwk(RS_KEY), "n": "A" * 100_000}),
    "RSA even exponent": ("RS256", {**rsa_jwk(RS_KEY), "e": number(4)}),
    "RSA exponent one": ("RS256", {**rsa_jwk(RS_KEY), "e": number(1)}),
    "RSA without modulus": ("RS256", {"kty": "RSA", "kid": KID, "e": "AQAB"}),
    "RSA modulus a number": ("RS256", {**rsa_jwk(RS_KEY), "n": 3}),
    "RSA half private": ("RS256", rsa_jwk(RS_KEY, p="AQAB")),
    "RSA private": ("RS256", rsa_jwk(RS_KEY, d="AQAB")),
    "RSA for PS256": ("RS256", rsa_jwk(RS_KEY, alg="PS256")),
    "RSA for encryption": ("RS256", rsa_jwk(RS_KEY, use="enc")),
    "RSA key of an EC issuer": ("ES256", rsa_jwk(RS_KEY)),
    "RSA key said to be ES256": ("ES256", rsa_jwk(RS_KEY, alg="ES256")),
    "EC key of an RSA issuer": ("RS256", ec_jwk(ES_KEY)),
    "curve P-384": ("ES256", ec_jwk(ES384_KEY)),
    "curve secp256k1": ("ES256", ec_jwk(K1_KEY)),
    "curve P-384, said to be P-256": ("ES256", ec_jwk(ES384_KEY, crv="P-256")),
    "curve unknown": ("ES256", ec_jwk(ES_KEY, crv="P-257")),
    "curve a list": ("ES256", ec_jwk(ES_KEY, crv=["P-256"])),
    "point off the curve": ("ES256", {**ec_jwk(ES_KEY), "y": number(7, 32)}),
    "point of zeros": ("ES256", {**ec_jwk(ES_KEY), "x": number(0, 32), "y": number(0, 32)}),
    "point without y": ("ES256", {k: v for k, v in ec_jwk(ES_KEY).items() if k != "y"}),
    "point a number": ("ES256", {**ec_jwk(ES_KEY), "x": 1}),
    "EC private": ("ES256", ec_jwk(ES_KEY, d=number(1, 32))),
    "EC for ES384": ("ES256", ec_jwk(ES_KEY, alg="ES384")),
    "EC for encryption": ("ES256", ec_jwk(ES_KEY, use="enc")),
    "EC use null": ("ES256", ec_jwk(ES_KEY, use=None)),
    "EC for signing only": ("ES256", ec_jwk(ES_KEY, key_ops=["sign"])),
    "EC operations a text": ("ES256", ec_jwk(ES_KEY, key_ops="verify")),
    "no kid": ("ES256", ec_jwk(ES_KEY, kid=None)),
    "kid empty": ("ES256", ec_jwk(ES_KEY, kid="")),
    "kid a number": ("ES256", {**ec_jwk(ES_KEY), "kid": 1}),
    "kid too long": ("ES256", ec_jwk(ES_KEY, kid="k" * 257)),
    "kty missing": ("ES256", {k: v for k, v in ec_jwk(ES_KEY).items() if k != "kty"}),
    "kty a list": ("ES256", ec_jwk(ES_KEY) | {"kty": ["EC"]}),
    "a shared secret": ("ES256", {"kty": "oct", "k": "c2VjcmV0", "kid": KID}),
    "an Edwards key": ("ES256", {"kty": "OKP", "crv": "Ed25519", "x": number(1, 32), "kid": KID}),
    "not an object": ("ES256", "key"),
    "null": ("ES256", None),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_any_other_key_is_left_out_without_harm_to_its_neighbours(case: str) -> None:
    algorithm, jwk = UNUSABLE[case]
    good = ec_jwk(OTHER_ES_KEY, kid="good") if algorithm == "ES256" else rsa_jwk(OTHER_RS_KEY, kid="good")
    assert set(from_jwks({"keys": [jwk, good]}, algorithm).keys) == {"good"}


@pytest.mark.parametrize(
    "twins",
    [
        [ec_jwk(ES_KEY), ec_jwk(OTHER_ES_KEY)],
        [ec_jwk(ES_KEY), ec_jwk(ES_KEY)],
        [ec_jwk(ES_KEY), rsa_jwk(RS_KEY)],
        [ec_jwk(ES_KEY), {"kid": KID}],
    ],
    ids=["two keys", "one key twice", "two types", "one is broken"],
)
def test_a_kid_that_occurs_twice_names_no_key(twins: list[dict[str, Any]]) -> None:
    assert not from_jwks({"keys": twins}, "ES256").keys


def test_a_token_without_kid_names_no_key() -> None:
    assert from_jwks({"keys": [ec_jwk(ES_KEY)]}, "ES256").find(None) is None
    assert KeySet().find(KID) is None


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "key_ops"]),
        st.sampled_from(["EC", "RSA", "P-256", "sig", "AQAB", "", number(1, 32)])
        | st.none()
        | st.integers()
        | st.text(max_size=50)
        | st.lists(st.text(max_size=5), max_size=2),
    ),
    st.sampled_from(["ES256", "RS256"]),
)
def test_nonsense_among_keys_is_never_an_error(jwk: dict[str, Any], algorithm: str) -> None:
    from_jwks({"keys": [jwk]}, algorithm)
    base = ec_jwk(ES_KEY) if algorithm == "ES256" else rsa_jwk(RS_KEY)
    from_jwks({"keys": [base | jwk]}, algorithm)
