"""vLLM, from an empty environment to the page, and transformers where it answers in turn:
`make engines-test`.

2.1 GB of packages and a start of half a minute for each concurrency: too much for `make test`,
which reads what it once sent.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.run import make_runs
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.plausibility.judging import doubts_of_cell, doubts_of_run
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import EngineSetup, Rig
from bench_pipeline.records.run import Run
from bench_pipeline.site import wording
from bench_pipeline.site.compare.configurations import catalogue
from bench_pipeline.site.compare.pairs import natural_pairs
from tests.checkouts import with_model
from tests.engines.others.installing import SLOW, environment
from tests.engines.others.setups import on_its_cpu, transformers
from tests.engines.others.unpacking import unpacked
from tests.harness.conftest import SHORT_WORKLOADS, with_short_workloads
from tests.site.conftest import Made, make

pytestmark = [pytest.mark.slow_engines, pytest.mark.timeout(1800)]

OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
CONCURRENCIES = {"vllm": (1, 4), "transformers": (1, 2)}


def with_engines(rig: Rig) -> Rig:
    commands = environment(SLOW)
    vllm = [str(commands / "python"), "-m", "vllm.entrypoints.openai.api_server"]
    vllm += ["--model", "{model}", "--served-model-name", "m", "--port", "{port}"]
    vllm += ["--host", "127.0.0.1", "--max-num-seqs", "{slots}", "--max-model-len", "{context}"]
    vllm += ["--enforce-eager", "--no-enable-prefix-caching"]
    engine = EngineSetup(family="vllm", version="0.32.0", command=vllm, env=OFFLINE)
    return on_its_cpu(rig, engine, transformers(SLOW))


@pytest.fixture(scope="module")
def model(small_model, tmp_path_factory) -> ModelFile:
    folder = tmp_path_factory.mktemp("unpacked") / "smollm2-135m-cut-bf16"
    return unpacked(*small_model, environment(SLOW) / "python", folder)


@pytest.fixture(scope="module")
def project(model: ModelFile, small_model, tmp_path_factory) -> Project:
    project = with_short_workloads(tmp_path_factory.mktemp("slow") / "checkout")
    with_model(project, model)
    with_model(project, small_model[0])
    return project


@pytest.fixture(scope="module")
def runs(model: ModelFile, project: Project, test_rig: Rig, engine, small_model) -> dict[str, Run]:
    """Of each family, by its name; llama.cpp beside them."""
    rig, made = with_engines(test_rig), dict[str, Run]()
    asked = [
        (each.build, model, CONCURRENCIES[each.family]) for each in rig.backends["cpu"].engines
    ]
    for build, given, concurrencies in [*asked, (engine.build, small_model[0], (1, 4))]:
        item = PlanItem(rig.slug, "cpu", build, given.slug, given.sha256)
        item = replace(item, concurrencies=concurrencies)
        ((run, _),) = make_runs(item, project=project, rig=rig, cache=artefact_cache())
        made[run.engine.name] = run
    return made


def agreements(run: Run) -> list[str]:
    """Each cell's decode rate by our clock over that by the engine's, for who reads the output."""
    told = []
    for cell in run.cells:
        figures = figures_of(cell)
        if figures.decode_tok_s and figures.server_decode_tok_s:
            off = figures.decode_tok_s.median / figures.server_decode_tok_s.median - 1
            told.append(f"{cell.workload} at {cell.concurrency}: {off:+.2%}")
    return told


def test_vllm_is_measured_by_two_clocks_at_one_stream_and_four(runs: dict[str, Run]) -> None:
    run = runs["vllm"]
    print("vLLM", agreements(run), [cell.failure for cell in run.cells if cell.failure])
    assert run.status == "ok" and doubts_of_run(run) == []
    assert [(c.workload, c.concurrency) for c in run.cells] == [
        (workload, streams) for streams in (1, 4) for workload in SHORT_WORKLOADS
    ]
    assert run.engine.untold == ["cached_tokens", "own_clock"]
    for cell in run.cells:
        if cell.failure and cell.failure.kind == "unclocked":
            continue  # vLLM takes both cores: the client was starved, and says so
        assert cell.failure is None, cell.failure
        assert doubts_of_cell(run, cell) == []
        figures = figures_of(cell)
        assert figures.clocks == 2 and figures.server_decode_tok_s and figures.prefill_tok_s
        assert all(wave.server_decode_ms for wave in cell.waves)


def test_transformers_is_measured_at_one_stream_and_refused_at_two(runs: dict[str, Run]) -> None:
    run = runs["transformers"]
    assert run.status == "ok" and doubts_of_run(run) == []
    one = [cell for cell in run.cells if cell.concurrency == 1]
    for cell in one:
        assert cell.failure is None, cell.failure
        assert figures_of(cell).clocks == 1
    two = {cell.failure.kind for cell in run.cells if cell.concurrency == 2 and cell.failure}
    assert two == {"refused"}  # it answers them in turn
    assert [probe.caches for server in run.servers if (probe := server.cache_probe)][:1] == [False]


def test_all_stand_in_one_site_and_it_says_what_may_be_concluded(
    runs: dict[str, Run], tmp_path: Path
) -> None:
    site: Made = make(tmp_path / "site", list(runs.values()))
    flags = {row.engine: row.flags for row in site.view.rows if row.low is not None}
    assert wording.ONE_CLOCK in flags["transformers"]
    assert wording.ONE_CLOCK not in flags.get("vllm", ()) + flags["llama.cpp"]
    kinds = {kind.title: kind.shown for kind in natural_pairs(catalogue(site.tables))}
    apart = kinds["Two engines on one machine, not the same weights"]
    assert apart and all("not the same weights" in " ".join(two.conclusions) for two in apart)
    assert site.build().pages
