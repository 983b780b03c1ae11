"""`python -m bench_pipeline check FILES`: whether a stranger's run files can be believed."""

import argparse
from collections import Counter
from pathlib import Path

from bench_pipeline.paths import Project


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "check", help="accept, look at, or refuse: what speaks against a run file, in words"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument(
        "--from-others", action="store_true", help="they come from others: who sent them is asked"
    )
    parser.add_argument("--rules", action="store_true", help="print what is checked, and why")
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    """Exit code: 1 if a file is refused."""
    from bench_pipeline.plausibility.judging import RULES
    from bench_pipeline.warehouse.checking import Checker

    if options.rules:
        for rule in RULES:
            print(f"{rule.name:<16} {rule.consequence:<8} {rule.bound}\n{'':<26}{rule.source}")
        return 0
    checker = Checker(project, from_others=options.from_others)
    counts: Counter[str] = Counter()
    for file in options.files:
        checked = checker.check(file)
        counts[checked.verdict] += 1
        print(f"{checked.verdict}: {file}")
        for reason in checked.reasons:
            print(f"  {' '.join(reason.split())}")
    print(
        ", ".join(f"{count} to {verdict}" for verdict, count in counts.items()) or "no file given"
    )
    return 1 if counts["refuse"] else 0
