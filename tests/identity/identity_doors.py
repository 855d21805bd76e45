"""A small application with the dependency, and the least error table."""

from typing import Annotated

import httpx2
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from dreamflow.identity import Caller, IdentityService
from dreamflow.identity.errors import InvalidToken, MissingToken
from dreamflow.identity.http import caller_dependency


def door(identity: IdentityService) -> FastAPI:
    app = FastAPI()
    caller = caller_dependency(identity)

    @app.get("/me")
    async def me(caller: Annotated[Caller, Depends(caller)]) -> dict[str, str | None]:
        return {"subject": caller.account.subject, "email": caller.email, "role": caller.role}

    async def unauthorised(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, InvalidToken | MissingToken)
        return JSONResponse({"detail": error.message}, 401, {"WWW-Authenticate": error.challenge})

    app.add_exception_handler(InvalidToken, unauthorised)
    app.add_exception_handler(MissingToken, unauthorised)
    return app


async def get(app: FastAPI, path: str, *headers: tuple[str, str | bytes]) -> httpx2.Response:
    """One request with exactly these header bytes; a server error is raised, not answered."""
    raw = [
        (name.encode(), value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"))
        for name, value in headers
    ]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://house.example") as client:
        return await client.get(path, headers=raw)
