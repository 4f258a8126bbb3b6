"""Facts about signatures: unsigned, invalid and another's are told apart, and both forms of key files are read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from energy_score.contract.errors import UsageError
from energy_score.reports.submission.archive import build_archive
from energy_score.reports.submission.signature import read_private_key, read_public_key, sign
from energy_score.reports.submission.verify import MANIFEST, SIGNATURE, verify_bytes
from tests.reports.submission.tampering import opened, resealed, with_json


def no_passphrase() -> str:
    raise AssertionError("a key that is not encrypted needs no passphrase")


def key_file(folder: Path, key: Ed25519PrivateKey, form: str, passphrase: bytes | None = None) -> Path:
    """The private key, and its public one beside it with ``.pub``."""
    path = folder / form
    # As many rounds as make a test quick; ssh-keygen takes 24.
    fast = PrivateFormat.OpenSSH.encryption_builder().kdf_rounds(1)
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        encryption = fast.build(passphrase) if form == "openssh" else BestAvailableEncryption(passphrase)
    private_form = PrivateFormat.OpenSSH if form == "openssh" else PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(Encoding.PEM, private_form, encryption))
    if form == "openssh":
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" me@example.org\n"
    else:
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(public)
    return path


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


Signed = Callable[[Ed25519PrivateKey], bytes]


@pytest.fixture
def signed(small_bundle: bytes) -> Signed:
    def by(key: Ed25519PrivateKey) -> bytes:
        members = opened(small_bundle)
        return build_archive({**members, SIGNATURE: sign(members[MANIFEST], key).as_text().encode()})

    return by


@pytest.mark.parametrize("form", ["openssh", "pem"])
@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_a_bundle_is_signed_and_checked_with_keys_of_both_forms(
    tmp_path: Path, key: Ed25519PrivateKey, signed: Signed, form: str, passphrase: bytes | None
) -> None:
    path = key_file(tmp_path, key, form, passphrase)
    read = read_private_key(path, (lambda: "open sesame") if passphrase else no_passphrase)
    signer = read_public_key(path.with_suffix(".pub"))
    verification = verify_bytes(signed(read), signer=signer)
    assert (verification.findings, verification.signature) == ((), f"signed by the expected key, {signer}")


def test_without_a_named_signer_a_signature_is_checked_and_whose_it_is_is_left_open(
    key: Ed25519PrivateKey, signed: Signed
) -> None:
    verification = verify_bytes(signed(key))
    assert verification.is_verified
    assert verification.signature.startswith("signed by ssh-ed25519 ")
    assert verification.signature.endswith("not checked against a --signer")


def test_unsigned_invalid_and_another_key_are_told_apart(
    tmp_path: Path, key: Ed25519PrivateKey, signed: Signed, small_bundle: bytes
) -> None:
    signer = read_public_key(key_file(tmp_path, key, "openssh").with_suffix(".pub"))
    unsigned = verify_bytes(small_bundle, signer=signer)
    assert [str(one) for one in unsigned.findings] == ["signature.json: missing: the bundle is not signed"]
    other = verify_bytes(signed(Ed25519PrivateKey.generate()), signer=signer)
    assert (other.signature, [one.field for one in other.findings]) == ("another key", ["public_key"])

    members = opened(signed(key))
    forged = opened(resealed(opened(small_bundle), tool_version="0"))
    invalid = verify_bytes(build_archive({**forged, SIGNATURE: members[SIGNATURE]}), signer=signer)
    assert (invalid.signature, [one.field for one in invalid.findings]) == ("invalid", ["signature"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("signature", "AAAA"), ("signature", "%%%"), ("signature", "é"), ("public_key", "ssh-ed25519 AAAA"),
     ("public_key", "ssh-rsa AAAA"), ("public_key", ""), ("algorithm", "none"), ("schema_version", 2)],
)  # fmt: skip
def test_a_signature_that_is_none_is_invalid_and_no_fault_of_the_program(
    key: Ed25519PrivateKey, signed: Signed, field: str, value: object
) -> None:
    members = opened(signed(key))
    broken = build_archive({**members, SIGNATURE: with_json(members[SIGNATURE], field, value)})
    verification = verify_bytes(broken)
    assert (verification.signature, verification.is_verified) == ("invalid", False)


def test_a_signature_says_nothing_beside_its_key_and_is_written_in_one_way(
    key: Ed25519PrivateKey, signed: Signed
) -> None:
    members = opened(signed(key))
    signature = sign(members[MANIFEST], key)
    for text in (
        signature.model_copy(update={"public_key": f"{signature.public_key} trusted@example.org"}).as_text(),
        signature.as_text() + "\n",
    ):
        verification = verify_bytes(build_archive({**members, SIGNATURE: text.encode()}))
        assert (verification.signature, verification.is_verified) == ("invalid", False)
        assert str(verification.findings[0]).startswith(
            ("signature.json: signature: ", "signature.json: not written by")
        )


def test_what_is_no_ed25519_key_is_refused_without_its_content(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    path = key_file(tmp_path, key, "openssh", b"right")
    with pytest.raises(UsageError, match="wrong passphrase"):
        read_private_key(path, lambda: "wrong")
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    with pytest.raises(UsageError, match="not a private key") as refused:
        read_private_key(nonsense, no_passphrase)
    assert "c2VjcmV0" not in str(refused.value)
    with pytest.raises(UsageError, match="not a public key"):
        read_public_key(nonsense)
    rsa = tmp_path / "rsa"
    rsa_key = generate_private_key(65537, 2048)
    rsa.write_bytes(rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(UsageError, match="not an Ed25519 key"):
        read_private_key(rsa, no_passphrase)
    rsa.write_bytes(rsa_key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    with pytest.raises(UsageError, match="not an Ed25519 key"):
        read_public_key(rsa)
    with pytest.raises(UsageError, match="cannot be read"):
        read_public_key(tmp_path / "absent")
