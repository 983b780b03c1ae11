"""What `make ui` refuses at once instead of half a minute later."""

import argparse
import os
import socket
from pathlib import Path

import dagster as dg
import pytest

from bench_pipeline.cli.ui import require_free, run
from bench_pipeline.defs.committed import RUNS, report_committed
from bench_pipeline.deploy.instance import ui_lock
from bench_pipeline.errors import BenchError
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import write_run
from tests.factories import measured_run


def test_a_port_that_is_taken_is_told_with_another_one(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BenchError, match=f"port {port} cannot be used") as caught:
            run(project, argparse.Namespace(port=port))
    assert "make ui PORT=" in caught.value.mend
    require_free(port)


def test_a_second_one_on_one_checkout_is_told_of_the_first(tmp_path: Path) -> None:
    with (
        ui_lock(tmp_path),
        pytest.raises(BenchError, match=rf"another `make ui` .* \(pid {os.getpid()}\)"),
        ui_lock(tmp_path, wait_s=0),
    ):
        raise AssertionError("two of them")


def test_partitions_of_committed_runs_are_shown_as_there(project: Project) -> None:
    write_run(measured_run(), project.runs)
    write_run(measured_run(rig="a-rig-of-nobody"), project.runs)
    with dg.DagsterInstance.ephemeral() as instance:
        assert report_committed(instance, project) == ["shared-vm-2core/cpu"]
        assert instance.get_materialized_partitions(RUNS) == {"shared-vm-2core/cpu"}
        assert report_committed(instance, project) == []
