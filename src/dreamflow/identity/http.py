"""Who is asking, as FastAPI dependencies. Status codes are not chosen here: the web's error table does."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dreamflow.identity.errors import MissingToken, OperatorOnly
from dreamflow.identity.model import Caller, Role
from dreamflow.identity.rules.bearer import token_in
from dreamflow.identity.service.verification import IdentityService

# Documents the scheme in /openapi.json. Its own reading of the header is too lenient and is not used.
_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="bearer", bearerFormat="JWT", description="An access token of a configured issuer."
)


def no_session(_request: Request) -> str | None:
    """For doors without a browser session."""
    return None


def caller_dependency(
    identity: IdentityService, *, session_token: Callable[[Request], str | None] = no_session
) -> Callable[..., Awaitable[Caller]]:
    """Build the dependency that answers who is asking.

    It reads the one `Authorization: Bearer` header. Only without any such header does it turn to
    `session_token` (the browser's cookie): bad credentials are never made good by other ones.

    The dependency raises `MissingToken` or `InvalidToken`.
    """

    async def caller(
        request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> Caller:
        token = token_in(request.headers.getlist("authorization"))
        if token is None:
            token = session_token(request)
        if not token:
            raise MissingToken
        return await identity.verify(token)

    return caller


def operator_dependency(
    identity: IdentityService, *, session_token: Callable[[Request], str | None] = no_session
) -> Callable[..., Awaitable[Caller]]:
    """Build the dependency that lets operators through; for others it raises `OperatorOnly`."""
    any_caller = caller_dependency(identity, session_token=session_token)

    async def operator(caller: Annotated[Caller, Depends(any_caller)]) -> Caller:
        if caller.role is not Role.OPERATOR:
            raise OperatorOnly
        return caller

    return operator
