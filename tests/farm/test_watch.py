"""When a run that a rig has in hand counts as lost: by the database's clock alone."""

import pytest

from bench_pipeline.farm.beats import BEAT_S, Beat
from bench_pipeline.farm.watch import HANDOVER_S, VANISHED_S, Launched, why_lost, why_lost_here

NOW = 1_000_000.0


def beat(ago_s: float, *runs: str, left: bool = False) -> Beat:
    at = NOW - ago_s
    return Beat("a", at, at - 3600, clock_ahead_s=0, commit="c", host="h", runs=runs, left=left)


def begun(ago_s: float) -> Launched:
    return Launched(is_begun=True, changed_at=NOW - ago_s, is_queued=False)


def handed_over(ago_s: float, *, is_queued: bool = False) -> Launched:
    return Launched(is_begun=False, changed_at=NOW - ago_s, is_queued=is_queued)


@pytest.mark.parametrize(
    ("run", "last"),
    [
        (begun(3 * 3600), beat(1, "run")),  # a long one
        (begun(1), beat(0.5)),  # began after that beat, as far as anybody knows
        (begun(3 * 3600), beat(VANISHED_S - 1, "run")),  # the network is cut
        (handed_over(HANDOVER_S - 1), beat(0)),  # between two lists
        (handed_over(20 * 86400, is_queued=True), beat(20 * 86400)),  # its rig is off
        (handed_over(20 * 86400, is_queued=True), None),  # and never was there
        (handed_over(2), None),
    ],
)
def test_a_run_that_may_be_on_its_way_is_left_alone(run: Launched, last: Beat | None) -> None:
    assert why_lost("run", run, last, NOW) is None


@pytest.mark.parametrize(
    ("run", "last", "why"),
    [
        (begun(3 * BEAT_S), beat(0), "it was killed"),
        (begun(3 * BEAT_S), beat(0, "another"), "it was killed"),
        (begun(3 * BEAT_S), beat(0, left=True), "it was killed"),
        (begun(2 * VANISHED_S), beat(VANISHED_S + 1, "run"), "no sign for 10 minutes"),
        (begun(2 * VANISHED_S), None, "no sign for 20 minutes"),
        (handed_over(2 * HANDOVER_S), beat(0), "the queue lost it"),
        (handed_over(2 * VANISHED_S), beat(3 * VANISHED_S), "no sign for 20 minutes"),
    ],
)
def test_a_run_that_its_rig_does_not_have_is_lost(
    run: Launched, last: Beat | None, why: str
) -> None:
    said = why_lost("run", run, last, NOW)
    assert said is not None
    assert why in said


@pytest.mark.parametrize(
    ("run", "is_lost"),
    [
        (begun(3 * VANISHED_S), False),  # its worker's end is seen otherwise
        (handed_over(3 * VANISHED_S, is_queued=True), False),
        (handed_over(VANISHED_S - 1), False),  # a busy control plane
        (handed_over(VANISHED_S + 1), True),
    ],
)
def test_a_run_of_no_rig_that_is_nowhere_is_lost(run: Launched, is_lost: bool) -> None:
    assert (why_lost_here(run, NOW) is not None) == is_lost
