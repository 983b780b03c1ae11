"""A real engine of another family, from a rig file to a run file."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.llama_cpp.asking import local_client
from bench_pipeline.errors import EngineError
from bench_pipeline.fetching.wheels import sha256_of
from bench_pipeline.harness.planning.plan import PlanItem, satisfied
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import make_runs
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.paths import Project
from bench_pipeline.plausibility.judging import doubts_of_cell, doubts_of_run
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.model import ModelFile, ModelPart
from bench_pipeline.records.rig import EngineSetup, Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run
from tests.checkouts import with_model
from tests.engines.llama_cpp.requantizing import as_q8_0
from tests.engines.others.installing import DASLLAMA, environment, served
from tests.engines.others.setups import on_its_cpu
from tests.harness.conftest import SHORT_WORKLOADS, with_short_workloads
from tests.once import once

BUILD = "dasllama-0.6.6"
CONCURRENCIES = (1, 4)


def with_dasllama(rig: Rig) -> Rig:
    """It knows no Q4_1, and by default writes a second copy of the model beside it."""
    binary = str(environment(DASLLAMA) / "dasllama-server")
    command = [binary, "--model", "{model}", "--port", "{port}"]
    command += ["--gpu", "off", "--streams", "{slots}", "--ctx", "{context}", "--flat"]
    engine = EngineSetup(
        family="dasllama",
        version="0.6.6",
        command=[*command, "--threads", "1"],
        env={"DASLLAMA_IMAGE_SAVE": "0"},
    )
    return on_its_cpu(rig, engine)


@pytest.fixture(scope="module")
def model(small_model, tmp_path_factory) -> ModelFile:
    name = "q8_0.gguf"
    path = once(tmp_path_factory, "q8_0", lambda to: as_q8_0(small_model[1], to / name)) / name
    about = {"slug": "smollm2-135m-cut-q8_0", "quant": "Q8_0", "file_name": name}
    sums = {"sha256": sha256_of(path), "size_bytes": path.stat().st_size}
    here = {"parts": [ModelPart(source=f"file:{path}")]}
    return small_model[0].model_copy(update=about | sums | here)


@pytest.fixture(scope="module")
def item(model: ModelFile, test_rig: Rig) -> PlanItem:
    asked = PlanItem(test_rig.slug, "cpu", BUILD, model.slug, model.sha256)
    return replace(asked, concurrencies=CONCURRENCIES)


@pytest.fixture(scope="module")
def made(model: ModelFile, item: PlanItem, test_rig: Rig, tmp_path_factory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("other")
    project = with_short_workloads(folder / "checkout")
    with_model(project, model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROFILES, "quick", replace(PROFILES["quick"], min_waves=2, max_waves=2))
        (run_and_file,) = make_runs(
            item, project=project, rig=with_dasllama(test_rig), cache=folder / "cache"
        )
    return run_and_file


def test_its_run_file_says_which_engine_it_was_and_what_it_cannot_tell(
    made: tuple[Run, Path], item: PlanItem
) -> None:
    run, path = made
    assert read_run(path) == run
    assert run.status == "ok"
    assert (run.engine.name, run.engine.build, run.engine.channel) == (
        "dasllama",
        "0.6.6",
        "command",
    )
    assert run.engine.untold == ["fixed_length", "gaps"]
    assert run.engine.env["DASLLAMA_IMAGE_SAVE"] == "0"
    assert run.curves == [] and run.bare_engine is None
    assert any("nothing here proves it" in sentence for sentence in run.unknown)
    # cells that a busy machine starved are asked for again, whatever the engine is called
    quiet = [cell.model_copy(update={"failure": None}) for cell in run.cells]
    whole = run.model_copy(update={"cells": quiet})
    assert satisfied(item, [whole])
    assert not satisfied(replace(item, build="0.6.6"), [whole])


def test_what_we_started_names_no_folder_and_has_as_many_slots_as_streams(
    made: tuple[Run, Path],
) -> None:
    run, path = made
    first, second, *closing = run.servers
    assert first.argv[0] == "dasllama-server" and "q8_0.gguf" in first.argv
    assert [s.slots for s in run.servers] == [1, 4, 1][: len(run.servers)]
    assert all((s.context_tokens_per_slot or 0) >= 48 + 24 for s in run.servers)
    slots = [s.argv[s.argv.index("--streams") + 1] for s in (first, second, *closing)]
    assert slots == ["1", "4", "1"][: len(slots)]
    assert str(Path.home()) not in path.read_text() and "/tmp" not in path.read_text()


def test_its_cells_have_two_clocks_and_no_figure_contradicts_another(
    made: tuple[Run, Path],
) -> None:
    run, _ = made
    assert [(c.workload, c.concurrency) for c in run.cells] == [
        (workload, streams) for streams in CONCURRENCIES for workload in SHORT_WORKLOADS
    ]
    assert doubts_of_run(run) == []
    for cell in run.cells:
        if cell.failure and cell.failure.kind == "unclocked":
            continue  # so starved that a whole reply came at once
        assert cell.failure is None
        assert doubts_of_cell(run, cell) == []
        figures = figures_of(cell)
        assert figures.clocks == 2
        assert figures.decode_tok_s and figures.prefill_tok_s and figures.throughput_tok_s
        assert {r.cached_tokens for r in cell.requests} == {0}
        assert all(r.server_itl_p99_ms is None for r in cell.requests)


def test_one_that_was_running_is_measured_and_its_run_says_so(
    model: ModelFile, item: PlanItem, test_rig: Rig, short_project: Project, tmp_path: Path
) -> None:
    (setup,) = with_dasllama(test_rig).backends["cpu"].engines
    path = model.parts[0].source.removeprefix("file:")
    given = {"model": path, "slots": "1", "context": "512", "port": "{port}"}
    command = [
        given[word[1:-1]] if word[1:-1] in given and word[0] == "{" else word
        for word in setup.command
    ]
    with_model(short_project, model)
    (short_project.workloads / "rag.yaml").unlink()
    with served(command, tmp_path / "log", setup.env) as base_url:
        with local_client(base_url) as client:  # it answers 404 to another name
            (called,) = client.get("/v1/models").json()["data"]
        found = {"base_url": base_url, "models": {model.slug: called["id"]}}
        engine = EngineSetup(family="dasllama", version="0.6.6", **found)
        ((run, file),) = make_runs(
            replace(item, concurrencies=(1,)),
            project=short_project,
            rig=on_its_cpu(test_rig, engine),
            cache=tmp_path / "cache",
        )
    assert run.status == "ok", run.failure
    assert read_run(file) == run
    assert (run.engine.channel, run.engine.binary_sha256) == ("found", None)
    assert any("running already" in sentence for sentence in run.unknown)
    assert run.servers[0].argv[0] == "found" and run.servers[0].slots == 1
    assert not list((tmp_path / "cache" / "models").rglob("*.gguf"))  # it has its own
    assert doubts_of_run(run) == []
    other = replace(item, model="unheard-of")
    with_model(short_project, model.model_copy(update={"slug": "unheard-of"}))
    with pytest.raises(EngineError, match="does not say what it calls unheard-of"):
        make_runs(
            other,
            project=short_project,
            rig=on_its_cpu(test_rig, engine),
            cache=tmp_path / "cache",
        )


def test_it_runs_only_where_it_is_asked_for(test_rig: Rig) -> None:
    rig, host = with_dasllama(test_rig), this_host()
    assert choose(EngineCatalogue(), rig, "cpu", BUILD, host).channel == "command"
    with pytest.raises(EngineError, match="no engine for backend"):
        choose(EngineCatalogue(), rig, "cpu", None, host)
    with pytest.raises(EngineError, match="unknown build") as unknown:
        choose(EngineCatalogue(), rig, "cpu", "dasllama-0.7", host)
    assert BUILD in unknown.value.mend


def test_what_only_a_llama_server_proves_is_refused(
    model: ModelFile, item: PlanItem, test_rig: Rig, short_project: Project, tmp_path: Path
) -> None:
    with_model(short_project, model.model_copy(update={"reasons": True}))
    with pytest.raises(EngineError, match="only with builds of llama"):
        make_runs(
            replace(item, mode="reasoning-off"),
            project=short_project,
            rig=with_dasllama(test_rig),
            cache=tmp_path,
        )
