"""Whether a run file is whole: its last line, and the hash near its top.

Both find accidents, not forgers: a transfer that broke off, an editor that dropped a line, a
column moved without its header.
"""

import hashlib
import re
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.records.run import SEAL
from bench_pipeline.records.yaml.strict import printable

END_MARK = b"..."
"""YAML's own end of a document, the last line of a run file. Without it a file that was cut
between two requests would be a valid run with fewer of them."""

_TOP = re.compile(
    rb"(?:\xef\xbb\xbf)?schema_version: \d+\n%s: '?([0-9a-f]{64})'?\n" % SEAL.encode()
)


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
    top = _TOP.match(text := text.replace(b"\r\n", b"\n"))
    if top is None:
        raise RecordError(
            f"`{SEAL}: {printable(seal)}` is no sha256 in line 2, below `schema_version`",
            mend="restore the file (git checkout), or remove that line",
            where=where,
        )
    if top[1].decode() != _hash(text[top.end() :]):
        raise RecordError(
            "is not as it was written: the hash in this line is of another text below it",
            mend="restore it (git checkout); a change that is meant goes with this line removed",
            where=f"{where}:2",
        )


def _hash(below: bytes) -> str:
    return hashlib.sha256(below.rstrip() + b"\n").hexdigest()
