"""What a run file says of its servers, its knee, its drift and its host, as columns."""

import pytest

from bench_pipeline.records.run import HostLoad, Ladder
from bench_pipeline.records.server import Bandwidth
from bench_pipeline.warehouse.rows.whole_run import rows_of
from tests.factories import SMOLLM2, measured_cell, measured_run, slowed, started_server
from tests.warehouse.given import Here, given


def a_run(**fields):
    return measured_run(**{"workloads": ["chat"], "concurrencies": [1], **fields})


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["fits", "fits"], "fits"),
        (["fits", "unverified"], "unverified"),
        (["unverified", "spilled", "fits"], "spilled"),
        ([], None),
    ],
)
def test_a_runs_verdict_on_memory_is_its_worst_servers(verdicts, worst):
    servers = [started_server(1, SMOLLM2, None, verdict) for verdict in verdicts]
    [row] = rows_of(a_run(cells=[], servers=servers), "x")["runs"]
    assert row["memory_verdict"] == worst


def test_a_cell_carries_the_verdict_of_the_server_that_answered_it():
    servers = [started_server(c, SMOLLM2, None, v) for c, v in ((1, "fits"), (4, "spilled"))]
    run = a_run(concurrencies=[1, 4], servers=servers)
    found = {row["concurrency"]: row["memory_verdict"] for row in rows_of(run, "x")["measurements"]}
    assert found == {1: "fits", 4: "spilled"}


@given
def test_a_server_that_never_came_up_is_a_row_with_its_reason(here: Here):
    failure = {"kind": "oom", "message": "73 GiB", "log_tail": ["ggml_aligned_malloc"]}
    here.put(
        here.small(
            servers=[
                started_server(1, SMOLLM2, None),
                {"argv": ["llama-server"], "failure": failure},
            ],
            ladder=Ladder(concurrencies=[1, 4], ended="failed"),
        )
    )
    yield
    assert here.rows(
        "select server, concurrencies, slots, memory_verdict, failure_kind, failure_message,"
        " failure_log_tail from servers order by server"
    ) == [
        (0, [1], 1, "fits", None, None, None),
        (1, [], None, None, "oom", "73 GiB", ["ggml_aligned_malloc"]),
    ]


def climb(*aggregates: float) -> list:
    """Cells at 1, 4, 8, ... streams whose streams together make so many tokens per second."""
    return [
        measured_cell("chat", streams, decode_tok_s=aggregate / streams, repetitions=9)
        for streams, aggregate in zip((1, 4, 8, 16), aggregates, strict=False)
    ]


def test_the_knee_and_what_the_step_after_it_gained():
    [row] = rows_of(a_run(cells=climb(100, 300, 500, 510)), "x")["runs"]
    assert (row["knee"], row["after_knee"]) == (8, 16)
    assert row["after_knee_gain"] == pytest.approx(0.02, abs=0.015)


def test_no_knee_is_claimed_where_the_aggregate_still_grows():
    [row] = rows_of(a_run(cells=climb(100, 300, 500)), "x")["runs"]
    assert (row["knee"], row["after_knee"], row["after_knee_gain"]) == (None, None, None)


def cell_at(tok_s: float, seed: int = 1):
    return measured_cell("chat", 1, decode_tok_s=tok_s, repetitions=9, seed=seed)


def test_a_machine_that_slowed_down_has_drifted_and_its_cells_say_so():
    run = a_run(cells=[cell_at(115)], closing=cell_at(100, seed=2))
    [row], [cell] = rows_of(run, "x")["runs"], rows_of(run, "x")["measurements"]
    assert (row["drift_workload"], row["drift_concurrency"]) == ("chat", 1)
    assert row["drift_lo"] <= row["drift_ratio"] <= row["drift_hi"] < 0.98
    assert row["drifted"] is True
    assert cell["run_drift"] == row["drift_ratio"]
    assert cell["flags"] == ["drifted"]


def test_a_steady_machine_has_not_drifted():
    run = a_run(cells=[cell_at(115)], closing=cell_at(115, seed=2))
    [row], [cell] = rows_of(run, "x")["runs"], rows_of(run, "x")["measurements"]
    assert row["drifted"] is False
    assert row["drift_ratio"] == pytest.approx(1, abs=0.02)
    assert cell["flags"] == []


