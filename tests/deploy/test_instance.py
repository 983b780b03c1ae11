"""The persistent instance of one machine, and its queue."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import GRPC_INFO_TAG

from bench_pipeline.deploy.coordinator import HELD_TAG, RIG_TAG, FarmQueue, RigQueue
from bench_pipeline.deploy.instance import (
    COMMAND_TAG,
    SINGLE_MACHINE,
    command_instance,
    ui_lock,
)
from bench_pipeline.errors import BenchError
from bench_pipeline.paths import Project


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back afterwards, whatever is set meanwhile


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance's folder as the first command leaves it behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        project = Project(tmp_path_factory.mktemp("used"))
        with command_instance(project):
            return project.dagster_home


@pytest.fixture
def used(project: Project, made_home: Path) -> Project:
    """A checkout in which a command ran before."""
    shutil.copytree(made_home, project.dagster_home)
    return project


def unfinished_run(
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    origin: RemoteJobOrigin | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> str:
    job = dg.GraphDefinition("nothing").to_job()  # whose it is, is all that matters here
    run = instance.create_run_for_job(job, status=status, tags=tags, remote_job_origin=origin)
    return run.run_id


def launched_into(socket: str) -> RemoteJobOrigin:
    """Where the queue, a page or the daemon launches a run: a code server."""
    server = GrpcServerCodeLocationOrigin(host="localhost", socket=socket, location_name="here")
    return RemoteJobOrigin(RemoteRepositoryOrigin(server, "__repository__"), "nothing")


def test_it_lies_in_the_project_and_is_made_of_our_settings(project: Project) -> None:
    with command_instance(project) as instance:
        assert Path(instance.root_directory) == project.dagster_home
        assert os.environ["DAGSTER_HOME"] == str(project.dagster_home)
        assert isinstance(instance.run_coordinator, RigQueue)
        assert not instance.telemetry_enabled
        limits = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits
        assert [limit["key"] for limit in limits] == [RIG_TAG, HELD_TAG]


def test_settings_that_somebody_edited_stay(project: Project) -> None:
    settings = project.dagster_home / "dagster.yaml"
    settings.parent.mkdir()
    edited = yaml.safe_load(SINGLE_MACHINE.read_text())
    edited["concurrency"]["runs"]["max_concurrent_runs"] = 3
    settings.write_text(yaml.safe_dump(edited))
    with command_instance(project) as instance:
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 3


def test_a_second_command_is_told_of_the_first(used: Project) -> None:
    refused = pytest.raises(BenchError, match=r"another `make bench`")
    with command_instance(used), refused, command_instance(used):
        raise AssertionError("both hold the instance")


def test_a_run_whose_command_was_killed_ends_as_failed(used: Project) -> None:
    with command_instance(used) as instance:
        ours = unfinished_run(instance, {COMMAND_TAG: "bench"})
        of_the_ui = unfinished_run(instance, {})
    with command_instance(used) as instance:
        assert instance.get_run_by_id(ours).status is dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(of_the_ui).status is dg.DagsterRunStatus.STARTED


def test_after_a_power_cut_runs_of_the_ui_end_as_failed_and_queued_ones_stay(
    used: Project, tmp_path: Path
) -> None:
    """Not while a `make ui` is there to look after them."""
    socket = str(tmp_path / "of-a-dead-server")
    origin, told = launched_into(socket), json.dumps({"host": "localhost", "socket": socket})
    with command_instance(used) as instance:
        runs = [
            unfinished_run(instance, {GRPC_INFO_TAG: told}, origin),
            unfinished_run(instance, {}, origin, dg.DagsterRunStatus.STARTING),
            unfinished_run(instance, {}, origin, dg.DagsterRunStatus.QUEUED),
        ]

    def states() -> list[str]:
        with dg.DagsterInstance.get() as instance:
            found = [instance.get_run_by_id(run_id) for run_id in runs]
            return [run.status.value for run in found if run]

    with ui_lock(used.dagster_home), command_instance(used):
        assert states() == ["STARTED", "STARTING", "QUEUED"]
    with command_instance(used):
        assert states() == ["FAILURE", "FAILURE", "QUEUED"]


def test_the_queue_knows_which_rig_a_run_keeps_busy(used: Project) -> None:
    rigs = {"gaming-desktop/cuda": "gaming-desktop", "gaming-desktop": "gaming-desktop", None: None}
    with command_instance(used) as instance:
        for partition, rig in rigs.items():
            tags = {"dagster/partition": partition} if partition else {}
            run = instance.get_run_by_id(unfinished_run(instance, tags))
            instance.run_coordinator.tag_with_rig(run, datetime.now(UTC))
            assert instance.get_run_by_id(run.run_id).tags.get(RIG_TAG) == rig, partition


def test_on_a_farm_a_run_goes_to_its_rig_s_queue_and_is_done_whole_again_if_it_dies() -> None:
    assert FarmQueue().tags_for("a", datetime.now(UTC)) == {
        RIG_TAG: "a",
        "dagster-celery/queue": "rig.a",
        "dagster/retry_strategy": "ALL_STEPS",
    }
