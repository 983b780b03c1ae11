"""What is thought of a run that somebody else sends."""

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run, write_run
from bench_pipeline.warehouse.checking import Checked, Checker

REAL = sorted(checkout().runs.glob("*/*/2*.yaml"))


@pytest.fixture(scope="module")
def real() -> Run:
    """One of a CPU, with two cells."""
    return read_run(next(path for path in REAL if "/shared-vm-2core/" in str(path)))


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(checkout())


Check = Callable[..., Checked]


@pytest.fixture
def check(checker: Checker, real: Run, tmp_path: Path) -> Check:
    """Of the real run with something changed, under an id of its own."""

    def changed(change: Callable[[dict[str, Any]], None]) -> Checked:
        record = real.model_dump()
        record["run_id"] = "0123456789ab"
        change(record)
        folder = Path(mkdtemp(dir=tmp_path))
        return checker.check(write_run(Run.model_validate(record), folder))

    return changed


def each_request(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [request for cell in record["cells"] for request in cell["requests"]]


def test_every_run_that_was_measured_for_this_checkout_is_accepted(checker: Checker):
    found = [checker.check(path) for path in REAL[:3]]
    assert [(each.verdict, each.reasons) for each in found] == [("accept", ())] * 3


def test_a_run_under_another_s_id_is_refused(checker: Checker, real: Run, tmp_path: Path):
    checked = checker.check(write_run(real, tmp_path))
    assert checked.verdict == "refuse"
    assert "id is here already" in checked.reasons[0]


def test_a_file_in_another_rig_s_folder_is_refused(real: Run, project: Project):
    path = write_run(real, project.runs)
    other = project.runs / "gaming-desktop" / "cpu" / path.name
    other.parent.mkdir(parents=True, exist_ok=True)
    path.rename(other)
    checked = Checker(project).check(other)
    assert checked.verdict == "refuse"
    assert f"belongs at `{real.rig}/{real.backend}/" in checked.reasons[0]


def test_a_link_to_itself_among_the_runs_is_refused_and_keeps_no_other_from_a_verdict(
    real: Run, project: Project
):
    folder = project.runs / "shared-vm-2core/cpu"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "loop.yaml"
    link.symlink_to(link.name)
    good = write_run(real, project.runs)
    looking = Checker(project)
    refused = looking.check(link)
    assert (refused.file, refused.verdict) == (link, "refuse")
    assert "it is a link to itself" in refused.reasons[0]
    assert looking.check(good).verdict == "accept"


def test_markup_is_refused_and_an_engine_s_angle_brackets_are_not(check: Check):
    def with_note(text: str) -> Callable[[dict[str, Any]], None]:
        return lambda record: record["inventory"]["os"].update(name=text)

    assert check(with_note("Linux <ScRipt src=//x>")).verdict == "refuse"
    assert check(with_note("Linux <|im_end|> 6 < 7")).verdict == "accept"


def halve_decode_times(record: dict[str, Any]) -> None:
    for request in each_request(record):
        request["decode_ms"] /= 2


def halve_all_decode_times(record: dict[str, Any]) -> None:
    for request in each_request(record):
        for name in ("decode_ms", "server_decode_ms"):
            if request.get(name):
                request[name] /= 2


def copy_a_cell(record: dict[str, Any]) -> None:
    first, second = record["cells"][:2]
    second["requests"] = first["requests"]


def relabel_as_a_gpu(record: dict[str, Any]) -> None:
    record["backend"] = "cuda"


def another_model(record: dict[str, Any]) -> None:
    record["model"] |= {"slug": "gemma-3-270m-q4_k_m", "sha256": "ab" * 32}


def redate(record: dict[str, Any]) -> None:
    for name in ("started_at", "finished_at"):
        record[name] = record[name].replace(year=record[name].year - 1)


@pytest.mark.parametrize(
    "forge",
    [
        halve_decode_times,
        halve_all_decode_times,
        copy_a_cell,
        relabel_as_a_gpu,
        another_model,
        redate,
    ],
)
def test_a_forged_run_is_never_accepted(check: Check, forge: Callable[[dict[str, Any]], None]):
    checked = check(forge)
    assert checked.verdict != "accept"
    assert checked.reasons


def test_a_model_that_nobody_declared_is_looked_at(check: Check):
    checked = check(lambda record: record["model"].update(slug="a-model-of-mine"))
    assert checked.verdict == "look at"
    assert "no file of content/models/ declares a-model-of-mine" in checked.reasons[0]


def test_what_is_no_run_file_is_refused_with_its_mend(checker: Checker, tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_text("schema: 4\n")
    checked = checker.check(path)
    assert checked.verdict == "refuse" and checked.reasons[0]
    assert checker.check(tmp_path / "none.yaml").verdict == "refuse"
