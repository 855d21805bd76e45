"""Who is asking: tokens of configured issuers are verified, and an account comes out, or one refusal.

What a caller may see of families and stories is decided where those live. The FastAPI dependencies are in
`dreamflow.identity.http`, the sources of keys in `dreamflow.identity.adapters`.
"""

from dreamflow.identity.errors import InvalidToken, MissingToken
from dreamflow.identity.model import DEMO_ISSUER, Account, Caller, IssuerConfig, ParentId, Role
from dreamflow.identity.ports import KeySource
from dreamflow.identity.service.demo import DemoIssuer, demo_account
from dreamflow.identity.service.verification import IdentityService

__all__ = [
    "DEMO_ISSUER",
    "Account",
    "Caller",
    "DemoIssuer",
    "IdentityService",
    "InvalidToken",
    "IssuerConfig",
    "KeySource",
    "MissingToken",
    "ParentId",
    "Role",
    "demo_account",
]
