"""The state folder and the files in it that others must not read: children's names, and the key of the sessions."""

import os
import stat
from pathlib import Path
from typing import Final

from dreamflow.bootstrap import DATABASE, SESSION_KEY, SESSION_KEY_BYTES
from dreamflow.entrypoints.doctor.model import Finding, State
from dreamflow.settings import Settings

_PART: Final = "state folder"
_OTHERS: Final = 0o077


async def look_at_folder(settings: Settings) -> Finding:
    """Whether the folder and its files are ours alone."""
    folder = settings.state_dir
    if not folder.exists():
        return Finding(_PART, State.WARNING, f"{folder} does not exist", "The first start makes it.")
    if not (folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK)):
        return Finding(_PART, State.TROUBLE, f"{folder} cannot be written by this user", f"See 'ls -ld {folder}'.")
    kept = {SESSION_KEY} if settings.database.url else {SESSION_KEY, DATABASE, f"{DATABASE}-wal"}
    seen = [path for name in sorted(kept) if _is_open(path := folder / name)]
    if seen:
        named = " ".join(map(str, seen))
        return Finding(_PART, State.TROUBLE, f"other users can read {named}", f"Run 'chmod 600 {named}'.")
    key = folder / SESSION_KEY
    if key.exists() and key.stat().st_size != SESSION_KEY_BYTES:
        return Finding(_PART, State.TROUBLE, f"{key} is no key", "Delete it; a new one is made, and all sign in anew.")
    if _is_open(folder):
        # The files guard themselves; what is made beside them by hand may not.
        return Finding(_PART, State.WARNING, f"other users can enter {folder}", f"Run 'chmod 700 {folder}'.")
    return Finding(_PART, State.OK, f"{folder}, for its owner only")


def _is_open(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & _OTHERS)
