"""What each build of a series measured, and what changed with it."""

from datetime import timedelta
from typing import Any

import pytest

from bench_pipeline.records.inventory import Settings
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import measured_run
from tests.session_factories import AVX2, NOON, session_runs

DAY = timedelta(days=1)

POINTS = (
    "select build, previous_build, verdict, flagged from build_trends"
    " where metric = 'decode_tok_s' order by build_number"
)


@pytest.fixture
def sessions(put):
    """A session a day, of these builds with these speeds."""

    def make(*days: dict[str, float], **wanted) -> None:
        for day, speeds in enumerate(days):
            for run in session_runs(
                speeds, started_at=NOON + day * DAY, seed=day, **{"turns": 8, **wanted}
            ):
                put(run)

    return make


def test_builds_stand_by_their_number_each_with_the_one_before(project, put, small, sessions, rows):
    sessions({"b9999": 1.0, "b10068": 1.0}, {"b10068": 1.0, "b10434": 0.9})
    put(small(build="b11000"))
    refresh(project)
    assert rows(POINTS) == [
        ("b9999", None, None, False),
        ("b10068", "b9999", "no difference", False),
        ("b10434", "b10068", "slower", True),
        ("b11000", "b10434", "unjudged", False),
    ]


def test_a_point_is_the_newest_session_s_figure(project, put, small, sessions, rows):
    """Though another run is chosen for the ranges, as the machine drifted in the session."""
    put(small(build="b2", started_at=NOON + 5 * DAY))
    sessions({"b1": 1.0, "b2": 1.0}, {"b2": 1.0, "b3": 1.0}, drift=0.10)
    refresh(project)
    assert rows(
        "select t.build, t.started_at, t.value = m.decode_tok_s and t.lo = m.decode_tok_s_lo"
        " and t.hi = m.decode_tok_s_hi and t.n = m.n from build_trends t"
        " join measurements m using (run_id, workload, concurrency)"
        " where metric = 'decode_tok_s' order by t.build"
    ) == [
        ("b1", NOON.replace(tzinfo=None), True),
        ("b2", (NOON + DAY).replace(tzinfo=None), True),
        ("b3", (NOON + DAY + timedelta(seconds=1)).replace(tzinfo=None), True),
    ]
    [(chosen,)] = rows("select run_ids from speed_ranges where build = 'b2'")
    assert rows(f"select session_id from runs where run_id = '{chosen[0]}'") == [(None,)]


def test_a_build_without_a_session_stands_with_the_figure_that_is_shown(project, put, small, rows):
    put(small(build="b1", started_at=NOON - DAY, decode_tok_s=100.0))
    put(small(build="b1", started_at=NOON, decode_tok_s=120.0))
    refresh(project)
    assert rows("select value from build_trends where metric = 'decode_tok_s'") == rows(
        "select decode_tok_s from workload_speeds"
    )


def test_each_metric_and_cell_is_a_series_of_its_own(project, sessions, rows):
    sessions({"b1": 1.0, "b2": 0.9}, workloads=["chat", "rag"], concurrencies=[1, 4])
    refresh(project)
    assert (
        rows(
            "select workload, concurrency, metric, count(*), count(verdict) from build_trends"
            " group by all having count(*) <> 2 or count(verdict) <> 1"
        )
        == []
    )
    assert rows("select distinct metric from build_trends order by metric") == [
        ("decode_tok_s",),
        ("prefill_tok_s",),
        ("ttft_ms",),
    ]


def test_the_newest_session_decides(project, sessions, rows):
    sessions({"b1": 1.0, "b2": 0.9}, {"b1": 1.0, "b2": 1.0})
    refresh(project)
    assert rows(POINTS)[-1] == ("b2", "b1", "no difference", False)
    assert rows("select count(*) from comparisons where metric = 'decode_tok_s'") == [(2,)]


