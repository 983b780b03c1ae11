"""Which parts of a run a command asks for: the same two options wherever one is typed."""

import argparse
from collections.abc import Sequence
from typing import get_args

from bench_pipeline.errors import BenchError
from bench_pipeline.records.campaign import Part


def add_parts(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=get_args(Part),
        default=[],
        help="usual, the default: workloads and curve; deep: a curve to the model's trained"
        " context; conversations: those of content/conversations",
    )
    parser.add_argument(
        "--depths", nargs="+", type=int, default=[], metavar="N", help="of part deep; default: all"
    )


def parts_of(options: argparse.Namespace) -> tuple[Part, ...]:
    """As asked for; depths alone ask for the deep curve. BenchError where they contradict."""
    asked = options.parts or (["deep"] if options.depths else ["usual"])
    if options.depths and "deep" not in asked:
        raise BenchError("--depths are of part deep", mend="name it: --parts deep")
    if asked != ["usual"] and options.baseline:
        raise BenchError(
            "builds in turns are measured by the sentinel's cells",
            mend="leave out --parts and --depths, or --baseline",
        )
    return known_parts(asked)


def known_parts(words: Sequence[str]) -> tuple[Part, ...]:
    """In their own order. BenchError with the choices where a word is none."""
    parts: tuple[Part, ...] = get_args(Part)
    if not words or (unknown := [word for word in words if word not in parts]):
        named = f"no part `{unknown[0]}`" if words else "no part of a run is named"
        raise BenchError(named, mend=f"choose from: {', '.join(parts)}")
    return tuple(part for part in parts if part in words)
