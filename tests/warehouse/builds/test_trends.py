"""What each build of a series measured, and what changed with it."""

from datetime import timedelta
from typing import Any

from bench_pipeline.records.inventory import Settings
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import measured_run
from tests.session_factories import AVX2, NOON
from tests.warehouse.given import Here, given

DAY = timedelta(days=1)

POINTS = (
    "select build, previous_build, verdict, flagged from build_trends"
    " where metric = 'decode_tok_s' order by build_number"
)


def sessions(here: Here, *days: dict[str, float], **wanted) -> None:
    """A session a day, of these builds with these speeds."""
    for day, speeds in enumerate(days):
        moment = {"started_at": NOON + day * DAY, "seed": day}
        here.put(*here.session(speeds, **moment, **{"turns": 8, **wanted}))


@given
def test_builds_stand_by_their_number_each_with_the_one_before(here: Here):
    sessions(here, {"b9999": 1.0, "b10068": 1.0}, {"b10068": 1.0, "b10434": 0.9})
    here.put(here.small(build="b11000"))
    yield
    assert here.rows(POINTS) == [
        ("b9999", None, None, False),
        ("b10068", "b9999", "no difference", False),
        ("b10434", "b10068", "slower", True),
        ("b11000", "b10434", "unjudged", False),
    ]


@given
def test_a_point_is_the_newest_session_s_figure(here: Here):
    """Though another run is chosen for the ranges, as the machine drifted in the session."""
    here.put(here.small(build="b2", started_at=NOON + 5 * DAY))
    sessions(here, {"b1": 1.0, "b2": 1.0}, {"b2": 1.0, "b3": 1.0}, drift=0.10)
    yield
    assert here.rows(
        "select t.build, t.started_at, t.value = m.decode_tok_s and t.lo = m.decode_tok_s_lo"
        " and t.hi = m.decode_tok_s_hi and t.n = m.n from build_trends t"
        " join measurements m using (run_id, workload, concurrency)"
        " where metric = 'decode_tok_s' order by t.build"
    ) == [
        ("b1", NOON.replace(tzinfo=None), True),
        ("b2", (NOON + DAY).replace(tzinfo=None), True),
        ("b3", (NOON + DAY + timedelta(seconds=1)).replace(tzinfo=None), True),
    ]
    [(chosen,)] = here.rows("select run_ids from speed_ranges where build = 'b2'")
    assert here.rows(f"select session_id from runs where run_id = '{chosen[0]}'") == [(None,)]


@given
def test_a_build_without_a_session_stands_with_the_figure_that_is_shown(here: Here):
    here.put(here.small(build="b1", started_at=NOON - DAY, decode_tok_s=100.0))
    here.put(here.small(build="b1", started_at=NOON, decode_tok_s=120.0))
    yield
    assert here.rows("select value from build_trends where metric = 'decode_tok_s'") == here.rows(
        "select decode_tok_s from workload_speeds"
    )


@given
def test_each_metric_and_cell_is_a_series_of_its_own(here: Here):
    sessions(here, {"b1": 1.0, "b2": 0.9}, workloads=["chat", "rag"], concurrencies=[1, 4])
    yield
    assert (
        here.rows(
            "select workload, concurrency, metric, count(*), count(verdict) from build_trends"
            " group by all having count(*) <> 2 or count(verdict) <> 1"
        )
        == []
    )
    assert here.rows("select distinct metric from build_trends order by metric") == [
        ("decode_tok_s",),
        ("prefill_tok_s",),
        ("ttft_ms",),
    ]


@given
def test_the_newest_session_decides(here: Here):
    sessions(here, {"b1": 1.0, "b2": 0.9}, {"b1": 1.0, "b2": 1.0})
    yield
    assert here.rows(POINTS)[-1] == ("b2", "b1", "no difference", False)
    assert here.rows("select count(*) from comparisons where metric = 'decode_tok_s'") == [(2,)]


@given
def test_a_step_is_judged_against_its_series_own_past(here: Here):
    """One series changes by 6 % with every build, the other never did: then both do."""
    restless = {f"b{n}": 1.0 if n % 2 else 0.94 for n in range(1, 11)}
    sessions(here, restless, rig="restless", turns=3)
    sessions(here, {**dict.fromkeys(restless, 1.0), "b10": 0.94}, rig="quiet", turns=3)
    yield
    found = {
        (rig, build): flagged
        for rig, build, flagged in here.rows(
            "select split_part(rig, '-', 2), build, flagged from build_trends"
            " where metric = 'decode_tok_s'"
        )
    }
    assert found["quiet", "b10"]
    assert not found["restless", "b10"]
    assert found["restless", "b2"]  # it had no past yet
    assert sum(found["quiet", f"b{n}"] for n in range(1, 10)) == 0


@given
def test_an_own_build_without_a_number_has_a_point_and_no_neighbour(here: Here):
    sessions(here, {"of-my-own": 1.0, "b1": 1.0})
    here.put(here.small(build="b2"))
    yield
    assert ("of-my-own", None, None, False) in here.rows(POINTS)
    assert ("b2", "b1", "unjudged", False) in here.rows(POINTS)


@given
def test_a_point_says_how_its_build_was_compiled(here: Here):
    sessions(here, {"b10068": 0.5, "b10092": 1.0}, system_infos={"b10068": AVX2})
    yield
    before, after = here.rows(
        "select system_info, compile_difference from build_trends where metric = 'ttft_ms'"
        " order by build_number"
    )
    assert before == (AVX2, None)
    assert "AMX_INT8" in after[0]
    assert after[1].startswith("b10092 has AMX_INT8") and after[1].endswith("b10068 has not")


@given
def test_a_session_of_two_workloads_leaves_the_other_workloads_in_the_range(here: Here):
    """The newest run of a build holds chat alone: its range still spans what older runs hold."""
    here.put(here.small(build="b2", workloads=["chat", "rag", "codegen"], started_at=NOON - DAY))
    sessions(here, {"b1": 1.0, "b2": 1.0}, drift=0.0)
    yield
    assert here.rows("select n_workloads, len(run_ids) from speed_ranges where build = 'b2'") == [
        (3, 2)
    ]
    assert here.rows(
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


@given
def test_another_kernel_or_firmware_begins_a_new_series(here: Here):
    here.put(
        here.small(build="b1", **on_system(0, "6.12", "BIOS 1")),
        here.small(build="b2", **on_system(1, "6.12", "BIOS 1")),
        here.small(build="b2", **on_system(2, "6.18", "BIOS 1")),  # before and after: one build
        here.small(build="b3", **on_system(3, "6.18", "BIOS 1")),
        here.small(build="b4", **on_system(4, "6.18", "BIOS 2")),
    )
    yield
    assert here.rows(SERIES) == [
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
