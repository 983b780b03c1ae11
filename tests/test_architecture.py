"""docs/architecture.md is a map that can be walked by: what it names is there, and what is there
it names."""

import re

import pytest

from bench_pipeline.paths import checkout

ROOT = checkout().root
TEXT = (ROOT / "docs" / "architecture.md").read_text()
PACKAGE = ROOT / "bench_pipeline"


def test_every_path_in_it_exists() -> None:
    named = set(re.findall(r"`((?:bench_pipeline|content|docs|tests)/[\w./-]*)`", TEXT))
    assert len(named) > 50
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_folder_of_code_is_on_the_map() -> None:
    drawn = re.search(r"```\n(.*?)```", TEXT, re.DOTALL)
    assert drawn
    rooms = set(re.findall(r"[\w/]+/", drawn[1]))
    rooms |= {f"{room.split('/')[0]}/" for room in rooms}  # `engines/builds/` shows `engines/` too
    for face in PACKAGE.rglob("__init__.py"):
        folder = face.parent.relative_to(PACKAGE)
        if folder.parts:
            shown = {f"{folder}/", f"{folder.name}/"} & rooms
            assert shown, f"{folder} is on no floor of docs/architecture.md"


@pytest.mark.parametrize(
    "what",
    [
        *("workload", "metric", "page", "chart", "backend", "engine of another kind"),
        *("model source", "check", "importer", "mode", "column of a table"),
    ],
)
def test_a_newcomer_finds_in_one_step_where_to_change(what: str) -> None:
    rows = [line.split("|") for line in TEXT.splitlines() if line.startswith("| ")]
    (place,) = [row[2] for row in rows if row[1].strip() in (f"a {what}", f"an {what}")]
    assert place.count("`") == 2, f"one place, not several: {place}"
