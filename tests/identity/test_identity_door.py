"""The FastAPI dependency: which header is read, and what is documented."""

import pytest

from dreamflow.identity.rules.bearer import token_in
from identity.identity_doors import door, get
from identity.identity_forge import honest, house

APP = door(house().service)
TOKEN = honest()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
async def test_the_scheme_is_read_in_any_case(scheme: str, name: str) -> None:
    answer = await get(APP, "/me", (name, f"{scheme} {TOKEN}"))
    assert answer.status_code == 200
    assert answer.json()["role"] == "parent"


SMUGGLED: dict[str, list[tuple[str, str | bytes]]] = {
    "two headers": [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
    "two headers, one empty": [("Authorization", f"Bearer {TOKEN}"), ("authorization", "")],
    "two headers, other scheme first": [("Authorization", "Basic eDp5"), ("Authorization", f"Bearer {TOKEN}")],
    "two tokens in one": [("Authorization", f"Bearer {TOKEN}, Bearer {TOKEN}")],
    "a tab": [("Authorization", f"Bearer\t{TOKEN}")],
    "a blank and a tab": [("Authorization", f"Bearer \t{TOKEN}")],
    "two blanks": [("Authorization", f"Bearer  {TOKEN}")],
    "no blank": [("Authorization", f"Bearer{TOKEN}")],
    "a leading blank": [("Authorization", f" Bearer {TOKEN}")],
    "a trailing blank": [("Authorization", f"Bearer {TOKEN} ")],
    "a trailing tab": [("Authorization", f"Bearer {TOKEN}\t")],
    "a no-break space": [("Authorization", f"Bearer\xa0{TOKEN}".encode("latin-1"))],
    "a quoted token": [("Authorization", f'Bearer "{TOKEN}"')],
    "a parameter": [("Authorization", f"Bearer {TOKEN};realm=x")],
    "the scheme alone": [("Authorization", "Bearer")],
    "the scheme and a blank": [("Authorization", "Bearer ")],
    "the token alone": [("Authorization", TOKEN)],
    "nothing in it": [("Authorization", "")],
    "another scheme": [("Authorization", "Basic eDp5")],
    "another scheme with our token": [("Authorization", f"Token {TOKEN}")],
    "high bytes": [("Authorization", b"Bearer \xff\xfe")],
    "100 KB": [("Authorization", "Bearer " + "A" * 100_000)],
}


@pytest.mark.parametrize("case", SMUGGLED)
async def test_a_header_of_another_shape_is_refused(case: str) -> None:
    answer = await get(APP, "/me", *SMUGGLED[case])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_without_anything_the_challenge_names_no_error() -> None:
    answer = await get(APP, "/me")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_elsewhere_is_not_looked_for() -> None:
    assert (await get(APP, f"/me?access_token={TOKEN}")).status_code == 401
    assert (await get(APP, "/me", ("Cookie", f"dreamflow_session={TOKEN}"))).status_code == 401


async def test_the_scheme_is_documented() -> None:
    document = (await get(APP, "/openapi.json")).json()
    assert document["components"]["securitySchemes"]["bearer"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of a configured issuer.",
    }
    operation = document["paths"]["/me"]["get"]
    assert operation["security"] == [{"bearer": []}]
    assert "parameters" not in operation


def test_no_header_is_no_token() -> None:
    assert token_in([]) is None
