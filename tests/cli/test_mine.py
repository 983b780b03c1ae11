"""`mine`: a content folder with nothing of others in it."""

import pytest

from bench_pipeline.cli.commands import parser
from bench_pipeline.inventory.identity import machine_id
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.site.build import build_site
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import measured_run


@pytest.fixture
def crowded(project: Project) -> Project:
    """Others' rigs with a run, and this machine's own with one."""
    project.campaigns.joinpath("a.yaml").write_text("title: of others\n")
    (project.rigs / "me.yaml").write_text(
        f'title: Mine\nmachine_id: "{machine_id()}"\nbackends:\n  cpu: {{}}\n'
    )
    for file in project.rigs.glob("*.yaml"):
        if file.stem != "me":
            text = file.read_text().splitlines(keepends=True)
            file.write_text("".join(line for line in text if not line.startswith("machine_")))
    for rig in ("me", "h100-vm"):
        write_run(measured_run(rig=rig, backend="cpu"), project.runs)
    return project


def run(project: Project, monkeypatch: pytest.MonkeyPatch, *answers: str) -> int:
    given = iter(answers)

    def answer(_: str) -> str:
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)
    options = parser().parse_args(["mine"])
    return int(options.run(project, options))


def names(project: Project) -> set[str]:
    return {p.relative_to(project.content).as_posix() for p in project.content.rglob("*.yaml")}


@pytest.mark.parametrize("answers", [(), ("yes",), ("yes", "yes"), ("y", "mine")])
def test_nothing_is_changed_until_both_questions_are_answered(
    crowded: Project, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...]
):
    before = names(crowded)
    assert run(crowded, monkeypatch, *answers) == 1
    assert names(crowded) == before


def test_what_is_not_this_machine_s_moves_aside_and_is_kept(
    crowded: Project, monkeypatch: pytest.MonkeyPatch
):
    before = names(crowded)
    assert run(crowded, monkeypatch, "yes", "mine") == 0
    left = names(crowded)
    assert {name.split("/")[0] for name in left} == {
        *("benchmarks", "conversations", "engines.yaml", "models", "rigs", "site.yaml", "workloads")
    }
    assert [name for name in left if name.startswith("rigs/")] == ["rigs/me.yaml"]
    assert len([name for name in left if name.startswith("benchmarks/runs/me/")]) == 1
    assert not any(name.startswith("benchmarks/runs/h100-vm") for name in left)
    (aside,) = crowded.root.glob(".content-aside-*")
    moved = {path.relative_to(aside).as_posix() for path in aside.rglob("*.yaml")}
    assert moved | (left - {"site.yaml"}) == before


def test_the_site_of_one_single_run_is_whole(crowded: Project, monkeypatch: pytest.MonkeyPatch):
    run(crowded, monkeypatch, "yes", "mine")
    assert refresh(crowded).rejected == []
    report = build_site(crowded.warehouse, crowded.site)
    index = (crowded.site / "index.html").read_text(encoding="utf-8")
    assert "SmolLM2 135M-Instruct Q4_1" in index
    assert "Mine" in index and "H100" not in index
    assert report.pages > 10
