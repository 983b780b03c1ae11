"""kill -9 at any moment leaves the cap as it was found: real processes, real signals.

Fifty of them, Dagster's process among those killed: `python benchmarks/power_cap_guard.py`.
"""

import pytest

from tests.harness.power.owners import Cards, killed, moment


@pytest.mark.parametrize("whom", ["bench", "guard", "both"])
@pytest.mark.parametrize("command_s", [None, 0.2])
def test_the_cap_is_the_found_one(tmp_path, whom: str, command_s: float | None):
    """By NVML, which is quick, and by a command that may still run when who began it is gone."""
    cards = Cards(tmp_path)
    command = None if command_s is None else cards.command(command_s)
    killed(cards, whom, command=command, wait_s=moment())
