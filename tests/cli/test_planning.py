"""`python -m bench_pipeline plan`: what is wanted and missing, and a plan file of it."""

from hashlib import sha256
from pathlib import Path

import pytest

from bench_pipeline.cli import commands
from bench_pipeline.harness.planning.plan_file import items_of
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.model import ModelFile, ModelPart
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.yaml.files import read_record, read_run
from tests.checkouts import with_model

SMALL = "smollm2-135m-instruct-q4_1"


@pytest.fixture
def plan(project: Project, monkeypatch, capsys):
    monkeypatch.setattr(commands, "checkout", lambda: project)

    def told(*words: str | Path) -> tuple[int, str]:
        code = commands.main(["plan", *map(str, words)])
        return code, "".join(capsys.readouterr())

    return told


def test_it_tells_what_campaigns_want_and_what_is_missing(plan):
    code, told = plan("--rig", "shared-vm-2core")
    assert code == 0
    (line,) = (
        line for line in told.splitlines() if f"{SMALL} on shared-vm-2core/cpu, b10434:" in line
    )
    assert line.startswith("missing") and line.endswith("(a guess: no run is like it)")
    assert "shared-vm-2core: 4 to make, about " in told and "; 0.35 GB of models" in told
    assert "in turns with b10068, b10092" in told
    assert told.endswith("4 wanted, 0 made, 4 missing\n")
    assert plan("reference", "--rig", "shared-vm-2core")[1].endswith("2 missing\n")
    assert plan("reference", "--rig", "h100-vm", "--backend", "cuda")[1].count("cuda, b11434") > 1


def test_what_is_missing_becomes_a_plan_file(plan, tmp_path: Path):
    file = tmp_path / "vm.yaml"
    for _ in range(2):  # a plan may be written over
        code, told = plan("reference", "--rig", "shared-vm-2core", "--write", file)
        assert code == 0 and f"{file}: carry it to shared-vm-2core" in told
    found = read_record(Plan, file)
    assert found.rig.slug == "shared-vm-2core"
    assert [item.campaign for item in items_of(found)] == ["reference"] * 2


def test_what_is_made_is_planned_only_again(plan, project: Project, tmp_path: Path):
    made = min(checkout().runs.glob("shared-vm-2core/cpu/2*.yaml"))
    here = project.runs / made.relative_to(checkout().runs)
    here.parent.mkdir(parents=True)
    here.write_bytes(made.read_bytes())
    words = ["--rig", "shared-vm-2core", "--model", SMALL, "--profile", "quick"]
    words += ["--build", read_run(here).engine.build, "--concurrency", "1", "--write"]
    code, told = plan(*words, tmp_path / "a.yaml")
    assert code == 1 and "1 wanted, 1 made, 0 missing" in told and "nothing is missing" in told
    code, told = plan(*words, tmp_path / "b.yaml", "--again")
    assert code == 0 and "1 wanted, 1 made, 0 missing" in told
    assert len(read_record(Plan, tmp_path / "b.yaml").runs) == 1


def test_runs_can_be_named_for_a_rig_and_for_one_that_is_new(plan, tmp_path: Path):
    file = tmp_path / "tin.yaml"
    words = ["--model", SMALL, "--profile", "quick", "--concurrency", "4", "1", "--write", file]
    assert plan("--new-rig", "tin", "--backend", "cpu", *words)[0] == 0
    found = read_record(Plan, file)
    (item,) = items_of(found)
    assert (found.rig, found.new_rig, item.rig) == (None, "tin", "tin")
    assert (item.build, item.profile, item.concurrencies) == ("b10434", "quick", (1, 4))
    assert plan("--rig", "h100-vm", *words, "--build", "b1")[0] == 0
    (item,) = items_of(read_record(Plan, file))
    assert (item.partition.key, item.build) == ("h100-vm/cuda", "b1")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "no campaign `nowhere`"),
        (["--rig", "nowhere"], "no rig `nowhere`"),
        (["--rig", "h100-vm", "--backend", "cpu"], "declares no backend `cpu`"),
        (["--model", SMALL], "--model plans for one rig"),
        (["--rig", "h100-vm", "--model", "nothing"], "no model `nothing`"),
        (["--rig", "h100-vm", "--model", SMALL, "--mode", "fast"], "no mode `fast`"),
        (["--rig", "h100-vm", "--model", SMALL, "--mode", "reasoning-off"], "does not reason"),
        (["--new-rig", "h100-vm", "--backend", "cpu"], "is declared"),
        (["--new-rig", "tin"], "name them: --backend"),
        (["--new-rig", "tin", "--backend", "gpu"], "no backend `gpu`"),
        (["--write", "all.yaml"], "runs are of several machines"),
        (["--rig", "h100-vm", "--model", SMALL, "--write", "plan.txt"], "ends in .yaml"),
        (["three-builds", "--rig", "gaming-desktop", "--write", "a.yaml"],
         "nothing is missing"),
    ],
)  # fmt: skip
def test_a_wrong_choice_is_told_with_its_mend(plan, tmp_path, monkeypatch, words, told: str):
    monkeypatch.chdir(tmp_path)
    code, said = plan(*words)
    assert code == 1
    assert told in said and "mend: " in said
    assert list(tmp_path.glob("*.*")) == []


def test_what_a_rig_cannot_fetch_is_brought_along_and_the_rest_is_named(
    plan, project: Project, tmp_path: Path
):
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    part = ModelPart(source=f"file:{tmp_path / 'tiny.gguf'}")
    tiny = read_record(ModelFile, project.models / f"{SMALL}.yaml").model_copy(
        update={
            "slug": "tiny",
            "file_name": "tiny.gguf",
            "parts": [part],
            "sha256": sha256(b"GGUF").hexdigest(),
            "size_bytes": 4,
        }
    )
    with_model(project, tiny)
    folder = tmp_path / "carried"
    code, told = plan("--rig", "h100-vm", "--model", "tiny", "--files", folder)
    assert code == 0
    assert fetch_model(tiny, folder).read_bytes() == b"GGUF"
    assert f"not carried: b11434 for cuda: put it to {folder}/engines/b11434/llama-server" in told
    code, told = plan("--rig", "h100-vm", "--model", "tiny", "--build", "b1", "--files", folder)
    assert "not carried: b1 for cuda: the rig fetches it itself" in told

    both = project.engines.read_text().replace(
        "build: b11434\n    binary", "build: b10068\n    binary"
    )
    project.engines.write_text(both.replace("backends: [cuda]", "backends: [cuda, vulkan]"))
    rig = project.rigs / "h100-vm.yaml"
    rig.write_text(rig.read_text() + "  vulkan: {channel: path, build: b10068}\n")
    code, told = plan(
        *("--rig", "h100-vm", "--backend", "vulkan", "--model", "tiny", "--files", folder)
    )
    assert "not carried: b10068 for vulkan: put it to" in told, "the rig's own, not the wheel"


def test_no_other_file_is_written_over(plan, tmp_path: Path):
    file = tmp_path / "notes.yaml"
    file.write_text("mine: all mine\n")
    assert plan("--rig", "h100-vm", "--model", SMALL, "--write", file)[0] == 1
    assert file.read_text() == "mine: all mine\n"


def test_a_name_that_no_rig_can_have_is_told(plan, tmp_path: Path):
    words = ["--backend", "cpu", "--model", SMALL, "--write", tmp_path / "x.yaml"]
    code, told = plan("--new-rig", "../x", *words)
    assert code == 1 and "cannot be planned: new_rig" in told and "mend: " in told
