"""One bad file is named with its mend, and everything else works."""

import re
from pathlib import Path

from bench_pipeline.records.run import SCHEMA_VERSION
from bench_pipeline.records.yaml.files import dump_record
from bench_pipeline.warehouse.refresh import refresh


def test_a_malformed_run_file_is_rejected_and_the_rest_ingested(published_project, put, rows):
    bad = published_project.runs / "gaming-desktop" / "vulkan" / "published-0f67c3ba52a4.yaml"
    bad.write_text(bad.read_text().replace("provenance: published", "provenanse: published"))
    report = refresh(published_project)
    assert report.ingested == 9
    [error] = report.rejected
    assert "provenanse" in str(error)
    assert str(error.where) == f"{bad}:4"
    assert error.mend
    path = bad.relative_to(published_project.root).as_posix()
    assert rows("select path, place, kind, run_id from rejected_files") == [
        (path, f"{path}:4", "run", None)
    ]


DAMAGES = {
    "truncated": (lambda text: text[: len(text) // 2], "cut off"),
    "empty": (lambda text: "", "empty"),
    "future schema": (
        lambda text: text.replace(f"schema_version: {SCHEMA_VERSION}", "schema_version: 77"),
        "newer",
    ),
    "not YAML": (lambda text: text.replace("status: ok", "status: [ok", 1), "YAML"),
    "impossible value": (
        lambda text: text.replace("\n    1,0,", "\n    1,-1,", 1),
        "requests.1.stream",
    ),
    "altered": (lambda text: text.replace("creator: Q", "creator: K", 1), "not as it was written"),
}


def test_each_kind_of_damage_is_named_once(project, put, small):
    put(small(seed=1))
    damaged = {}
    for seed, (kind, (damage, _)) in enumerate(DAMAGES.items(), start=2):
        path = put(small(seed=seed))
        path.write_text(damage(path.read_text()))
        damaged[path.name] = kind

    def problems(report) -> list[tuple[str, str]]:
        place = re.compile(r"[^/]+\.yaml")
        return [
            (damaged[place.search(str(error.where)).group()], error.problem)
            for error in report.rejected
        ]

    report = refresh(project)
    assert report.ingested == 1
    found = problems(report)
    assert sorted(kind for kind, _ in found) == sorted(DAMAGES)
    for kind, problem in found:
        assert DAMAGES[kind][1] in problem, kind
    assert problems(refresh(project)) == found


def test_a_mended_file_is_taken(project, put, small, rows):
    path = put(small())
    good = path.read_text()
    path.write_text(good[:500])
    assert refresh(project).ingested == 0
    path.write_text(good)
    report = refresh(project)
    assert (report.ingested, report.rejected) == (1, [])
    assert rows("select * from rejected_files") == []


def test_a_file_broken_by_an_edit_loses_its_rows(project, put, small, rows):
    path = put(small())
    refresh(project)
    path.write_text("nonsense")
    report = refresh(project)
    assert (report.ingested, report.removed, len(report.rejected)) == (0, 1, 1)
    assert rows("select * from runs") == []


def test_a_rejected_file_that_is_removed_is_forgotten(project, put, small, rows):
    path = put(small())
    path.write_text("nonsense")
    refresh(project)
    path.unlink()
    assert refresh(project).rejected == []
    assert rows("select * from rejected_files") == []


def test_of_two_files_with_one_id_the_first_by_path_counts(project, put, small, rows):
    first = put(small(rig="a-rig", run_id="0123456789ab"))
    second = put(small(rig="b-rig", run_id="0123456789ab"))
    report = refresh(project)
    assert report.ingested == 1
    [error] = report.rejected
    assert str(error.where) == str(second)
    assert first.relative_to(project.root).as_posix() in error.problem
    assert rows("select rig from runs") == [("a-rig",)]
    again = refresh(project)
    assert (again.unchanged, len(again.rejected)) == (1, 1)


def test_the_first_by_path_counts_whichever_came_first(project, put, small, rows):
    second = put(small(rig="b-rig", run_id="0123456789ab"))
    refresh(project)
    first = put(small(rig="a-rig", run_id="0123456789ab"))
    report = refresh(project)
    assert (report.ingested, report.removed) == (1, 1)
    assert [str(error.where) for error in report.rejected] == [str(second)]
    assert rows("select rig from runs") == [("a-rig",)]
    first.unlink()
    report = refresh(project)
    assert (report.ingested, report.rejected) == (1, [])
    assert rows("select rig from runs") == [("b-rig",)]


def test_a_malformed_first_does_not_keep_the_second_out(project, put, small, rows):
    put(small(rig="a-rig", run_id="0123456789ab")).write_text("nonsense")
    put(small(rig="b-rig", run_id="0123456789ab"))
    report = refresh(project)
    assert (report.ingested, len(report.rejected)) == (1, 1)
    assert rows("select rig from runs") == [("b-rig",)]


def test_a_run_in_the_wrong_folder_is_not_overlooked(project, small):
    run = small()
    misplaced = project.runs / "for-review" / f"{run.file_stem}.yaml"
    misplaced.parent.mkdir()
    misplaced.write_text(dump_record(run))
    [error] = refresh(project).rejected
    assert run.relative_path in error.problem


def test_something_that_is_no_file_is_rejected(project, put, small):
    put(small())
    (project.runs / "shared-vm-2core" / "cpu" / "folder.yaml").mkdir()
    (project.runs / "shared-vm-2core" / "cpu" / "dangling.yaml").symlink_to("nowhere")
    report = refresh(project)
    assert report.ingested == 1
    assert [Path(str(error.where)).name for error in report.rejected] == [
        "dangling.yaml",
        "folder.yaml",
    ]


def test_broken_declarations_are_rejected_and_the_rest_works(published_project, rows):
    kinds = {"rigs": "rig", "workloads": "workload", "campaigns": "campaign", "models": "model"}
    for folder in kinds:
        bad = sorted((published_project.content / folder).glob("*.yaml"))[0]
        bad.write_text(bad.read_text() + "\nunheard_of: 1\n")
    published_project.engines.write_text("wheels: {")
    report = refresh(published_project)
    assert report.ingested == 10
    found = {Path(str(error.where)).parent.name: error.problem for error in report.rejected}
    assert len(report.rejected) == len(found) == len(kinds) + 1
    for folder in kinds:
        assert "unheard_of" in found[folder], folder
    of_each = sorted([(kind,) for kind in kinds.values()] + [("engines",)])
    assert rows("select kind from rejected_files order by kind") == of_each
    again = [error.problem for error in refresh(published_project).rejected]
    assert again == [error.problem for error in report.rejected]


def test_no_table_holds_a_path_of_this_machine(project, put, small, rows):
    put(small()).write_text("nonsense")
    put(small(seed=2))
    (project.rigs / "x.yaml").write_text("")
    refresh(project)
    for table in ("rejected_files", "run_files", "runs"):
        assert str(project.root) not in str(rows(f"select * from {table}"))