def test_a_step_is_judged_against_its_series_own_past(project, sessions, rows):
    """One series changes by 6 % with every build, the other never did: then both do."""
    restless = {f"b{n}": 1.0 if n % 2 else 0.94 for n in range(1, 11)}
    sessions(restless, rig="restless", turns=3)
    sessions({**dict.fromkeys(restless, 1.0), "b10": 0.94}, rig="quiet", turns=3)
    refresh(project)
    found = {
        (rig, build): flagged
        for rig, build, flagged in rows(
            "select rig, build, flagged from build_trends where metric = 'decode_tok_s'"
        )
    }
    assert found["quiet", "b10"]
    assert not found["restless", "b10"]
    assert found["restless", "b2"]  # it had no past yet
    assert sum(found["quiet", f"b{n}"] for n in range(1, 10)) == 0


def test_an_own_build_without_a_number_has_a_point_and_no_neighbour(
    project, put, small, sessions, rows
):
    sessions({"of-my-own": 1.0, "b1": 1.0})
    put(small(build="b2"))
    refresh(project)
    assert ("of-my-own", None, None, False) in rows(POINTS)
    assert ("b2", "b1", "unjudged", False) in rows(POINTS)


def test_a_point_says_how_its_build_was_compiled(project, sessions, rows):
    sessions({"b10068": 0.5, "b10092": 1.0}, system_infos={"b10068": AVX2})
    refresh(project)
    before, after = rows(
        "select system_info, compile_difference from build_trends where metric = 'ttft_ms'"
        " order by build_number"
    )
    assert before == (AVX2, None)
    assert "AMX_INT8" in after[0]
    assert after[1].startswith("b10092 has AMX_INT8") and after[1].endswith("b10068 has not")


def test_a_session_of_two_workloads_leaves_the_other_workloads_in_the_range(
    project, put, small, sessions, rows
):
    """The newest run of a build holds chat alone: its range still spans what older runs hold."""
    put(small(build="b2", workloads=["chat", "rag", "codegen"], started_at=NOON - DAY))
    sessions({"b1": 1.0, "b2": 1.0}, drift=0.0)
    refresh(project)
    assert rows("select n_workloads, len(run_ids) from speed_ranges where build = 'b2'") == [(3, 2)]
    assert rows(
        "select workload, session_id is not null from workload_speeds join runs using (run_id)"
        " where runs.build = 'b2' order by workload"
    ) == [("chat", True), ("codegen", False), ("rag", False)]


def on_system(days: int, kernel: str, firmware: str | None = None) -> dict[str, Any]:
    """Of a run so many days after NOON."""
    started_at = NOON + days * DAY
    inventory = measured_run(started_at=started_at).inventory
    system = inventory.os.model_copy(update={"kernel": kernel})
    changed = {"os": system, "settings": Settings(firmware=firmware)}
    return {
        "seed": days,
        "started_at": started_at,
        "inventory": inventory.model_copy(update=changed),
    }


SERIES = (
    "select system, build, previous_build from build_trends where metric = 'decode_tok_s'"
    " order by started_at, build_number"
)


def test_another_kernel_or_firmware_begins_a_new_series(project, put, small, rows):
    put(small(build="b1", **on_system(0, "6.12", "BIOS 1")))
    put(small(build="b2", **on_system(1, "6.12", "BIOS 1")))
    put(small(build="b2", **on_system(2, "6.18", "BIOS 1")))  # before and after, the same build
    put(small(build="b3", **on_system(3, "6.18", "BIOS 1")))
    refresh(project)
    put(small(build="b4", **on_system(4, "6.18", "BIOS 2")))
    refresh(project)
    assert rows(SERIES) == [
        ("kernel 6.12 · BIOS 1", "b1", None),
        ("kernel 6.12 · BIOS 1", "b2", "b1"),
        ("kernel 6.18 · BIOS 1", "b2", None),
        ("kernel 6.18 · BIOS 1", "b3", "b2"),
        ("kernel 6.18 · BIOS 2", "b4", None),
    ]


def test_that_older_runs_did_not_look_for_firmware_is_no_change(project, put, small, rows):
    put(small(build="b1", **on_system(0, "6.12")))
    refresh(project)
    put(small(build="b2", **on_system(1, "6.12", "BIOS 1")))
    refresh(project)
    assert rows(SERIES) == [
        ("kernel 6.12 · BIOS 1", "b1", None),
        ("kernel 6.12 · BIOS 1", "b2", "b1"),
    ]
