"""What a family may be refused."""

from dreamflow.kit.errors import Conflict, NotFound


class FamilyNotFound(NotFound):
    """The account has no family yet."""

    code = "family-not-found"


class FamilyExists(Conflict):
    """An account has one family."""

    code = "family-exists"


class FamilyFull(Conflict):
    """There is room for no more children."""

    code = "family-full"


class PurposeNotFound(NotFound):
    """Nobody asks consent for that."""

    code = "purpose-not-found"


class ServiceConsentStays(Conflict):
    """Without this consent there is no family; it ends when the family is deleted."""

    code = "service-consent-stays"
