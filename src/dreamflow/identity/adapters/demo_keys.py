"""The demo's signing key in a file of the state folder, so that `dreamflow token` matches the running demo."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dreamflow.identity.errors import UnusableDemoKey

_LARGEST_FILE: Final = 16 * 1024


def load_or_create(path: Path) -> EllipticCurvePrivateKey:
    """Read the key at a path, or make one there that only its owner can read.

    Safe when two processes start at once: both end up with the same key, and none sees half a file.

    Raises:
        UnusableDemoKey: others can read the file, or it holds no P-256 private key; the message says what to do.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        return _load(path)
    _create(path)
    return _load(path)


def _load(path: Path) -> EllipticCurvePrivateKey:
    with path.open("rb") as file:
        # The open file is asked, not the path, which could be swapped in between.
        status = os.fstat(file.fileno())
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise UnusableDemoKey(
                f"The demo's signing key {path} can be read by other users of this machine. "
                f"Run 'chmod 600 {path}', or delete the file and a new key is made."
            )
        data = file.read(_LARGEST_FILE)
    try:
        key = load_pem_private_key(data, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise UnusableDemoKey(
            f"The demo's signing key {path} is not a P-256 private key. Delete the file and a new key is made."
        )
    return key


def _create(path: Path) -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # mkstemp opens with mode 0600. A hard link appears whole or not at all, and never replaces a key that
    # another process made meanwhile.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
