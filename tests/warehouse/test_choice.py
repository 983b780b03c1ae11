"""Which measurement of a cell is shown, and which never."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.records.run import HostLoad, Run
from bench_pipeline.records.yaml.files import read_record
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import SMOLLM2, failed_cell, measured_run
from tests.warehouse.given import Here, given

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BUSY = HostLoad(cpu_busy_fraction=0.6, waited_s=60, quiet=False)
SHOWN = "select run_id from workload_speeds order by all"

HALF_OFFLOADED = Path(__file__).parent / "fixtures" / "h100-half-offloaded.yaml"


@given
def test_full_is_shown_before_a_newer_quick(here: Here):
    full = here.small(profile="full", started_at=NOON)
    quick = here.small(profile="quick", started_at=NOON + timedelta(hours=1))
    here.put(full)
    here.put(quick)
    yield
    assert here.rows(SHOWN) == [(full.run_id,)]
    assert here.rows("select profile, run_ids from speed_ranges") == [("full", [full.run_id])]


@given
def test_full_has_as_many_repetitions_as_its_profile_makes_at_least(here: Here):
    """A session that ended in its second turn has four starts: provisional, as no full run is."""
    least = PROFILES["full"].min_waves
    here.put(here.small(started_at=NOON, repetitions=least, build="b10092"))
    for run in here.session(
        {"b10092": 1.0, "b10434": 1.0}, turns=2, ended="budget", started_at=NOON + timedelta(days=1)
    ):
        here.put(run)
    yield
    assert least == 5
    assert here.rows("select build, n, provisional from workload_speeds order by build") == [
        ("b10092", 5, False),
        ("b10434", 4, True),
    ]


@given
def test_quick_is_shown_until_there_is_a_full(here: Here):
    quick = here.small(profile="quick")
    here.put(quick)
    yield
    assert here.rows("select profile, run_ids from speed_ranges") == [("quick", [quick.run_id])]


@given
def test_the_newest_of_a_profile_is_shown(here: Here):
    newest = {}
    for profile, rig in (("full", "a-rig"), ("quick", "b-rig")):
        runs = [
            here.small(
                **{"profile": profile, "rig": rig, "decode_tok_s": 100 + day},
                started_at=NOON + timedelta(days=day),
            )
            for day in (2, 0, 1)
        ]
        for run in runs:
            here.put(run)
        newest[profile] = runs[0].run_id
    yield
    assert dict(here.rows("select profile, run_id from workload_speeds")) == newest
    assert here.rows("select count(*) from workload_speeds") == [(2,)]


@given
def test_each_workload_is_chosen_by_itself_and_a_quick_part_is_said(here: Here):
    full = here.small(workloads=["chat"], profile="full", decode_tok_s=100.0)
    quick = here.small(workloads=["chat", "rag"], profile="quick", decode_tok_s=200.0)
    here.put(full)
    here.put(quick)
    yield
    assert here.rows("select workload, run_id, profile from workload_speeds order by workload") == [
        ("chat", full.run_id, "full"),
        ("rag", quick.run_id, "quick"),
    ]
    assert here.rows("select n_workloads, profile, run_ids from speed_ranges") == [
        (2, "quick", sorted([full.run_id, quick.run_id]))
    ]


@given
def test_a_failed_newer_cell_hides_no_older_good_one(here: Here):
    good = here.small(started_at=NOON)
    here.put(good)
    here.put(here.small(started_at=NOON + timedelta(days=1), cells=[failed_cell("chat", 1)]))
    yield
    assert here.rows(SHOWN) == [(good.run_id,)]


@given
def test_half_a_model_behind_a_large_kv_cache_on_a_real_gpu_reaches_no_range(here: Here):
    """SmolLM2 on an H100 with 15 of 31 layers offloaded, as the harness wrote it.

    434 tok/s instead of 750 would look like a figure, and 1,344 MiB of KV cache on the card hide
    that half of a 94 MiB file is missing there.
    """
    run = read_record(Run, HALF_OFFLOADED).model_copy(update={"rig": here.rig})
    used = next(device for device in run.servers[0].memory.devices if device.device == "CUDA0")
    assert used.used_loaded_mib - used.used_before_mib > run.model.size_bytes / 2**20
    here.put(run)
    yield
    assert here.rows("select distinct memory_verdict, memory_reason from servers") == [
        ("spilled", "only 15 of 31 layers on CUDA0")
    ]
    assert here.rows("select count(*) from measurements where decode_tok_s > 0") == [(4,)]
    assert here.rows("select * from speed_ranges") == []
    assert here.rows("select * from workload_speeds") == []


@given
def test_a_spilled_run_reaches_no_range(here: Here):
    here.put(here.small(memory_verdict="spilled"))
    yield
    assert here.rows("select memory_verdict, decode_tok_s > 0 from measurements") == [
        ("spilled", True)
    ]
    assert (
        here.rows("select * from speed_ranges") == here.rows("select * from workload_speeds") == []
    )


@given
def test_an_unverified_run_does_reach_its_range(here: Here):
    here.put(here.small(memory_verdict="unverified"))
    yield
    assert here.rows("select count(*) from speed_ranges") == [(1,)]


@pytest.mark.parametrize(
    ("wrong", "column"),
    [({"clock_ratio": 1.03}, "clocks_agree"), ({"arrival_ratio": 2.0}, "delivered_on_time")],
)
@given
def test_a_cell_whose_clocks_disagree_or_whose_tokens_came_late_reaches_no_range(
    here: Here, wrong: dict[str, float], column: str
):
    here.put(here.small(cells=[here.cell("chat", **wrong), here.cell("rag")]))
    yield
    assert here.rows(f"select workload, {column} from measurements order by workload") == [
        ("chat", False),
        ("rag", True),
    ]
    assert here.rows("select workload from workload_speeds") == [("rag",)]
    assert here.rows("select n_workloads from speed_ranges") == [(1,)]


@given
def test_a_run_on_a_busy_host_is_provisional_and_gives_way_to_an_older_quiet_one(here: Here):
    alone = here.small(host_load=BUSY, rig="alone")
    busy = here.small(host_load=BUSY, rig="both")
    quiet = here.small(started_at=busy.started_at - timedelta(days=1), rig="both")
    here.put(alone, busy, quiet)
    yield
    shown = "select provisional, flags, profile, run_ids from speed_ranges order by rig"
    assert here.rows(shown) == [
        (True, ["busy-host"], "full", [alone.run_id]),
        (False, [], "full", [quiet.run_id]),
    ]


@given
def test_on_a_host_where_nobody_looked_nothing_is_provisional(here: Here):
    here.put(here.small(host_load=None))
    yield
    assert here.rows("select provisional, flags from speed_ranges") == [(False, [])]


@given
def test_a_disturbed_cell_gives_way_to_an_older_undisturbed_one(here: Here):
    reasons = ["power-cap", "thermal"]
    alone, throttled = (
        here.small(
            **{"rig": rig, "backend": "cuda", "started_at": NOON},
            cells=[here.cell("chat", decode_tok_s=99, device="CUDA0", throttle_reasons=reasons)],
        )
        for rig in ("alone", "both")
    )
    calm = here.small(backend="cuda", started_at=NOON - timedelta(days=1), rig="both")
    here.put(alone, throttled, calm)
    yield
    shown = "select run_ids, flags, provisional from speed_ranges order by rig"
    assert here.rows(shown) == [
        ([alone.run_id], ["throttled"], False),
        ([calm.run_id], [], False),
    ]


@given
def test_a_flag_of_one_workload_is_a_flag_of_its_range(here: Here):
    others = here.cell("chat", others_cpu_fraction=0.4)
    here.put(here.small(cells=[others, here.cell("rag")]))
    yield
    assert here.rows("select flags from speed_ranges") == [(["others-cpu"],)]
    assert here.rows("select workload, flags from workload_speeds order by workload") == [
        ("chat", ["others-cpu"]),
        ("rag", []),
    ]


@given
def test_the_good_cells_of_a_failed_run_are_shown(here: Here):
    here.put(
        here.small(
            status="failed",
            failure={"kind": "crash", "message": "the server died"},
            cells=[here.cell("chat"), failed_cell("rag", 1)],
        )
    )
    yield
    assert here.rows("select workload from workload_speeds") == [("chat",)]


OTHER_KEYS = (
    {"rig": "another-rig"},
    {"backend": "vulkan"},
    {"build": "b10092"},
    {"mode": "reasoning-off"},
    {"mode": "draft-smollm2-other"},
    {"power_cap_w": 300.0},
    {"model": SMOLLM2.model_copy(update={"slug": "smollm2-other", "quant": "Q8_0"})},
    {"concurrencies": [4]},
)


@given
def test_what_differs_in_its_key_is_a_row_of_its_own(here: Here):
    """Each differs from the first in one part, and from all others in two."""
    keys = {}
    for seed, other in enumerate(({}, *OTHER_KEYS), start=1):
        here.put(run := here.small(seed=seed, **other))
        keys[run.run_id] = str(other.get("mode") or next(iter(other), "the first"))
    assert len(keys) == 1 + len(OTHER_KEYS)
    yield
    found = here.rows("select run_ids from speed_ranges")
    assert sorted([keys[run_id] for run_id in run_ids] for (run_ids,) in found) == sorted(
        [key] for key in keys.values()
    )


@given
def test_a_range_spans_the_workloads_at_one_concurrency(here: Here):
    here.put(here.run(decode_tok_s=115.0))
    yield
    for concurrency in (1, 4):
        [span] = here.rows(
            "select decode_tok_s_min, decode_tok_s_max, n_workloads from speed_ranges"
            f" where concurrency = {concurrency}"
        )
        [cells] = here.rows(
            "select min(decode_tok_s), max(decode_tok_s), 4 from measurements"
            f" where concurrency = {concurrency}"
        )
        assert span == cells


def test_a_published_and_a_measured_figure_stay_apart(published_project, put, rows):
    put(measured_run(rig="gaming-desktop", backend="vulkan", build="b9174"))
    refresh(published_project)
    assert rows(
        "select provenance, count(*) from speed_ranges group by provenance order by provenance"
    ) == [("measured", 2), ("published", 10)]
