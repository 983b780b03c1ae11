"""A signature vouches for every byte of a run file, and for nothing else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.records.run import SIGNATURE, Run
from bench_pipeline.records.yaml.files import read_run, write_run
from bench_pipeline.senders.sending import send
from bench_pipeline.senders.signatures import public_key, read_key, signed_by
from tests.factories import measured_run
from tests.senders.keys import new_key


@pytest.fixture(scope="module")
def run() -> Run:
    return measured_run(workloads=["chat"], concurrencies=[1])


@pytest.fixture
def path(run: Run, tmp_path: Path) -> Path:
    return write_run(run, tmp_path)


def test_a_signed_file_is_the_same_run_and_names_its_key(
    run: Run, path: Path, tmp_path: Path
) -> None:
    key = read_key(new_key(tmp_path))
    assert signed_by(path.read_bytes(), path) is None
    send(path, None, key)
    assert read_run(path) == run
    assert signed_by(path.read_bytes(), path) == public_key(key)
    assert signed_by(path.read_bytes().replace(b"\n", b"\r\n"), path) == public_key(key)


def test_who_sends_it_stands_in_the_file_and_is_signed_too(path: Path, tmp_path: Path) -> None:
    key = read_key(new_key(tmp_path))
    send(path, "anna", key)
    assert read_run(path).submitted_by == "anna"
    text = path.read_text()
    path.write_text(text.replace("submitted_by: anna", "submitted_by: bert"))
    with pytest.raises(RecordError, match="not as it was written"):
        read_run(path)
    path.write_text(text)
    send(path, "bert", None)
    assert signed_by(path.read_bytes(), path) is None
    assert read_run(path).submitted_by == "bert"


def test_another_s_signature_and_another_text_s_are_refused(
    run: Run, path: Path, tmp_path: Path
) -> None:
    send(path, None, read_key(new_key(tmp_path, "one")))
    mine = path.read_bytes()
    send(path, "anna", read_key(new_key(tmp_path, "two")))
    hers = path.read_bytes()
    line = re.compile(rb"^%s: .*\n" % SIGNATURE.encode(), re.MULTILINE)
    for text, signature in ((mine, line.search(hers)), (hers, line.search(mine))):
        assert signature is not None
        with pytest.raises(RecordError, match="not that key's signature"):
            signed_by(line.sub(signature[0], text), path)
    for broken in (b"signature: x\n", b"signature: ssh-ed25519 AAAA AAAA\n"):
        with pytest.raises(RecordError, match="not that key's signature"):
            signed_by(line.sub(broken, mine), path)


def test_a_signature_elsewhere_in_the_file_is_told(path: Path, tmp_path: Path) -> None:
    send(path, None, read_key(new_key(tmp_path)))
    first, seal, signature, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([first, signature, *rest]))
    with pytest.raises(RecordError, match="does not stand in line 3"):
        read_run(path)
    path.write_text("".join([first, seal, *rest]))
    read_run(path)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
def test_keys_of_ssh_keygen_are_taken_and_others_told(tmp_path: Path) -> None:
    def made(kind: str, *more: str) -> Path:
        path = tmp_path / f"{kind}{len(more)}"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", kind, "-f", path, *(more or ("-N", ""))], check=True
        )
        return path

    own = made("ed25519")
    assert own.with_suffix(".pub").read_text().startswith(public_key(read_key(own)))
    for path, problem in (
        (made("ecdsa"), "another kind"),
        (made("ed25519", "-N", "secret words"), "passphrase"),
        (own.with_suffix(".pub"), "no private key"),
        (tmp_path / "none", "cannot be read"),
    ):
        with pytest.raises(RecordError, match=problem):
            read_key(path)
