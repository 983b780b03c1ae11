"""What both ends know of a message between a rig and who asks it: its words, and a run file in it,
packed, with the checksum of what it was."""

import base64
import hashlib
import zlib

from bench_pipeline.errors import RecordError
from bench_pipeline.records.yaml.strict import MAX_BYTES

SIGN_S = 15.0
"""Over ssh, between two signs of who asks."""
SILENT_S = 6 * SIGN_S
"""After which he is gone, though no connection was closed."""
RUN_FILE, NOT_MADE = "run file", "not made"
"""Keys: a run file's name below the folder of runs; why nothing could be run."""


def packed(content: bytes) -> tuple[str, str]:
    """In letters that any message may have; and the sha256 of `content`."""
    return base64.b64encode(zlib.compress(content)).decode(), hashlib.sha256(content).hexdigest()


def unpacked(document: str, said_hash: str) -> bytes:
    """RecordError if it is not what was sent, or larger than any run file."""
    try:
        content = zlib.decompressobj().decompress(
            base64.b64decode(document, validate=True), MAX_BYTES + 1
        )
    except (ValueError, zlib.error):
        content = b""
    if len(content) > MAX_BYTES or hashlib.sha256(content).hexdigest() != said_hash:
        raise RecordError("what came is not what was sent", mend="send it again")
    return content
