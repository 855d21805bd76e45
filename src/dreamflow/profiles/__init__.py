"""What Klaviyo knows of a parent: hints for tonight, never a condition for it."""

from dreamflow.profiles.model import ProfileView
from dreamflow.profiles.ports import ProfileSource
from dreamflow.profiles.service import ProfileService

__all__ = ["ProfileService", "ProfileSource", "ProfileView"]
