"""The key that binds the browser's sessions to this installation."""

import secrets
from pathlib import Path

from dreamflow.kit import private_file
from dreamflow.kit.private_file import UnusablePrivateFile

SESSION_KEY = "session.key"
SESSION_KEY_BYTES = 32


def session_key(state_dir: Path) -> bytes:
    """The key in the state folder; made on first use.

    Raises:
        UnusablePrivateFile: the file can be read by others, or holds something else.
    """
    path = state_dir / SESSION_KEY
    key = private_file.load_or_create(path, lambda: secrets.token_bytes(SESSION_KEY_BYTES))
    if len(key) != SESSION_KEY_BYTES:
        raise UnusablePrivateFile(f"{path} is not a key of this program. Delete the file and a new one is made.")
    return key