def test_a_cell_that_slowed_down_while_measured_says_so():
    fast, slow = cell_at(115), cell_at(90, seed=2)
    shifted = [r.model_copy(update={"wave": r.wave + 9}) for r in slow.requests]
    cell = fast.model_copy(update={"requests": fast.requests + shifted})
    [row] = rows_of(a_run(cells=[cell]), "x")["measurements"]
    assert row["cell_drift"] == pytest.approx(90 / 115, abs=0.03)
    assert "drifted-within" in row["flags"]


@pytest.mark.parametrize(
    ("cell", "run", "flags"),
    [
        ({}, {}, []),
        ({"others_cpu_fraction": 0.02}, {}, []),
        ({"others_cpu_fraction": 0.4}, {}, ["others-cpu"]),
        ({"others_cpu_fraction": None}, {}, []),
        # a card at its cap does what the cap is for
        ({"device": "CUDA0", "throttle_reasons": ["power-cap"]}, {}, []),
        ({"device": "CUDA0", "throttle_reasons": ["power-brake"]}, {}, ["throttled"]),
        ({"device": "CUDA0", "throttle_reasons": ["power-cap", "thermal"]}, {}, ["throttled"]),
        ({}, {"host_load": HostLoad(cpu_busy_fraction=0.6, quiet=False)}, ["busy-host"]),
        ({}, {"memory_verdict": "unverified"}, ["unverified"]),
    ],
)
def test_what_disturbed_a_cell_is_flagged(cell, run, flags):
    made = a_run(cells=[measured_cell("chat", 1, decode_tok_s=115.0, **cell)], **run)
    [row] = rows_of(made, "x")["measurements"]
    assert row["flags"] == flags


def test_outliers_are_counted_and_kept():
    cell = measured_cell("chat", 1, decode_tok_s=115.0, repetitions=12)
    slow = slowed(cell.requests[0], 5)
    odd = cell.model_copy(update={"requests": [slow, *cell.requests[1:]]})
    [row] = rows_of(a_run(cells=[odd]), "x")["measurements"]
    assert (row["outliers"], row["n"]) == (1, 12)


@given
def test_a_drafting_and_reasoning_run_counts_both_kinds_of_tokens(here: Here):
    cell = here.cell("chat", decode_tok_s=130.0, draft_acceptance=0.7, reasoning_tokens=20)
    here.put(
        here.small(
            mode="draft-small", draft=SMOLLM2.model_copy(update={"slug": "small"}), cells=[cell]
        )
    )
    yield
    assert here.rows("select mode, draft from runs") == [("draft-small", "small")]
    assert here.rows("select reasoning_tokens, draft_acceptance from measurements") == [(20, 0.7)]


def test_a_decode_rate_has_its_share_of_the_ceiling():
    """115 tok/s of at most 20e9 / (98,362,432 + 180 MiB / 2048 tokens of context x (30 + 50))."""
    bandwidth = Bandwidth(device="host", bytes_per_s=20e9, source="measured", how="a loop")
    run = a_run(
        model=SMOLLM2.model_copy(update={"experts": 0}), bandwidth=[bandwidth], decode_tok_s=115.0
    )
    [row] = rows_of(run, "x")["measurements"]
    per_token = 98362432 + 180 * 2**20 / 2048 * 80
    assert row["ceiling_share"] == pytest.approx(row["decode_tok_s"] * per_token / 20e9)
    assert rows_of(a_run(), "x")["measurements"][0]["ceiling_share"] is None


@pytest.mark.parametrize(
    ("bytes_per_s", "host_load"),
    [
        (1e9, None),
        (200e9, HostLoad(cpu_busy_fraction=0.6, quiet=False)),
    ],
    ids=["above the ceiling", "on a host that was not quiet"],
)
def test_what_the_ceiling_does_not_bound_is_no_share_of_it(bytes_per_s, host_load):
    bandwidth = Bandwidth(device="host", bytes_per_s=bytes_per_s, source="measured", how="a loop")
    model = SMOLLM2.model_copy(update={"experts": 0})
    run = a_run(model=model, bandwidth=[bandwidth], host_load=host_load, decode_tok_s=115.0)
    [row] = rows_of(run, "x")["measurements"]
    assert row["decode_tok_s"] and row["ceiling_share"] is None
