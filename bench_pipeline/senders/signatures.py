"""Ed25519 signatures of run files (RFC 8032), with the keys that `ssh-keygen -t ed25519` makes.

A signature stands in the third line of a file: the public key as OpenSSH writes it, and 64 bytes in
base64. What is signed is the hash of all below it, so every byte of the record, and the schema.
"""

import base64
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from bench_pipeline.errors import RecordError
from bench_pipeline.records.yaml.whole import SIGNATURE, Head

_MAKE_ONE = "make one: ssh-keygen -t ed25519 -N '' -f rig-key"


def read_key(path: Path) -> Ed25519PrivateKey:
    """RecordError where it is no such key, or has a passphrase."""
    try:
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise RecordError(f"cannot be read: {error.strerror}", mend=_MAKE_ONE, where=path) from None
    except TypeError:
        raise RecordError(
            "has a passphrase, which nobody is asked for here",
            mend=f"sign with a key that is for rigs alone; {_MAKE_ONE}",
            where=path,
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise RecordError("is no private key of OpenSSH", mend=_MAKE_ONE, where=path) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise RecordError("is a key of another kind than Ed25519", mend=_MAKE_ONE, where=path)
    return key


def public_key(key: Ed25519PrivateKey) -> str:
    """As a rig file names it: `ssh-ed25519 AAAA...`, without a comment."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def signature(key: Ed25519PrivateKey, head: Head) -> str:
    """The value of the line `signature`."""
    return f"{public_key(key)} {base64.b64encode(key.sign(_message(head))).decode()}"


def signed_by(content: bytes, where: Path) -> str | None:
    """The public key by which a run file is signed; None for one without a signature.

    RecordError if the signature is of another text, or none at all.
    """
    head = Head.of(content)
    if head is None or head.signature is None:
        return None
    try:
        kind, key_text, of_text = head.signature.split(" ")
        key = load_ssh_public_key(f"{kind} {key_text}".encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("another kind of key")
        key.verify(base64.b64decode(of_text, validate=True), _message(head))
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise RecordError(
            f"its `{SIGNATURE}` is not that key's signature of this file",
            mend="get the file from its sender again, or remove that line: it is shown as unsigned",
            where=f"{where}:3",
        ) from None
    return f"{kind} {key_text}"


def _message(head: Head) -> bytes:
    return f"bench_pipeline run file, schema {head.schema}, sha256 {head.below_sha256}".encode()
