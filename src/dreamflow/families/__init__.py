"""Parents, children and what they agreed to. Children's data lives here and goes nowhere."""

from dreamflow.families.errors import FamilyExists, FamilyNotFound
from dreamflow.families.model import CONSENT_TEXTS, Child, ChildId, Family, LedgerEntry, Purpose
from dreamflow.families.rules import evening_of
from dreamflow.families.service import FamilyService

__all__ = [
    "CONSENT_TEXTS",
    "Child",
    "ChildId",
    "Family",
    "FamilyExists",
    "FamilyNotFound",
    "FamilyService",
    "LedgerEntry",
    "Purpose",
    "evening_of",
]
