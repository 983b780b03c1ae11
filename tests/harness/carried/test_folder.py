"""What a killed machine leaves is whole or gone."""

from pathlib import Path

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.carried.folder import OutFolder
from bench_pipeline.harness.carried.sums import read_sums
from bench_pipeline.paths import checkout
from bench_pipeline.records.yaml.files import read_run, write_run
from tests.harness.carried.conftest import OTHER, RIG, SMALL


def visible(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not path.parts[0].startswith("."))


def test_a_run_is_among_the_results_once_it_is_whole_with_its_logs(out: OutFolder, run_of):
    path = write_run(run_of(SMALL), out.work.runs)
    path.with_name(f"{path.stem}-0.server.log").write_text("loaded")
    (kept,) = out.keep([path])
    assert read_run(kept).rig == "bare"
    names = [kept.relative_to(out.root).as_posix()]
    names += [name.replace(".yaml", "-0.server.log") for name in names]
    assert visible(out.root) == sorted([*names, "SHA256SUMS"])
    assert list(read_sums(out.root)) == sorted(names)


def test_what_was_whole_when_it_was_killed_is_kept_and_the_rest_is_gone(out: OutFolder, run_of):
    whole = write_run(run_of(SMALL), out.work.runs)
    half = write_run(run_of(OTHER), out.work.runs)
    half.write_bytes(half.read_bytes()[:5000])
    half.with_name("20261127T000000Z-00000000000f-0.server.log").write_text("load")
    home = out.home.runs / "bare" / "cpu"
    home.mkdir(parents=True)
    (home / f".{whole.name}.k3j2").write_text("as a file that was being written")
    out.tidy()
    kept = home / whole.name
    assert visible(out.root) == ["SHA256SUMS", kept.relative_to(out.root).as_posix()]
    assert not out.work.content.exists()
    assert list(home.iterdir()) == [kept]
    out.tidy()
    assert list(home.iterdir()) == [kept]


def test_of_builds_in_turns_all_are_kept_or_none(out: OutFolder):
    committed = sorted(checkout().runs.glob("shared-vm-2core/cpu/20261122T223325Z-*.yaml"))
    first, *others = map(read_run, committed)
    assert len(first.session.builds) == len(committed) == 3
    write_run(first, out.work.runs)
    out.tidy()
    assert visible(out.root) == ["SHA256SUMS"]
    write_run(first, out.home.runs)  # killed between two moves
    for other in others:
        write_run(other, out.work.runs)
    out.tidy()
    assert len(read_sums(out.root)) == 3


def test_two_do_not_work_in_one_folder(out: OutFolder):
    again = OutFolder(out.root)
    with out.held(), pytest.raises(RecordError, match="another bench-rig"), again.held():
        pass
    with again.held():
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RecordError, match="name another folder"),
        OutFolder(tmp_path / "file").held(),
    ):
        pass


def test_a_run_finds_in_it_what_a_checkout_would_tell(out: OutFolder, plan):
    from bench_pipeline.records.yaml.files import read_engines, read_workloads
    from bench_pipeline.records.yaml.model_files import read_models

    out.lay_out(plan, RIG)
    assert list(read_models(out.work.models).values()) == sorted(
        plan.models, key=lambda model: model.slug
    )
    assert list(read_workloads(out.work.workloads).values()) == plan.workloads
    assert read_engines(out.work.engines) == plan.engines
