"""`python -m bench_pipeline migrate`: run files of older schemas, written anew in the newest."""

import argparse
import sys
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "migrate", help="rewrite run files of older schemas in the newest, where nothing is lost"
    )
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="default: every one in content/benchmarks/runs",
    )
    parser.set_defaults(run=run)


def run(project: Project, options: argparse.Namespace) -> int:
    """Exit code: 1 if a file had to be left as it was."""
    from bench_pipeline.records.run import SCHEMA_VERSION
    from bench_pipeline.records.yaml.files import run_files
    from bench_pipeline.records.yaml.finding import real
    from bench_pipeline.records.yaml.rewriting import rewrite_run

    paths = [real(path) for path in options.files] or list(run_files(project.runs))
    rewritten, left = [], 0
    for path in paths:
        shown = path.relative_to(project.root) if path.is_relative_to(project.root) else path
        try:
            done = rewrite_run(path)
        except RecordError as error:
            left += 1
            print(f"left as it was: {error}", file=sys.stderr)
            continue
        if done:
            rewritten.append(done)
            sizes = f"{_kb(done.bytes_before)} -> {_kb(done.bytes_after)} KB"
            print(f"{shown}: schema {done.schema_before} -> {SCHEMA_VERSION}, {sizes}")
    had = len(paths) - len(rewritten) - left
    saved = sum(done.bytes_before - done.bytes_after for done in rewritten)
    print(
        f"{len(rewritten)} run files rewritten, {_kb(saved)} KB saved;"
        f" {had} had schema {SCHEMA_VERSION} already, {left} left as they were"
    )
    return 1 if left else 0


def _kb(size_bytes: int) -> str:
    return f"{size_bytes / 1e3:,.1f}"
