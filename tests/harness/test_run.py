"""A whole run with the real server and a real model: what lands in the run file."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench_pipeline.harness.client.prompts import PromptFitter
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import measure_run
from bench_pipeline.inventory.identity import machine_id
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run
from tests.checkouts import with_model
from tests.conftest import LAYERS
from tests.engines.conftest import is_gone
from tests.harness.conftest import SHORT_WORKLOADS, with_short_workloads
from tests.waiting import PATIENCE_S, requests_begun, wait_until

CURVE_DEPTHS = (48, 64)
CONCURRENCIES = (1, 2)
Make = Callable[..., tuple[Run, Path]]


@pytest.fixture
def make(short_project, item, engine, small_model, test_rig) -> Make:
    """Makes a run; keyword arguments replace the real pieces."""
    model, model_path = small_model
    pieces = {
        "project": short_project,
        "rig": test_rig,
        "engine": engine,
        "model": model,
        "model_path": model_path,
    }
    return lambda **changes: measure_run(item, **(pieces | changes))


@pytest.fixture(scope="module")
def made(tmp_path_factory, item, engine, small_model, test_rig) -> tuple[Run, Path]:
    """A quick run of the real pieces, to be read and not changed. Its curves and streams
    end early: long prompts and more streams are the same to the harness."""
    model, model_path = small_model
    project = with_short_workloads(tmp_path_factory.mktemp("quick") / "checkout")
    with pytest.MonkeyPatch.context() as patch:
        rules = replace(PROFILES["quick"], curve_depths=CURVE_DEPTHS, curve_output_tokens=8)
        patch.setitem(PROFILES, "quick", rules)
        item = replace(item, concurrencies=CONCURRENCIES)
        return measure_run(
            item, project=project, rig=test_rig, engine=engine, model=model, model_path=model_path
        )


def servers_below(pid: int) -> list[psutil.Process]:
    """Engine processes started by process `pid`, however deep."""
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if child.name() == "llama-server"]


def test_every_cell_of_a_quick_run_holds_its_raw_requests(made):
    run, path = made
    assert run.status == "ok", run.failure
    assert read_run(path) == run
    assert [(c.workload, c.concurrency) for c in run.cells] == [
        (workload, concurrency) for concurrency in CONCURRENCIES for workload in SHORT_WORKLOADS
    ]
    for cell in run.cells:
        shape = SHORT_WORKLOADS[cell.workload]
        assert len(cell.waves) == 3, cell.stop_reason
        assert len(cell.requests) == 3 * cell.concurrency
        assert len(cell.warmups) == cell.concurrency
        for request in cell.requests + cell.warmups:
            assert request.prompt_tokens == shape["prompt_tokens"]
            assert request.output_tokens == shape["output_tokens"] == request.received_tokens
            assert request.cached_tokens == 0
            assert request.finish_reason == "length"
            assert 0 < request.server_prompt_ms < request.ttft_ms
            # each is rounded to a microsecond
            assert request.ttft_ms + request.decode_ms <= request.end_to_end_ms + 0.002
        figures = figures_of(cell)
        assert figures.n == 3
        # a busy test machine may read so short a reply at once, and then it has no rate
        if rate := figures.decode_tok_s:
            if rate.n == 3:
                assert rate.lo <= rate.median <= rate.hi
            # the pipeline's own bound is 1 %; a busy test machine makes more of a few tokens
            assert rate.median == pytest.approx(figures.server_decode_tok_s.median, rel=0.5)
        # nor do streams that it served one after the other have a time in common
        if whole := figures.aggregate_tok_s:
            assert whole.median > 0
        else:
            assert cell.concurrency > 1 or any(request.decode_ms == 0 for request in cell.requests)


def test_a_run_proves_what_ran(made, engine, small_model):
    run, path = made
    model, _ = small_model
    assert run.engine.build == engine.build
    assert run.engine.binary_sha256 == engine.binary_sha256
    assert run.engine.commit in run.engine.version_line
    assert [s.slots for s in run.servers] == [
        *CONCURRENCIES,
        1,
        1,
    ]  # then the curves and the closing cell
    assert [cell.server for cell in run.cells] == [0, 0, 1, 1]
    assert [(p.depth_tokens, p.status, p.server, len(p.cold)) for p in run.curves] == [
        (depth, "ok", 2, 3) for depth in CURVE_DEPTHS
    ]
    assert run.closing.server == 3
    assert "CPU" in run.engine.system_info
    assert any("model buffer size" in line for line in run.servers[0].log_proof)
    assert run.model.sha256 == model.sha256
    assert (run.model.layers, run.model.parameters) == (LAYERS, 35_392_320)
    assert sum(held.weights for held in run.model.tensors) == run.model.parameters
    assert {"Q4_1", "F32"} <= {held.type for held in run.model.tensors}
    assert 0 < model.size_bytes - sum(held.size_bytes for held in run.model.tensors) < 4e6
    for number, server in enumerate(run.servers):
        assert server.memory.verdict == "fits", server.memory.reason
        (host,) = server.memory.devices
        assert host.ours_peak_mib > model.size_bytes / 2**20 - 2  # the weights alone
        assert path.with_name(f"{path.stem}-{number}.server.log").stat().st_size > 1000


def test_a_run_file_holds_no_path_of_the_machine(made, tmp_path_factory):
    run, path = made
    text = path.read_text()
    base = str(tmp_path_factory.getbasetemp())
    for private in (base, str(Path.home()), run.harness.python and "/tmp/"):
        assert private not in text


def test_a_model_that_the_engine_refuses_is_a_failed_run_with_the_engines_words(
    make, tmp_path, small_model
):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(small_model[1].read_bytes()[:200_000])
    run, path = make(model_path=broken)
    assert (run.status, run.failure.kind) == ("failed", "load")
    assert run.failure.log_tail
    assert run.cells == []
    assert read_run(path).failure == run.failure


def test_a_server_that_dies_during_a_request_is_a_crash_and_what_was_measured_is_kept(
    make, short_project
):
    """Killed in the second cell, whose warm-up is the fifth request, in the middle of an answer
    far longer than a look at the log takes."""
    rag = short_project.workloads / "rag.yaml"
    rag.write_text(rag.read_text().replace("tokens: 12", "tokens: 1500"))

    def kill_in_the_second_cell():
        wait_until(lambda: requests_begun(short_project.runs) >= 5, "the second cell")
        (server,) = servers_below(os.getpid())
        server.kill()

    killer = threading.Thread(target=kill_in_the_second_cell)
    killer.start()
    run, path = make()
    killer.join()
    assert (run.status, run.failure.kind) == ("failed", "crash"), run.failure
    assert "died during a request" in run.failure.message
    assert [cell.status for cell in run.cells] == ["ok", "failed"]
    assert len(run.cells[0].requests) == 3
    assert read_run(path) == run
    assert not servers_below(os.getpid())


def test_a_server_that_dies_before_the_first_cell_is_a_crash_too(make, monkeypatch):
    class KillsFirst(PromptFitter):
        def fit(self, workload):
            for server in servers_below(os.getpid()):
                server.kill()
                server.wait()
            return super().fit(workload)

    monkeypatch.setattr("bench_pipeline.harness.measurement.PromptFitter", KillsFirst)
    run, path = make()
    assert (run.status, run.failure.kind) == ("failed", "crash")
    assert "before the first cell" in run.failure.message
    assert run.cells == []
    assert read_run(path) == run


CHILD = """
import sys
from pathlib import Path
from bench_pipeline.harness.__main__ import main
from bench_pipeline.harness import __main__ as entry
from bench_pipeline.paths import Project
root = Path(sys.argv.pop(1))
entry.checkout = lambda: Project(root)
sys.exit(main())
"""


@pytest.fixture
def benchmark(request, short_project, test_rig, small_model):
    """The rig's command in a process of its own, in the middle of a request, with broken files of
    somebody else's beside its own."""
    rig_file = short_project.rigs / f"{test_rig.slug}.yaml"
    with_model(short_project, small_model[0])
    this_machine = f'machine_id: "{machine_id()}"'
    text = f"title: {test_rig.title}\n{this_machine}\nbackends:\n  cpu: {{threads: 1}}\n"
    rig_file.write_text(text)
    for workload in short_project.workloads.glob("*.yaml"):
        shape, _ = workload.read_text().split("quick_output_tokens")
        workload.write_text(f"{shape}quick_output_tokens: 1500\n")  # long enough to interrupt
    for folder in (short_project.rigs, short_project.models, short_project.workloads):
        (folder / "of-somebody-else.yaml").write_text("titel: x\n")
    arguments = ["--rig", test_rig.slug, "--backend", "cpu", "--model", small_model[0].slug]
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(short_project.root), *arguments, "--profile", "quick"],
        stderr=subprocess.PIPE,
        text=True,
    )
    request.addfinalizer(process.stderr.close)
    request.addfinalizer(process.wait)
    request.addfinalizer(process.kill)
    wait_until(
        lambda: requests_begun(short_project.runs) or process.poll() is not None, "a request"
    )
    assert process.poll() is None, process.stderr.read()
    (server,) = servers_below(process.pid)
    return process, server, short_project


def written(project: Project) -> dict[str, str]:
    """Every file that is or might become a run file, hidden ones included."""
    return {
        path.name: path.read_text().split("started_at")[0] for path in project.runs.rglob("*.yaml*")
    }


def test_kill_9_leaves_no_server_and_no_partial_file(benchmark):
    process, server, project = benchmark
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: is_gone(server.pid), "the server's end")
    assert not written(project)


def test_ctrl_c_stops_the_server_and_writes_nothing(benchmark):
    process, server, project = benchmark
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130, process.stderr.read()
    said = process.stderr.read()
    assert "nothing was written" in said
    assert re.search(r"A workload is left out. .*of-somebody-else.yaml.*\n.*mend:", said)
    wait_until(lambda: is_gone(server.pid), "the server's end")
    assert not written(project)
