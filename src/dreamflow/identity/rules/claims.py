"""From verified claims to a caller (RFC 7519, section 4; RFC 8725, sections 3.8 to 3.12).

The signature holds when this runs; what remains is whether the token is meant for us, now, and for what.
"""

from datetime import UTC, datetime
from typing import Final, cast

from dreamflow.identity.errors import InvalidToken
from dreamflow.identity.model import Account, Caller, IssuerConfig, Role

LEEWAY_SECONDS: Final = 30
"""How far two honest clocks may be apart."""

_LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last one a datetime can say
_LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_LONGEST_EMAIL: Final = 254  # RFC 5321, section 4.5.3.1.3, without the brackets
# The two keys a Supabase project gives to programs instead of people.
_PROGRAM_ROLES: Final = frozenset({"anon", "service_role"})
# Where issuers say what a token is for, and the words for "access". A refresh or identity token is signed
# by the same key for the same audience: only these claims tell them apart.
_PURPOSE_CLAIMS: Final = ("typ", "token_use", "token_type")
_ACCESS_WORDS: Final = frozenset({"access", "access_token", "at+jwt", "bearer", "jwt"})


def caller(claims: dict[str, object], config: IssuerConfig, now: datetime) -> Caller:
    """Who a token with these claims speaks for.

    Raises:
        InvalidToken: it is not a current access token of this issuer for us, or it names nobody.
    """
    expires = _check_times(claims, config, now.timestamp())
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_subject(subject):
        raise InvalidToken
    if claims.get("iss") != config.issuer or not _is_for(config.audience, claims.get("aud")):
        raise InvalidToken
    if not _is_access_token(claims) or not _PROGRAM_ROLES.isdisjoint(_words(claims.get("role"))):
        raise InvalidToken
    return Caller(
        account=Account(config.issuer, subject),
        email=_verified_email(claims, trusted=config.trust_email),
        role=_role(claims, config.role_claim),
        expires_at=datetime.fromtimestamp(expires, UTC),
    )


def _is_subject(value: str) -> bool:
    """Whether a text can name an account."""
    # Printable leaves out control characters and lone surrogates, which no database would keep.
    return bool(value.strip()) and len(value) <= _LONGEST_SUBJECT and value.isprintable()


def is_plausible_email(value: str) -> bool:
    """Whether a text can be an address at all; that it is somebody's, only the issuer can say."""
    local, _, domain = value.rpartition("@")
    return (
        bool(local and domain)
        and "@" not in local
        and " " not in value
        and value.isprintable()
        and len(value) <= _LONGEST_EMAIL
    )


def _check_times(claims: dict[str, object], config: IssuerConfig, now: float) -> float:
    """Check `exp`, `iat` and, where present, `nbf`; return when the token ends."""
    expires, issued = _numeric_date(claims.get("exp")), _numeric_date(claims.get("iat"))
    starts = _numeric_date(claims["nbf"]) if "nbf" in claims else issued
    if expires + LEEWAY_SECONDS <= now or max(issued, starts) - LEEWAY_SECONDS > now:
        raise InvalidToken
    if config.max_age_seconds is not None and now - issued > config.max_age_seconds + LEEWAY_SECONDS:
        raise InvalidToken
    return expires


def _numeric_date(value: object) -> float:
    """Read a NumericDate (RFC 7519, section 2), which a datetime must be able to say."""
    # A bool is an int to Python. NaN fails every comparison, an int of any length passes them exactly.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise InvalidToken
    return value


def _is_for(audience: str, value: object) -> bool:
    """Whether `aud`, one string or a list of them, names us (RFC 7519, section 4.1.3)."""
    if isinstance(value, list):
        members = cast("list[object]", value)
        return all(isinstance(member, str) for member in members) and audience in members
    return value == audience


def _is_access_token(claims: dict[str, object]) -> bool:
    return all(
        isinstance(word := claims[name], str) and word.lower() in _ACCESS_WORDS
        for name in _PURPOSE_CLAIMS
        if name in claims
    )


def _words(value: object) -> frozenset[str]:
    """The roles in a claim that is one string or a list of them."""
    members = cast("list[object]", value) if isinstance(value, list) else [value]
    return frozenset(member.lower() for member in members if isinstance(member, str))


def _verified_email(claims: dict[str, object], *, trusted: bool) -> str | None:
    value = claims.get("email")
    # Only the JSON `true`: a text "true" or "false" would both be truthy.
    verified = claims["email_verified"] is True if "email_verified" in claims else trusted
    return value if verified and isinstance(value, str) and is_plausible_email(value) else None


def _role(claims: dict[str, object], path: str | None) -> Role:
    """The role at a claim path; anything that is not plainly an operator is a parent."""
    if path is None:
        return Role.PARENT
    *outer, last = path.split(".")
    for name in outer:
        inner = claims.get(name)
        claims = cast("dict[str, object]", inner) if isinstance(inner, dict) else {}
    return Role.OPERATOR if Role.OPERATOR in _words(claims.get(last)) else Role.PARENT
