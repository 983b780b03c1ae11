"""`python -m bench_pipeline COMMAND`: which commands there are, and how each of them may end."""

import argparse
from collections.abc import Sequence

from bench_pipeline.cli import adding, bench, farm, listing, migrating, mine, planning, ui
from bench_pipeline.cli.sharing import checking, importing, publishing, receiving, signing
from bench_pipeline.errors import exit_code
from bench_pipeline.paths import checkout

COMMANDS = (
    *(bench, listing, planning, ui, adding),
    *(importing, publishing, receiving, checking, signing),
    *(migrating, mine, farm),
)
"""Each has `add_to(commands)`, which names its `run(project, options)`, an exit code."""


def parser() -> argparse.ArgumentParser:
    """Of all commands and their options."""
    parser = argparse.ArgumentParser(
        prog="python -m bench_pipeline",
        description="From a box with a GPU to a public benchmark page.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 all is well; 1 something failed, and the last lines say what; 2 a wrong
    option; 130 interrupted."""
    options = parser().parse_args(argv)
    return exit_code(lambda: options.run(checkout(), options))
