"""docs/method.md as a program: its Python blocks, run where this project cannot be imported.

`python -m tests.method_document [RUN FILE]` writes the text blocks anew, and with a run file
named makes the document one about that file.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_pipeline.paths import checkout

DOCUMENT = checkout().root / "docs" / "method.md"
COMMAND = "python -m tests.method_document"

_BLOCKS = re.compile(r"```python\n(?P<code>.*?)```\n\n```text\n(?P<output>.*?)```", re.DOTALL)
_RUN_FILE = re.compile(r"content/benchmarks/runs/[\w./-]+\.yaml")
_MARK = "=== end of block ==="
_END = "=== end of program ==="
_OUT_OF_REACH = """
import sys

class OutOfReach:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "bench_pipeline":
            raise ImportError(name + " is not to be used here")

sys.meta_path.insert(0, OutOfReach())
"""
_TELL_ALL = """
import json

print(json.dumps({
    "cells": figures, "knee": knee, "drift": drift, "curves": curves, "ceilings": ceilings,
    "session": session,
}, default=float))
"""

_EACH = f"""
import json

for program in json.load(sys.stdin):
    exec(compile(program, "the document", "exec"), {{"__name__": "__main__"}})
    print({_END!r})
"""


@dataclass(frozen=True)
class Outcome:
    outputs: list[str]
    """What each block printed."""
    figures: dict[str, Any]
    """All figures with all their digits."""


def run_file_of(text: str) -> str:
    """Path of the run file that the document is about, from the checkout's root."""
    return run_files_of(text)[0]


def run_files_of(text: str) -> list[str]:
    """That one, and those of the builds measured in turns, in the order of the text."""
    return list(dict.fromkeys(_RUN_FILE.findall(text)))


def prose_of(text: str) -> str:
    """The document without its code and what that prints."""
    return _BLOCKS.sub("", text)


def blocks_of(text: str) -> list[tuple[str, str]]:
    """Each block of code, and what the document says that it prints."""
    return [(match["code"], match["output"]) for match in _BLOCKS.finditer(text)]


def perform(codes: list[str], folder: Path) -> Outcome:
    """Runs the blocks as one program in `folder`, in an interpreter that has not this project."""
    (outcome,) = perform_each([codes], folder)
    return outcome


def perform_each(programs: list[list[str]], folder: Path) -> list[Outcome]:
    """As `perform`, one program after the other in one interpreter, each with its own names."""
    separated = [
        "".join(f"{code}\nprint({_MARK!r})\n" for code in codes) + _TELL_ALL for codes in programs
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", _OUT_OF_REACH + _EACH],
        input=json.dumps(separated),
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"the document's program failed:\n{done.stderr}")
    outcomes = []
    for said in done.stdout.split(f"{_END}\n")[:-1]:
        *outputs, told = said.split(f"{_MARK}\n")
        outcomes.append(Outcome(outputs, json.loads(told)))
    return outcomes


def with_outputs(text: str, outputs: list[str]) -> str:
    """The document with these text blocks instead of its own."""
    fresh = iter(outputs)
    return _BLOCKS.sub(
        lambda match: f"```python\n{match['code']}```\n\n```text\n{next(fresh)}```", text
    )


def main() -> None:
    text = DOCUMENT.read_text()
    if len(sys.argv) > 1:
        named = Path(sys.argv[1]).resolve().relative_to(checkout().root)
        text = text.replace(run_file_of(text), named.as_posix())
    codes = [code for code, _ in blocks_of(text)]
    DOCUMENT.write_text(with_outputs(text, perform(codes, checkout().root).outputs))


if __name__ == "__main__":
    main()
