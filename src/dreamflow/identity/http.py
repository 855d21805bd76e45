"""Who is asking, as FastAPI dependencies. Status codes are not chosen here: the web's error table does."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dreamflow.identity.errors import MissingToken
from dreamflow.identity.model import Caller
from dreamflow.identity.rules.bearer import token_in
from dreamflow.identity.service.verification import IdentityService

# Documents the scheme in /openapi.json. Its own reading of the header is too lenient and is not used.
_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="bearer", bearerFormat="JWT", description="An access token of a configured issuer."
)


def caller_dependency(identity: IdentityService) -> Callable[..., Awaitable[Caller]]:
    """Build the dependency that answers who is asking.

    It reads the one `Authorization: Bearer` header and nothing else, and raises `MissingToken` or `InvalidToken`.
    """

    async def caller(
        request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> Caller:
        token = token_in(request.headers.getlist("authorization"))
        if token is None:
            raise MissingToken
        return await identity.verify(token)

    return caller
