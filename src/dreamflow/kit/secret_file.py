"""A random secret in a file that only its owner can read."""

import os
import secrets
import stat
from pathlib import Path
from tempfile import NamedTemporaryFile

from dreamflow.kit.errors import DreamFlowError

_BYTES = 32


class UnsafeSecretFile(DreamFlowError):
    """Others may read the file, or it is not a secret of ours."""

    code = "unsafe-secret-file"


def load_or_create(path: Path) -> bytes:
    """The secret at a path; made on first use. Two processes that start at once get the same one.

    Raises:
        UnsafeSecretFile: the file can be read by others or has another size; the message says what to do.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with NamedTemporaryFile(dir=path.parent, delete=False) as draft:  # created with mode 0600
            draft.write(secrets.token_bytes(_BYTES))
        try:
            os.link(draft.name, path)
        except FileExistsError:
            pass  # another process was first; its secret counts
        finally:
            Path(draft.name).unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UnsafeSecretFile(f"{path} can be read by others. Run: chmod 600 {path}")
    secret = path.read_bytes()
    if len(secret) != _BYTES:
        raise UnsafeSecretFile(f"{path} is not a secret of this program. Remove it; a new one will be made.")
    return secret
