"""What `make farm-status` says of a rig."""

import dagster as dg
import pytest

from bench_pipeline.deploy.coordinator import RIG_TAG
from bench_pipeline.errors import RecordError
from bench_pipeline.farm.beats import Beat
from bench_pipeline.farm.status import last_failures, remarks, state_of
from bench_pipeline.farm.watch import STALE_S

OURS, OTHER = "a" * 40, "b" * 40


def beat(**facts: object) -> Beat:
    usual = {"rig": "a", "at": 1000.0, "since": 0.0, "clock_ahead_s": 0.2, "commit": OURS}
    return Beat(**{**usual, "host": "h", "runs": (), **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "later_s", "state"),
    [
        ({}, 1, "alive"),
        ({}, STALE_S + 1, "silent"),
        ({"left": True}, 1, "stopped"),
        ({"left": True}, 86400, "stopped"),
    ],
)
def test_whether_a_rig_is_there(facts: dict, later_s: float, state: str) -> None:
    assert state_of(beat(**facts), 1000.0 + later_s) == state


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, []),
        (
            {"commit": OTHER},
            ["its checkout is at bbbbbbbbbbbb, the control plane's at aaaaaaaaaaaa"],
        ),
        ({"unconfirmed": 2}, ["2 run files are not home yet"]),
        (
            {"clock_ahead_s": 3600.0},
            ["its clock is 3600 s ahead; its runs will carry those times"],
        ),
        (
            {"clock_ahead_s": -3600.0},
            ["its clock is 3600 s behind; its runs will carry those times"],
        ),
    ],
)
def test_what_is_not_as_it_should_be_is_said(facts: dict, said: list[str]) -> None:
    assert list(remarks(beat(**facts), OURS)) == said


def test_of_a_run_that_failed_its_step_and_the_cause_are_told_in_one_line() -> None:
    @dg.op
    def write() -> None:
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            why = f"cannot be written: {error.strerror}"
            raise RecordError(why, mend="free space", where="a.yaml") from None

    @dg.op
    def lose() -> None:
        raise RuntimeError("something else") from ValueError("the reason\nand more")

    tags = {RIG_TAG: "a", "dagster/partition": "a/cpu"}
    with dg.DagsterInstance.ephemeral() as instance:
        for op in (write, lose):
            job = dg.GraphDefinition("measure", node_defs=[op]).to_job()
            job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        lost = instance.create_run_for_job(job, tags=tags)
        instance.report_run_failed(lost, "Lost: its rig has given no sign for 11 minutes.")
        lines = last_failures(instance)
    assert [line.partition(" ")[2] for line in lines] == [
        "a/cpu: Lost: its rig has given no sign for 11 minutes.",
        "a/cpu: lose: ValueError: the reason",
        "a/cpu: write: a.yaml: cannot be written: No space left on device",
    ]
