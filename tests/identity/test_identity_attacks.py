"""Forged tokens: one refusal, the same for all."""

from collections.abc import Iterator

import jwt
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import NoneAlgorithm
from typing_extensions import override

from dreamflow.identity import InvalidToken, MissingToken
from identity.identity_attacks import ATTACKS
from identity.identity_doors import door, get
from identity.identity_forge import (
    HS_ISSUER,
    OTHER_ES_KEY,
    RS_ISSUER,
    RS_KEY,
    SECRET,
    claims,
    es256,
    header,
    honest,
    house,
    hs256,
    jws,
    rs256,
)

HOUSE = house()
APP: FastAPI = door(HOUSE.service)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_a_forged_token_is_refused(attack: str) -> None:
    with pytest.raises(InvalidToken) as refusal:
        await HOUSE.service.verify(ATTACKS[attack]())
    assert str(refusal.value) == str(InvalidToken())
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None or refusal.value.__suppress_context__


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_a_forged_token_at_the_door_is_a_401(attack: str) -> None:
    answer = await get(APP, "/me", ("Authorization", f"Bearer {ATTACKS[attack]()}"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json() == {"detail": "The access token is not accepted. Sign in again."}


async def test_the_house_does_let_honest_tokens_in() -> None:
    # Without this every test above could pass for the wrong reason.
    for token in (
        honest(),
        jws(header(alg="RS256"), claims(iss=RS_ISSUER), rs256(RS_KEY)),
        jws(header(alg="HS256"), claims(iss=HS_ISSUER), hs256(SECRET.encode())),
        jws({"alg": "HS256"}, claims(iss=HS_ISSUER), hs256(SECRET.encode())),
    ):
        caller = await HOUSE.service.verify(token)
        assert caller.account.subject == claims()["sub"]


class Gullible(NoneAlgorithm):
    """Believes every signature."""

    @override
    def prepare_key(self, key: str | None) -> None:
        return None

    @override
    def verify(self, msg: bytes, key: None, sig: bytes) -> bool:
        return True


@pytest.fixture
def gullible_library() -> Iterator[None]:
    honest_one = jwt.get_algorithm_by_name("ES256")
    jwt.unregister_algorithm("ES256")
    jwt.register_algorithm("ES256", Gullible())
    yield
    jwt.unregister_algorithm("ES256")
    jwt.register_algorithm("ES256", honest_one)


async def test_an_algorithm_exchanged_in_the_library_changes_nothing(gullible_library: None) -> None:
    forged = jws(header(), claims(), es256(OTHER_ES_KEY))
    jwt.decode(
        forged, "", algorithms=["ES256"], options={"verify_exp": False, "verify_iat": False, "verify_aud": False}
    )
    with pytest.raises(InvalidToken):
        await HOUSE.service.verify(forged)
    assert await HOUSE.service.verify(honest())


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*"))
async def test_any_text_is_refused_and_nothing_else(token: str) -> None:
    with pytest.raises(InvalidToken):
        await HOUSE.service.verify(token)


@given(st.binary() | st.none() | st.integers())
async def test_what_is_no_text_is_refused_too(token: object) -> None:
    with pytest.raises(InvalidToken):
        await HOUSE.service.verify(token)  # pyright: ignore[reportArgumentType]


@given(position=st.integers(0, 10_000), character=st.characters())
async def test_any_one_changed_character_spoils_a_token(position: int, character: str) -> None:
    token = honest()
    at = position % len(token)
    if token[at] != character:
        with pytest.raises(InvalidToken):
            await HOUSE.service.verify(token[:at] + character + token[at + 1 :])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    name=st.sampled_from(
        [
            "iss",
            "aud",
            "sub",
            "exp",
            "iat",
            "nbf",
            "role",
            "email",
            "email_verified",
            "typ",
            "token_use",
            "app_metadata",
        ]
    ),
    value=json_values,
)
async def test_honestly_signed_nonsense_is_read_or_refused(name: str, value: object) -> None:
    try:
        caller = await HOUSE.service.verify(honest(**{name: value}))
    except InvalidToken:
        return
    assert caller.account.subject


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "cty", "jku", "x"]), json_values))
async def test_any_header_is_read_or_refused(changes: dict[str, object]) -> None:
    try:
        await HOUSE.service.verify(jws(header(**changes), claims(), es256(OTHER_ES_KEY)))
    except InvalidToken:
        return
    pytest.fail("another key's signature was believed")


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3))
async def test_any_authorization_header_is_a_401(values: list[bytes]) -> None:
    answer = await get(APP, "/me", *(("Authorization", value) for value in values))
    assert answer.status_code == 401
    assert answer.json()["detail"] in {str(InvalidToken()), str(MissingToken())}
