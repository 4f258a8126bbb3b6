"""An Ed25519 signature over a bundle's manifest, by keys as OpenSSH or PEM files hold them. Needs the extra signing."""

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
_VALID = "valid is an Ed25519 key as ssh-keygen -t ed25519 makes it, or as PEM"


def read_private_key(path: Path, ask_passphrase: Callable[[], str]) -> Ed25519PrivateKey:
    """The key in ``path``; ``ask_passphrase`` is called where it is encrypted.

    Raises:
        UsageError: there is no such key, or the passphrase is wrong.
    """
    content = _content(path)
    load = load_ssh_private_key if content.lstrip().startswith(_OPENSSH) else load_pem_private_key
    try:
        try:
            key = load(content, None)
        except TypeError:  # what both say of an encrypted key where no passphrase is given
            key = load(content, ask_passphrase().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's words may quote the key.
        raise UsageError(f"{path}: no private key, or another passphrase opens it; {_VALID}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: not an Ed25519 key; {_VALID}")
    return key


def read_public_key(path: Path) -> str:
    """The key in ``path`` in OpenSSH's form, without its comment.

    Raises:
        UsageError: there is no such key.
    """
    content = _content(path)
    load = load_pem_public_key if content.lstrip().startswith(b"-----BEGIN") else load_ssh_public_key
    try:
        key = load(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path}: no public key; {_VALID}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path}: not an Ed25519 key; {_VALID}")
    return _openssh(key)


def sign(manifest: bytes, key: Ed25519PrivateKey) -> BundleSignature:
    """The signature of ``manifest``."""
    signature = base64.b64encode(key.sign(manifest)).decode("ascii")
    return BundleSignature(public_key=_openssh(key.public_key()), signature=signature)


def is_valid(signature: BundleSignature, manifest: bytes) -> bool:
    """Whether the key that ``signature`` names, and says nothing beside, signed exactly these bytes."""
    try:
        key = load_ssh_public_key(signature.public_key.encode())
        # A comment after the key would be shown as if it were the signer's name.
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
