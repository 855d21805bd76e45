"""The demo's issuer and its key file."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from dreamflow.identity import DEMO_ISSUER, Caller, DemoIssuer, IdentityService, InvalidToken, Role, demo_account
from dreamflow.identity.adapters.demo_keys import load_or_create
from dreamflow.kit.clock import ManualClock
from dreamflow.kit.errors import Invalid
from dreamflow.kit.private_file import UnusablePrivateFile
from identity.identity_forge import ES384_KEY, ES_KEY, NOW, OTHER_ES_KEY, RS_KEY, StaticKeys


async def caller(token: str, issuer: DemoIssuer, clock: ManualClock) -> Caller:
    return await IdentityService([issuer.config], StaticKeys(), clock).verify(token)


async def test_a_minted_token_is_believed_by_its_own_configuration() -> None:
    clock = ManualClock(NOW)
    issuer = DemoIssuer(ES_KEY, clock)
    parent = await caller(issuer.mint(email="parent@example.org"), issuer, clock)
    assert (parent.account.issuer, parent.email, parent.role) == (DEMO_ISSUER, "parent@example.org", Role.PARENT)
    assert parent.expires_at == NOW + timedelta(hours=12)
    operator = await caller(issuer.mint(email="o@example.org", role=Role.OPERATOR), issuer, clock)
    assert operator.role is Role.OPERATOR
    assert DEMO_ISSUER == "urn:dreamflow:demo"


async def test_one_address_is_one_account_in_every_run() -> None:
    clock = ManualClock(NOW)
    first, second = DemoIssuer(ES_KEY, clock), DemoIssuer(OTHER_ES_KEY, clock)
    accounts = {
        (await caller(issuer.mint(email=email), issuer, clock)).account
        for issuer in (first, second)
        for email in ("parent@example.org", "Parent@Example.org")
    }
    assert accounts == {demo_account("parent@example.org")}
    other = await caller(first.mint(email="other@example.org"), first, clock)
    assert other.account not in accounts


async def test_a_token_of_another_demo_is_refused() -> None:
    clock = ManualClock(NOW)
    with pytest.raises(InvalidToken):
        await caller(DemoIssuer(OTHER_ES_KEY, clock).mint(email="p@example.org"), DemoIssuer(ES_KEY, clock), clock)


async def test_a_minted_token_ends() -> None:
    clock = ManualClock(NOW)
    issuer = DemoIssuer(ES_KEY, clock)
    token = issuer.mint(email="parent@example.org")
    clock.advance(timedelta(hours=12, minutes=1))
    with pytest.raises(InvalidToken):
        await caller(token, issuer, clock)


@pytest.mark.parametrize("email", ["nobody", ""])
def test_what_would_never_be_believed_is_not_minted(email: str) -> None:
    with pytest.raises(Invalid) as refusal:
        DemoIssuer(ES_KEY, ManualClock(NOW)).mint(email=email)
    assert [error.pointer for error in refusal.value.errors] == ["/email"]


def test_another_curve_is_refused() -> None:
    with pytest.raises(Invalid, match="P-256"):
        DemoIssuer(ES384_KEY, ManualClock(NOW))


def test_the_configuration_holds_no_private_part() -> None:
    document = DemoIssuer(ES_KEY, ManualClock(NOW)).config.public_jwks
    assert document is not None
    [jwk] = document["keys"]  # pyright: ignore[reportGeneralTypeIssues]
    assert set(jwk) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / "demo" / "issuer.pem"
    assert load_or_create(path).private_numbers() == load_or_create(path).private_numbers()


def test_two_that_start_at_once_share_a_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_or_create(tmp_path / "issuer.pem"), range(24)))
    assert len({key.private_numbers().private_value for key in keys}) == 1


def test_a_key_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "issuer.pem"
    load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(UnusablePrivateFile, match=f"chmod 600 {path}"):
        load_or_create(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        ES384_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        RS_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ES_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
    ids=["empty", "text", "P-384", "RSA", "with a password", "broken"],
)
def test_a_file_that_is_no_such_key_is_left_alone_and_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "issuer.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UnusablePrivateFile, match="Delete the file"):
        load_or_create(path)
    assert path.read_bytes() == content
