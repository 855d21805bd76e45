"""Every way in that RFC 8725 and its successors warn of, as a token that must be refused.

Built lazily by name, so that a failing case names itself.
"""

import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from identity.identity_forge import (
    ABSENT,
    EPOCH,
    ES384_KEY,
    ES_ISSUER,
    ES_KEY,
    HS_ISSUER,
    K1_KEY,
    KID,
    OTHER_ES_KEY,
    OTHER_RS_KEY,
    RS_ISSUER,
    RS_KEY,
    SECRET,
    b64,
    claims,
    ec_jwk,
    es256,
    header,
    honest,
    hs256,
    jws,
    nothing,
    rs256,
    rsa_jwk,
    with_header,
    with_payload,
)

ES_PUBLIC, RS_PUBLIC = ES_KEY.public_key(), RS_KEY.public_key()


def _pem(key: Any) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _der(key: Any) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _unsigned(alg: Any) -> str:
    return jws(header(alg=alg), claims(), nothing)


def _none_with_signature(alg: str) -> str:
    return jws(header(alg=alg), claims(), es256(ES_KEY))


def _hmac(secret: bytes, issuer: str = ES_ISSUER) -> str:
    return jws(header(alg="HS256"), claims(iss=issuer), hs256(secret))


def _resigned(signature: bytes) -> str:
    return f"{honest().rpartition('.')[0]}.{b64(signature)}"


def _segment(index: int, change: Callable[[str], str]) -> str:
    parts = honest().split(".")
    parts[index] = change(parts[index])
    return ".".join(parts)


def _flip(text: str) -> str:
    middle = len(text) // 2
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


