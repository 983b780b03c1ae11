"""A run that comes from elsewhere is here afterwards as it was sent, once, or not at all."""

from pathlib import Path

import pytest

from bench_pipeline.errors import BenchError, RecordError, RigError
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import dump_record, read_run
from bench_pipeline.senders.sending import send
from bench_pipeline.warehouse.receiving import Receiver

SENT = min(checkout().runs.glob("shared-vm-2core/cpu/2*.yaml"))
WHENCE = Path("the rig's answer")


@pytest.fixture(scope="module")
def run() -> Run:
    return read_run(SENT)


@pytest.fixture
def receiver(project: Project) -> Receiver:
    return Receiver(project)


def all_files(project: Project) -> list[Path]:
    return sorted(path for path in project.runs.rglob("*") if path.is_file())


def test_a_run_lies_where_it_belongs_byte_for_byte_with_its_logs(
    receiver: Receiver, project: Project, run: Run
):
    log = f"{SENT.stem}-0.server.log"
    received = receiver.take(SENT.read_bytes(), WHENCE, {log: b"loaded\n"})
    assert (received.newly, received.doubts, received.run) == (True, (), run)
    assert received.path == project.runs / run.relative_path
    assert received.path.read_bytes() == SENT.read_bytes()
    assert received.path.with_name(log).read_bytes() == b"loaded\n"
    assert len(all_files(project)) == 2


def test_the_same_run_again_is_told_and_changes_nothing(receiver: Receiver, project: Project):
    first = receiver.take(SENT.read_bytes(), WHENCE)
    send(first.path, "anna", None)  # its owner says afterwards who sent it
    signed = first.path.read_bytes()
    again = receiver.take(SENT.read_bytes(), WHENCE)
    assert (again.newly, again.path) == (False, first.path)
    assert first.path.read_bytes() == signed != SENT.read_bytes()
    assert len(all_files(project)) == 1


def test_another_run_under_an_id_that_is_here_is_refused(
    receiver: Receiver, project: Project, run: Run
):
    first = receiver.take(SENT.read_bytes(), WHENCE)
    other = run.model_copy(update={"cells": run.cells[:-1]})
    later = run.model_copy(update={"started_at": run.started_at.replace(microsecond=0, second=1)})
    for changed in (other, later):
        with pytest.raises(RecordError, match="id of another run") as caught:
            receiver.take(dump_record(changed).encode(), WHENCE)
        assert caught.value.where == WHENCE
    assert all_files(project) == [first.path]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda text: text[: len(text) // 2], "cut off"),
        (lambda text: text.replace(b"backend: cpu", b"backend: vulkan"), "not as it was written"),
        (lambda text: b"\0" + text, "not valid YAML"),
        (lambda text: b"", "is empty"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_of_it_written(
    receiver: Receiver, project: Project, damage, problem: str
):
    log = {f"{SENT.stem}-0.server.log": b"loaded\n"}
    with pytest.raises(RecordError, match=problem):
        receiver.take(damage(SENT.read_bytes()), WHENCE, log)
    assert all_files(project) == []


def test_what_check_refuses_is_refused_and_what_it_doubts_is_told(
    receiver: Receiver, project: Project, run: Run
):
    hostile = run.model_copy(update={"unknown": ["<script>alert(1)</script>"]})
    with pytest.raises(RecordError, match="markup"):
        receiver.take(dump_record(hostile).encode(), WHENCE)
    assert all_files(project) == []
    stranger = run.model_copy(update={"submitted_by": "mallory"})
    received = receiver.take(dump_record(stranger).encode(), WHENCE)
    assert ["mallory" in doubt for doubt in received.doubts] == [True]


def test_a_run_of_a_rig_that_nobody_declared_waits_for_its_rig_file(
    receiver: Receiver, project: Project, run: Run
):
    file = project.rigs / f"{run.rig}.yaml"
    declared = file.read_text()
    file.unlink()
    with pytest.raises(RigError, match=r"not known here[\s\S]*mend: put its rig file"):
        receiver.take(SENT.read_bytes(), WHENCE)
    assert all_files(project) == []
    file.write_text(declared)
    assert receiver.take(SENT.read_bytes(), WHENCE).newly


@pytest.mark.parametrize("name", ["../x-0.server.log", "x.yaml", f"{SENT.stem}-a.server.log"])
def test_a_log_cannot_choose_where_it_lands(receiver: Receiver, project: Project, name: str):
    with pytest.raises(RecordError, match="log of another name"):
        receiver.take(SENT.read_bytes(), WHENCE, {name: b""})
    assert all_files(project) == []


def test_a_full_or_locked_disk_leaves_nothing_half(receiver: Receiver, project: Project, run: Run):
    (project.runs / run.rig).write_text("a file where a folder belongs")
    with pytest.raises(BenchError, match="mend"):
        receiver.take(SENT.read_bytes(), WHENCE)
    assert all_files(project) == [project.runs / run.rig]
