"""Whether a power cap is the found one again, whoever is killed (-9) and when.

    python benchmarks/power_cap_guard.py [KILLS]

Two cards of a stand-in for NVML (a file that all processes see), a benchmark that holds the rig and
a cap as `measure_run` does, alone or in a Dagster job, and a kill at a random moment of its first
second and a half, in which it starts its guard, sets, settles and puts back. Half of them set by
NVML, half by a command of 0.2 s, which outlives who started it. Where benchmark and guard are
killed at once, the next start puts the cap back, and the table counts it.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.harness.power.owners import ALONE, IN_DAGSTER, Cards, killed, moment

KINDS = (
    ("benchmark", "bench", ALONE),
    ("guard", "guard", ALONE),
    ("Dagster's process", "bench", IN_DAGSTER),
    ("guard, below Dagster", "guard", IN_DAGSTER),
    ("benchmark and guard at once", "both", ALONE),
)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    as_found: Counter[str] = Counter()
    by_whom: dict[str, Counter[str]] = {name: Counter() for name, _, _ in KINDS}
    for number in range(kills):
        name, whom, program = KINDS[number % len(KINDS)]
        with tempfile.TemporaryDirectory() as folder:
            cards = Cards(Path(folder))
            command = cards.command(0.2) if number // len(KINDS) % 2 else None
            try:
                put_back = killed(cards, whom, program, command=command, wait_s=moment())
            except AssertionError as error:
                put_back = f"nobody: {error}"
            else:
                as_found[name] += 1
        by_whom[name][put_back] += 1
        print(f"\r{number + 1} of {kills}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{'killed':<30}{'times':>6}{'as found':>10}  put back by")
    for name, found in by_whom.items():
        told = ", ".join(f"{who} {times}" for who, times in found.most_common())
        print(f"{name:<30}{found.total():>6}{as_found[name]:>10}  {told}")
    sys.exit(as_found.total() != kills)


if __name__ == "__main__":
    main()
