"""The demo's signing key in a file of the state folder, so that `dreamflow token` matches the running demo."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dreamflow.kit import private_file
from dreamflow.kit.private_file import UnusablePrivateFile


def load_or_create(path: Path) -> EllipticCurvePrivateKey:
    """Read the key at a path, or make one there that only its owner can read.

    Raises:
        UnusablePrivateFile: others can read the file, or it holds no P-256 private key; the message says what to do.
    """
    pem = private_file.load_or_create(path, _new_pem)
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise UnusablePrivateFile(f"{path} is not a P-256 private key. Delete the file and a new one is made.")
    return key


def _new_pem() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
