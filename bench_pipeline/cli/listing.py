"""`python -m bench_pipeline list`: what can be chosen on this machine, and what is missing."""

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project, artefact_cache


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "list", help="what can be chosen here: rigs, backends, builds, models, campaigns, ..."
    )
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    """1 if a file could not be read; the others are listed all the same."""
    from bench_pipeline.cli.choices import sections

    broken: list[RecordError] = []
    try:
        for heading, rows in sections(project, artefact_cache(), broken):
            show(heading, rows)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for error in broken:
        print(f"error: {error}", file=sys.stderr)
    return 1 if broken else 0


def show(heading: str, rows: Sequence[tuple[str, ...]], out: TextIO | None = None) -> None:
    """A heading, and the rows in columns; in a terminal the last column is broken into lines.
    Where nobody looks at it, a row is a line."""
    out = out or sys.stdout
    terminal = out.isatty()
    bold, plain = (
        ("\033[1m", "\033[0m") if terminal and not os.environ.get("NO_COLOR") else ("", "")
    )
    print(f"{bold}{heading}{plain}", file=out)
    columns = list(zip(*rows, strict=True))[:-1]
    widths = [max(map(len, column)) for column in columns]
    for row in rows:
        *cells, last = row
        before = "".join(f"{cell:<{width}}  " for cell, width in zip(cells, widths, strict=True))
        lines = [last]
        if terminal:
            room = max(shutil.get_terminal_size().columns - len(before) - 3, 24)
            lines = textwrap.wrap(last, room) or [""]
        for number, line in enumerate(lines):
            print(f"  {before if not number else ' ' * len(before)}{line}".rstrip(), file=out)
    print(file=out)
