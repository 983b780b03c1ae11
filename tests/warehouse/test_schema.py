"""A warehouse made by other code is made anew, whichever folder that code lies in."""

import ast
from pathlib import Path

from bench_pipeline.paths import checkout
from bench_pipeline.warehouse.schema import deciding_files

PACKAGE = checkout().root / "bench_pipeline"
DECIDES_NOTHING = {"errors", "paths", "processes", "progress"}
"""Rooms that say, find or carry out, and from which no value comes."""
OF_THE_RIG = {
    PACKAGE / "harness" / "quiet.py",
    PACKAGE / "harness" / "planning" / "modes.py",
    PACKAGE / "engines" / "dialects" / "llama_server.py",
}
"""Of these the warehouse takes one rule each, how busy is busy, which model a mode drafts with and
which formats are read; what the rest of them uses measures and stays on the rig."""


def imported(file: Path) -> set[Path]:
    """The modules of ours that a file imports values or functions from."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench_pipeline."):
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            names |= {node.module or "", *inner}
    paths = (PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py") for name in names)
    return {path for path in paths if path.is_file()}


def test_what_decides_a_value_imports_only_what_counts_as_deciding_too() -> None:
    deciding = set(deciding_files())
    outside = {
        f"{file.relative_to(PACKAGE)} imports {used.relative_to(PACKAGE)}"
        for file in deciding - OF_THE_RIG
        if file.suffix == ".py"
        for used in imported(file) - deciding
        if used.relative_to(PACKAGE).parts[0].removesuffix(".py") not in DECIDES_NOTHING
    }
    assert not outside
