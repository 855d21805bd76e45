"""A small application with the dependencies, and the least error table."""

from collections.abc import Callable
from typing import Annotated

import httpx2
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from dreamflow.identity import Caller, IdentityService, OperatorOnly
from dreamflow.identity.errors import InvalidToken, MissingToken
from dreamflow.identity.http import caller_dependency, no_session, operator_dependency


def door(identity: IdentityService, *, session_token: Callable[[Request], str | None] = no_session) -> FastAPI:
    app = FastAPI()
    caller = caller_dependency(identity, session_token=session_token)
    operator = operator_dependency(identity, session_token=session_token)

    @app.get("/me")
    async def me(caller: Annotated[Caller, Depends(caller)]) -> dict[str, str | None]:
        return {"subject": caller.account.subject, "email": caller.email, "role": caller.role}

    @app.get("/operator")
    async def board(caller: Annotated[Caller, Depends(operator)]) -> dict[str, str]:
        return {"role": caller.role}

    async def unauthorised(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, InvalidToken | MissingToken)
        return JSONResponse({"detail": error.message}, 401, {"WWW-Authenticate": error.challenge})

    async def forbidden(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 403)

    app.add_exception_handler(InvalidToken, unauthorised)
    app.add_exception_handler(MissingToken, unauthorised)
    app.add_exception_handler(OperatorOnly, forbidden)
    return app


async def get(app: FastAPI, path: str, *headers: tuple[str, str | bytes]) -> httpx2.Response:
    """One request with exactly these header bytes; a server error is raised, not answered."""
    raw = [
        (name.encode(), value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"))
        for name, value in headers
    ]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://house.example") as client:
        return await client.get(path, headers=raw)
