"""Writing into run files who sends them, and signing them."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench_pipeline.errors import RecordError
from bench_pipeline.records.yaml.files import dump_record, read_run, write_atomically
from bench_pipeline.records.yaml.finding import content_of
from bench_pipeline.records.yaml.whole import Head
from bench_pipeline.senders.signatures import public_key, signature, signed_by


def send(path: Path, sender: str | None, key: Ed25519PrivateKey | None) -> None:
    """The run file says afterwards that `sender` sent it, and is signed with `key`; None leaves
    either as it is, but no signature stays that is not of the new text. Its figures stay, comments
    in it are lost where the sender is another.

    RecordError, and it is left as it was, where it cannot be read or would read back as another.
    """
    text = content_of(path)
    run = read_run(path, text)
    if sender is not None and sender != run.submitted_by:
        # checked by reading it back, below
        run = run.model_copy(update={"submitted_by": sender})
        text = dump_record(run).encode()
    elif Head.of(text) is None:
        text = dump_record(run).encode()
    if key is not None:
        head = Head.of(text)
        assert head is not None  # as everything that this code writes
        text = head.signed(signature(key, head))
    if read_run(path, text) != run or (key and signed_by(text, path) != public_key(key)):
        raise RecordError(
            "would read back as another run", mend="report it with the file", where=path
        )
    write_atomically(path, text)
