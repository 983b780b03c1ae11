"""How long a missing run takes, held against the committed runs: each by all the others."""

import pytest

from bench_pipeline.harness.planning.estimate import (
    A_GUESS,
    Estimator,
    Known,
    bytes_per_token,
    took_s,
)
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.paths import checkout
from bench_pipeline.records.run import Run
from bench_pipeline.records.workload import Conversation
from bench_pipeline.records.yaml.files import (
    read_engines,
    read_folder,
    read_run,
    read_workloads,
)
from bench_pipeline.records.yaml.model_files import read_models
from tests.checkouts import committed_runs

HERE = checkout()
MODELS, WORKLOADS = read_models(HERE.models), read_workloads(HERE.workloads).values()
SCRIPTS = read_folder(Conversation, HERE.conversations).values()
SENTINEL = read_engines(HERE.engines).sentinel
FILES = [path for path in committed_runs() if path.name.startswith("2")]
FACTOR = 2
"""What an estimate is good for."""


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [run for run in map(read_run, FILES) if run.provenance == "measured"]


def by(runs: list[Run]) -> Estimator:
    return Estimator(runs, MODELS, WORKLOADS, SENTINEL, SCRIPTS)


def item_of(run: Run, **changes: object) -> PlanItem:
    beside = tuple(b for b in run.session.builds if b != run.engine.build) if run.session else ()
    asked = {
        "rig": run.rig,
        "backend": run.backend,
        "build": run.engine.asked_as,
        "model": run.model.slug,
        "model_sha256": run.model.sha256,
        "profile": run.profile,
        "concurrencies": Known(run).shape.concurrencies,
        "beside": beside,
        "parts": tuple(run.parts or ("usual",)),
    }
    return PlanItem(**(asked | changes))  # type: ignore[arg-type]


def test_each_committed_run_is_known_by_the_others_to_a_factor_of_two(runs: list[Run]):
    assert len(runs) > 10
    for run in runs:
        session = run.session and run.session.session_id
        others = [
            other
            for other in runs
            if other is not run
            and (not session or not other.session or other.session.session_id != session)
        ]
        item = item_of(run)
        found = by(others).of(item, Known(run).shape if "usual" in item.parts else None)
        ratio = found.seconds / took_s(run)
        assert 1 / FACTOR < ratio < FACTOR, f"{run.run_id}: {ratio:.2f}, {found.basis}"


def test_it_says_of_what_it_is_made_or_that_it_is_a_guess(runs: list[Run]):
    run = next(run for run in runs if run.backend == "cuda")
    told = by(runs).of(item_of(run)).basis
    assert "on h100-vm/cuda" in told
    assert by([]).of(item_of(run)).basis == A_GUESS
    elsewhere = by(runs).of(item_of(run, rig="attic", backend="cuda-2x"))
    assert "on h100-vm/cuda" in elsewhere.basis, "the same backend elsewhere"
    assert by(runs).of(item_of(run, rig="attic", backend="vulkan")).basis == A_GUESS


def test_a_larger_model_takes_longer_and_a_mixture_of_experts_as_long_as_its_active_part(
    runs: list[Run],
):
    run = next(run for run in runs if run.backend == "cpu" and not run.session)
    known = by(runs)

    def seconds(slug: str, **changes: object) -> float:
        item = item_of(run, model=slug, model_sha256=MODELS[slug].sha256, **changes)
        return known.of(item).seconds

    small, middle, large = "qwen3-4b-q4_k_m", "qwen3-8b-q4_k_m", "qwen3-14b-q4_k_m"
    assert seconds(small) < seconds(middle) < seconds(large)
    experts = "qwen3-30b-a3b-q4_k_m"
    assert MODELS[experts].size_bytes > MODELS[large].size_bytes
    assert bytes_per_token(MODELS[experts]) == pytest.approx(MODELS[experts].size_bytes / 10)
    assert seconds(experts) < seconds(large)
    assert seconds(small, profile="quick") < seconds(small, profile="full")


def test_some_workloads_and_other_engines_take_no_curve(runs: list[Run]):
    run = next(run for run in runs if run.curves and not run.session)
    known, every = by(runs), tuple(workload.slug for workload in WORKLOADS)

    def seconds(**changes: object) -> float:
        return known.of(item_of(run, profile="full", **changes)).seconds

    assert seconds(workloads=every) < seconds()
    assert seconds(build="dasllama-0.6.6") == seconds(workloads=every)


def test_an_engine_is_known_by_its_own_runs_first(runs: list[Run]):
    run = next(run for run in runs if run.curves and not run.session)
    other = run.model_copy(
        update={
            "run_id": "0123456789ab",
            "engine": run.engine.model_copy(update={"name": "dasllama", "build": "0.6.6"}),
            "model": run.model.model_copy(update={"sha256": "ab" * 32, "size_bytes": 10**9}),
        }
    )
    known = by([other, *runs])
    assert other.run_id in known.of(item_of(run, build="dasllama-0.7.0")).basis
    assert other.run_id not in known.of(item_of(run)).basis


def test_a_quick_run_does_not_say_that_three_waves_are_enough_in_full(runs: list[Run]):
    quick = next(run for run in runs if run.profile == "quick" and not run.session)
    known = by([quick])
    asked = {"workloads": ("chat",), "concurrencies": (1,)}
    times = [
        known.of(item_of(quick, profile=profile, **asked)).seconds for profile in ("quick", "full")
    ]
    assert times[1] > 3 * times[0]


def test_a_session_ends_by_its_budget(runs: list[Run]):
    run = next(run for run in runs if run.session)
    assert SENTINEL is not None
    assert by([]).of(item_of(run)).seconds < 2 * SENTINEL.budget_s
