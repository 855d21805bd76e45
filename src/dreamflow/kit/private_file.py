"""Files that only their owner can read: they appear whole or not at all, and what is there is never replaced."""

import os
import stat
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from dreamflow.kit.errors import DreamFlowError

_MOST_BYTES: Final = 16 * 1024


class UnusablePrivateFile(DreamFlowError):
    """Others may read the file, or it does not hold what it should. The message says what to do."""

    code = "unusable-private-file"


@contextmanager
def drafted(path: Path) -> Generator[Path]:
    """A draft to fill, which becomes the file at a path when the block ends well.

    When another process was first, its file stays and the draft is dropped.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def load_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """What the file holds (16 kB at most); made on first use. Processes that start at once get the same.

    Raises:
        UnusablePrivateFile: others can read the file.
    """
    if not path.exists():
        with drafted(path) as draft:
            draft.write_bytes(make())
    with path.open("rb") as file:
        # The open file is asked, not the path, which could be swapped in between.
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise UnusablePrivateFile(
                f"{path} can be read by other users of this machine. "
                f"Run 'chmod 600 {path}', or delete the file and a new one is made."
            )
        return file.read(_MOST_BYTES)
