"""Looks at the power caps of this machine's cards, or puts back what a killed run left.

    python -m bench_pipeline.harness.power check [W ...]
    python -m bench_pipeline.harness.power restore [RIG]

`check` sets nothing: it prints each card's limits, the cap that is set and enforced, and whether
each W lies within.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from bench_pipeline.errors import BenchError, RigError
from bench_pipeline.harness.power.capped import cards_of, check_within, restore
from bench_pipeline.harness.power.note import Notes
from bench_pipeline.harness.rig_lock import lock_path, rig_lock
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.identity import rig_here
from bench_pipeline.paths import checkout
from bench_pipeline.progress import Terminal


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench_pipeline.harness.power")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("check").add_argument("watts", nargs="*", type=float, metavar="W")
    what.add_parser("restore").add_argument("rig", nargs="?", help="whose command sets the caps")
    options = parser.parse_args(argv)
    try:
        if options.what == "check":
            return _check(options.watts)
        command = rig_here(checkout(), options.rig).power_cap_command if options.rig else None
        with rig_lock(Terminal()):
            restore(command, Terminal())
        return 0
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check(watts: Sequence[float]) -> int:
    """0 where every cap lies within the limits of every card."""
    within = True
    gpus = capture_inventory().gpus
    for gpu in gpus:
        try:
            (card,) = cards_of([gpu])
            least_w, most_w = card.limits()
            print(f"{gpu.name}, {card.told}: {least_w or 0:g} to {most_w or 0:g} W")
            print(f"  set {card.cap_w():g} W, enforced {card.enforced_w():g} W")
            for each_w in watts:
                try:
                    check_within(card, each_w)
                    print(f"  {each_w:g} W lies within")
                except RigError as error:
                    within = False
                    print(f"  {error.problem}")
        except RigError as error:
            within = False
            print(error)
    print(f"{len(gpus)} GPUs; nothing was set")
    if os.geteuid():
        print("The drivers let root alone set a cap: a rig file's `power_cap_command` may")
    if (left := Notes(lock_path()).read()) is not None:
        caps = ", ".join(f"{card.address} {w:g} W" for card, w in left.cards)
        print(f"A run is under way, or was killed, that found {caps}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