def _stray_bits(text: str) -> str:
    """Another spelling of the same bytes: the unused bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def _own_key(**parameters: Any) -> str:
    return jws(header(**parameters), claims(), es256(OTHER_ES_KEY))


def _repeated_header(name: str, first: Any, second: Any) -> str:
    rest = "".join(f', "{key}": {json.dumps(value)}' for key, value in header().items() if key != name)
    text = f'{{"{name}": {json.dumps(first)}, "{name}": {json.dumps(second)}{rest}}}'
    return jws(text.encode(), claims(), es256(ES_KEY))


def _dates(text: str, name: str) -> str:
    """The honest claims with a number written in JSON by hand."""
    inner = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in claims(**{name: ABSENT}).items())
    return jws(header(), f'{{{inner}, "{name}": {text}}}'.encode(), es256(ES_KEY))


ALGORITHM: dict[str, Callable[[], str]] = {
    **{f"alg {name}, unsigned": lambda name=name: _unsigned(name) + "AA" for name in ("none", "None", "NONE", "nOnE")},
    **{
        f"alg {name}, empty signature": lambda name=name: _unsigned(name) for name in ("none", "nOnE", "ES256", "RS256")
    },
    **{f"alg {name}, signed": lambda name=name: _none_with_signature(name) for name in ("none", "NONE")},
    "alg missing": lambda: with_header(alg=ABSENT),
    "alg null": lambda: with_header(alg=None),
    "alg empty": lambda: with_header(alg=""),
    "alg a number": lambda: with_header(alg=256),
    "alg a list": lambda: with_header(alg=["ES256"]),
    "alg an object": lambda: with_header(alg={"ES256": 1}),
    "alg unknown": lambda: with_header(alg="XS256"),
    "alg lower case": lambda: with_header(alg="es256"),
    "alg with a blank": lambda: with_header(alg="ES256 "),
    "alg EdDSA": lambda: with_header(alg="EdDSA"),
    "alg PS256 against the RSA issuer": lambda: jws(header(alg="PS256"), claims(iss=RS_ISSUER), rs256(RS_KEY)),
    "alg HS384 with the shared secret": lambda: jws(header(alg="HS384"), claims(iss=HS_ISSUER), hs256(SECRET.encode())),
    "HS256 with the EC public PEM": lambda: _hmac(_pem(ES_PUBLIC)),
    "HS256 with the EC public DER": lambda: _hmac(_der(ES_PUBLIC)),
    "HS256 with the EC JWK": lambda: _hmac(json.dumps(ec_jwk(ES_KEY)).encode()),
    "HS256 with the RSA public PEM": lambda: _hmac(_pem(RS_PUBLIC), RS_ISSUER),
    "HS256 with the RSA public DER": lambda: _hmac(_der(RS_PUBLIC), RS_ISSUER),
    "HS256 with the RSA JWK": lambda: _hmac(json.dumps(rsa_jwk(RS_KEY)).encode(), RS_ISSUER),
    "HS256 with an empty secret": lambda: _hmac(b"", HS_ISSUER),
    "HS256 with the issuer as secret": lambda: _hmac(HS_ISSUER.encode(), HS_ISSUER),
    "HS256 with the secret of another issuer": lambda: _hmac(SECRET.encode(), ES_ISSUER),
    "ES256 at the shared-secret issuer": lambda: jws(header(), claims(iss=HS_ISSUER), es256(ES_KEY)),
    "RS256 against the EC key": lambda: jws(header(alg="RS256"), claims(), rs256(RS_KEY)),
    "ES256 against the RSA key": lambda: jws(header(), claims(iss=RS_ISSUER), es256(ES_KEY)),
    "ES256 claimed, RSA signature": lambda: jws(header(), claims(), rs256(RS_KEY)),
    "ES256 on the curve P-384": lambda: jws(header(), claims(), es256(ES384_KEY, 48)),
    "ES384 on its own curve": lambda: jws(header(alg="ES384"), claims(), es256(ES384_KEY, 48)),
    "ES256 on the curve secp256k1": lambda: jws(header(), claims(), es256(K1_KEY)),
}

SIGNATURE: dict[str, Callable[[], str]] = {
    "signature of zeros": lambda: _resigned(bytes(64)),
    "signature r zero": lambda: _resigned(bytes(32) + es256(ES_KEY)(b"x")[32:]),
    "signature of ones": lambda: _resigned(b"\xff" * 64),
    "signature padded in front": lambda: _resigned(b"\0" + es256(ES_KEY)(honest().rpartition(".")[0].encode())),
    "signature padded behind": lambda: _resigned(es256(ES_KEY)(honest().rpartition(".")[0].encode()) + b"\0"),
    "signature one byte": lambda: _resigned(b"\0"),
    "signature in DER": lambda: _resigned(bytes.fromhex("3006020101020101")),
    "signature empty": lambda: honest().rpartition(".")[0] + ".",
    "signature of another key": lambda: jws(header(), claims(), es256(OTHER_ES_KEY)),
    "signature of another project's key, RSA": lambda: jws(
        header(alg="RS256"), claims(iss=RS_ISSUER), rs256(OTHER_RS_KEY)
    ),
    "signature of another issuer's token": lambda: jws(header(alg="RS256"), claims(), rs256(RS_KEY)),
    "signature truncated": lambda: _segment(2, lambda text: text[:-2]),
    "signature altered": lambda: _segment(2, _flip),
    "signature in another spelling": lambda: _segment(2, _stray_bits),
    "signature with padding characters": lambda: honest() + "==",
    "header truncated": lambda: _segment(0, lambda text: text[:-2]),
    "header altered": lambda: _segment(0, _flip),
    "payload truncated": lambda: _segment(1, lambda text: text[:-4]),
    "payload altered": lambda: _segment(1, _flip),
    "payload exchanged": lambda: _segment(1, lambda _: b64(json.dumps(claims(sub="somebody-else")).encode())),
}

SHAPE: dict[str, Callable[[], str]] = {
    "nothing": str,
    "blank": lambda: " ",
    "dots": lambda: "..",
    "one segment": lambda: honest().replace(".", ""),
    "two segments": lambda: honest().rpartition(".")[0],
    "four segments": lambda: honest() + ".AAAA",
    "five segments": lambda: honest() + ".AAAA.AAAA",
    "an encrypted token": lambda: ".".join(
        [b64(b'{"alg":"dir","enc":"A128GCM"}'), "", b64(bytes(12)), b64(b"secret"), b64(bytes(16))]
    ),
    "an encryption header on a signed token": lambda: with_header(enc="A128GCM"),
    "a compressed payload": lambda: with_header(zip="DEF"),
    "a nested token": lambda: jws(header(cty="JWT"), honest().encode(), es256(ES_KEY)),
    "a nested token without cty": lambda: jws(header(), honest().encode(), es256(ES_KEY)),
    "cty on plain claims": lambda: with_header(cty="JWT"),
    "a leading blank": lambda: " " + honest(),
    "a trailing newline": lambda: honest() + "\n",
    "a blank within": lambda: honest().replace(".", ". ", 1),
    "quotes": lambda: f'"{honest()}"',
    "a NUL behind": lambda: honest() + "\0",
    "not ASCII": lambda: honest().replace(".", "\uff0e"),
    "digits of another script": lambda: _segment(2, lambda text: text[:-1] + "\u0663"),
    "a lone surrogate": lambda: honest() + "\ud800",
    "plain base64 alphabet": lambda: _segment(2, lambda text: text[:-4] + "+/+/"),
    "a segment of impossible length": lambda: _segment(2, lambda text: text[:-1]),
    "JSON serialisation": lambda: json.dumps(
        dict(zip(("protected", "payload", "signature"), honest().split("."), strict=True))
    ),
    "header not JSON": lambda: jws(b"{alg}", claims(), es256(ES_KEY)),
    "header a list": lambda: jws(b'["ES256"]', claims(), es256(ES_KEY)),
    "header a string": lambda: jws(b'"ES256"', claims(), es256(ES_KEY)),
    "header not UTF-8": lambda: jws(b'{"alg":"\xff"}', claims(), es256(ES_KEY)),
    "header in UTF-16": lambda: jws(json.dumps(header()).encode("utf-16"), claims(), es256(ES_KEY)),
    "header with a byte order mark": lambda: jws(
        b"\xef\xbb\xbf" + json.dumps(header()).encode(), claims(), es256(ES_KEY)
    ),
    "payload not JSON": lambda: jws(header(), b"tonight", es256(ES_KEY)),
    "payload a list": lambda: jws(header(), b"[1]", es256(ES_KEY)),
    "payload null": lambda: jws(header(), b"null", es256(ES_KEY)),
    "payload nested deeply": lambda: jws(header(), b"[" * 5000, es256(ES_KEY)),
    "header nested deeply": lambda: jws(b'{"a":' * 1000, claims(), es256(ES_KEY)),
    "a megabyte": lambda: honest(pad="x" * 2**20),
    "one byte above 8 KB": lambda: "A" * 8190 + ".A.A",
    "a refresh token that is no JWT": lambda: "v1.MzQ1Njc4OTAxMjM0NTY3",
}

HEADER: dict[str, Callable[[], str]] = {
    "crit unknown": lambda: with_header(crit=["story"], story=True),
    "crit empty": lambda: with_header(crit=[]),
    "crit not a list": lambda: with_header(crit="exp"),
    "crit names b64": lambda: with_header(crit=["b64"], b64=True),
    "b64 false": lambda: with_header(crit=["b64"], b64=False),
    "b64 false, not critical": lambda: with_header(b64=False),
    "b64 false, detached": lambda: ".".join([b64(b'{"alg":"ES256","b64":false,"crit":["b64"]}'), "", "AAAA"]),
    "kid missing": lambda: with_header(kid=ABSENT),
    "kid unknown": lambda: with_header(kid="morning-1"),
    "kid empty": lambda: with_header(kid=""),
    "kid null": lambda: with_header(kid=None),
    "kid a number": lambda: with_header(kid=1),
    "kid a list": lambda: with_header(kid=[KID]),
    "kid a path": lambda: jws(header(kid="../../../../dev/null", alg="HS256"), claims(), hs256(b"")),
    "kid a path, ES256": lambda: with_header(kid="../../../etc/passwd"),
    "kid of SQL": lambda: with_header(kid="x' UNION SELECT 'key'; --"),
    "kid of shell": lambda: with_header(kid="|/usr/bin/id"),
    "kid of 257 characters": lambda: with_header(kid="k" * 257),
    "kid of a megabyte": lambda: with_header(kid="k" * 2**20),
    "kid with a NUL": lambda: with_header(kid=KID + "\0"),
    "jku to the attacker": lambda: _own_key(jku="https://attacker.example/jwks", kid="attacker"),
    "jku, known kid": lambda: _own_key(jku="https://attacker.example/jwks"),
    "jku on an honest token": lambda: with_header(jku="https://attacker.example/jwks"),
    "x5u to the attacker": lambda: _own_key(x5u="https://attacker.example/cert"),
    "jwk of the attacker": lambda: _own_key(jwk=ec_jwk(OTHER_ES_KEY)),
    "x5c of the attacker": lambda: _own_key(x5c=["MIIB"]),
    "duplicate alg": lambda: _repeated_header("alg", "none", "ES256"),
    "duplicate kid": lambda: _repeated_header("kid", "morning-1", KID),
    "typ of an identity assertion": lambda: with_header(typ="secevent+jwt"),
    "typ of a logout token": lambda: with_header(typ="logout+jwt"),
    "typ of a proof": lambda: with_header(typ="dpop+jwt"),
    "typ of a refresh token": lambda: with_header(typ="rt+jwt"),
    "typ null": lambda: with_header(typ=None),
    "typ empty": lambda: with_header(typ=""),
    "typ a number": lambda: with_header(typ=1),
    "typ twice prefixed": lambda: with_header(typ="application/application/jwt"),
}

TIME: dict[str, Callable[[], str]] = {
    "exp past": lambda: honest(exp=EPOCH - 3600),
    "exp at the edge of the leeway": lambda: honest(exp=EPOCH - 30),
    "exp negative": lambda: honest(exp=-1),
    "exp zero": lambda: honest(exp=0),
    "exp true": lambda: honest(exp=True),
    "exp a string": lambda: honest(exp=str(EPOCH + 3600)),
    "exp null": lambda: honest(exp=None),
    "exp a list": lambda: honest(exp=[EPOCH + 3600]),
    "exp an object": lambda: honest(exp={"at": EPOCH + 3600}),
    "exp beyond the calendar": lambda: honest(exp=253402300800),
    "exp huge": lambda: honest(exp=10**400),
    "exp of 4,000 digits": lambda: _dates("9" * 4000, "exp"),
    "exp of 5,000 digits": lambda: _dates("9" * 5000, "exp"),
    "exp 1e999": lambda: _dates("1e999", "exp"),
    "exp NaN": lambda: _dates("NaN", "exp"),
    "exp Infinity": lambda: _dates("Infinity", "exp"),
    "exp -Infinity": lambda: _dates("-Infinity", "exp"),
    "iat in the future": lambda: honest(iat=EPOCH + 31),
    "iat in the future, nbf past": lambda: honest(iat=EPOCH + 31, nbf=EPOCH - 60),
    "iat true": lambda: honest(iat=True),
    "iat a string": lambda: honest(iat=str(EPOCH)),
    "iat huge": lambda: honest(iat=10**400),
    "iat NaN": lambda: _dates("NaN", "iat"),
    "iat negative": lambda: honest(iat=-(10**400)),
    "nbf in the future": lambda: honest(nbf=EPOCH + 31),
    "nbf null": lambda: honest(nbf=None),
    "nbf true": lambda: honest(nbf=True),
    "nbf a string": lambda: honest(nbf=str(EPOCH)),
    "nbf huge": lambda: honest(nbf=10**400),
    "nbf -Infinity": lambda: _dates("-Infinity", "nbf"),
}

CLAIM: dict[str, Callable[[], str]] = {
    **{f"{name} missing": lambda name=name: honest(**{name: ABSENT}) for name in ("exp", "iat", "sub", "aud", "iss")},
    **{f"{name} null": lambda name=name: honest(**{name: None}) for name in ("iat", "sub", "aud", "iss")},
    "sub empty": lambda: honest(sub=""),
    "sub blank": lambda: honest(sub="  "),
    "sub a number": lambda: honest(sub=1),
    "sub a list": lambda: honest(sub=["somebody"]),
    "sub with a NUL": lambda: honest(sub="some\0body"),
    "sub with a newline": lambda: honest(sub="some\nbody"),
    "sub a lone surrogate": lambda: honest(sub="\ud800"),
    "sub of 256 characters": lambda: honest(sub="s" * 256),
    "aud other": lambda: honest(aud="somebody-else"),
    "aud a prefix": lambda: honest(aud="authenticate"),
    "aud with a suffix": lambda: honest(aud="authenticated2"),
    "aud in another case": lambda: honest(aud="Authenticated"),
    "aud empty": lambda: honest(aud=""),
    "aud an empty list": lambda: honest(aud=[]),
    "aud a list of others": lambda: honest(aud=["a", "b"]),
    "aud a list with a number": lambda: honest(aud=["authenticated", 1]),
    "aud a nested list": lambda: honest(aud=[["authenticated"]]),
    "aud an object": lambda: honest(aud={"authenticated": True}),
    "aud a number": lambda: honest(aud=1),
    "iss other": lambda: honest(iss="https://storm.example/auth/v1"),
    "iss with a trailing slash": lambda: honest(iss=ES_ISSUER + "/"),
    "iss a prefix": lambda: honest(iss=ES_ISSUER[:-1]),
    "iss with a suffix": lambda: honest(iss=ES_ISSUER + ".attacker.example"),
    "iss in another case": lambda: honest(iss=ES_ISSUER.upper()),
    "iss empty": lambda: honest(iss=""),
    "iss a list": lambda: honest(iss=[ES_ISSUER]),
    "iss an object": lambda: honest(iss={ES_ISSUER: 1}),
    "iss a number": lambda: honest(iss=1),
    "iss of another issuer, own key": lambda: honest(iss=RS_ISSUER),
    "an anon token": lambda: honest(role="anon"),
    "a service_role token": lambda: honest(role="service_role"),
    "a service_role token, upper case": lambda: honest(role="SERVICE_ROLE"),
    "a service_role token, in a list": lambda: honest(role=["authenticated", "service_role"]),
    "the project's anon key": lambda: honest(role="anon", sub=ABSENT, aud=ABSENT),
    "a refresh token by typ": lambda: honest(typ="Refresh"),
    "a refresh token by token_use": lambda: honest(token_use="refresh"),
    "a refresh token by token_type": lambda: honest(token_type="refresh_token"),
    "an identity token by token_use": lambda: honest(token_use="id"),
    "an identity token by typ": lambda: honest(typ="ID"),
    "token_use null": lambda: honest(token_use=None),
    "duplicate sub": lambda: with_payload('{"sub": "somebody-else", ...}'),
    "duplicate exp": lambda: with_payload('{..., "exp": 4102444800}'),
    "duplicate iss": lambda: with_payload('{"iss": "https://storm.example", ...}'),
    "duplicate name within": lambda: with_payload('{..., "app_metadata": {"role": "parent", "role": "operator"}}'),
    "NaN in a claim of no interest": lambda: with_payload('{..., "mood": NaN}'),
}

ATTACKS = {**ALGORITHM, **SIGNATURE, **SHAPE, **HEADER, **TIME, **CLAIM}
