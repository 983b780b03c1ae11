"""transformers, really installed and started, from a rig file to a page, beside a llama-server that
was given the same weights."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import make_runs
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.paths import artefact_cache
from bench_pipeline.plausibility.judging import doubts_of_cell, doubts_of_run
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Run
from bench_pipeline.site import wording
from bench_pipeline.site.compare.configurations import catalogue
from bench_pipeline.site.compare.pairs import natural_pairs
from tests.checkouts import with_model
from tests.engines.others.installing import TRANSFORMERS, environment
from tests.engines.others.setups import on_its_cpu, transformers
from tests.engines.others.unpacking import unpacked
from tests.harness.conftest import SHORT_WORKLOADS, with_short_workloads
from tests.short_runs import late_clients_believed
from tests.site.conftest import Made, make

CONCURRENCIES = (1, 4)


@pytest.fixture(scope="module")
def rig(test_rig: Rig) -> Rig:
    """Where transformers is asked for as docs/engines.md says, to answer several at once."""
    batching = ("--continuous-batching", "--cb-num-blocks", "64", "--cb-max-batch-tokens", "512")
    return on_its_cpu(test_rig, transformers(TRANSFORMERS, *batching))


@pytest.fixture(scope="module")
def runs(rig: Rig, item: PlanItem, small_model, tmp_path_factory) -> dict[str, Run]:
    """Of each engine, by its name."""
    folder = tmp_path_factory.mktemp("together")
    python = environment(TRANSFORMERS) / "python"
    model = unpacked(*small_model, python, folder / "smollm2-135m-cut-bf16")
    project = with_short_workloads(folder / "checkout")
    with_model(project, model)
    with_model(project, small_model[0])
    (engine,) = rig.backends["cpu"].engines
    other = PlanItem(rig.slug, "cpu", engine.build, model.slug, model.sha256)
    made = dict[str, Run]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROFILES, "quick", replace(PROFILES["quick"], min_waves=2, max_waves=2))
        for each in (other, item):
            asked = replace(each, concurrencies=CONCURRENCIES)
            ((run, _),) = make_runs(asked, project=project, rig=rig, cache=artefact_cache())
            made[run.engine.name] = run
    return made


def test_transformers_is_measured_by_one_clock_at_one_stream_and_four(runs: dict[str, Run]) -> None:
    run = runs["transformers"]
    assert run.status == "ok" and doubts_of_run(run) == []
    assert [(c.workload, c.concurrency) for c in run.cells] == [
        (workload, streams) for streams in CONCURRENCIES for workload in SHORT_WORKLOADS
    ]
    for cell in run.cells:
        assert cell.failure is None, cell.failure
        assert doubts_of_cell(run, cell) == []
        figures = figures_of(cell)
        assert figures.clocks == 1
        assert figures.decode_tok_s and figures.throughput_tok_s
        assert figures.prefill_tok_s is None and figures.server_decode_tok_s is None


def test_each_start_looks_whether_it_keeps_prompts_and_it_does_not(runs: dict[str, Run]) -> None:
    probes = [server.cache_probe for server in runs["transformers"].servers]
    assert all(probe and len(probe.fresh_ms) >= 3 for probe in probes)
    # a busy machine may make most of one start's repeats look quicker
    assert any(probe and not probe.caches for probe in probes)


def test_each_stands_in_one_site_which_says_what_may_be_concluded(
    runs: dict[str, Run], tmp_path: Path
) -> None:
    with late_clients_believed():
        site: Made = make(tmp_path / "site", list(runs.values()))
    flags = {row.engine: row.flags for row in site.view.rows if row.low is not None}
    assert wording.ONE_CLOCK in flags["transformers"]
    assert wording.ONE_CLOCK not in flags["llama.cpp"]
    kinds = {kind.title: kind.shown for kind in natural_pairs(catalogue(site.tables))}
    apart = kinds["Two engines on one machine, not the same weights"]
    assert apart and all("not the same weights" in " ".join(two.conclusions) for two in apart)
    assert site.build().pages
