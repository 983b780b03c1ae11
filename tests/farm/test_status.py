"""What `make farm-status` says of a rig."""

import pytest

from bench_pipeline.farm.beats import Beat
from bench_pipeline.farm.status import remarks, state_of
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
