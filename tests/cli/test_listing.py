"""`python -m bench_pipeline list`: everything that can be chosen, in whatever it is printed to."""

import io
from pathlib import Path

import pytest

from bench_pipeline.cli import choices, commands
from bench_pipeline.cli.choices import NEWEST, backend_rows, build_rows, campaign_rows, model_rows
from bench_pipeline.cli.listing import show
from bench_pipeline.engines.builds.host import Host
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import (
    read_engines,
    read_folder,
    read_rigs,
    write_run,
)
from bench_pipeline.records.yaml.model_files import read_models
from tests.checkouts import copy_checkout, run_in
from tests.cli.test_backends import GEFORCE, LINUX, machine
from tests.factories import measured_run
from tests.models.conftest import CONTENT, model_of

CATALOGUE = read_engines(checkout().engines)
LONG = "words that go on " * 20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_piped_each_row_is_one_line_without_any_colour() -> None:
    out = io.StringIO()
    show("Things", [("a", "short"), ("longer", LONG)], out)
    assert out.getvalue() == f"Things\n  a       short\n  longer  {LONG.rstrip()}\n\n"


def test_in_a_terminal_no_line_is_wider_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    show("Things", [("a", "short"), ("longer", LONG)], out)
    heading, *lines = out.getvalue().splitlines()
    assert heading == "\033[1mThings\033[0m"
    assert max(map(len, lines)) < 80
    assert all(line.startswith("          words") or "words" in line for line in lines[1:-1])


def test_a_terminal_that_wants_no_colour_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    show("Things", [("a", "b")], out)
    assert "\033" not in out.getvalue()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be read and not changed."""
    return copy_checkout(tmp_path_factory.mktemp("listed") / "clone")


def test_all_sorts_of_choices_are_listed_and_every_file_is_named(clone: Path) -> None:
    done = run_in(clone, "python", "-m", "bench_pipeline", "list")
    assert done.returncode == 0, done.stderr
    headings = [line.split(" ")[0] for line in done.stdout.splitlines() if line[:1].isupper()]
    assert [heading.rstrip(":") for heading in headings if heading != "Backends"] == [
        *("Rigs", "Builds", "Models", "Modes", "Profiles", "Workloads", "Conversations"),
        "Campaigns",
    ]
    for folder in ("rigs", "models", "workloads", "campaigns"):
        for path in (clone / "content" / folder).glob("*.yaml"):
            assert path.stem in done.stdout
    assert "\033" not in done.stdout


def test_who_has_seen_enough_may_stop_reading(clone: Path) -> None:
    done = run_in(clone, "sh", "-c", "python -m bench_pipeline list | true")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_broken_file_is_named_and_the_others_are_listed(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "checkout", lambda: project)
    (project.models / "broken.yaml").write_text("family: [")
    assert commands.main(["list"]) == 1
    said = capsys.readouterr()
    assert "broken.yaml" in said.err and "Traceback" not in said.err
    assert "smollm2-135m-instruct-q4_1" in said.out


def test_backends_are_listed_with_build_and_card_and_the_usual_one_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench_pipeline.cli.backends.is_loadable", lambda name: True)
    setups = {"cpu": BackendSetup(), "cuda": BackendSetup(device="CUDA0"), "metal": BackendSetup()}
    rig = Rig(slug="box", title="Box", backends=setups)  # type: ignore[arg-type]
    rows = backend_rows(rig, machine(GEFORCE), CATALOGUE, tmp_path, LINUX)
    assert rows == [
        (" ", "cpu", "b10068 (wheel), on A CPU"),
        ("*", "cuda", f"{NEWEST} (github-release), on CUDA0 of GeForce RTX 4070"),
        (
            " ",
            "metal",
            "no build: no engine for backend `metal` on Linux, x86_64, on no card that is found",
        ),
    ]


def test_builds_that_run_here_come_first_and_the_others_say_why_not(tmp_path: Path) -> None:
    (tmp_path / "engines" / "wheel" / "b10068").mkdir(parents=True)
    (tmp_path / "engines" / "github-release" / "b11500").mkdir(parents=True)
    rows = build_rows(CATALOGUE, None, LINUX, tmp_path)
    assert rows[0] == ("b10068", "wheel", "cpu, vulkan; on disk")
    assert rows[1][0] == "bNNNNN" and rows[1][2].endswith("on disk: b11500")
    told = {build: text for build, _, text in rows[2:]}
    assert told["b10434"].startswith("cpu, vulkan; cannot run here, lacks avx512f")
    assert told["b11434"] == "cuda; lies on h100-vm"


def test_a_system_for_which_nobody_builds_is_shown_the_recipe(tmp_path: Path) -> None:
    nothing = CATALOGUE.model_copy(update={"wheels": [], "paths": []})
    rows = build_rows(nothing, None, Host("Linux", "riscv64"), tmp_path)
    assert rows == [("none", "", "docs/engines.md says how to build one")]


def test_models_are_listed_with_size_and_whether_all_of_them_is_here(tmp_path: Path) -> None:
    models = {"tiny": model_of(CONTENT)}
    assert model_rows(models, tmp_path) == [("tiny", "5.1 MB", "not on disk")]
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.gguf").write_bytes(CONTENT[:-1])
    assert model_rows(models, tmp_path)[0][2] == "not on disk"
    (folder / "tiny.gguf").write_bytes(CONTENT)
    assert model_rows(models, tmp_path)[0][2] == "on disk"


def test_of_a_campaign_what_is_missing_is_named_until_it_is_done(project: Project) -> None:
    campaigns = {
        "one": Campaign(
            slug="one",
            title="One",
            why="To see.",
            places=["shared-vm-2core/cpu"],
            models=["smollm2-135m-instruct-q4_1"],
            builds=["b10434"],
            concurrencies=[1],
        ),
        "none": Campaign(slug="none", title="None", why="-", places=["attic/cpu"], models=["x"]),
    }

    def told() -> dict[str, str]:
        rigs, models = read_rigs(project.rigs), read_models(project.models)
        return dict(campaign_rows(project, campaigns, rigs, models, CATALOGUE))

    assert told() == {
        "one": "1 of 1 missing: smollm2-135m-instruct-q4_1 on shared-vm-2core/cpu, b10434",
        "none": "wants nothing that a rig, a model and a build are there for",
    }
    run = measured_run(workloads=["chat"], concurrencies=[1], profile="full")
    write_run(run, project.runs)
    assert told()["one"] == "done: 1 run"


def test_of_many_missing_runs_the_number_is_enough(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "MANY", 1)
    rigs, models = read_rigs(project.rigs), read_models(project.models)
    campaigns = read_folder(Campaign, project.campaigns)
    rows = dict(campaign_rows(project, campaigns, rigs, models, CATALOGUE))
    assert rows["reference"].startswith("4 of 4 missing: ")
    assert rows["reference"].endswith("; and 3 more")
