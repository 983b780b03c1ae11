"""Whether a run file is whole: its last line, and the hash near its top.

Both find accidents, not forgers: a transfer that broke off, an editor that dropped a line, a
column moved without its header.
"""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from bench_pipeline.errors import RecordError
from bench_pipeline.records.run import SEAL, SIGNATURE
from bench_pipeline.records.yaml.strict import printable

END_MARK = b"..."
"""YAML's own end of a document, the last line of a run file. Without it a file that was cut
between two requests would be a valid run with fewer of them."""

_TOP = re.compile(
    rb"(?:\xef\xbb\xbf)?schema_version: (\d+)\n%s: '?([0-9a-f]{64})'?\n"
    rb"(?:%s: ([ -~]{1,1000})\n)?" % (SEAL.encode(), SIGNATURE.encode())
)


class Head(NamedTuple):
    """The lines of a run file that are about the file itself, and what stands below them."""

    schema: int
    below_sha256: str
    signature: str | None
    below: bytes

    @classmethod
    def of(cls, text: bytes) -> "Head | None":
        """None where the file has no such lines, or has them elsewhere."""
        text = text.replace(b"\r\n", b"\n")
        if (top := _TOP.match(text)) is None:
            return None
        schema, seal, signature = (str(part or b"", "ascii") for part in top.groups())
        return cls(int(schema), seal, signature or None, text[top.end() :])

    def signed(self, signature: str) -> bytes:
        """The file with this signature in place of any other."""
        lines = f"schema_version: {self.schema}\n{SEAL}: {self.below_sha256}\n"
        return f"{lines}{SIGNATURE}: {signature}\n".encode() + self.below


def refuse_truncated(text: bytes, where: Path) -> None:
    if text.strip() and text.rstrip().rpartition(b"\n")[2].rstrip() != END_MARK:
        raise RecordError(
            "is cut off: its last line is not the `...` that ends a run file",
            mend="restore it (git checkout), or copy it here again; written by hand, end it with"
            " a line `...`",
            where=f"{where}:{len(text.splitlines())}",
        )


def sealed(text: str) -> str:
    """`text` of a run, whose first line is its schema, with the hash of all below as its second."""
    schema, _, below = text.partition("\n")
    return f"{schema}\n{SEAL}: {_hash(below.encode())}\n{below}"


def refuse_altered(text: bytes, seal: str, where: Path) -> None:
    """`seal` is what the document says it is."""
    head = Head.of(text)
    if head is None:
        raise RecordError(
            f"`{SEAL}: {printable(seal)}` is no sha256 in line 2, below `schema_version`",
            mend="restore the file (git checkout), or remove that line",
            where=where,
        )
    if head.below_sha256 != _hash(head.below):
        raise RecordError(
            "is not as it was written: the hash in this line is of another text below it",
            mend="restore it (git checkout); a change that is meant goes with this line removed",
            where=f"{where}:2",
        )


def refuse_loose_signature(text: bytes, where: Path) -> None:
    """One that is not of this file's hash proves nothing."""
    head = Head.of(text)
    if head is None or head.signature is None:
        raise RecordError(
            f"its `{SIGNATURE}` does not stand in line 3, below `{SEAL}`",
            mend="get the file from its sender again, or remove that line",
            where=where,
        )


def _hash(below: bytes) -> str:
    return hashlib.sha256(below.rstrip() + b"\n").hexdigest()
