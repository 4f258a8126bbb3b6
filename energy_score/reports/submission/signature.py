"""Ed25519 signatures of a bundle's manifest, with keys from OpenSSH or PEM files. Needs the extra signing."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from energy_score.contract.errors import UsageError
from energy_score.reports.submission.bundle_manifest import BundleSignature

_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_EXPECTED = "expected an Ed25519 key made with ssh-keygen -t ed25519, or in PEM format"


def read_private_key(path: Path, ask_passphrase: Callable[[], str]) -> Ed25519PrivateKey:
    """Read the private key in ``path``; ``ask_passphrase`` is called if it is encrypted.

    Raises:
        UsageError: The key does not exist, or the passphrase is wrong.
    """
    content = _content(path)
    load = load_ssh_private_key if content.lstrip().startswith(_OPENSSH) else load_pem_private_key
    try:
        try:
            key = load(content, None)
        except TypeError:  # raised by both loaders for an encrypted key without a passphrase
            key = load(content, ask_passphrase().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # Do not quote the library's message: it can contain the key.
        raise UsageError(f"{path}: not a private key, or wrong passphrase ({_EXPECTED})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: not an Ed25519 key ({_EXPECTED})")
    return key


def read_public_key(path: Path) -> str:
    """Return the public key in ``path`` in OpenSSH's format, without its comment.

    Raises:
        UsageError: The key does not exist.
    """
    content = _content(path)
    load = load_pem_public_key if content.lstrip().startswith(b"-----BEGIN") else load_ssh_public_key
    try:
        key = load(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path}: not a public key ({_EXPECTED})") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path}: not an Ed25519 key ({_EXPECTED})")
    return _openssh(key)


def sign(manifest: bytes, key: Ed25519PrivateKey) -> BundleSignature:
    """Return the signature of ``manifest``."""
    signature = base64.b64encode(key.sign(manifest)).decode("ascii")
    return BundleSignature(public_key=_openssh(key.public_key()), signature=signature)


def is_valid(signature: BundleSignature, manifest: bytes) -> bool:
    """Return whether ``signature`` names only a key, and that key signed exactly these bytes."""
    try:
        key = load_ssh_public_key(signature.public_key.encode())
        # A comment after the key would be displayed as if it were the signer's name.
        if not isinstance(key, Ed25519PublicKey) or signature.public_key != _openssh(key):
            return False
        key.verify(base64.b64decode(signature.signature, validate=True), manifest)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm, binascii.Error):
        return False
    return True


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _openssh(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
