"""`python -m bench_pipeline migrate`: older run files rewritten, or left as they were."""

import os
import re
from pathlib import Path

import pytest

from bench_pipeline.cli.commands import main
from bench_pipeline.paths import Project
from bench_pipeline.records.run import SCHEMA_VERSION, Run
from bench_pipeline.records.yaml.files import dump_record, read_run, write_run
from bench_pipeline.records.yaml.strict import dump_yaml
from tests.factories import measured_run
from tests.records.yaml.originals import PACKED, original

Printed = pytest.CaptureFixture[str]


LIGHT = sorted(PACKED, key=lambda packed: packed.stat().st_size)[:-1]
"""All but the largest, which is two thirds of them."""


@pytest.fixture(params=[LIGHT])
def older(
    project: Project, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Project:
    """A checkout whose runs are all of older schemas."""
    monkeypatch.setattr("bench_pipeline.cli.commands.checkout", lambda: project)
    for where, text in map(original, request.param):
        path = project.runs / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return project


def files_of(project: Project) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.runs.rglob("*") if path.is_file()}


def in_schema_3(run: Run) -> str:
    document = run.model_dump(mode="json", exclude_none=True) | {"schema_version": 3}
    return dump_yaml(document, explicit_end=True)


@pytest.mark.parametrize("older", [PACKED], indirect=True)
def test_every_run_file_is_rewritten_and_says_the_same(older: Project, capsys: Printed) -> None:
    before = files_of(older)
    runs = {path: read_run(path) for path in before}
    assert main(["migrate"]) == 0
    after = files_of(older)
    assert after.keys() == before.keys()
    for path, text in after.items():
        assert text.startswith(f"schema_version: {SCHEMA_VERSION}\n".encode())
        assert read_run(path) == runs[path]
        assert text.decode() == dump_record(runs[path])
    *_, told = capsys.readouterr().out.splitlines()
    saved_kb = (sum(map(len, before.values())) - sum(map(len, after.values()))) / 1e3
    assert told == (
        f"{len(before)} run files rewritten, {saved_kb:,.1f} KB saved;"
        f" 0 had schema {SCHEMA_VERSION} already, 0 left as they were"
    )
    assert saved_kb > 0


def test_rewriting_again_changes_nothing(older: Project, capsys: Printed) -> None:
    main(["migrate"])
    before = files_of(older)
    times = {path: path.stat().st_mtime_ns for path in before}
    assert main(["migrate"]) == 0
    assert files_of(older) == before
    assert {path: path.stat().st_mtime_ns for path in before} == times
    assert f"{len(before)} had schema {SCHEMA_VERSION} already" in capsys.readouterr().out


def test_only_the_named_files_are_rewritten(
    older: Project, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(older)
    named, *others = sorted(before)
    monkeypatch.chdir(named.parent)
    assert main(["migrate", named.name]) == 0
    assert read_run(named).schema_version == SCHEMA_VERSION
    assert all(path.read_bytes() == before[path] for path in others)
    assert named.read_bytes() != before[named]
    first = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(rf"{named.relative_to(older.root)}: schema \d -> 4, .+ -> .+ KB", first)


def test_what_cannot_be_read_is_left_and_the_others_are_rewritten(
    older: Project, capsys: Printed
) -> None:
    broken, *others = sorted(files_of(older))
    broken.write_bytes(broken.read_bytes()[:-4])
    left = broken.read_bytes()
    assert main(["migrate"]) == 1
    assert broken.read_bytes() == left
    assert all(path.read_text().startswith("schema_version: 4\n") for path in others)
    told = capsys.readouterr()
    assert "1 left as they were" in told.out
    assert told.err.startswith(f"left as it was: {broken}:")
    assert "is cut off" in told.err and "Traceback" not in told.err


@pytest.mark.parametrize("older", [LIGHT[:1]], indirect=True)
def test_what_only_looks_like_a_run_file_holds_nothing_up(older: Project, capsys: Printed) -> None:
    (folder,) = {path.parent for path in older.runs.rglob("*.yaml")}
    (folder / "endless.yaml").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.yaml")
    assert main(["migrate"]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("is no plain file but a device or a pipe") == 2
    assert "1 run files rewritten" in printed.out


def test_what_would_not_read_back_the_same_is_left(older: Project, capsys: Printed) -> None:
    """A request that stands twice was no fault in schema 3; no table holds it."""
    run = measured_run(workloads=("chat",), concurrencies=(1,))
    doubled = [run.cells[0].requests[0], *run.cells[0].requests]
    cell = run.cells[0].model_copy(update={"requests": doubled})
    path = older.runs / run.relative_path
    path.write_text(in_schema_3(run.model_copy(update={"cells": [cell]})))
    before = path.read_bytes()
    assert read_run(path).cells[0].requests == doubled
    assert main(["migrate", str(path)]) == 1
    assert path.read_bytes() == before
    assert "wave 0, stream 0 stands twice" in capsys.readouterr().err


def test_a_file_of_the_newest_schema_keeps_what_a_hand_added(older: Project) -> None:
    path = write_run(measured_run(workloads=("chat",)), older.runs)
    text = re.sub("below_sha256: .*\n", "# measured by night\n", path.read_text())
    path.write_text(text)
    assert main(["migrate"]) == 0
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_a_file_that_is_none_is_named(older: Project, capsys: Printed, name: str) -> None:
    assert main(["migrate", str(older.runs / name)]) == 1
    assert "left as it was" in capsys.readouterr().err
