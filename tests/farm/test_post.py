"""Run files on their way home, between two instances on one event log."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bench_pipeline.farm import post
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import run_files, write_run
from tests.factories import measured_run


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One that serves as both: a rig, as it has an outbox."""
    with dg.DagsterInstance.ephemeral() as instance:
        (Path(instance.root_directory) / "outbox").mkdir()
        yield instance


@pytest.fixture
def rig(tmp_path: Path) -> Project:
    return Project(tmp_path / "rig")


@pytest.fixture
def home(project: Project) -> Project:
    return project


@pytest.fixture
def file(rig: Project) -> str:
    """A run on the rig, below its folder of runs."""
    return write_run(measured_run(), rig.runs).relative_to(rig.runs).as_posix()


def test_a_file_comes_home_as_it_was_sent_and_is_confirmed(
    instance: dg.DagsterInstance, rig: Project, home: Project, file: str
) -> None:
    post.send(instance, rig, [file])
    assert post.send_unconfirmed(instance, rig) == 1
    assert post.receive(instance, home) == ([file], {})
    text = (rig.runs / file).read_bytes()
    assert (home.runs / file).read_bytes() == text
    assert post.answer(instance, file) == hashlib.sha256(text).hexdigest()
    assert post.send_unconfirmed(instance, rig) == 0
    assert (rig.runs / file).exists(), "by it the rig knows what it need not measure again"
    assert post.receive(instance, home) == ([], {}), "nothing is read twice"


def test_what_was_not_read_is_sent_again_and_written_once(
    instance: dg.DagsterInstance, rig: Project, home: Project, file: str
) -> None:
    for _ in range(3):
        post.send(instance, rig, [file])
    assert post.receive(instance, home).written == [file]
    assert len(list(run_files(home.runs))) == 1


def test_one_that_is_at_home_sends_nothing(tmp_path: Path, rig: Project, file: str) -> None:
    with dg.DagsterInstance.ephemeral() as single:
        post.send(single, rig, [file])
        assert single.fetch_observations(post.DOCUMENTS, 1).records == []


def test_another_run_in_the_same_place_is_refused_and_the_first_stays(
    instance: dg.DagsterInstance, rig: Project, home: Project, file: str
) -> None:
    post.send(instance, rig, [file])
    post.receive(instance, home)
    before = (home.runs / file).read_bytes()
    (rig.runs / file).unlink()
    assert write_run(measured_run(workloads=["chat"]), rig.runs) == rig.runs / file
    post.send(instance, rig, [file])
    arrivals = post.receive(instance, home)
    assert "id of another run" in arrivals.refused[file]
    assert (home.runs / file).read_bytes() == before
    assert (post.answer(instance, file) or "").startswith(post.REFUSED)


def test_nothing_is_written_elsewhere_than_where_its_content_belongs(
    instance: dg.DagsterInstance, rig: Project, home: Project, file: str
) -> None:
    stray = "../../../stray.yaml"
    (rig.runs / stray).write_bytes((rig.runs / file).read_bytes())
    post.send(instance, rig, [stray])
    assert post.receive(instance, home).written == [stray]
    assert [path.relative_to(home.runs).as_posix() for path in run_files(home.runs)] == [file]
    assert not (home.runs / stray).exists()


def test_a_run_of_a_rig_whose_file_has_not_come_yet_is_asked_for_again(
    instance: dg.DagsterInstance, rig: Project, home: Project, file: str
) -> None:
    declared = home.rigs / "shared-vm-2core.yaml"
    text = declared.read_text()
    declared.unlink()
    post.send(instance, rig, [file])
    assert "not known here" in post.receive(instance, home).refused[file]
    declared.write_text(text)
    assert post.send_unconfirmed(instance, rig) == 1
    assert post.receive(instance, home) == ([file], {})


def test_what_was_damaged_on_its_way_is_refused(
    instance: dg.DagsterInstance, home: Project, file: str
) -> None:
    for text in ("no base64!", "AAAA"):
        metadata = {"run file": file, "sha256": "0" * 64, "document": text}
        instance.report_runless_asset_event(dg.AssetObservation(post.DOCUMENTS, metadata=metadata))
    assert "not what was sent" in post.receive(instance, home).refused[file]
    assert list(run_files(home.runs)) == []
